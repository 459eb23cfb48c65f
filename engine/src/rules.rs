//! Rule SQL: mediation SELECTs and expressions, planned by DataFusion with exact decimals and run on record batches.
//!
//! Separate, so that one room decides what rules may do. A rule sees one record and a fixed list of functions; there is
//! no catalog, no session, no file, no clock behind it, and no float passes. `+ - * /` are computed as
//! `DECIMAL(38,18)` (integers stay integers under `+ - %`); an overflow or a division by zero is NULL for its record,
//! which then goes to suspense. A CAST that fails, fails the batch with `E007`: the caller narrows it down to records.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, DictionaryArray, Int32Array, RecordBatch, StringArray, UInt32Array,
};
use arrow::compute::{cast, filter_record_batch, prep_null_mask_filter, take};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::sql::sqlparser::ast::{self, Spanned};

use crate::fault::{Fault, Faults, Located, Outcome, codes};

mod decimal;
mod numeric;
mod operators;
mod place;
mod plan;
mod select;
mod syntax;
mod text;
mod time;
mod types;
mod vocabulary;

#[cfg(test)]
mod tests;

use plan::Planned;
use vocabulary::Vocabulary;

/// Compiles rule SQL. Cheap to share; holds nothing but the list of functions.
#[derive(Debug)]
pub struct Rules {
    vocabulary: Vocabulary,
}

/// What an expression must give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// A number, as `DECIMAL(38,18)`.
    Quantity,
    /// True or false.
    Predicate,
    /// Any single value, as text (`Utf8`): numbers without trailing zeros.
    Text,
}

impl Rules {
    /// The compiler.
    ///
    /// # Errors
    /// None at present.
    pub fn new() -> Outcome<Self> {
        Ok(Self { vocabulary: Vocabulary::new() })
    }

    /// Compiles a mediation SELECT over `input`: columns and an optional WHERE, nothing else.
    ///
    /// # Errors
    /// All `E` faults of the SQL.
    pub fn mediation(&self, sql: &Located, input: &SchemaRef) -> Outcome<Mediation> {
        let shape = select::shape(sql, input)?;
        let mut faults = Faults::default();
        let mut columns = Vec::new();
        let mut fields = Vec::new();
        for (name, expr) in shape.columns {
            if let Some((kind, output)) = faults.keep(self.output(expr, sql, input, &shape.table)) {
                fields.push(Field::new(name, kind, true));
                columns.push(output);
            }
        }
        let condition = shape.condition.and_then(|expr| faults.keep(self.condition(expr, sql, input, &shape.table)));
        faults.or(Mediation { sql: sql.clone(), schema: Arc::new(Schema::new(fields)), columns, condition })
    }

    /// Compiles one expression over the columns of `schema`.
    ///
    /// # Errors
    /// All `E` faults of the expression.
    pub fn expression(&self, text: &Located, schema: &SchemaRef, want: Want) -> Outcome<Expression> {
        let planned = self.plan(syntax::expression(text)?, text, schema, None)?;
        let planned = wanted(planned, want, text)?;
        let physical = planned.physical().map_err(|error| failed(text, &error))?;
        Ok(Expression { text: text.clone(), physical, want })
    }

    fn plan(&self, expr: ast::Expr, sql: &Located, columns: &Schema, table: Option<&str>) -> Outcome<Planned> {
        let checked = syntax::check(expr, sql, columns, table, &self.vocabulary)?;
        plan::plan(checked, sql, columns, &self.vocabulary)
    }

    fn condition(&self, expr: ast::Expr, sql: &Located, input: &Schema, table: &str) -> Outcome<Arc<dyn PhysicalExpr>> {
        let part = Located { text: sql.text.clone(), place: place::of_token(sql, expr.span()) };
        let planned = wanted(self.plan(expr, sql, input, Some(table))?, Want::Predicate, &part)?;
        Ok(planned.physical().map_err(|error| failed(sql, &error))?)
    }

    fn output(&self, expr: ast::Expr, sql: &Located, input: &Schema, table: &str) -> Outcome<(DataType, Output)> {
        let span = expr.span();
        let planned = self.plan(expr, sql, input, Some(table))?;
        let at = |error: DataFusionError| plan::placed(sql, span, &error);
        let planned = match &planned.kind {
            DataType::Null => planned.cast(DataType::Utf8).map_err(at)?,
            DataType::Timestamp(_, _) => planned.cast(types::instant()).map_err(at)?,
            _ => planned,
        };
        if !types::is_column(&planned.kind) {
            let message = format!("a mediated column cannot be {}", types::spoken(&planned.kind));
            return Err(Fault::new(&codes::E005, message).at(&place::of_token(sql, span)).into());
        }
        if let Some(ScalarValue::Utf8(text)) = planned.constant() {
            let words = StringArray::from(vec![text.as_deref()]);
            return Ok((word(), Output::Word(Arc::new(words))));
        }
        let kind = planned.kind.clone();
        Ok((kind, Output::Computed(planned.physical().map_err(at)?)))
    }
}

