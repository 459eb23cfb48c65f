//! Usage files that break off, come empty, explode or carry what no number is, in every format and packing.
//!
//! Beside `bad_input`, which goes through the kinds of bad input once, in CSV: here they meet the other readers, and each
//! other. The engine either tells the file and commits nothing, or every record of it is in the counts.

use std::sync::Arc;

use arrow::array::{ArrayRef, Decimal256Array, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::i256;

use crate::bad_input::{counts, cut, gz, many_rows, net, zst};
use crate::committed::Row;
use crate::tiny::{GOOD, HEADER, Tiny};

/// One record of the tiny job as JSON, with this text as its seconds.
fn json(id: &str, seconds: &str) -> String {
    format!(r#"{{"id": "{id}", "caller": "+1", "started": "2026-10-05T10:00:00Z", "seconds": {seconds}}}"#)
}

/// Parquet with one record for each of these seconds.
fn parquet(seconds: ArrayRef) -> Vec<u8> {
    let rows = seconds.len();
    let started = TimestampMicrosecondArray::from(vec![1_791_194_400_000_000; rows]).with_timezone("UTC");
    let ids: Vec<String> = (0..rows).map(|id| format!("c{id}")).collect();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(StringArray::from(ids))),
        ("caller", Arc::new(StringArray::from(vec!["+1"; rows]))),
        ("started", Arc::new(started)),
        ("seconds", seconds),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut bytes = Vec::new();
    let mut writer = parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

/// Asserts these counts, and that whatever is counted as suspended lies in suspense; its rows.
#[track_caller]
fn set_aside(tiny: &Tiny, right: [u64; 6]) -> Vec<Row> {
    let (summary, run) = tiny.run();
    assert_eq!(counts(&summary), right, "{summary:#}");
    let aside = run.table("suspense").to_vec();
    assert_eq!(aside.len() as u64, right[2]);
    aside
}

fn reasons(aside: &[Row]) -> Vec<&str> {
    aside.iter().map(|row| row["reason"].as_str()).collect()
}

#[test]
fn a_packed_file_that_breaks_off_anywhere_is_never_taken_for_a_whole_one() {
    let tiny = Tiny::new().usage("calls.csv", format!("{HEADER}{GOOD}"));
    for (name, whole) in [("b.csv.gz", gz(many_rows().as_bytes())), ("b.csv.zst", zst(many_rows().as_bytes()))] {
        // In its head, in the middle, in its checksum, and all but its last byte.
        for kept in [1, 3, 9, 11, whole.len() / 2, whole.len() - 9, whole.len() - 4, whole.len() - 1] {
            tiny.write(&format!("usage/{name}"), &whole[..kept]);
            tiny.refused("U002", 3).says(name);
        }
        std::fs::remove_file(tiny.path(&format!("usage/{name}"))).unwrap();
    }
}

#[test]
fn bytes_behind_the_end_of_a_packed_file_are_not_passed_over() {
    for (name, mut whole) in [("b.csv.gz", gz(many_rows().as_bytes())), ("b.csv.zst", zst(many_rows().as_bytes()))] {
        whole.extend(b"and more");
        Tiny::new().usage(name, whole).refused("U002", 3).says(name);
    }
}

#[test]
fn ndjson_that_breaks_off_cannot_be_read_to_its_end() {
    let rows: String =
        (0..20_000).map(|id: u32| json(&id.wrapping_mul(2_654_435_761).to_string(), "60") + "\n").collect();
    for (name, whole) in [("calls.ndjson.gz", gz(rows.as_bytes())), ("calls.ndjson.zst", zst(rows.as_bytes()))] {
        Tiny::new().format("ndjson").usage(name, cut(&whole)).refused("U002", 3).says(name);
    }
    // Not packed, nobody can tell that lines are missing; the one that is cut is set aside.
    let plain = format!("{}\n{}", json("c1", "60"), &json("c2", "60")[..40]);
    let aside = set_aside(&Tiny::new().format("ndjson").usage("calls.ndjson", plain), [2, 1, 1, 0, 0, 0]);
    assert_eq!(reasons(&aside), ["not_json"]);
}

#[test]
fn one_file_that_breaks_off_among_good_ones_keeps_the_whole_run_back() {
    let tiny = Tiny::new();
    tiny.write("usage/broken.csv.gz", cut(&gz(many_rows().as_bytes())));
    tiny.write("usage/lacking.csv", "id,caller,started\nc9,+1,2026-10-05T10:00:00Z\n");
    tiny.refused("U002", 3).says("broken.csv.gz").says("U003").says("lacking.csv");
    // The same run when the files were delivered again: what was good was not rated twice.
    tiny.write("usage/broken.csv.gz", gz(format!("{HEADER}{}", GOOD.replace("c1", "c2")).as_bytes()));
    tiny.write("usage/lacking.csv", HEADER);
    let (summary, run) = tiny.run();
    assert_eq!(counts(&summary), [2, 2, 0, 0, 0, 0]);
    assert_eq!(net(&run), ["0.4"]);
}

#[test]
fn nothing_well_packed_is_a_file_without_records() {
    for (name, bytes) in [("calls.csv.gz", gz(b"")), ("calls.csv.zst", zst(b""))] {
        set_aside(&Tiny::new().usage(name, bytes), [0; 6]);
    }
    Tiny::new().usage("calls.csv.zst", "").refused("U002", 3).says("calls.csv.zst");
    let none = Arc::new(Float64Array::from(Vec::<f64>::new()));
    set_aside(&declared_float().usage("calls.parquet", parquet(none)), [0; 6]);
}

#[test]
fn bombs_of_every_packing_and_format_are_stopped_at_the_limit() {
    let block = vec![b'\n'; 60_000_000];
    for (format, name, bomb) in [
        ("csv", "calls.csv.zst", zst(&block)),
        ("ndjson", "calls.ndjson.gz", gz(&block)),
        ("ndjson", "c.zst", zst(&block)),
    ] {
        assert!(bomb.len() < 100_000);
        let limited = "suspense_records: 1, decompressed_file: 50000000";
        let tiny = Tiny::new().format(format).with("pipeline.yaml", "suspense_records: 1", limited);
        tiny.usage(name, bomb).refused("U004", 3).says(name);
    }
}

#[test]
fn ndjson_may_open_with_a_mark_and_end_its_lines_as_windows_does() {
    let rows = format!("\u{feff}{}\r\n\r\n{}\r\n", json("c1", "120"), json("c2", "120"));
    let aside = set_aside(&Tiny::new().format("ndjson").usage("calls.ndjson", rows), [2, 2, 0, 0, 0, 0]);
    assert!(aside.is_empty());
}

#[test]
fn reference_tables_may_open_with_a_mark_and_end_their_lines_as_windows_does() {
    let tiny = Tiny::new();
    for table in ["accounts.csv", "subscriptions.csv", "identifiers.csv"] {
        let text = std::fs::read_to_string(tiny.path(table)).unwrap();
        tiny.write(table, format!("\u{feff}{}", text.replace('\n', "\r\n")));
    }
    set_aside(&tiny, [1, 1, 0, 0, 0, 0]);
}

#[test]
fn ndjson_that_carries_what_no_number_is_is_set_aside() {
    for (seconds, reason) in [
        ("NaN", "not_json"),
        ("-Infinity", "not_json"),
        ("\"NaN\"", "not_a_decimal"),
        ("\"\\u0000\"", "nul_byte"),
        ("true", "not_a_decimal"),
        ("1e400", "decimal_out_of_range"),
        ("1e999999999999999999999", "not_a_decimal"),
        ("123456789012345678901", "decimal_out_of_range"),
        ("0.1234567890123456789", "decimal_too_precise"),
        ("-5", "negative_duration"),
        ("\u{0}", "not_json"),
    ] {
        let rows = format!("{}\n{}\n{}\n", json("c1", "60"), json("bad", seconds), json("c2", "60"));
        let aside = set_aside(&Tiny::new().format("ndjson").usage("calls.ndjson", rows), [3, 2, 1, 0, 0, 0]);
        assert_eq!((reasons(&aside), aside[0]["row"].as_str()), (vec![reason], "1"), "{seconds}");
    }
}

fn declared_float() -> Tiny {
    let declared = r#"seconds: { column: seconds, type: "decimal(18,3)", float: true }"#;
    Tiny::new().format("parquet").with("pipeline.yaml", r#"seconds: "decimal(38,18)""#, declared)
}

#[test]
fn floats_that_are_no_numbers_are_set_aside() {
    let seconds = [60.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 1e300, 60.0];
    let tiny = declared_float().usage("calls.parquet", parquet(Arc::new(Float64Array::from(seconds.to_vec()))));
    let aside = set_aside(&tiny, [7, 2, 5, 0, 0, 0]);
    let not = "not_a_decimal";
    assert_eq!(reasons(&aside), [not, not, not, "negative_duration", "decimal_out_of_range"]);
}

#[test]
fn parquet_decimals_of_more_digits_than_are_exact_are_set_aside() {
    let tenth = i256::from_i128(10_i128.pow(20));
    let wide = [tenth, tenth + i256::ONE, tenth * i256::from_i128(10_i128.pow(30))];
    let column = Decimal256Array::from(wide.to_vec()).with_precision_and_scale(76, 21).unwrap();
    let tiny = Tiny::new().format("parquet").usage("calls.parquet", parquet(Arc::new(column)));
    let aside = set_aside(&tiny, [3, 1, 2, 0, 0, 0]);
    assert_eq!(reasons(&aside), ["decimal_too_precise", "decimal_out_of_range"]);
}

#[test]
fn a_parquet_file_without_a_declared_column_is_refused() {
    let bytes = parquet(Arc::new(Float64Array::from(vec![1.0])));
    let tiny = declared_float().with("pipeline.yaml", "id: string,", "id: string, trunk: string,");
    tiny.usage("calls.parquet", bytes).refused("U003", 3).says("trunk").says("calls.parquet");
}

#[test]
fn text_of_another_coding_is_told_by_its_missing_columns() {
    let bytes: Vec<u8> = format!("\u{feff}{HEADER}{GOOD}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    Tiny::new().usage("calls.csv", bytes).refused("U003", 3).says("calls.csv");
}

#[test]
fn a_file_of_nothing_but_nul_is_no_table() {
    Tiny::new().usage("calls.csv", vec![0; 3_000_000]).refused("U003", 3).says("calls.csv");
    let aside = set_aside(&Tiny::new().format("ndjson").usage("calls.ndjson", vec![0; 3_000_000]), [1, 0, 1, 0, 0, 0]);
    assert_eq!(reasons(&aside), ["row_too_long"]);
}

#[test]
fn brackets_without_end_are_a_bad_line_and_no_overflow_of_the_stack() {
    let rows = format!("{}\n{}\n{}\n", "[".repeat(200_000), "{\"a\":".repeat(100_000), json("c1", "60"));
    let aside = set_aside(&Tiny::new().format("ndjson").usage("calls.ndjson", rows), [3, 1, 2, 0, 0, 0]);
    assert_eq!(reasons(&aside), ["not_an_object", "not_json"]);
}

#[cfg(unix)]
#[test]
fn a_file_name_that_is_no_text_is_told_and_not_tried_again() {
    use std::os::unix::ffi::OsStringExt;

    for name in [b"a\xffb.csv".to_vec(), b"a\nb.csv".to_vec()] {
        let tiny = Tiny::new();
        let odd = tiny.path("usage").join(std::ffi::OsString::from_vec(name));
        if std::fs::write(odd, HEADER).is_ok() {
            tiny.refused("O003", 2).says("rename the file");
        }
    }
}
