//! What the operators and casts of rule SQL become when they are planned.
//!
//! Separate, because here DataFusion's own arithmetic is replaced by the exact one of `decimal.rs`, and what it would
//! quietly convert (text to numbers) is refused. Never looks at values, only at types.

use std::sync::Arc;

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result, ScalarValue, plan_err};
use datafusion::functions::datetime::date_part;
use datafusion::functions::unicode::{strpos, substr};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{BinaryExpr, Cast, Expr, ExprSchemable, Operator, ScalarUDF, lit};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::decimal::{EXACT, Operation, arithmetic, is_exact_number};
use super::long::joined;
use super::text::parse_number;
use super::types::{is_text, spoken};
use crate::money::Decimal;

/// Plans operators, and the SQL forms of substring, position and extract.
#[derive(Debug)]
pub(super) struct Operators;

impl ExprPlanner for Operators {
    fn plan_binary_op(&self, expr: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        let RawBinaryExpr { op, left, right } = expr;
        let expr = RawBinaryExpr { op, left: plain(left, schema)?, right: plain(right, schema)? };
        let (left, right) = (expr.left.get_type(schema)?, expr.right.get_type(schema)?);
        if operation(&expr.op).is_some() || is_comparison(&expr.op) {
            refuse_mixture(&left, &right)?;
        }
        if !(is_exact_number(&left) || left.is_null()) || !(is_exact_number(&right) || right.is_null()) {
            return Ok(PlannerResult::Original(expr));
        }
        if let Some(operation) = operation(&expr.op) {
            let stays_whole = !matches!(operation, Operation::Times | Operation::Over) && whole(&left) && whole(&right);
            let function = arithmetic(operation, stays_whole);
            return Ok(PlannerResult::Planned(call(function, vec![expr.left, expr.right])));
        }
        Ok(PlannerResult::Original(if is_comparison(&expr.op) { compared(expr, &left, &right) } else { expr }))
    }

    fn plan_extract(&self, args: Vec<Expr>) -> Result<PlannerResult<Vec<Expr>>> {
        Ok(PlannerResult::Planned(call(date_part(), args)))
    }

    fn plan_substring(&self, args: Vec<Expr>) -> Result<PlannerResult<Vec<Expr>>> {
        Ok(PlannerResult::Planned(call(substr(), args)))
    }

    fn plan_position(&self, args: Vec<Expr>) -> Result<PlannerResult<Vec<Expr>>> {
        Ok(PlannerResult::Planned(call(strpos(), args)))
    }
}

/// Before types are coerced: exact negation and casts, no names of functions in between, no text compared with numbers.
pub(super) fn before_coercion(expr: Expr, schema: &DFSchema) -> Result<Expr> {
    expr.transform_up(|expr| match plain(expr, schema)? {
        Expr::Alias(alias) => Ok(Transformed::yes(*alias.expr)),
        Expr::Negative(inner) if is_exact_number(&inner.get_type(schema)?) => {
            let whole = whole(&inner.get_type(schema)?);
            Ok(Transformed::yes(call(arithmetic(Operation::Minus, whole), vec![lit(0_i64), *inner])))
        }
        Expr::Cast(cast) => exact_cast(cast, schema),
        Expr::TryCast(mut cast) => {
            if is_text(&cast.expr.get_type(schema)?) && matches!(cast.field.data_type(), DataType::Decimal128(_, _)) {
                cast.expr = Box::new(call(parse_number(true), vec![*cast.expr]));
                return Ok(Transformed::yes(Expr::TryCast(cast)));
            }
            Ok(Transformed::no(Expr::TryCast(cast)))
        }
        expr => {
            for together in compared_parts(&expr) {
                let kinds = together.iter().map(|part| part.get_type(schema)).collect::<Result<Vec<_>>>()?;
                for pair in kinds.windows(2) {
                    refuse_mixture(&pair[0], &pair[1])?;
                }
            }
            Ok(Transformed::no(expr))
        }
    })
    .map(|transformed| transformed.data)
}

/// Numbers are no dictionaries here: `length` of a dictionary of texts would give one.
fn plain(expr: Expr, schema: &DFSchema) -> Result<Expr> {
    match expr.get_type(schema)? {
        DataType::Dictionary(_, values) if !is_text(&values) => Ok(Expr::Cast(Cast::new(Box::new(expr), *values))),
        _ => Ok(expr),
    }
}

/// The parts of `expr` that are compared with each other or stand for each other, so must be of one kind.
fn compared_parts(expr: &Expr) -> Vec<Vec<&Expr>> {
    match expr {
        Expr::InList(list) => list.list.iter().map(|member| vec![&*list.expr, member]).collect(),
        Expr::Between(between) => vec![vec![&between.low, &between.expr, &between.high]],
        Expr::BinaryExpr(binary) if matches!(binary.op, Operator::IsDistinctFrom | Operator::IsNotDistinctFrom) => {
            vec![vec![&binary.left, &binary.right]]
        }
        Expr::Case(case) => {
            let whens = case.when_then_expr.iter().filter_map(|(when, _)| Some(vec![&**case.expr.as_ref()?, when]));
            let thens = case.when_then_expr.iter().map(|(_, then)| &**then);
            let results = thens.chain(case.else_expr.iter().map(|other| &**other)).collect();
            whens.chain(std::iter::once(results)).collect()
        }
        Expr::ScalarFunction(call) if ["coalesce", "greatest", "least", "nullif"].contains(&call.name()) => {
            vec![call.args.iter().collect()]
        }
        _ => Vec::new(),
    }
}

