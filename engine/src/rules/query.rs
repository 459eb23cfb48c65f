//! `model: sql`: one SELECT over the usage buckets of a charge.
//!
//! Separate from mediation, because a query has what one record has not: groups, joins, windows, and so a plan to be
//! executed. What is the same is the same code: which functions there are, exact arithmetic, no float, faults with places.
//! A query reads the one table it is given and nothing else, has no session of the caller's, runs on a thread of its
//! own, and is stopped when it takes more time, memory or rows than it is allowed.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt32Array};
use arrow::compute::{SortColumn, SortOptions};
use arrow::compute::{cast, concat_batches, lexsort_to_indices, take_record_batch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::Result;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::planner::{ParserOptions, SqlToRel};
use datafusion::sql::sqlparser::ast::{self, Query as Parsed, SetExpr, Spanned, Statement};

use super::decimal::{EXACT, is_exact_number, to_exact};
use super::place;
use super::syntax::{check_query, shortened};
use super::types::{is_text, spoken};
use super::vocabulary::Vocabulary;
use super::wording::{uncomputed, unplanned_in};
use crate::fault::{Fault, Faults, Located, Outcome, Place, codes};

pub(super) mod calls;
mod exact;
mod execute;
mod shape;
mod total;
mod words;

/// The columns a query must give, each by its name.
const RESULT: [&str; 3] = ["subscription_id", "quantity", "amount"];

/// How much a query may take before it is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From its start to its last row.
    pub time: Duration,
    /// Bytes held by groups, sorts and joins at the same time.
    pub memory: usize,
    /// Rows of the result.
    pub rows: usize,
}

impl Default for Limits {
    /// 5 seconds, 512 MiB, ten million rows.
    fn default() -> Self {
        Self { time: Duration::from_secs(5), memory: 512 << 20, rows: 10_000_000 }
    }
}

/// A compiled query.
#[derive(Debug)]
pub struct Query {
    /// The columns of the table, as the caller gives them.
    input: SchemaRef,
    plan: LogicalPlan,
    /// Where the columns of [`RESULT`] stand in the result of the plan.
    columns: Vec<usize>,
    place: Place,
}

impl Query {
    /// The columns of [`Self::run`]'s result: `subscription_id` text, `quantity` and `amount` `DECIMAL(38,18)`.
    #[must_use]
    pub fn schema() -> SchemaRef {
        let [subscription, quantity, amount] = RESULT;
        Arc::new(Schema::new(vec![
            Field::new(subscription, DataType::Utf8, true),
            Field::new(quantity, EXACT, true),
            Field::new(amount, EXACT, true),
        ]))
    }

    /// The rows of the query over `buckets`, sorted by subscription. Blocks until they are there; works on a thread of its
    /// own, so it can be called on any. The result depends on the set of the buckets only, not on their order. NULLs
    /// and subscriptions that do not exist are for the caller to judge.
    ///
    /// # Errors
    /// `E007` when it cannot be computed, `E008` when it was stopped at a limit, `E009` when a subscription comes twice.
    pub fn run(&self, buckets: &RecordBatch, limits: &Limits) -> Outcome<RecordBatch> {
        let rows = self.rows(buckets, limits)?;
        self.once(&rows)?;
        Ok(rows)
    }

    fn rows(&self, buckets: &RecordBatch, limits: &Limits) -> Outcome<RecordBatch> {
        let buckets = self.sorted(buckets)?;
        let rows = execute::on_own_thread(&self.place, self.plan.clone(), &buckets, *limits)?;
        self.result(&rows)
    }

    /// The buckets in the types that were planned with, in the order of all their columns.
    fn sorted(&self, buckets: &RecordBatch) -> Outcome<RecordBatch> {
        super::evaluate::same_columns(&self.input, buckets)?;
        let ours = |error: arrow::error::ArrowError| Fault::ours(format!("buckets cannot be sorted: {error}"));
        let schema = unpacked(&self.input);
        let columns = buckets.columns().iter().zip(schema.fields());
        let columns: Vec<ArrayRef> = columns
            .map(|(column, field)| cast(column, field.data_type()))
            .collect::<std::result::Result<_, _>>()
            .map_err(ours)?;
        let batch = RecordBatch::try_new(schema, columns.clone()).map_err(ours)?;
        if batch.num_columns() == 0 || batch.num_rows() < 2 {
            return Ok(batch);
        }
        let order: Vec<SortColumn> = columns.into_iter().map(|values| SortColumn { values, options: None }).collect();
        Ok(take_record_batch(&batch, &lexsort_to_indices(&order, None).map_err(ours)?).map_err(ours)?)
    }

    /// The three columns in their types, sorted by subscription.
    fn result(&self, batches: &[RecordBatch]) -> Outcome<RecordBatch> {
        let ours =
            |error: arrow::error::ArrowError| Fault::ours(format!("the result of a query does not fit: {error}"));
        let schema = Self::schema();
        let pieces = batches.iter().map(|batch| {
            let columns: Result<Vec<ArrayRef>> = self
                .columns
                .iter()
                .zip(schema.fields())
                .map(|(index, field)| {
                    let column = batch.column(*index);
                    match field.data_type() {
                        DataType::Utf8 => Ok(cast(column, &DataType::Utf8)?),
                        _ => Ok(Arc::new(to_exact(column)?) as ArrayRef),
                    }
                })
                .collect();
            let columns = columns.map_err(|error| Faults::from(uncomputed(&self.place, &error)))?;
            Ok(RecordBatch::try_new(Arc::clone(&schema), columns).map_err(ours)?)
        });
        let all = concat_batches(&schema, &pieces.collect::<Outcome<Vec<_>>>()?).map_err(ours)?;
        let options = Some(SortOptions { descending: false, nulls_first: true });
        let order: Vec<SortColumn> =
            all.columns().iter().map(|values| SortColumn { values: Arc::clone(values), options }).collect();
        let order: UInt32Array = lexsort_to_indices(&order, None).map_err(ours)?;
        Ok(take_record_batch(&all, &order).map_err(ours)?)
    }

