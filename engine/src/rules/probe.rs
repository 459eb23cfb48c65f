//! Calls whose constant arguments can never work, found when the rule is read instead of on the first record.
//!
//! Separate from planning, because types cannot tell: a unit that does not exist, a regular expression that does not
//! compile. Each call is tried once on a sample. Functions whose samples could fail by themselves are not tried.

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Expr, ExprSchemable};

use super::plan::compute;
use super::types::is_text;

const PROBED: &[&str] = &["date_part", "date_trunc", "regexp_like", "regexp_replace", "round", "split_part", "trunc"];

/// The first complaint of such a call in `expr`.
pub(super) fn probe(expr: &Expr, schema: &DFSchema) -> Result<()> {
    expr.apply(|node| {
        if let Expr::ScalarFunction(call) = node
            && PROBED.contains(&call.name())
        {
            let args = call.args.iter().map(|arg| sample(arg, schema)).collect::<Result<Vec<_>>>()?;
            compute(&Expr::ScalarFunction(ScalarFunction::new_udf(call.func.clone(), args)))?;
        }
        Ok(TreeNodeRecursion::Continue)
    })
    .map(|_| ())
}

/// A constant as it is, anything else as a value of its type that every probed function can take.
fn sample(arg: &Expr, schema: &DFSchema) -> Result<Expr> {
    if matches!(arg, Expr::Literal(..)) {
        return Ok(arg.clone());
    }
    let kind = arg.get_type(schema)?;
    let value = match &kind {
        kind if is_text(kind) => ScalarValue::from("x").cast_to(kind)?,
        kind if kind.is_numeric() => ScalarValue::new_one(kind)?,
        kind => ScalarValue::new_zero(kind).or_else(|_| ScalarValue::try_from(kind))?,
    };
    Ok(Expr::Literal(value, None))
}
