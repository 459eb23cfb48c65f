//! Compiled rules on record batches.
//!
//! Separate from compiling, because this runs millions of times: a plain column costs a reference count, a constant
//! text one key per record. Nothing here parses, plans, or knows SQL; the caller chooses the thread.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, DictionaryArray, Int32Array, RecordBatch, RecordBatchOptions,
};
use arrow::compute::{cast, prep_null_mask_filter};
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::utils::collect_columns;

use super::narrow::{Apart, Failed, apart};
use super::wording::uncomputed;
use super::{Want, decimal, text};
use crate::fault::{Fault, Faults, Outcome, Place};

/// One compiled expression with the place that its failures are reported at.
#[derive(Debug)]
pub(super) struct Rule {
    pub physical: Arc<dyn PhysicalExpr>,
    pub place: Place,
}

impl Rule {
    fn evaluate(&self, batch: &RecordBatch, fit: impl Fn(ArrayRef) -> Result<ArrayRef>) -> Outcome<ArrayRef> {
        let value = self.physical.evaluate(batch).and_then(|value| value.into_array(batch.num_rows())).and_then(fit);
        Ok(value.map_err(|error| uncomputed(&self.place, &error))?)
    }

    fn reads(&self) -> BTreeSet<usize> {
        collect_columns(&self.physical).into_iter().map(|column| column.index()).collect()
    }
}

/// How a mediated column comes about.
#[derive(Debug)]
pub(super) enum Output {
    /// The same text for every record: the only word of a dictionary.
    Word(ArrayRef),
    /// A column of the input or a computation.
    Computed(Rule),
}

/// A compiled mediation SELECT.
#[derive(Debug)]
pub struct Mediation {
    pub(super) input: SchemaRef,
    pub(super) schema: SchemaRef,
    pub(super) columns: Vec<Output>,
    pub(super) condition: Option<Rule>,
}

/// What mediation makes of a batch.
#[derive(Debug)]
pub struct Mediated {
    /// One mediated record per input row, those the WHERE drops included.
    pub records: RecordBatch,
    /// Which rows the WHERE keeps; `None` when it keeps all. A row on which it fails is kept, and failed.
    pub kept: Option<BooleanArray>,
    /// Rows on which the WHERE or a column cannot be computed, in order; their columns are NULL.
    pub failed: Vec<Failed>,
}

impl Mediation {
    /// The mediated columns, all nullable. A constant text is `Dictionary(Int32, Utf8)`, an instant is in
    /// microseconds UTC, a plain column keeps its type.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Indexes of the input columns that are looked at; the others need not be read.
    #[must_use]
    pub fn reads(&self) -> BTreeSet<usize> {
        let computed = self.columns.iter().filter_map(|column| match column {
            Output::Word(_) => None,
            Output::Computed(rule) => Some(rule),
        });
        computed.chain(&self.condition).flat_map(Rule::reads).collect()
    }

    /// Mediates a batch of the columns it was compiled for. Rows that the WHERE drops cannot fail; their computed
    /// columns may be NULL.
    ///
    /// # Errors
    /// Only our own bugs: what cannot be computed on a record is told in [`Mediated::failed`].
    pub fn apply(&self, input: &RecordBatch) -> Outcome<Mediated> {
        same_columns(&self.input, input)?;
        let (kept, mut failed) = self.kept(input)?;
        let failing: BTreeSet<usize> = failed.iter().map(|failed| failed.row).collect();
        let wanted = |row| kept.as_ref().is_none_or(|kept| kept.value(row)) && !failing.contains(&row);
        let kinds: Vec<DataType> = self.schema.fields().iter().map(|field| field.data_type().clone()).collect();
        let projected = apart(input, wanted, &kinds, |input| self.project(input))?;
        failed.extend(projected.failed);
        failed.sort_by_key(|failed| failed.row);
        Ok(Mediated { records: self.batch(projected.columns, input.num_rows())?, kept, failed })
    }

    /// Which rows the WHERE keeps, and on which it fails (those are kept, too).
    fn kept(&self, input: &RecordBatch) -> Outcome<(Option<BooleanArray>, Vec<Failed>)> {
        let Some(condition) = &self.condition else { return Ok((None, Vec::new())) };
        let compute = |input: &RecordBatch| {
            condition.evaluate(input, Ok).map(|kept| vec![kept]).map_err(|faults| within("the WHERE", faults))
        };
        let Apart { columns, failed } = apart(input, |_| true, &[DataType::Boolean], compute)?;
        let Some(kept) = columns.first().and_then(|kept| kept.as_boolean_opt()) else {
            return Err(Fault::ours("a WHERE gives no truth").into());
        };
        // NULL is not true: such a row is dropped.
        let mut kept = if kept.null_count() > 0 { prep_null_mask_filter(kept) } else { kept.clone() };
        if !failed.is_empty() {
            let mut failing = failed.iter().map(|failed| failed.row).peekable();
            kept = (0..kept.len()).map(|row| Some(failing.next_if_eq(&row).is_some() || kept.value(row))).collect();
        }
        Ok(((kept.true_count() < kept.len()).then_some(kept), failed))
    }

