//! From a checked query to a plan whose every expression is exact, deterministic and allowed.
//!
//! Separate from expressions over one record, because a plan has expressions in many places, each with columns of its own,
//! and names that must outlive the rewriting. What is done to each expression is the same as there.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::{Sort, WindowFunction};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, Window, WindowFrameUnits};
use datafusion::optimizer::Analyzer;
use datafusion::optimizer::analyzer::type_coercion::TypeCoercion;

use super::calls;
use super::shape::TABLE;
use crate::fault::{Fault, Faults, Located, Outcome, codes};
use crate::rules::operators::{after_coercion, before_coercion, refuse_mixture};
use crate::rules::place;
use crate::rules::plan::{OWN, float, fold, is_scalar};
use crate::rules::probe::probe;
use crate::rules::types::{has_float, is_column, spoken};
use crate::rules::vocabulary::Vocabulary;
use crate::rules::wording::unplanned_in;

/// Makes `plan` exact and checks all of it.
pub(super) fn exact(plan: LogicalPlan, sql: &Located, vocabulary: &Vocabulary) -> Outcome<LogicalPlan> {
    let options = ConfigOptions::default();
    let analyzer = Analyzer::with_rules(vec![Arc::new(TypeCoercion::new())]);
    let plan = each(plan, before)
        .and_then(|plan| analyzer.execute_and_check(plan, &options, |_, _| {}))
        .and_then(|plan| each(plan, after))
        .map_err(|error| unplanned_in(sql, &sql.place, &error))?;
    check(&plan, sql, vocabulary)?;
    let settled = plan.transform_up_with_subqueries(settle);
    Ok(settled.map_err(|error| unplanned_in(sql, &sql.place, &error))?.data)
}

/// `change` of every expression of the plan and its subqueries; its name stays.
fn each(plan: LogicalPlan, change: impl Fn(Expr, &DFSchema) -> Result<Expr>) -> Result<LogicalPlan> {
    let changed = plan.transform_up_with_subqueries(|plan| {
        together(&plan)?;
        let schema = merge_schema(&plan.inputs());
        let names = NamePreserver::new(&plan);
        let changed = plan.map_expressions(|expr| {
            let name = names.save(&expr);
            Ok(Transformed::yes(name.restore(change(expr, &schema)?)))
        })?;
        changed.map_data(LogicalPlan::recompute_schema)
    });
    Ok(changed?.data)
}

/// Refuses that text and numbers meet in the columns of a union or the keys of a join.
fn together(plan: &LogicalPlan) -> Result<()> {
    match plan {
        LogicalPlan::Union(union) => {
            for pair in union.inputs.windows(2) {
                for (one, other) in pair[0].schema().fields().iter().zip(pair[1].schema().fields()) {
                    refuse_mixture(one.data_type(), other.data_type())?;
                }
            }
        }
        LogicalPlan::Join(join) => {
            for (left, right) in &join.on {
                refuse_mixture(&left.get_type(join.left.schema())?, &right.get_type(join.right.schema())?)?;
            }
        }
        _ => {}
    }
    Ok(())
}

