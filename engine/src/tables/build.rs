//! Columns from plain vectors: the few shapes the published tables are made of, each made in one pass.
//!
//! A repeated text stays a dictionary in memory (four bytes a row) and becomes plain text only in the file. Nothing here
//! knows which table a column is for.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Int32Array, Int64Array, LargeStringArray,
    ListArray, ListBuilder, MapArray, StringArray, StringBuilder, StructArray, TimestampMicrosecondArray,
};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, Fields, Int32Type};

use crate::fault::{Fault, Outcome};
use crate::money::{Decimal, PRECISION, SCALE};

/// Scale of the rounded amounts, `DECIMAL(18,4)`.
const MONEY_SCALE: u32 = 4;
const MONEY_PRECISION: u32 = 18;

/// A repeated text: `codes` point into `values`; a negative code is null.
///
/// # Errors
/// `X001` when a code is outside the pool.
pub fn dictionary<T: AsRef<str>>(values: &[T], codes: Vec<i32>) -> Outcome<ArrayRef> {
    let pool = Arc::new(StringArray::from_iter_values(values));
    dictionary_of(&pool, codes)
}

/// [`dictionary`] over a pool that is shared by several columns.
///
/// # Errors
/// `X001` when a code is outside the pool.
pub fn dictionary_of(pool: &Arc<StringArray>, codes: Vec<i32>) -> Outcome<ArrayRef> {
    let nulls = codes.iter().any(|code| *code < 0).then(|| codes.iter().map(|code| *code >= 0).collect());
    let keys = Int32Array::new(codes.into(), nulls);
    let pool: ArrayRef = Arc::<StringArray>::clone(pool);
    DictionaryArray::<Int32Type>::try_new(keys, pool)
        .map(|array| Arc::new(array) as ArrayRef)
        .map_err(|cause| Fault::ours(format!("a text column: {cause}")).into())
}

/// The same text in every row.
#[must_use]
pub fn constant(text: &str, rows: usize) -> ArrayRef {
    let keys = Int32Array::new(vec![0; rows].into(), None);
    Arc::new(DictionaryArray::new(keys, Arc::new(StringArray::from_iter_values([text]))))
}

/// Texts that hardly repeat; any number of bytes.
#[must_use]
pub fn text<T: AsRef<str>>(values: &[T]) -> ArrayRef {
    // A plain text column ends at 2 GiB and panics beyond.
    if i32::try_from(values.iter().map(|value| value.as_ref().len()).sum::<usize>()).is_ok() {
        Arc::new(StringArray::from_iter_values(values))
    } else {
        Arc::new(LargeStringArray::from_iter_values(values))
    }
}

/// Texts that may be null.
#[must_use]
pub fn text_or_null<T: AsRef<str>>(values: &[Option<T>]) -> ArrayRef {
    let bytes: usize = values.iter().flatten().map(|value| value.as_ref().len()).sum();
    let values = values.iter().map(|value| value.as_ref().map(AsRef::as_ref));
    if i32::try_from(bytes).is_ok() {
        Arc::new(values.collect::<StringArray>())
    } else {
        Arc::new(values.collect::<LargeStringArray>())
    }
}

/// Null text in every row.
#[must_use]
pub fn no_text(rows: usize) -> ArrayRef {
    Arc::new(StringArray::new_null(rows))
}

/// Lists of texts: row `i` holds `lists[i]`.
#[must_use]
pub fn text_lists<T: AsRef<str>>(lists: &[Option<Vec<T>>]) -> ArrayRef {
    let element = Field::new("element", DataType::Utf8, false);
    let mut builder = ListBuilder::new(StringBuilder::new()).with_field(element);
    for list in lists {
        list.iter().flatten().for_each(|text| builder.values().append_value(text));
        builder.append(list.is_some());
    }
    Arc::new(builder.finish())
}

/// Null lists in every row.
#[must_use]
pub fn no_text_lists(rows: usize) -> ArrayRef {
    let element = Field::new("element", DataType::Utf8, false);
    Arc::new(ListArray::new_null(Arc::new(element), rows))
}

/// `DECIMAL(38,18)` from units of 10⁻¹⁸, as [`Decimal::units`] gives them.
#[must_use]
pub fn decimal38(units: Vec<i128>) -> ArrayRef {
    Arc::new(exact(Decimal128Array::new(units.into(), None), PRECISION, SCALE))
}

