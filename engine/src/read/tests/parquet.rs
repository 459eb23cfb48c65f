//! Parquet: types, blanks, what does not fit, and damage.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Decimal256Array, Float32Array,
    Float64Array, Int32Array, Int64Array, NullArray, RecordBatch, StringArray, TimestampMicrosecondArray,
    TimestampMillisecondArray, TimestampNanosecondArray, UInt64Array,
};
use arrow::datatypes::{DataType, Int32Type, i256};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;

use super::{Format, batches, read, refused, source};
use crate::read::input_schema;

fn file(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    written(columns, WriterProperties::builder().build())
}

fn written(columns: Vec<(&str, ArrayRef)>, properties: WriterProperties) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)));
    let batch = batch.unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

/// Reads one column declared `kind`.
fn column(kind: &str, array: ArrayRef) -> Vec<String> {
    read(&source(Format::Parquet, &format!("v:{kind}")), "x.parquet", &file(vec![("v", array)])).unwrap()
}

fn strings(texts: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(texts.to_vec()))
}

#[test]
fn declared_columns_are_read_in_declared_order_and_no_others() {
    let source = source(Format::Parquet, "n:int a:text o:date?");
    let bytes = file(vec![
        ("z", Arc::new(Float64Array::from(vec![f64::NAN, 0.5]))),
        ("a", strings(&[Some("x"), Some("")])),
        ("n", Arc::new(Int32Array::from(vec![Some(1), None]))),
    ]);
    assert_eq!(read(&source, "x.parquet", &bytes).unwrap(), ["0 1|x|-", "1 -||-"]);
    let [batch] = batches(&source, "x.parquet", &bytes, 10).unwrap().try_into().ok().unwrap();
    assert_eq!((batch.raw(0), batch.raw(1)), (r#"{"a":"x","n":1}"#.to_owned(), r#"{"a":""}"#.to_owned()));
    assert!(batches(&source, "x.parquet", b"", 10).err().unwrap().to_string().contains("U002"));
}

#[test]
fn exact_numbers_are_accepted_and_what_does_not_fit_is_set_aside() {
    let dec = |values: Vec<i128>, precision, scale| -> ArrayRef {
        Arc::new(Decimal128Array::from(values).with_precision_and_scale(precision, scale).unwrap())
    };
    assert_eq!(column("dec18.6", dec(vec![1_500_000, -1], 18, 6)), ["0 1.500000", "1 -0.000001"]);
    assert_eq!(column("dec38.18", dec(vec![15], 9, 1)), ["0 1.500000000000000000"]);
    assert_eq!(
        column("dec9.2", dec(vec![1_500, 1_505, 99_999_999_990, 99_999_999_999], 18, 3)),
        [
            "0 1.50",
            "1 !decimal_too_precise v <{\"v\":1.505}>",
            "2 !decimal_out_of_range v <{\"v\":99999999.990}>",
            "3 !decimal_too_precise v <{\"v\":99999999.999}>"
        ]
    );
    assert_eq!(
        column("dec4.2", dec(vec![9_999, 10_000], 9, 2)),
        ["0 99.99", "1 !decimal_out_of_range v <{\"v\":100.00}>"]
    );
    assert_eq!(
        column("dec9.2", Arc::new(Int64Array::from(vec![7, 99_999_999]))),
        ["0 7.00", "1 !decimal_out_of_range v <{\"v\":99999999}>"]
    );
    assert_eq!(
        column("int", Arc::new(UInt64Array::from(vec![7, u64::MAX]))),
        ["0 7", "1 !integer_out_of_range v <{\"v\":18446744073709551615}>"]
    );
    let wide =
        Decimal256Array::from(vec![i256::from_i128(1_500), i256::from_i128(1), i256::from_i128(10).wrapping_pow(60)]);
    let wide = wide.with_precision_and_scale(70, 20).unwrap();
    assert_eq!(
        column("dec38.18", Arc::new(wide)),
        [
            "0 0.000000000000000015",
            "1 !decimal_too_precise v <{\"v\":0.00000000000000000001}>",
            "2 !decimal_out_of_range v <{\"v\":10000000000000000000000000000000000000000.00000000000000000000}>"
        ]
    );
}

#[test]
fn floats_need_a_declaration_and_are_rounded_once() {
    let floats = || -> ArrayRef {
        Arc::new(Float64Array::from(vec![Some(0.125), None, Some(f64::NAN), Some(f64::NEG_INFINITY)]))
    };
    assert_eq!(
        column("dec9.2~", floats()),
        ["0 0.13", "1 -", "2 !not_a_decimal v <{\"v\":\"NaN\"}>", "3 !not_a_decimal v <{\"v\":\"-inf\"}>"]
    );
    assert_eq!(column("dec9.3~", Arc::new(Float32Array::from(vec![0.1]))), ["0 0.100"]);
    let fault = refused(&source(Format::Parquet, "v:dec9.2"), "x.parquet", &file(vec![("v", floats())]));
    assert!(
        fault.starts_with("x.parquet: U003 the column `v` is Float64 in the file, declared decimal(9,2) (floats"),
        "{fault}"
    );
}

#[test]
fn times_of_every_unit_become_utc_microseconds() {
    const MICROS: i64 = 1_790_812_800_000_000;
    let shown = ["0 2026-10-01T00:00:00Z"];
    assert_eq!(column("time", Arc::new(TimestampMicrosecondArray::from(vec![MICROS]).with_timezone("UTC"))), shown);
    assert_eq!(
        column("berlin", Arc::new(TimestampMicrosecondArray::from(vec![MICROS]).with_timezone("+00:00"))),
        shown
    );
    assert_eq!(column("time", Arc::new(TimestampMillisecondArray::from(vec![MICROS / 1000]))), shown);
    assert_eq!(column("time", Arc::new(TimestampNanosecondArray::from(vec![MICROS * 1000 + 999]))), shown);
    let local = TimestampMicrosecondArray::from(vec![MICROS, 1_774_751_400_000_000]);
    assert_eq!(
        column("berlin", Arc::new(local)),
        ["0 2026-09-30T22:00:00Z", "1 !skipped_local_time v <{\"v\":\"2026-03-29T02:30:00\"}>"]
    );
    assert_eq!(column("date", Arc::new(Date32Array::from(vec![20_727]))), ["0 2026-10-01"]);
    assert_eq!(column("bool", Arc::new(BooleanArray::from(vec![true]))), ["0 true"]);
    assert_eq!(column("date", Arc::new(NullArray::new(1))), ["0 -"]);
}

#[test]
fn a_time_beyond_the_calendar_is_shown_as_it_is_stored() {
    let local = TimestampMicrosecondArray::from(vec![i64::MAX]);
    assert_eq!(column("berlin", Arc::new(local)), [format!("0 !not_a_timestamp v <{{\"v\":\"{}\"}}>", i64::MAX)]);
    let millis = TimestampMillisecondArray::from(vec![i64::MAX]);
    assert_eq!(column("time", Arc::new(millis)), [format!("0 !not_a_timestamp v <{{\"v\":\"{}\"}}>", i64::MAX)]);
}

#[test]
fn bytes_that_do_not_say_they_are_text_are_checked_and_blank_ones_stay_blank() {
    let bytes = BinaryArray::from(vec![Some("ü".as_bytes()), Some(b"\xff"), Some(b""), None]);
    assert_eq!(column("text", Arc::new(bytes)), ["0 ü", "1 !not_utf8 v <{\"v\":\"\u{fffd}\"}>", "2 ", "3 -"]);
}

#[test]
fn text_that_says_so_but_is_none_is_a_damaged_file() {
    let mut bytes = file(vec![("v", strings(&[Some("find-me-1"), Some("find-me-2")]))]);
    let at = bytes.windows(7).position(|window| window == b"find-me").unwrap();
    *bytes.get_mut(at).unwrap() = 0xff;
    assert!(refused(&source(Format::Parquet, "v:text"), "x.parquet", &bytes).contains("U002"));
}

#[test]
fn another_type_is_a_fault_and_all_of_them_are_named() {
    let source = source(Format::Parquet, "a:int b:text c:time m:date");
    let bytes = file(vec![
        ("a", strings(&[Some("1")])),
        ("b", Arc::new(Int64Array::from(vec![1]))),
        ("c", Arc::new(Date32Array::from(vec![1]))),
        ("m", Arc::new(Date32Array::from(vec![1]))),
    ]);
    let fault = refused(&source, "x.parquet", &bytes);
    assert!(fault.contains("`a` is Utf8 in the file, declared int"), "{fault}");
    assert!(fault.contains("`b` is Int64 in the file, declared string"), "{fault}");
    assert!(fault.contains("`c` is Date32 in the file, declared timestamp"), "{fault}");
    assert_eq!(fault.lines().count(), 3);
    let fault = refused(&source, "x.parquet", &file(vec![("A", strings(&[None]))]));
    assert!(fault.contains("U003 the file has no column `a` (did you mean `A`?"), "{fault}");
}

#[test]
fn text_that_repeats_itself_is_read_as_dictionaries_in_every_file() {
    let source = source(Format::Parquet, "id:text region:text");
    let columns = |blank: bool| -> Vec<(&str, ArrayRef)> {
        let ids: Vec<String> = (0..5000).map(|row| format!("{row:036}")).collect();
        let region = |row: i32| {
            if blank && row == 7 {
                ""
            } else if row % 2 == 0 {
                "emea"
            } else {
                "apac"
            }
        };
        let regions: Vec<&str> = (0..5000).map(region).collect();
        vec![("id", Arc::new(StringArray::from(ids))), ("region", Arc::new(StringArray::from(regions)))]
    };
    let first = Bytes::from(file(columns(false)));
    let schema = input_schema(&source, Some(&first)).unwrap();
    let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    assert_eq!(schema.field(0).data_type(), &DataType::Utf8View);
    assert_eq!(schema.field(1).data_type(), &dictionary);
    let plain =
        WriterProperties::builder().set_dictionary_enabled(false).set_max_row_group_row_count(Some(1500)).build();
    for (bytes, blank) in
        [(file(columns(true)), true), (written(columns(true), plain.clone()), true), (first.to_vec(), false)]
    {
        let mut rows = 0;
        for batch in crate::read::open(&source, &schema, "x.parquet", bytes.into(), &super::LIMITS, 1024).unwrap() {
            let batch = batch.unwrap();
            assert_eq!(batch.records.schema(), schema);
            let regions = batch.records.column(1).as_dictionary::<Int32Type>();
            let texts = regions.downcast_dict::<StringArray>().unwrap();
            for (index, region) in texts.into_iter().enumerate() {
                let row = batch.rows.get(index).unwrap();
                let expected = if blank && row == 7 {
                    Some("")
                } else if row % 2 == 0 {
                    Some("emea")
                } else {
                    Some("apac")
                };
                assert_eq!((region, regions.is_null(index)), (expected, expected.is_none()));
            }
            rows += batch.len();
        }
        assert_eq!(rows, 5000);
    }
    assert_eq!(
        input_schema(&source, Some(&Bytes::from(written(columns(false), plain)))).unwrap().field(1).data_type(),
        &DataType::Utf8View
    );
}

#[test]
fn a_damaged_file_is_a_fault_and_never_more_than_that() {
    let source = source(Format::Parquet, "a:text n:dec18.6 t:time");
    let bytes = file(vec![
        ("a", strings(&[Some("x"), Some("y"), None])),
        ("n", Arc::new(Decimal128Array::from(vec![1, 2, 3]).with_precision_and_scale(18, 6).unwrap())),
        ("t", Arc::new(TimestampMicrosecondArray::from(vec![1, 2, 3]))),
    ]);
    for length in 1..bytes.len() {
        let fault = refused(&source, "x.parquet", bytes.get(..length).unwrap());
        assert!(fault.contains("U002"), "{length}: {fault}");
    }
    assert!(refused(&source, "x.parquet", b"a,n,t\n1,2,3\n").contains("U002"));
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        *damaged.get_mut(at).unwrap() ^= 0xff;
        drop(batches(&source, "x.parquet", &damaged, 10));
    }
}