    fn project(&self, input: &RecordBatch) -> Outcome<Vec<ArrayRef>> {
        let rows = input.num_rows();
        let columns = self.columns.iter().zip(self.schema.fields()).map(|(column, field)| match column {
            Output::Word(words) => {
                let keys = Int32Array::from_value(0, rows);
                let repeated = DictionaryArray::try_new(keys, Arc::clone(words));
                Ok(Arc::new(repeated.map_err(|error| Fault::ours(error.to_string()))?) as ArrayRef)
            }
            Output::Computed(rule) => {
                rule.evaluate(input, Ok).map_err(|faults| within(&format!("`{}`", field.name()), faults))
            }
        });
        columns.collect()
    }

    fn batch(&self, columns: Vec<ArrayRef>, rows: usize) -> Outcome<RecordBatch> {
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options);
        Ok(batch.map_err(|error| Fault::ours(error.to_string()))?)
    }
}

/// The same faults, the part of the SELECT named that they come from.
fn within(part: &str, mut faults: Faults) -> Faults {
    for fault in &mut faults.0 {
        fault.message = format!("{part}: {}", fault.message);
    }
    faults
}

/// What an expression makes of a batch.
#[derive(Debug)]
pub struct Computed {
    /// A result for every wanted record, NULL for a failed one.
    pub values: ArrayRef,
    /// Wanted rows on which it cannot be computed, in order.
    pub failed: Vec<Failed>,
}

impl Computed {
    /// Why it cannot be computed on `row`, if so.
    #[must_use]
    pub fn cause(&self, row: usize) -> Option<&Arc<str>> {
        let at = self.failed.binary_search_by_key(&row, |failed| failed.row).ok()?;
        self.failed.get(at).map(|failed| &failed.cause)
    }
}

/// A compiled expression.
#[derive(Debug)]
pub struct Expression {
    pub(super) input: SchemaRef,
    pub(super) rule: Rule,
    pub(super) want: Want,
}

impl Expression {
    /// The result for every `wanted` record of the columns it was compiled for, in the type of its [`Want`]. Other records
    /// cannot fail, and what they get means nothing.
    ///
    /// # Errors
    /// Only our own bugs: what cannot be computed on a record is told in [`Computed::failed`].
    pub fn evaluate(&self, records: &RecordBatch, wanted: impl Fn(usize) -> bool) -> Outcome<Computed> {
        same_columns(&self.input, records)?;
        let kind = match self.want {
            Want::Predicate => DataType::Boolean,
            Want::Quantity => decimal::EXACT,
            Want::Text => DataType::Utf8,
        };
        let Apart { mut columns, failed } =
            apart(records, wanted, &[kind], |records| self.whole(records).map(|values| vec![values]))?;
        let values = columns.pop().ok_or_else(|| Fault::ours("a rule gives no column"))?;
        Ok(Computed { values, failed })
    }

    fn whole(&self, records: &RecordBatch) -> Outcome<ArrayRef> {
        self.rule.evaluate(records, |array| match self.want {
            Want::Predicate => Ok(array),
            Want::Quantity => Ok(Arc::new(decimal::to_exact(&array)?)),
            Want::Text if matches!(array.data_type(), DataType::Decimal128(_, _)) => text::shown(&array),
            Want::Text => Ok(cast(&array, &DataType::Utf8)?),
        })
    }

    /// Indexes of the columns that are looked at.
    #[must_use]
    pub fn reads(&self) -> BTreeSet<usize> {
        self.rule.reads()
    }
}

/// A batch of other columns than the rule was compiled for is a mistake of ours, not of the rule.
pub(super) fn same_columns(expected: &SchemaRef, batch: &RecordBatch) -> Outcome<()> {
    let found = batch.schema_ref();
    let alike = || {
        let pairs = expected.fields().iter().zip(found.fields());
        expected.fields().len() == found.fields().len()
            && pairs.into_iter().all(|(expected, found)| expected.data_type() == found.data_type())
    };
    if Arc::ptr_eq(expected, found) || alike() {
        return Ok(());
    }
    Err(Fault::ours("a rule was given columns it was not compiled for").into())
}
