//! Reads a committed run: the highest manifest of a period, and the rows of the Parquet files it names, as text.
//!
//! Apart from the harness because only this knows the layout of the output. It reads with the parquet crate alone, so
//! that the engine's own reading cannot hide what the engine has written wrong.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;

use arrow::array::{Array, AsArray, MapArray, RecordBatch};
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use crate::harness::{self, plain};

/// A row: column to text. Decimals without trailing zeros, null as blank, a map as `k=v;k=v` and as `column.k`.
pub(crate) type Row = BTreeMap<String, String>;

/// What one manifest makes visible.
pub(crate) struct Committed {
    pub(crate) run_id: String,
    /// File of the manifest, relative to the output.
    pub(crate) manifest: String,
    /// Table to its files, relative to the output.
    pub(crate) files: BTreeMap<String, Vec<String>>,
    tables: BTreeMap<String, Vec<Row>>,
}

/// The highest manifest of `period` below `output`, or none.
pub(crate) fn newest(output: &Path, period: &str) -> Option<Committed> {
    let mut found = harness::files(&output.join(format!("runs/period={period}")));
    found.retain(|name, _| !name.contains('/'));
    let (name, path) = found.pop_last()?;
    let manifest: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let mut found = Committed {
        run_id: manifest["run_id"].as_str().unwrap().to_owned(),
        manifest: format!("runs/period={period}/{name}"),
        files: BTreeMap::new(),
        tables: BTreeMap::new(),
    };
    for (table, parts) in manifest["tables"].as_object().unwrap() {
        let mut rows = Vec::new();
        let mut names = Vec::new();
        for part in parts.as_array().unwrap() {
            let relative = part["path"].as_str().unwrap();
            let file = output.join(relative);
            let length = fs::metadata(&file).unwrap_or_else(|cause| panic!("{}: {cause}", file.display())).len();
            assert_eq!(harness::text(&part["bytes"]), length.to_string(), "bytes of {relative}");
            let before = rows.len();
            rows.extend(parquet_rows(&file));
            assert_eq!(harness::text(&part["rows"]), (rows.len() - before).to_string(), "rows of {relative}");
            names.push(relative.to_owned());
        }
        found.files.insert(table.clone(), names);
        found.tables.insert(table.clone(), rows);
    }
    Some(found)
}

/// The highest manifest of `period`; there must be one.
#[track_caller]
pub(crate) fn read(output: &Path, period: &str) -> Committed {
    newest(output, period).unwrap_or_else(|| panic!("no manifest of {period} below {}", output.display()))
}

impl Committed {
    #[track_caller]
    pub(crate) fn table(&self, name: &str) -> &[Row] {
        self.tables.get(name).unwrap_or_else(|| panic!("the manifest names no table `{name}`"))
    }

    /// Every file that the run consists of: its tables and its manifest.
    pub(crate) fn all_files(&self) -> Vec<String> {
        let mut all: Vec<String> = self.files.values().flatten().cloned().collect();
        all.push(self.manifest.clone());
        all.sort();
        all
    }
}

/// All rows of a Parquet file.
pub(crate) fn parquet_rows(path: &Path) -> Vec<Row> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap().build().unwrap();
    reader.flat_map(|batch| rows(&batch.unwrap())).collect()
}

fn rows(batch: &RecordBatch) -> Vec<Row> {
    let mut rows = vec![Row::new(); batch.num_rows()];
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        let exact = matches!(field.data_type(), DataType::Decimal128(..) | DataType::Decimal256(..));
        let float = matches!(field.data_type(), DataType::Float16 | DataType::Float32 | DataType::Float64);
        assert!(!float, "column `{}` is a float", field.name());
        if let Some(map) = column.as_map_opt() {
            spread(field.name(), map, &mut rows);
            continue;
        }
        let options = FormatOptions::default();
        let texts = ArrayFormatter::try_new(column.as_ref(), &options).unwrap();
        for (number, row) in rows.iter_mut().enumerate() {
            let shown = if column.is_null(number) { String::new() } else { texts.value(number).to_string() };
            row.insert(field.name().clone(), if exact { plain(&shown) } else { shown });
        }
    }
    rows
}

/// A map column as one text in key order, and as one column for each of its keys.
fn spread(name: &str, map: &MapArray, rows: &mut [Row]) {
    let options = FormatOptions::default();
    for (number, row) in rows.iter_mut().enumerate() {
        let entries = map.value(number);
        let keys = ArrayFormatter::try_new(entries.column(0).as_ref(), &options).unwrap();
        let values = ArrayFormatter::try_new(entries.column(1).as_ref(), &options).unwrap();
        let pairs: BTreeMap<String, String> =
            (0..entries.len()).map(|at| (keys.value(at).to_string(), values.value(at).to_string())).collect();
        let whole: Vec<String> = pairs.iter().map(|(key, value)| format!("{key}={value}")).collect();
        row.insert(name.to_owned(), whole.join(";"));
        row.extend(pairs.into_iter().map(|(key, value)| (format!("{name}.{key}"), value)));
    }
}
