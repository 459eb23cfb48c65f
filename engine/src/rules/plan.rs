//! From a checked syntax tree to an expression that runs on record batches.
//!
//! Separate from the syntax check, because here types are known: they are coerced, floats are refused, constants are
//! computed once. There is no execution plan, stream or session; an expression is evaluated where the caller stands.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Schema};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Cast, ColumnarValue, Expr, ExprSchemable};
use datafusion::optimizer::analyzer::type_coercion::TypeCoercionRewriter;
use datafusion::physical_expr::{PhysicalExpr, create_physical_expr};
use datafusion::sql::planner::{ParserOptions, PlannerContext, SqlToRel};
use datafusion::sql::sqlparser::ast::{self, Spanned};

use super::operators::{after_coercion, before_coercion};
use super::place;
use super::probe::probe;
use super::types::has_float;
use super::vocabulary::Vocabulary;
use super::wording::unplanned_in;
use crate::fault::{Fault, Faults, Located, Outcome, Place, codes};

/// Functions the planner puts in for operators and casts.
pub(super) const OWN: &[&str] = &["plus", "minus", "times", "over", "parse_number", "joined"];

/// A planned expression with the type it gives.
pub(super) struct Planned {
    /// Coerced, checked and folded.
    pub expr: Expr,
    /// Its type.
    pub kind: DataType,
    schema: DFSchema,
}

/// Plans `expr` over `columns`.
pub(super) fn plan(expr: ast::Expr, sql: &Located, columns: &Schema, vocabulary: &Vocabulary) -> Outcome<Planned> {
    let part = place::of_token(sql, expr.span());
    let schema = DFSchema::try_from(columns.clone()).map_err(|error| unplanned_in(sql, &part, &error))?;
    let options = ParserOptions::new()
        .with_parse_float_as_decimal(true)
        .with_collect_spans(true)
        .with_map_string_types_to_utf8view(false);
    let planner = SqlToRel::new_with_options(vocabulary, options);
    let coerced = planner
        .sql_to_expr(expr, &schema, &mut PlannerContext::new())
        .and_then(|expr| before_coercion(expr, &schema))
        .and_then(|expr| expr.rewrite(&mut TypeCoercionRewriter::new(&schema)))
        .and_then(|expr| after_coercion(expr.data))
        .map_err(|error| unplanned_in(sql, &part, &error))?;
    check(&coerced, &schema, vocabulary, sql, &part)?;
    let expr = fold(coerced).map_err(|error| unplanned_in(sql, &part, &error))?;
    probe(&expr, &schema).map_err(|error| unplanned_in(sql, &part, &error))?;
    let kind = expr.get_type(&schema).map_err(|error| unplanned_in(sql, &part, &error))?;
    Ok(Planned { expr, kind, schema })
}

impl Planned {
    /// The same, cast to `kind`.
    pub(super) fn cast(mut self, kind: DataType) -> Result<Self> {
        if self.kind != kind {
            self.expr = fold(Expr::Cast(Cast::new(Box::new(self.expr), kind.clone())))?;
            self.kind = kind;
        }
        Ok(self)
    }

    /// The same truth, with NULL as false.
    pub(super) fn truth(mut self) -> Result<Self> {
        self.expr = fold(Expr::IsTrue(Box::new(self.expr)))?;
        Ok(self)
    }

    /// The constant it is, if it is one.
    pub(super) fn constant(&self) -> Option<&ScalarValue> {
        if let Expr::Literal(constant, _) = &self.expr { Some(constant) } else { None }
    }

    /// The expression to evaluate on batches of these columns.
    pub(super) fn physical(&self) -> Result<Arc<dyn PhysicalExpr>> {
        create_physical_expr(&self.expr, &self.schema, &ExecutionProps::new(), &PhysicalPlanningContext::default())
    }
}

