//! Compiled rules on record batches.
//!
//! Separate from compiling, because this runs millions of times: a plain column costs a reference count, a constant
//! text one key per record. Nothing here parses, plans, or knows SQL; the caller chooses the thread.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, DictionaryArray, Int32Array, RecordBatch, RecordBatchOptions, UInt32Array,
};
use arrow::compute::{cast, filter_record_batch, prep_null_mask_filter, take};
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::utils::collect_columns;

use super::wording::uncomputed;
use super::{Want, decimal, text};
use crate::fault::{Fault, Outcome, Place};

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
    /// Which rows the WHERE keeps; `None` when it keeps all.
    pub kept: Option<BooleanArray>,
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

    /// Mediates a batch of the columns it was compiled for. Rows that the WHERE drops cannot make it fail; their
    /// computed columns may be NULL.
    ///
    /// # Errors
    /// `E007` when a rule cannot be computed on some record, such as a CAST of text that is no number.
    pub fn apply(&self, input: &RecordBatch) -> Outcome<Mediated> {
        same_columns(&self.input, input)?;
        let Some(kept) = self.kept(input)? else {
            return Ok(Mediated { records: self.project(input)?, kept: None });
        };
        let records = self.project(input).or_else(|_| self.project_kept(input, &kept))?;
        Ok(Mediated { records, kept: Some(kept) })
    }

    fn kept(&self, input: &RecordBatch) -> Outcome<Option<BooleanArray>> {
        let Some(condition) = &self.condition else { return Ok(None) };
        let kept = condition.evaluate(input, Ok)?;
        let kept = kept.as_boolean();
        // NULL is not true: such a row is dropped.
        let kept = if kept.null_count() > 0 { prep_null_mask_filter(kept) } else { kept.clone() };
        Ok((kept.true_count() < kept.len()).then_some(kept))
    }

    fn project(&self, input: &RecordBatch) -> Outcome<RecordBatch> {
        let rows = input.num_rows();
        let columns = self.columns.iter().map(|column| match column {
            Output::Word(words) => {
                let keys = Int32Array::from_value(0, rows);
                let repeated = DictionaryArray::try_new(keys, Arc::clone(words));
                Ok(Arc::new(repeated.map_err(|error| Fault::ours(error.to_string()))?) as ArrayRef)
            }
            Output::Computed(rule) => rule.evaluate(input, Ok),
        });
        self.batch(columns.collect::<Outcome<Vec<_>>>()?, rows)
    }

    /// Computes the kept rows only and puts them back in their places, with NULLs between.
    fn project_kept(&self, input: &RecordBatch, kept: &BooleanArray) -> Outcome<RecordBatch> {
        let ours = |error: arrow::error::ArrowError| Fault::ours(error.to_string());
        let mediated = self.project(&filter_record_batch(input, kept).map_err(ours)?)?;
        let mut next = 0..;
        let places: UInt32Array = kept.iter().map(|kept| kept.filter(|kept| *kept).and_then(|_| next.next())).collect();
        let columns = mediated.columns().iter().map(|column| take(column, &places, None));
        self.batch(columns.collect::<std::result::Result<_, _>>().map_err(ours)?, input.num_rows())
    }

    fn batch(&self, columns: Vec<ArrayRef>, rows: usize) -> Outcome<RecordBatch> {
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options);
        Ok(batch.map_err(|error| Fault::ours(error.to_string()))?)
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
    /// The result for every record of the columns it was compiled for, in the type of its [`Want`].
    ///
    /// # Errors
    /// `E007` when the rule cannot be computed on some record.
    pub fn evaluate(&self, records: &RecordBatch) -> Outcome<ArrayRef> {
        same_columns(&self.input, records)?;
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
fn same_columns(expected: &SchemaRef, batch: &RecordBatch) -> Outcome<()> {
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
