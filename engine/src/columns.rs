//! Reading text columns of any Arrow string type, row by row or value by value.
//!
//! Usage keeps Parquet's dictionaries: a stage that looks something up does so once for each dictionary value, not for
//! each row. This room hides which of the four string types a column has.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, DictionaryArray, LargeStringArray, RecordBatch, StringArray, StringViewArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type, Int32Type};

use crate::fault::{Fault, Outcome};
use crate::money::plain_digits;

/// A text column.
#[derive(Clone, Copy, Debug)]
pub enum Texts<'a> {
    /// Plain.
    Plain(&'a StringArray),
    /// Plain with 64-bit offsets.
    Large(&'a LargeStringArray),
    /// Views.
    View(&'a StringViewArray),
    /// Dictionary-encoded, values plain.
    Dictionary(&'a DictionaryArray<Int32Type>, &'a StringArray),
}

impl<'a> Texts<'a> {
    /// The text column `array`; `None` when it is of another type.
    #[must_use]
    pub fn of(array: &'a ArrayRef) -> Option<Self> {
        match array.data_type() {
            DataType::Utf8 => Some(Self::Plain(array.as_string())),
            DataType::LargeUtf8 => Some(Self::Large(array.as_string())),
            DataType::Utf8View => Some(Self::View(array.as_string_view())),
            DataType::Dictionary(..) => {
                let dictionary = array.as_dictionary_opt::<Int32Type>()?;
                Some(Self::Dictionary(dictionary, dictionary.values().as_string_opt::<i32>()?))
            }
            _ => None,
        }
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Plain(array) => array.len(),
            Self::Large(array) => array.len(),
            Self::View(array) => array.len(),
            Self::Dictionary(array, _) => array.len(),
        }
    }

    /// Whether it has no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The text of `row`; `None` for null.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<&'a str> {
        match self {
            Self::Plain(array) => array.is_valid(row).then(|| array.value(row)),
            Self::Large(array) => array.is_valid(row).then(|| array.value(row)),
            Self::View(array) => array.is_valid(row).then(|| array.value(row)),
            Self::Dictionary(array, values) => {
                let key = array.key(row)?;
                values.is_valid(key).then(|| values.value(key))
            }
        }
    }

    /// The same as [`Texts::map`] where many texts are better looked up at once.
    pub fn map_all<T: Copy>(
        &self,
        null: T,
        lookup: impl FnOnce(&mut dyn Iterator<Item = Option<&'a str>>) -> Vec<T>,
    ) -> Vec<T> {
        let Self::Dictionary(array, values) = *self else {
            return lookup(&mut (0..self.len()).map(|row| self.get(row)));
        };
        let of_value = lookup(&mut values.iter());
        (0..array.len()).map(|row| array.key(row).map_or(null, |key| of_value[key])).collect()
    }

    /// `lookup` of every row's text, asked once for each dictionary value; null rows get `null`.
    pub fn map<T: Copy>(&self, null: T, mut lookup: impl FnMut(&'a str) -> T) -> Vec<T> {
        let Self::Dictionary(array, values) = self else {
            return (0..self.len()).map(|row| self.get(row).map_or(null, &mut lookup)).collect();
        };
        let of_value: Vec<T> =
            (0..values.len()).map(|at| if values.is_valid(at) { lookup(values.value(at)) } else { null }).collect();
        (0..array.len()).map(|row| array.key(row).map_or(null, |key| of_value[key])).collect()
    }
}

/// `array` as a text column: itself when it is one, its plain text otherwise; numbers without trailing zeros, so that
/// equal numbers are equal texts whatever their scale.
///
/// # Errors
/// Our bug when a type that rules may produce has no text.
pub fn to_text(array: &ArrayRef) -> Outcome<ArrayRef> {
    if Texts::of(array).is_some() {
        return Ok(ArrayRef::clone(array));
    }
    if let Some(numbers) = array.as_primitive_opt::<Decimal128Type>() {
        let scale = usize::try_from(numbers.scale()).map_err(|_| Fault::ours("a decimal with a negative scale"))?;
        let texts = numbers.iter().map(|number| number.map(|units| plain_digits(units, scale)));
        return Ok(Arc::new(texts.collect::<StringArray>()));
    }
    cast(array, &DataType::Utf8)
        .map_err(|cause| Fault::ours(format!("no text for {}: {cause}", array.data_type())).into())
}

/// The column `name` of a batch of a committed table.
///
/// # Errors
/// Our bug when there is none.
pub fn named<'b>(batch: &'b RecordBatch, name: &str) -> Outcome<&'b ArrayRef> {
    batch.column_by_name(name).ok_or_else(|| Fault::ours(format!("a committed table has no column `{name}`")).into())
}

/// The text column `name` of a batch of a committed table.
///
/// # Errors
/// Our bug when there is none, or it is no text.
pub fn texts_named<'b>(batch: &'b RecordBatch, name: &str) -> Outcome<Texts<'b>> {
    let column = named(batch, name)?;
    let odd = || Fault::ours(format!("the column `{name}` of a committed table is {}", column.data_type()));
    Ok(Texts::of(column).ok_or_else(odd)?)
}

#[cfg(test)]
mod tests {
    use arrow::array::Decimal128Array;

    use super::*;

    #[test]
    fn decimals_are_plain_number_text_whatever_the_scale() {
        let one = 10_i128.pow(18);
        for (units, precision, scale, text) in [
            (400 * one, 38, 18, "400"),
            (400, 18, 0, "400"),
            (400_000, 18, 3, "400"),
            (400_500, 18, 3, "400.5"),
            (-5, 18, 3, "-0.005"),
            (0, 18, 3, "0"),
            (10_i128.pow(37), 38, 0, "10000000000000000000000000000000000000"),
        ] {
            let numbers = Decimal128Array::from(vec![Some(units), None]).with_precision_and_scale(precision, scale);
            let texts = to_text(&(Arc::new(numbers.unwrap()) as ArrayRef)).unwrap();
            let texts = Texts::of(&texts).unwrap();
            assert_eq!((texts.get(0), texts.get(1)), (Some(text), None), "{units} {scale}");
        }
    }
}