/// Every node's type and function once more, now that the plan is complete.
fn check(expr: &Expr, schema: &DFSchema, vocabulary: &Vocabulary, sql: &Located, part: &Place) -> Outcome<()> {
    let mut faults = Faults::default();
    let walked = expr.apply(|node| {
        let own_place = node.spans().and_then(|spans| spans.first()).map(|span| place::of_span(sql, span));
        let place = own_place.unwrap_or_else(|| part.clone());
        if let Expr::ScalarFunction(call) = node
            && !OWN.contains(&call.name())
            && vocabulary.check(call.name()).is_err()
        {
            faults.push(Fault::new(&codes::E003, format!("`{}` cannot stand in a rule", call.name())).at(&place));
        }
        if !is_scalar(node) {
            faults.push(Fault::new(&codes::E002, "a rule sees one record at a time").at(&place));
        }
        if faults.0.is_empty() && has_float(&node.get_type(schema)?) {
            faults.push(float(node, schema).at(&place).hint("use decimals: CAST(… AS DECIMAL(38,18))"));
            return Ok(TreeNodeRecursion::Jump);
        }
        Ok(TreeNodeRecursion::Continue)
    });
    if let Err(error) = walked {
        faults.push(unplanned_in(sql, part, &error));
    }
    faults.or(())
}

/// Names the innermost part that is a float.
pub(super) fn float(expr: &Expr, schema: &DFSchema) -> Fault {
    let mut innermost = expr.clone();
    let _ = expr.apply(|node| {
        if node.get_type(schema).is_ok_and(|kind| has_float(&kind)) {
            innermost = node.clone();
        }
        Ok(TreeNodeRecursion::Continue)
    });
    match innermost {
        Expr::Column(column) => Fault::new(&codes::E004, format!("the column `{}` is a float", column.name)),
        Expr::ScalarFunction(call) => Fault::new(&codes::E004, format!("`{}` gives a float here", call.name())),
        _ => Fault::new(&codes::E004, "this computes with floats"),
    }
}

/// Whether the node computes with one record alone.
pub(super) fn is_scalar(node: &Expr) -> bool {
    matches!(
        node,
        Expr::Column(_)
            | Expr::Literal(..)
            | Expr::BinaryExpr(_)
            | Expr::Like(_)
            | Expr::SimilarTo(_)
            | Expr::Not(_)
            | Expr::IsNotNull(_)
            | Expr::IsNull(_)
            | Expr::IsTrue(_)
            | Expr::IsFalse(_)
            | Expr::IsUnknown(_)
            | Expr::IsNotTrue(_)
            | Expr::IsNotFalse(_)
            | Expr::IsNotUnknown(_)
            | Expr::Negative(_)
            | Expr::Between(_)
            | Expr::Case(_)
            | Expr::Cast(_)
            | Expr::TryCast(_)
            | Expr::ScalarFunction(_)
            | Expr::InList(_)
    )
}

/// Computes what does not depend on the record once, now; a constant that cannot be computed is a fault of the rule.
pub(super) fn fold(expr: Expr) -> Result<Expr> {
    expr.transform_up(|node| {
        let mut constant = is_scalar(&node) && !matches!(node, Expr::Literal(..) | Expr::Column(_));
        node.apply_children(|child| {
            constant &= matches!(child, Expr::Literal(..));
            Ok(if constant { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
        })?;
        if !constant {
            return Ok(Transformed::no(node));
        }
        compute(&node).map(|value| Transformed::yes(Expr::Literal(value, None)))
    })
    .map(|folded| folded.data)
}

/// The value of an expression without columns.
pub(super) fn compute(constant: &Expr) -> Result<ScalarValue> {
    let nothing = DFSchema::empty();
    let physical =
        create_physical_expr(constant, &nothing, &ExecutionProps::new(), &PhysicalPlanningContext::default())?;
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(1));
    let row = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options)?;
    match physical.evaluate(&row)? {
        ColumnarValue::Scalar(value) => Ok(value),
        ColumnarValue::Array(values) => ScalarValue::try_from_array(&values, 0),
    }
}