/// `DECIMAL(38,18)` with nulls.
#[must_use]
pub fn decimal38_or_null(values: impl IntoIterator<Item = Option<Decimal>>) -> ArrayRef {
    let values = values.into_iter().map(|value| value.map(Decimal::units));
    Arc::new(exact(values.collect::<Decimal128Array>(), PRECISION, SCALE))
}

/// `DECIMAL(18,4)`; `None` when a value has more digits before or after the point.
#[must_use]
pub fn decimal18_4(values: impl IntoIterator<Item = Decimal>) -> Option<ArrayRef> {
    let unscaled: Option<Vec<i128>> = values.into_iter().map(minor).collect();
    Some(Arc::new(exact(Decimal128Array::new(unscaled?.into(), None), MONEY_PRECISION, MONEY_SCALE)))
}

/// The value in units of 10⁻⁴, when that is exact and fits `DECIMAL(18,4)`.
fn minor(value: Decimal) -> Option<i128> {
    const UNIT: i128 = 10_i128.pow(SCALE - MONEY_SCALE);
    const LIMIT: i128 = 10_i128.pow(MONEY_PRECISION);
    let scaled = value.units() / UNIT;
    (value.units() % UNIT == 0 && scaled.abs() < LIMIT).then_some(scaled)
}

/// The array under its precision and scale, which are constants of this room.
fn exact(array: Decimal128Array, precision: u32, scale: u32) -> Decimal128Array {
    let data_type = match (precision, scale) {
        (PRECISION, SCALE) => DataType::Decimal128(38, 18),
        _ => DataType::Decimal128(18, 4),
    };
    array.with_data_type(data_type)
}

/// Whole numbers.
#[must_use]
pub fn whole(values: Vec<i64>) -> ArrayRef {
    Arc::new(Int64Array::new(values.into(), None))
}

/// true or false.
#[must_use]
pub fn flags(values: Vec<bool>) -> ArrayRef {
    Arc::new(BooleanArray::from(values))
}

/// Days since 1970.
#[must_use]
pub fn days(values: Vec<i32>) -> ArrayRef {
    Arc::new(Date32Array::new(values.into(), None))
}

/// Days since 1970 that may be null.
#[must_use]
pub fn days_or_null(values: impl IntoIterator<Item = Option<i32>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<Date32Array>())
}

/// Instants in microseconds UTC.
#[must_use]
pub fn instants(micros: Vec<i64>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::new(micros.into(), None).with_timezone("UTC"))
}

/// Instants in microseconds UTC that may be null.
#[must_use]
pub fn instants_or_null(micros: impl IntoIterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(micros.into_iter().collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
}

/// Ids as 32 hex digits each.
///
/// # Errors
/// `X001` when there are more than one text column can hold (67 million).
pub fn hex_ids(ids: &[u128]) -> Outcome<ArrayRef> {
    hex_pool(ids).map(|ids| ids as ArrayRef)
}

/// Ids as 32 hex digits each, as the pool of a [`dictionary_of`].
///
/// # Errors
/// `X001` when there are more than one text column can hold (67 million).
pub fn hex_pool(ids: &[u128]) -> Outcome<Arc<StringArray>> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    const WIDTH: usize = 32;
    let too_many = || Fault::ours(format!("{} ids do not fit one column", ids.len()));
    let mut text = Vec::with_capacity(ids.len() * WIDTH);
    for id in ids {
        for byte in id.to_be_bytes() {
            text.push(DIGITS[usize::from(byte >> 4)]);
            text.push(DIGITS[usize::from(byte & 15)]);
        }
    }
    let end = i32::try_from(text.len()).map_err(|_| too_many())?;
    let offsets: ScalarBuffer<i32> = (0..=end).step_by(WIDTH).collect::<Vec<i32>>().into();
    let array = StringArray::try_new(OffsetBuffer::new(offsets), Buffer::from_vec(text), None);
    array.map(Arc::new).map_err(|cause| Fault::ours(cause.to_string()).into())
}

