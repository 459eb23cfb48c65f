//! The lines of a line set as they are compared: what they belong to, what they come to, and a fingerprint of every column.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Date32Type, Decimal128Type, Int64Type, TimestampMicrosecondType};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use hashbrown::HashMap;
use xxhash_rust::xxh3::xxh3_64;

use super::{Amounts, Moved, SCALE, Sums};
use crate::columns::named as column;
use crate::fault::{Fault, Faults, Outcome};
use crate::lineset::Manifest;
use crate::lineset::batches::{batches, columns};
use crate::store::Location;
use crate::tables::Table;

/// Columns that are not compared: the id is what lines are matched by, and the run always differs.
const APART: [&str; 2] = ["line_id", "run_id"];

/// A line.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) id: u128,
    pub(super) account: u32,
    pub(super) product: u32,
    pub(super) charge: u32,
    pub(super) currency: u32,
    pub(super) amounts: Amounts,
    /// The fingerprints of the columns that both line sets have.
    pub(super) columns: Box<[u64]>,
}

/// Accounts, products, charges and currencies by number.
#[derive(Debug, Default)]
pub(super) struct Keys {
    numbers: HashMap<Arc<str>, u32>,
    texts: Vec<Arc<str>>,
}

impl Keys {
    fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let (number, text) = (u32::try_from(self.texts.len()).unwrap_or(u32::MAX), Arc::<str>::from(text));
        self.texts.push(Arc::clone(&text));
        self.numbers.insert(text, number);
        number
    }

    pub(super) fn text(&self, number: u32) -> String {
        self.texts[number as usize].to_string()
    }

    pub(super) fn moved(&self, line: &Line, sums: Sums, fields: Vec<String>) -> Moved {
        Moved {
            line_id: format!("{:032x}", line.id),
            account: self.text(line.account),
            charge: self.text(line.charge),
            currency: self.text(line.currency),
            sums,
            fields,
        }
    }
}

/// A line set, with what the taxes of its lines come to.
#[derive(Debug)]
pub(super) struct Read<'r> {
    output: &'r Location,
    manifest: &'r Manifest,
    columns: Vec<String>,
    taxes: HashMap<u128, i128>,
}

impl<'r> Read<'r> {
    /// Reads the taxes, and which columns the lines have.
    pub(super) async fn of(output: &'r Location, manifest: &'r Manifest) -> Outcome<Self> {
        let mut taxes: HashMap<u128, i128> = HashMap::new();
        batches(output, manifest, Table::InvoiceTaxes, |batch| {
            for row in 0..batch.num_rows() {
                *taxes.entry(id(batch, row)?).or_default() += amount(batch, "amount", row)?;
            }
            Ok(())
        })
        .await?;
        let columns = columns(output, manifest, Table::InvoiceLines).await?;
        Ok(Self { output, manifest, columns, taxes })
    }

    /// The columns that are compared: an older engine may have had fewer.
    pub(super) fn columns_of_both(&self, other: &Self) -> Vec<String> {
        let both = self.columns.iter().filter(|name| other.columns.contains(name) && !APART.contains(&name.as_str()));
        both.cloned().collect()
    }

    /// Gives `each` every line.
    pub(super) async fn lines(
        &self,
        columns: &[String],
        keys: &mut Keys,
        mut each: impl FnMut(Line) + Send,
    ) -> Outcome<()> {
        batches(self.output, self.manifest, Table::InvoiceLines, |batch| {
            let prints: Vec<Vec<u64>> = columns.iter().map(|name| prints(batch, name)).collect::<Outcome<_>>()?;
            for row in 0..batch.num_rows() {
                let id = id(batch, row)?;
                let tax = self.taxes.get(&id).copied().unwrap_or_default();
                let mut key = |name: &str| Ok::<_, Faults>(keys.number(text(batch, name, row)?));
                each(Line {
                    id,
                    account: key("account_id")?,
                    product: key("product")?,
                    charge: key("charge")?,
                    currency: key("currency")?,
                    amounts: Amounts { net: amount(batch, "amount_net", row)?, tax },
                    columns: prints.iter().map(|column| column[row]).collect(),
                });
            }
            Ok(())
        })
        .await
    }
}

fn odd(name: &str, array: &ArrayRef) -> Faults {
    Fault::ours(format!("the column `{name}` of a committed table is {}", array.data_type())).into()
}

fn text<'b>(batch: &'b RecordBatch, name: &str, row: usize) -> Outcome<&'b str> {
    let array = column(batch, name)?;
    Ok(array.as_string_opt::<i32>().ok_or_else(|| odd(name, array))?.value(row))
}

fn id(batch: &RecordBatch, row: usize) -> Outcome<u128> {
    let id = text(batch, "line_id", row)?;
    u128::from_str_radix(id, 16).map_err(|_| Fault::ours(format!("`{id}` is no id of a line")).into())
}

fn amount(batch: &RecordBatch, name: &str, row: usize) -> Outcome<i128> {
    let array = column(batch, name)?;
    let scale = i8::try_from(SCALE).unwrap_or_default();
    if !matches!(array.data_type(), DataType::Decimal128(_, found) if *found == scale) {
        return Err(odd(name, array));
    }
    Ok(array.as_primitive::<Decimal128Type>().value(row))
}

/// A fingerprint of every value of a column; equal values have equal ones.
fn prints(batch: &RecordBatch, name: &str) -> Outcome<Vec<u64>> {
    let array = column(batch, name)?;
    let print: Box<dyn Fn(usize) -> u64> = match array.data_type() {
        DataType::Utf8 => Box::new(|row| xxh3_64(array.as_string::<i32>().value(row).as_bytes())),
        DataType::Int64 => Box::new(|row| xxh3_64(&array.as_primitive::<Int64Type>().value(row).to_le_bytes())),
        DataType::Decimal128(..) => {
            Box::new(|row| xxh3_64(&array.as_primitive::<Decimal128Type>().value(row).to_le_bytes()))
        }
        DataType::Timestamp(arrow::datatypes::TimeUnit::Microsecond, _) => {
            Box::new(|row| xxh3_64(&array.as_primitive::<TimestampMicrosecondType>().value(row).to_le_bytes()))
        }
        DataType::Date32 => Box::new(|row| xxh3_64(&array.as_primitive::<Date32Type>().value(row).to_le_bytes())),
        _ => {
            let options = FormatOptions::default();
            let shown = ArrayFormatter::try_new(array.as_ref(), &options).map_err(|_| odd(name, array))?;
            return Ok((0..array.len()).map(|row| xxh3_64(shown.value(row).to_string().as_bytes())).collect());
        }
    };
    // No value is not the same as a blank or a zero.
    Ok((0..array.len()).map(|row| if array.is_null(row) { 0 } else { print(row) }).collect())
}