/// After types are coerced: functions that DataFusion only has as another expression, and the length of joined texts.
pub(super) fn after_coercion(expr: Expr) -> Result<Expr> {
    expr.transform_up(|expr| match expr {
        Expr::ScalarFunction(ScalarFunction { func, args }) if func.name() == "coalesce" => {
            match func.simplify(args, &SimplifyContext::default())? {
                ExprSimplifyResult::Simplified(expr) => Ok(Transformed::yes(expr)),
                ExprSimplifyResult::Original(args) => Ok(Transformed::no(call(func, args))),
            }
        }
        expr @ Expr::BinaryExpr(BinaryExpr { op: Operator::StringConcat, .. }) => {
            Ok(Transformed::yes(call(joined(), vec![expr])))
        }
        expr => Ok(Transformed::no(expr)),
    })
    .map(|transformed| transformed.data)
}

/// Text is read exactly or not at all, and instants stay microseconds (`AT TIME ZONE` would make them nanoseconds).
fn exact_cast(mut cast: Cast, schema: &DFSchema) -> Result<Transformed<Expr>> {
    match cast.field.data_type() {
        DataType::Timestamp(TimeUnit::Nanosecond, zone) => {
            let kind = DataType::Timestamp(TimeUnit::Microsecond, zone.clone());
            Ok(Transformed::yes(Expr::Cast(Cast::new(cast.expr, kind))))
        }
        DataType::Decimal128(_, _) if is_text(&cast.expr.get_type(schema)?) => {
            cast.expr = Box::new(call(parse_number(false), vec![*cast.expr]));
            Ok(Transformed::yes(Expr::Cast(cast)))
        }
        DataType::Timestamp(_, _) if cast.expr.get_type(schema)?.is_numeric() => {
            plan_err!(
                "CAST does not take a number for a TIMESTAMP: say its unit with to_timestamp_seconds, _millis or _micros"
            )
        }
        _ => Ok(Transformed::no(Expr::Cast(cast))),
    }
}

fn call(function: Arc<ScalarUDF>, args: Vec<Expr>) -> Expr {
    Expr::ScalarFunction(ScalarFunction::new_udf(function, args))
}

fn operation(op: &BinaryOperator) -> Option<Operation> {
    match op {
        BinaryOperator::Plus => Some(Operation::Plus),
        BinaryOperator::Minus => Some(Operation::Minus),
        BinaryOperator::Multiply => Some(Operation::Times),
        BinaryOperator::Divide => Some(Operation::Over),
        BinaryOperator::Modulo => Some(Operation::Remainder),
        _ => None,
    }
}

fn is_comparison(op: &BinaryOperator) -> bool {
    use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
    matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq)
}

fn whole(kind: &DataType) -> bool {
    kind.is_integer() && *kind != DataType::UInt64
}

/// Compares numbers of different types as `DECIMAL(38,18)`, or in the column's own type when the constant fits it exactly.
fn compared(mut expr: RawBinaryExpr, left: &DataType, right: &DataType) -> RawBinaryExpr {
    if left == right || left.is_null() || right.is_null() || (whole(left) && whole(right)) {
        return expr;
    }
    if let Some(constant) = in_type(&expr.right, left) {
        expr.right = constant;
    } else if let Some(constant) = in_type(&expr.left, right) {
        expr.left = constant;
    } else {
        let exact = |side: Expr, kind: &DataType| match kind {
            kind if *kind == EXACT => side,
            _ => Expr::Cast(Cast::new(Box::new(side), EXACT)),
        };
        (expr.left, expr.right) = (exact(expr.left, left), exact(expr.right, right));
    }
    expr
}

/// A constant in the type of the column it is compared with, when it loses nothing there.
fn in_type(constant: &Expr, column: &DataType) -> Option<Expr> {
    let (DataType::Decimal128(precision, scale), Expr::Literal(constant, _)) = (column, constant) else { return None };
    let number = match constant {
        ScalarValue::Int64(Some(number)) => Decimal::whole(*number),
        ScalarValue::Decimal128(Some(number), _, scale) => Decimal::rescaled(*number, u32::try_from(*scale).ok()?)?,
        _ => return None,
    };
    let step = 10_i128.checked_pow(18_u32.checked_sub(u32::try_from(*scale).ok()?)?)?;
    let fits = number.units() % step == 0
        && (number.units() / step).unsigned_abs() < 10_u128.checked_pow(u32::from(*precision))?;
    fits.then(|| lit(ScalarValue::Decimal128(Some(number.units() / step), *precision, *scale)))
}

/// Text and numbers are not compared or put in one column.
pub(super) fn refuse_mixture(left: &DataType, right: &DataType) -> Result<()> {
    if (is_text(left) && right.is_numeric()) || (left.is_numeric() && is_text(right)) {
        return plan_err!("{} and {} do not go together: convert one with CAST", spoken(left), spoken(right));
    }
    Ok(())
}
