//! Rule SQL: mediation SELECTs and expressions, planned by DataFusion with exact decimals and run on record batches.
//!
//! Separate, so that one room decides what rules may do. A rule sees one record and a fixed list of functions; there is
//! no catalog, no session, no file, no clock behind it, and no float passes. `+ - * /` are computed as
//! `DECIMAL(38,18)` (integers stay integers under `+ - %`); an overflow, a division by zero or a
//! CAST that fails is `E007` for its record, whose cause is told apart from the results of the others: what a record gives
//! is what it gives alone, whatever the batch it comes in.

use std::sync::Arc;
use std::thread;

use arrow::array::StringArray;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::ast::{self, Spanned};

use crate::fault::{Fault, Faults, Located, Outcome, Place, codes};

mod decimal;
mod evaluate;
mod long;
mod meanings;
mod narrow;
mod numeric;
mod operators;
mod place;
mod plan;
mod probe;
mod query;
mod select;
mod subject;
mod syntax;
mod text;
mod time;
mod types;
mod vocabulary;
mod wording;

#[cfg(test)]
mod tests;

pub use evaluate::{Computed, Expression, Mediated, Mediation};
pub use meanings::FUNCTIONS;
pub use narrow::Failed;
pub use query::{Limits, Query};
pub use subject::{Names, Needed, SubjectColumn, SubjectExpression};

use evaluate::{Output, Rule};
use plan::Planned;
use vocabulary::Vocabulary;

/// Compiles rule SQL. Cheap to share; holds nothing but the list of functions.
#[derive(Debug)]
pub struct Rules {
    vocabulary: Arc<Vocabulary>,
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
        Ok(Self { vocabulary: Arc::new(Vocabulary::new()) })
    }

    /// Compiles a mediation SELECT over `input`: columns and an optional WHERE, nothing else.
    ///
    /// # Errors
    /// All `E` faults of the SQL.
    pub fn mediation(&self, sql: &Located, input: &SchemaRef) -> Outcome<Mediation> {
        roomy(|| self.mediation_of(sql, input))
    }

    fn mediation_of(&self, sql: &Located, input: &SchemaRef) -> Outcome<Mediation> {
        let mut faults = Faults::default();
        let Some(shape) = select::shape(sql, input, &mut faults) else { return Err(faults) };
        let mut columns = Vec::new();
        let mut fields = Vec::new();
        for (name, expr) in shape.columns {
            if let Some((kind, output)) = faults.keep(self.output(expr, sql, input, &shape.table)) {
                fields.push(Field::new(name, kind, true));
                columns.push(output);
            }
        }
        let table = Some(shape.table.as_str());
        let condition =
            shape.condition.and_then(|expr| faults.keep(self.rule(expr, sql, input, table, Want::Predicate)));
        faults.or(Mediation { input: Arc::clone(input), schema: Arc::new(Schema::new(fields)), columns, condition })
    }

    /// Compiles one expression over the columns of `schema`.
    ///
    /// # Errors
    /// All `E` faults of the expression.
    pub fn expression(&self, text: &Located, schema: &SchemaRef, want: Want) -> Outcome<Expression> {
        roomy(|| {
            let rule = self.rule(syntax::expression(text)?, text, schema, None, want)?;
            Ok(Expression { input: Arc::clone(schema), rule, want })
        })
    }

    /// Compiles one expression over accounts, subscriptions and their usage.
    ///
    /// # Errors
    /// All `E` faults of the expression; `B003` for a meter, charge or product that there is not.
    pub fn subject_expression(&self, text: &Located, names: &Names, want: Want) -> Outcome<SubjectExpression> {
        roomy(|| subject::compile(text, names, want, &self.vocabulary))
    }

    /// Compiles one SELECT over the table `buckets`, whose columns are those of the schema.
    ///
    /// # Errors
    /// All `E` faults of the SQL.
    pub fn query(&self, sql: &Located, buckets: &SchemaRef) -> Outcome<Query> {
        query::compile(sql, buckets, &self.vocabulary)
    }

    fn plan(&self, expr: ast::Expr, sql: &Located, columns: &Schema, table: Option<&str>) -> Outcome<Planned> {
        let checked = syntax::check(expr, sql, columns, table, &self.vocabulary)?;
        plan::plan(checked, sql, columns, &self.vocabulary)
    }

    fn rule(&self, expr: ast::Expr, sql: &Located, columns: &Schema, table: Option<&str>, want: Want) -> Outcome<Rule> {
        let place = place::of_token(sql, expr.span());
        let planned = self.plan(expr, sql, columns, table)?;
        rule(wanted(planned, want, &place)?, place)
    }

    fn output(&self, expr: ast::Expr, sql: &Located, input: &Schema, table: &str) -> Outcome<(DataType, Output)> {
        let place = place::of_token(sql, expr.span());
        let planned = self.plan(expr, sql, input, Some(table))?;
        let planned = match &planned.kind {
            DataType::Null => cast(planned, DataType::Utf8, &place)?,
            DataType::Timestamp(_, _) => cast(planned, types::instant(), &place)?,
            _ => planned,
        };
        if !types::is_column(&planned.kind) {
            let message = format!("a mediated column cannot be {}", types::spoken(&planned.kind));
            return Err(Fault::new(&codes::E005, message).at(&place).into());
        }
        if let Some(ScalarValue::Utf8(text)) = planned.constant() {
            return Ok((word(), Output::Word(Arc::new(StringArray::from(vec![text.as_deref()])))));
        }
        Ok((planned.kind.clone(), Output::Computed(rule(planned, place)?)))
    }
}

/// Bytes of stack for parsing and planning, which recurse along the SQL.
const STACK: usize = 64 << 20;

/// `work` with more room on the stack than the caller may have, whatever thread it is.
fn roomy<T: Send>(work: impl FnOnce() -> Outcome<T> + Send) -> Outcome<T> {
    thread::scope(|scope| {
        let started = thread::Builder::new().name("rules".to_owned()).stack_size(STACK).spawn_scoped(scope, work);
        match started.map(thread::ScopedJoinHandle::join) {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(cause)) => std::panic::resume_unwind(cause),
            Err(error) => Err(Fault::ours(format!("no thread for a rule: {error}")).into()),
        }
    })
}

/// The type of a constant text: one word of a dictionary, however many records there are.
fn word() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

fn rule(planned: Planned, place: Place) -> Outcome<Rule> {
    let physical = planned.physical().map_err(|error| wording::unplanned(&place, &error))?;
    Ok(Rule { physical, place })
}

fn cast(planned: Planned, kind: DataType, place: &Place) -> Outcome<Planned> {
    Ok(planned.cast(kind).map_err(|error| wording::unplanned(place, &error))?)
}

fn wanted(planned: Planned, want: Want, place: &Place) -> Outcome<Planned> {
    let kind = &planned.kind;
    let (fits, wanted) = match want {
        Want::Quantity => (decimal::is_exact_number(kind) || kind.is_null(), "a number"),
        Want::Predicate => (*kind == DataType::Boolean || kind.is_null(), "true or false"),
        Want::Text => (types::is_column(kind) || kind.is_null(), "a single value"),
    };
    if !fits {
        let message = format!("{wanted} is needed here, this gives {}", types::spoken(kind));
        return Err(Fault::new(&codes::E005, message).at(place).into());
    }
    match (want, kind) {
        (Want::Predicate, DataType::Null) => cast(planned, DataType::Boolean, place),
        _ => Ok(planned),
    }
}
