//! Functions over many rows that a query may call, and how.
//!
//! Separate, because what matters here is that the result depends on the set of rows alone: nothing that takes the first
//! or last row it meets, no frame by groups, no float.

use datafusion::sql::sqlparser::ast::{
    DuplicateTreatment, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, WindowFrame,
    WindowFrameBound, WindowFrameUnits, WindowType,
};

use crate::fault::{Code, codes};

/// All of them; those of [`RANKING`] only with OVER.
pub(in crate::rules) const OVER_ROWS: &[&str] =
    &["sum", "count", "min", "max", "avg", "row_number", "rank", "dense_rank", "lag", "lead"];

const RANKING: &[&str] = &["row_number", "rank", "dense_rank", "lag", "lead"];

/// Whether the function looks at more than one row.
pub(in crate::rules) fn is_over_rows(name: &str) -> bool {
    OVER_ROWS.contains(&name)
}

/// Why `function` cannot be called as it is written.
pub(in crate::rules) fn unfit(name: &str, function: &Function) -> Option<(&'static Code, String)> {
    let no_part = |what: &str| Some((&codes::E002, format!("`{name}` {what}")));
    let FunctionArguments::List(list) = &function.args else { return no_part("takes its arguments in parentheses") };
    let odd = function.name.0.len() != 1
        || function.uses_odbc_syntax
        || function.parameters != FunctionArguments::None
        || function.null_treatment.is_some()
        || !function.within_group.is_empty()
        || !list.clauses.is_empty();
    if odd {
        return no_part("takes plain arguments only");
    }
    if list.duplicate_treatment == Some(DuplicateTreatment::Distinct) && ["sum", "avg"].contains(&name) {
        return no_part("does not take DISTINCT: select the distinct rows first");
    }
    if !plain_arguments(name, list) {
        return no_part("takes expressions only");
    }
    if RANKING.contains(&name) {
        if function.over.is_none() {
            return no_part("needs OVER (…)");
        }
        if function.filter.is_some() || list.duplicate_treatment.is_some() {
            return no_part("takes neither FILTER nor DISTINCT");
        }
    }
    match &function.over {
        None => None,
        Some(WindowType::NamedWindow(_)) => no_part("needs its window written out"),
        Some(WindowType::WindowSpec(window)) if window.window_name.is_some() => no_part("needs its window written out"),
        Some(WindowType::WindowSpec(window)) => {
            let unfit = window.window_frame.as_ref().is_some_and(|frame| !is_plain_frame(frame));
            if unfit { no_part("takes frames of ROWS, or of RANGE without a distance") } else { None }
        }
    }
}

fn plain_arguments(name: &str, list: &FunctionArgumentList) -> bool {
    list.args.iter().all(|argument| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(_)) => true,
        FunctionArg::Unnamed(FunctionArgExpr::Wildcard) => name == "count" && list.duplicate_treatment.is_none(),
        _ => false,
    })
}

/// RANGE with a distance would add it to the ordered value by other rules than ours.
fn is_plain_frame(frame: &WindowFrame) -> bool {
    let distance = |bound: &WindowFrameBound| {
        matches!(bound, WindowFrameBound::Preceding(Some(_)) | WindowFrameBound::Following(Some(_)))
    };
    match frame.units {
        WindowFrameUnits::Rows => true,
        WindowFrameUnits::Range => !distance(&frame.start_bound) && !frame.end_bound.as_ref().is_some_and(distance),
        WindowFrameUnits::Groups => false,
    }
}