/// The type of a constant text: one word of a dictionary, however many records there are.
fn word() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

/// A compiled mediation SELECT.
#[derive(Debug)]
pub struct Mediation {
    sql: Located,
    schema: SchemaRef,
    columns: Vec<Output>,
    condition: Option<Arc<dyn PhysicalExpr>>,
}

#[derive(Debug)]
enum Output {
    Word(ArrayRef),
    Computed(Arc<dyn PhysicalExpr>),
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

    /// Mediates a batch. Rows the WHERE drops cannot make it fail; their computed columns may be NULL.
    ///
    /// # Errors
    /// `E007` when a rule cannot be computed on some record, such as a CAST of text that is no number.
    pub fn apply(&self, input: &RecordBatch) -> Outcome<Mediated> {
        let Some(kept) = self.kept(input).map_err(|error| failed(&self.sql, &error))? else {
            let records = self.project(input).map_err(|error| failed(&self.sql, &error))?;
            return Ok(Mediated { records, kept: None });
        };
        let records = self.project(input).or_else(|_| self.project_kept(input, &kept));
        let records = records.map_err(|error| failed(&self.sql, &error))?;
        Ok(Mediated { records, kept: Some(kept) })
    }

    fn kept(&self, input: &RecordBatch) -> Result<Option<BooleanArray>, DataFusionError> {
        let Some(condition) = &self.condition else { return Ok(None) };
        let kept = condition.evaluate(input)?.into_array(input.num_rows())?;
        let kept = kept.as_boolean();
        let kept = if kept.null_count() > 0 { prep_null_mask_filter(kept) } else { kept.clone() };
        Ok((kept.true_count() < kept.len()).then_some(kept))
    }

    fn project(&self, input: &RecordBatch) -> Result<RecordBatch, DataFusionError> {
        let rows = input.num_rows();
        let columns = self.columns.iter().map(|column| match column {
            Output::Word(words) => {
                let keys = Int32Array::from_value(0, rows);
                Ok(Arc::new(DictionaryArray::try_new(keys, Arc::clone(words))?) as ArrayRef)
            }
            Output::Computed(expr) => expr.evaluate(input)?.into_array(rows),
        });
        let columns = columns.collect::<Result<Vec<_>, DataFusionError>>()?;
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }

    /// Computes the kept rows only and puts them back in their places, with NULLs between.
    fn project_kept(&self, input: &RecordBatch, kept: &BooleanArray) -> Result<RecordBatch, DataFusionError> {
        let mediated = self.project(&filter_record_batch(input, kept)?)?;
        let mut next = 0..;
        let places: UInt32Array = kept.iter().map(|kept| kept.filter(|kept| *kept).and_then(|_| next.next())).collect();
        let columns = mediated.columns().iter().map(|column| take(column, &places, None));
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns.collect::<Result<_, _>>()?)?)
    }
}

/// A compiled expression.
#[derive(Debug)]
pub struct Expression {
    text: Located,
    physical: Arc<dyn PhysicalExpr>,
    want: Want,
}

impl Expression {
    /// The result for every record, in the type of its [`Want`].
    ///
    /// # Errors
    /// `E007` when the rule cannot be computed on some record.
    pub fn evaluate(&self, records: &RecordBatch) -> Outcome<ArrayRef> {
        let value = self.physical.evaluate(records).and_then(|value| self.fitted(value, records.num_rows()));
        value.map_err(|error| failed(&self.text, &error).into())
    }

    fn fitted(&self, value: ColumnarValue, rows: usize) -> Result<ArrayRef, DataFusionError> {
        let array = value.into_array(rows)?;
        match self.want {
            Want::Predicate => Ok(array),
            Want::Quantity => Ok(Arc::new(decimal::to_exact(&array)?)),
            Want::Text if matches!(array.data_type(), DataType::Decimal128(_, _)) => text::shown(&array),
            Want::Text => Ok(cast(&array, &DataType::Utf8)?),
        }
    }
}

fn wanted(planned: Planned, want: Want, sql: &Located) -> Outcome<Planned> {
    let kind = &planned.kind;
    let (fits, wanted) = match want {
        Want::Quantity => (decimal::is_exact_number(kind) || kind.is_null(), "a number"),
        Want::Predicate => (*kind == DataType::Boolean || kind.is_null(), "true or false"),
        Want::Text => (types::is_column(kind) || kind.is_null(), "a single value"),
    };
    if !fits {
        return Err(plan::wrong_type(&planned, wanted, sql).into());
    }
    match (want, kind) {
        (Want::Predicate, DataType::Null) => {
            planned.cast(DataType::Boolean).map_err(|error| failed(sql, &error).into())
        }
        _ => Ok(planned),
    }
}

fn failed(sql: &Located, error: &DataFusionError) -> Fault {
    Fault::new(&codes::E007, format!("the rule cannot be computed: {}", plan::message(error))).at(&sql.place)
}