/// A map column: row `i` holds the key/value list `pool[codes[i]]`, keys in the order given (sort them).
///
/// # Errors
/// `X001` when a code is outside the pool.
pub fn dimensions<K: AsRef<str>, V: AsRef<str>>(pool: &[Vec<(K, V)>], codes: &[i32]) -> Outcome<ArrayRef> {
    let outside = |code: i32| Fault::ours(format!("dimension set {code} of {}", pool.len()));
    let starts: Vec<usize> = std::iter::once(0)
        .chain(pool.iter().scan(0, |end, set| {
            *end += set.len();
            Some(*end)
        }))
        .collect();
    let mut picked = Vec::with_capacity(codes.len());
    let mut offsets = Vec::with_capacity(codes.len() + 1);
    offsets.push(0_i32);
    for code in codes {
        let set = usize::try_from(*code).ok().filter(|set| *set < pool.len()).ok_or_else(|| outside(*code))?;
        for entry in starts[set]..starts[set + 1] {
            picked.push(i32::try_from(entry).map_err(|_| outside(*code))?);
        }
        offsets.push(i32::try_from(picked.len()).map_err(|_| Fault::ours("too many dimension values for one column"))?);
    }
    let (keys, values): (Vec<&str>, Vec<&str>) =
        pool.iter().flatten().map(|(key, value)| (key.as_ref(), value.as_ref())).unzip();
    let (keys, values) = (StringArray::from_iter_values(keys), StringArray::from_iter_values(values));
    let columns = vec![dictionary_of(&Arc::new(keys), picked.clone())?, dictionary_of(&Arc::new(values), picked)?];
    let held = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let entries = StructArray::try_new(entry_fields(held.clone()), columns, None::<NullBuffer>);
    let entries = entries.map_err(|cause| Fault::ours(cause.to_string()))?;
    MapArray::try_new(Arc::new(map_entries(held)), OffsetBuffer::new(offsets.into()), entries, None, false)
        .map(|array| Arc::new(array) as ArrayRef)
        .map_err(|cause| Fault::ours(cause.to_string()).into())
}

/// The entries of a map of texts, named as the Parquet format names them.
pub(super) fn map_entries(held: DataType) -> Field {
    Field::new("key_value", DataType::Struct(entry_fields(held)), false)
}

fn entry_fields(held: DataType) -> Fields {
    vec![Field::new("key", held.clone(), false), Field::new("value", held, false)].into()
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array, AsArray};
    use arrow::util::display::array_value_to_string;

    use super::*;

    fn shown(array: &ArrayRef) -> Vec<String> {
        (0..array.len()).map(|row| array_value_to_string(array, row).unwrap()).collect()
    }

    #[test]
    fn ids_are_32_hex_digits() {
        let ids = hex_ids(&[0, 0x0123_4567_89ab_cdef, u128::MAX]).unwrap();
        assert_eq!(
            shown(&ids),
            [
                "00000000000000000000000000000000",
                "00000000000000000123456789abcdef",
                "ffffffffffffffffffffffffffffffff"
            ]
        );
        assert_eq!(hex_ids(&[]).unwrap().len(), 0);
    }

    #[test]
    fn a_dimension_set_is_spread_over_its_rows() {
        let pool = vec![vec![], vec![("device", "phone"), ("region", "emea")], vec![("region", "apac")]];
        let map = dimensions(&pool, &[1, 0, 2, 1]).unwrap();
        assert_eq!(
            shown(&map),
            ["{device: phone, region: emea}", "{}", "{region: apac}", "{device: phone, region: emea}"]
        );
        assert!(dimensions(&pool, &[3]).is_err());
        assert!(dimensions(&pool, &[-1]).is_err());
    }

    #[test]
    fn a_code_outside_the_pool_is_our_fault_and_a_negative_one_is_null() {
        assert_eq!(shown(&dictionary(&["a", "b"], vec![1, -1, 0]).unwrap()), ["b", "", "a"]);
        assert!(dictionary(&["a", "b"], vec![2]).is_err());
    }

    #[test]
    fn amounts_keep_four_digits_or_are_refused() {
        let dec = |text| Decimal::parse(text).unwrap();
        let money = decimal18_4([dec("1.2345"), dec("-99999999999999.9999")]).unwrap();
        assert_eq!(shown(&money), ["1.2345", "-99999999999999.9999"]);
        assert!(decimal18_4([dec("0.00001")]).is_none());
        assert!(decimal18_4([dec("100000000000000")]).is_none());
        assert_eq!(decimal38(vec![1]).as_primitive::<arrow::datatypes::Decimal128Type>().scale(), 18);
    }
}