fn before(expr: Expr, schema: &DFSchema) -> Result<Expr> {
    expr.apply(|node| {
        if let Expr::InSubquery(within) = node
            && let Some(found) = within.subquery.subquery.schema().fields().first()
        {
            refuse_mixture(&within.expr.get_type(schema)?, found.data_type())?;
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    before_coercion(expr, schema)
}

fn after(expr: Expr, schema: &DFSchema) -> Result<Expr> {
    let expr = match expr {
        Expr::Alias(alias) => *alias.expr,
        expr => expr,
    };
    let expr = fold(after_coercion(expr)?)?;
    probe(&expr, schema)?;
    Ok(expr)
}

/// Every node, type and function once more, now that the plan is complete.
fn check(plan: &LogicalPlan, sql: &Located, vocabulary: &Vocabulary) -> Outcome<()> {
    let mut faults = Faults::default();
    let walked = plan.apply_with_subqueries(|plan| {
        if !is_known(plan) {
            let message = format!("{} cannot stand in a query", plan.display());
            faults.push(Fault::new(&codes::E002, message).at(&sql.place));
        }
        let schema = merge_schema(&plan.inputs());
        plan.apply_expressions(|expr| {
            expr.apply(|node| {
                let span = node.spans().and_then(|spans| spans.first());
                let place = span.map_or_else(|| sql.place.clone(), |span| place::of_span(sql, span));
                if let Some(name) = barred(node, vocabulary) {
                    faults.push(Fault::new(&codes::E003, format!("`{name}` cannot stand in a rule")).at(&place));
                } else if !is_allowed(node) {
                    faults.push(Fault::new(&codes::E002, "this cannot stand in a query").at(&place));
                } else if has_float(&node.get_type(&schema)?) {
                    faults.push(float(node, &schema).at(&place).hint("use decimals: CAST(… AS DECIMAL(38,18))"));
                    return Ok(TreeNodeRecursion::Jump);
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })?;
        for field in plan.schema().fields() {
            if faults.0.is_empty()
                && !is_column(field.data_type())
                && !field.data_type().is_null()
                && !may_pass(field.data_type())
            {
                let message = format!("`{}` cannot be {}", field.name(), spoken(field.data_type()));
                faults.push(Fault::new(&codes::E005, message).at(&sql.place));
            }
        }
        Ok(TreeNodeRecursion::Continue)
    });
    if let Err(error) = walked {
        faults.push(unplanned_in(sql, &sql.place, &error));
    }
    faults.sort();
    faults.or(())
}

/// The rank of a row is an unsigned integer, an interval may stand between two dates.
fn may_pass(kind: &DataType) -> bool {
    kind.is_integer() || matches!(kind, DataType::Interval(_) | DataType::Duration(_))
}

fn is_known(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::TableScan(scan) => scan.table_name.table() == TABLE,
        plan => matches!(
            plan,
            LogicalPlan::Projection(_)
                | LogicalPlan::Filter(_)
                | LogicalPlan::Window(_)
                | LogicalPlan::Aggregate(_)
                | LogicalPlan::Sort(_)
                | LogicalPlan::Join(_)
                | LogicalPlan::Union(_)
                | LogicalPlan::EmptyRelation(_)
                | LogicalPlan::Subquery(_)
                | LogicalPlan::SubqueryAlias(_)
                | LogicalPlan::Distinct(_)
        ),
    }
}

/// The name of a function that a query cannot call.
fn barred<'a>(node: &'a Expr, vocabulary: &Vocabulary) -> Option<&'a str> {
    let (name, known) = match node {
        Expr::ScalarFunction(call) => {
            (call.name(), OWN.contains(&call.name()) || vocabulary.check(call.name()).is_ok())
        }
        Expr::AggregateFunction(call) => (call.func.name(), calls::is_over_rows(call.func.name())),
        Expr::WindowFunction(call) => (call.fun.name(), calls::is_over_rows(call.fun.name())),
        _ => return None,
    };
    (!known).then_some(name)
}

fn is_allowed(node: &Expr) -> bool {
    let more = matches!(
        node,
        Expr::Alias(_)
            | Expr::AggregateFunction(_)
            | Expr::WindowFunction(_)
            | Expr::ScalarSubquery(_)
            | Expr::Exists(_)
            | Expr::InSubquery(_)
            | Expr::OuterReferenceColumn(..)
    );
    more || is_scalar(node)
}

/// Rows that are alike in all a window orders by are told apart by all their other columns, where it matters which comes
/// first. So a window's result depends on the set of rows alone.
fn settle(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let LogicalPlan::Window(window) = plan else { return Ok(Transformed::no(plan)) };
    let input = window.input;
    let all: Vec<Expr> = input.schema().columns().into_iter().map(Expr::Column).collect();
    let (by_row, by_value): (Vec<_>, Vec<_>) = window.window_expr.into_iter().partition(matters_which_comes_first);
    let names = NamePreserver::new_for_projection();
    let mut settled = Vec::new();
    for expr in by_row {
        let name = names.save(&expr);
        let expr = expr.transform_down(|node| Ok(ordered(node, &all)))?.data;
        settled.push(name.restore(expr));
    }
    // All windows of one node share one order, so the two kinds get a node each.
    let mut plan = input;
    for windows in [settled, by_value].into_iter().filter(|windows| !windows.is_empty()) {
        plan = Arc::new(LogicalPlan::Window(Window::try_new(windows, plan)?));
    }
    Ok(Transformed::yes(Arc::unwrap_or_clone(plan)))
}

fn matters_which_comes_first(expr: &Expr) -> bool {
    let mut matters = false;
    let _ = expr.apply(|node| {
        if let Expr::WindowFunction(call) = node {
            let positional = ["row_number", "lag", "lead"].contains(&call.fun.name());
            matters |= positional || call.params.window_frame.units == WindowFrameUnits::Rows;
        }
        Ok(TreeNodeRecursion::Continue)
    });
    matters
}

fn ordered(node: Expr, all: &[Expr]) -> Transformed<Expr> {
    let Expr::WindowFunction(call) = node else { return Transformed::no(node) };
    let WindowFunction { fun, mut params } = *call;
    for column in all {
        let known = params.order_by.iter().any(|sort| sort.expr == *column) || params.partition_by.contains(column);
        if !known {
            params.order_by.push(Sort { expr: column.clone(), asc: true, nulls_first: true });
        }
    }
    Transformed::yes(Expr::WindowFunction(Box::new(WindowFunction { fun, params })))
}
