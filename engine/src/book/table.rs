//! Price tables in CSV or Parquet, as rows of texts: an exact decimal stays its digits, a float is refused.

use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::fault::{Fault, Faults, Outcome, Place, SourceText, codes};
use crate::yaml::did_you_mean;

/// A table as read.
#[derive(Debug)]
pub(super) struct Rows {
    source: Arc<SourceText>,
    columns: Vec<String>,
    rows: Vec<Row>,
}

/// One row; a missing value is an empty text.
#[derive(Debug)]
struct Row {
    line: usize,
    offset: usize,
    values: Vec<String>,
}

/// Reads the table called `name`; its ending says what it is.
///
/// # Errors
/// `B006` when it cannot be read.
pub(super) fn read(name: &str, bytes: &Bytes) -> Outcome<Rows> {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("csv") => csv_rows(name, bytes),
        Some("parquet") => parquet_rows(name, bytes),
        _ => Err(broken(name, "it is neither .csv nor .parquet").into()),
    }
}

impl Rows {
    /// The rows with the values of `columns`, in that order, and the place of each.
    ///
    /// # Errors
    /// `B006` when the table lacks a column that is not in `optional`, or has another one.
    pub(super) fn select(
        &self,
        columns: &[&str],
        optional: &[&str],
        place: &Place,
    ) -> Outcome<Vec<(Vec<&str>, Place)>> {
        let mut faults = Faults::default();
        for other in self.columns.iter().filter(|column| !columns.contains(&column.as_str())) {
            let fault = Fault::new(&codes::B006, format!("`{}` has a column `{other}`", self.source.name)).at(place);
            let hint = did_you_mean(other, columns.iter().copied());
            faults.push(Fault { hint, ..fault });
        }
        for (position, column) in self.columns.iter().enumerate() {
            if self.columns[..position].contains(column) {
                let message = format!("`{}` has the column `{column}` twice", self.source.name);
                faults.push(Fault::new(&codes::B006, message).at(place).hint("remove one of them"));
            }
        }
        let positions: Vec<Option<usize>> =
            columns.iter().map(|column| self.columns.iter().position(|known| known == column)).collect();
        for (column, _) in columns.iter().zip(&positions).filter(|(_, position)| position.is_none()) {
            if !optional.contains(column) {
                let message = format!("`{}` has no column `{column}`", self.source.name);
                faults
                    .push(Fault::new(&codes::B006, message).at(place).hint(format!("needed: {}", columns.join(", "))));
            }
        }
        let rows = self.rows.iter().map(|row| {
            let text = |position: &Option<usize>| position.and_then(|position| row.values.get(position));
            let values = positions.iter().map(|position| text(position).map_or("", String::as_str)).collect();
            (values, self.place(row))
        });
        faults.or(rows.collect())
    }

    /// The rows with the values of `columns`, whatever other columns there are, and the place of each.
    ///
    /// # Errors
    /// `B006` when the table lacks one of them.
    pub(super) fn select_from(&self, columns: &[&str], place: &Place) -> Outcome<Vec<(Vec<&str>, Place)>> {
        let mut positions = Vec::with_capacity(columns.len());
        for column in columns {
            let missing = || {
                let message = format!("`{}` has no column `{column}`", self.source.name);
                Fault::new(&codes::B006, message).at(place)
            };
            positions.push(self.columns.iter().position(|known| known == column).ok_or_else(missing)?);
        }
        let mut rows = Vec::with_capacity(self.rows.len());
        for row in &self.rows {
            let values = positions.iter().map(|at| row.values.get(*at).map_or("", String::as_str));
            rows.push((values.collect(), self.place(row)));
        }
        Ok(rows)
    }

    fn place(&self, row: &Row) -> Place {
        row_place(&self.source, row.line, row.offset)
    }
}

/// The line of `source` that begins at byte `offset`.
fn row_place(source: &Arc<SourceText>, line: usize, offset: usize) -> Place {
    let rest = source.text.get(offset..).unwrap_or_default();
    let length = rest.lines().next().map_or(0, str::len);
    Place { source: Arc::clone(source), line, column: 0, offset, length }
}

fn broken(name: &str, cause: &str) -> Fault {
    Fault::new(&codes::B006, format!("the price table `{name}` cannot be read: {cause}"))
}

fn csv_rows(name: &str, bytes: &Bytes) -> Outcome<Rows> {
    let text = std::str::from_utf8(bytes).map_err(|_| broken(name, "it is not UTF-8 text"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).to_owned();
    let source = Arc::new(SourceText { name: name.to_owned(), text });
    let mut reader = csv::Reader::from_reader(source.text.as_bytes());
    let place = |position: Option<&csv::Position>| {
        let (line, offset) = position.map_or((1, 0), |at| (at.line(), at.byte()));
        row_place(&source, usize::try_from(line).unwrap_or_default(), usize::try_from(offset).unwrap_or_default())
    };
    let wrong = |cause: csv::Error| broken(name, &cause.to_string()).at(&place(cause.position()));
    let columns = reader.headers().map_err(wrong)?.iter().map(|column| column.trim().to_owned()).collect();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(wrong)?;
        let at = place(record.position());
        rows.push(Row { line: at.line, offset: at.offset, values: record.iter().map(str::to_owned).collect() });
    }
    Ok(Rows { source, columns, rows })
}

fn parquet_rows(name: &str, bytes: &Bytes) -> Outcome<Rows> {
    let wrong = |cause: String| broken(name, &cause);
    let source = Arc::new(SourceText { name: name.to_owned(), text: String::new() });
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes.clone()).map_err(|cause| wrong(cause.to_string()))?;
    let columns: Vec<String> = builder.schema().fields().iter().map(|field| field.name().clone()).collect();
    for field in builder.schema().fields() {
        if field.data_type().is_floating() {
            let fault = broken(name, &format!("the column `{}` holds floats", field.name()));
            return Err(fault.hint("write it as a decimal or as text: prices are exact").into());
        }
    }
    let mut rows = Vec::new();
    for batch in builder.build().map_err(|cause| wrong(cause.to_string()))? {
        let batch = batch.map_err(|cause| wrong(cause.to_string()))?;
        let mut texts = Vec::new();
        for column in batch.columns() {
            texts.push(cast(column, &DataType::Utf8).map_err(|cause| wrong(cause.to_string()))?);
        }
        for index in 0..batch.num_rows() {
            let value = |column: &Arc<dyn Array>| match column.is_null(index) {
                true => String::new(),
                false => column.as_string::<i32>().value(index).to_owned(),
            };
            rows.push(Row { line: rows.len() + 1, offset: 0, values: texts.iter().map(value).collect() });
        }
    }
    Ok(Rows { source, columns, rows })
}