    /// Refuses that a subscription comes twice.
    fn once(&self, rows: &RecordBatch) -> Outcome<()> {
        let ids = rows.column(0).as_string::<i32>();
        let twice = (1..ids.len())
            .find(|row| ids.is_valid(*row) && ids.is_valid(row - 1) && ids.value(*row) == ids.value(row - 1));
        match twice {
            None => Ok(()),
            Some(row) => {
                let message = format!("the query gives the subscription `{}` more than once", ids.value(row));
                let hint = "add GROUP BY subscription_id, one row for each subscription is needed";
                Err(Fault::new(&codes::E009, message).at(&self.place).hint(hint).into())
            }
        }
    }
}

/// Compiles `sql` over a table of the columns of `buckets`.
pub(super) fn compile(sql: &Located, buckets: &SchemaRef, vocabulary: &Arc<Vocabulary>) -> Outcome<Query> {
    let (located, columns) = (sql.clone(), unpacked(buckets));
    let vocabulary = Arc::clone(vocabulary);
    // Planning recurses, so it wants a stack of its own; and it must end, whatever the query.
    let planned = execute::within(Limits::default().time, move || {
        let parsed = check_query(shape::query(&located)?, &located, &columns, &vocabulary)?;
        let places = places(&located, &parsed);
        Ok((plan(parsed, &located, &columns, &vocabulary)?, places))
    });
    let (plan, places) = planned.unwrap_or_else(|| {
        let fault = Fault::new(&codes::E008, "the query takes too long to plan").at(&sql.place);
        Err(fault.hint("write it with fewer joins and subqueries").into())
    })?;
    let columns = result_columns(&plan, sql, &places)?;
    let query = Query { input: Arc::clone(buckets), plan, columns, place: sql.place.clone() };
    // What cannot be executed at all is told now.
    query.rows(&RecordBatch::new_empty(Arc::clone(buckets)), &Limits::default())?;
    Ok(query)
}

fn plan(parsed: Parsed, sql: &Located, columns: &SchemaRef, vocabulary: &Vocabulary) -> Outcome<LogicalPlan> {
    let table = execute::empty_table(columns)?;
    let words = words::Words::new(vocabulary, table);
    let options = ParserOptions::new()
        .with_parse_float_as_decimal(true)
        .with_collect_spans(true)
        .with_map_string_types_to_utf8view(false);
    let planner = SqlToRel::new_with_options(&words, options);
    let planned = planner.sql_statement_to_plan(Statement::Query(Box::new(parsed)));
    let planned = planned.map_err(|error| unplanned_in(sql, &sql.place, &error))?;
    let exact = exact::exact(planned, sql, vocabulary)?;
    execute::optimized(exact).map_err(|error| unplanned_in(sql, &sql.place, &error).into())
}

/// Columns without dictionaries: what a query makes of them is no dictionary either.
fn unpacked(columns: &SchemaRef) -> SchemaRef {
    let fields = columns.fields().iter().map(|field| match field.data_type() {
        DataType::Dictionary(_, values) => field.as_ref().clone().with_data_type(values.as_ref().clone()),
        kind if is_text(kind) => field.as_ref().clone().with_data_type(DataType::Utf8),
        _ => field.as_ref().clone(),
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// Where each column of the outermost SELECT stands, if it is one.
fn places(sql: &Located, parsed: &Parsed) -> Vec<Place> {
    match parsed.body.as_ref() {
        SetExpr::Select(select) => {
            let span = |column: &ast::SelectItem| place::of_token(sql, column.span());
            select.projection.iter().map(span).collect()
        }
        _ => Vec::new(),
    }
}

/// Where the columns of [`RESULT`] stand in the plan's result, which must have them in fitting types and no other.
fn result_columns(plan: &LogicalPlan, sql: &Located, places: &[Place]) -> Outcome<Vec<usize>> {
    let fields = plan.schema().fields();
    let at = |index: usize| if places.len() == fields.len() { &places[index] } else { &sql.place };
    let hint = "a query gives exactly the columns subscription_id, quantity and amount";
    let mut faults = Faults::default();
    let mut found = Vec::new();
    for name in RESULT {
        let Some(index) = fields.iter().position(|field| field.name() == name) else {
            let fault = Fault::new(&codes::E006, format!("the query gives no column `{name}`"));
            faults.push(fault.at(&sql.place).hint(hint));
            continue;
        };
        let kind = fields[index].data_type();
        let (fits, wanted) = match name {
            "subscription_id" => (is_text(kind), "a text"),
            _ => (is_exact_number(kind) || kind.is_null(), "a number"),
        };
        if !fits {
            let message = format!("`{name}` must be {wanted}, this gives {}", spoken(kind));
            faults.push(Fault::new(&codes::E005, message).at(at(index)));
        }
        found.push(index);
    }
    for (index, field) in fields.iter().enumerate() {
        if !RESULT.contains(&field.name().as_str()) || fields.iter().take(index).any(|one| one.name() == field.name()) {
            let message = format!("the query gives a column `{}` too many", shortened(field.name()));
            faults.push(Fault::new(&codes::E006, message).at(at(index)).hint(hint));
        }
    }
    faults.or(found)
}
