//! The planner's and the parser's complaints as faults in the user's words and places.
//!
//! Separate, so that no message of a library reaches the user raw. Never decides what is allowed.

use datafusion::common::{Column, DataFusionError, SchemaError};
use datafusion::sql::sqlparser::parser::ParserError;

use super::place;
use super::select::place_of_word;
use super::vocabulary::nearest;
use crate::fault::{Fault, Located, Place, codes};

/// A fault of planning at the error's own place in `sql`, or else at `part` of it.
pub(super) fn unplanned_in(sql: &Located, part: &Place, error: &DataFusionError) -> Fault {
    let own = error.diagnostic().and_then(|diagnostic| diagnostic.span);
    let place = match (own, missing(error)) {
        (Some(own), _) => place::of_span(sql, own),
        // The planner forgets where a name stands that only a whole SELECT can tell to be unknown.
        (None, Some((name, _))) => place_of_word(sql, &name.name),
        (None, None) => part.clone(),
    };
    unplanned(&place, error)
}

/// The name that the planner does not know, and those that it does.
fn missing(error: &DataFusionError) -> Option<(&Column, &[Column])> {
    let DataFusionError::SchemaError(error, _) = error.find_root() else { return None };
    let SchemaError::FieldNotFound { field, valid_fields } = error.as_ref() else { return None };
    Some((field, valid_fields))
}

/// The fault of a name that the planner does not know, with the nearest that it does.
fn unknown_column(place: &Place, error: &DataFusionError) -> Option<Fault> {
    let (field, valid_fields) = missing(error)?;
    let fault = Fault::new(&codes::E001, format!("there is no column `{}`", field.flat_name())).at(place);
    let near = nearest(&field.name, valid_fields.iter().map(|known| known.name.as_str()));
    let known = || valid_fields.iter().map(|known| known.name.as_str()).collect::<Vec<_>>().join(", ");
    Some(fault.hint(match near {
        Some(near) if near != field.name => format!("did you mean `{near}`?"),
        _ => format!("the columns are {}", known()),
    }))
}

/// A fault of planning.
pub(super) fn unplanned(place: &Place, error: &DataFusionError) -> Fault {
    if let Some(fault) = unknown_column(place, error) {
        return fault;
    }
    let message = message(error);
    let types = ["do not go together", "does not take", " takes ", "Cannot infer common", "Cannot coerce", "CAST from"];
    let code = if types.iter().any(|part| message.contains(part)) { &codes::E005 } else { &codes::E001 };
    Fault::new(code, spoken_types(&message)).at(place)
}

/// The parser's complaint as a fault; its message ends in " at Line: 1, Column: 9".
pub(super) fn unparsed(sql: &Located, error: &ParserError) -> Fault {
    let message = match error {
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => message.as_str(),
        ParserError::RecursionLimitExceeded => return too_deep(sql),
    };
    let (message, position) = message.rsplit_once(" at Line: ").unwrap_or((message, ""));
    let position = position.split_once(", Column: ");
    let position = position.and_then(|(line, column)| Some((line.parse().ok()?, column.parse().ok()?)));
    let place = position.map_or_else(|| sql.place.clone(), |(line, column)| place::of_line(sql, line, column));
    let message = match message.strip_prefix("Expected: ") {
        None => message.to_owned(),
        Some(expected) => match expected.split_once(", found: ") {
            Some((expected, "EOF")) => format!("expected {expected}, but the SQL ends here"),
            Some((expected, found)) => format!("expected {expected}, found `{found}`"),
            None => format!("expected {expected}"),
        },
    };
    Fault::new(&codes::E001, message).at(&place)
}

/// The fault of an expression that would overflow the stack.
pub(super) fn too_deep(sql: &Located) -> Fault {
    Fault::new(&codes::E001, "the expression is nested too deeply").at(&sql.place).hint("split it over several columns")
}

/// A rule that cannot be computed on some record.
pub(super) fn uncomputed(place: &Place, error: &DataFusionError) -> Fault {
    let message = format!("cannot be computed: {}", spoken_types(&message(error)));
    Fault::new(&codes::E007, message).at(place)
}

/// The innermost message in one line, without the planner's prefixes.
fn message(error: &DataFusionError) -> String {
    let full = match error.find_root() {
        DataFusionError::Plan(text) | DataFusionError::Execution(text) | DataFusionError::NotImplemented(text) => {
            text.clone()
        }
        DataFusionError::ArrowError(error, _) => error.to_string(),
        root => root.strip_backtrace(),
    };
    if full.contains("Regular expression did not compile") {
        return "the regular expression does not compile".to_owned();
    }
    let line = full.lines().next().unwrap_or_default();
    let line = line.split(". No function matches").next().unwrap_or(line);
    if let Some((_, own)) = line.rsplit_once("Error during planning: `") {
        return format!("`{own}");
    }
    let plain = ["Error during planning: ", "Cast error: ", "Parser error: ", "Compute error: ", "Internal error: "];
    let line = plain.iter().fold(line, |line, prefix| line.strip_prefix(prefix).unwrap_or(line)).trim_end_matches('.');
    match line.split('\'').collect::<Vec<_>>().as_slice() {
        ["Function ", name, rest, ..] if rest.starts_with(" expects") => format!("`{name}`{rest}"),
        ["Function " | "Failed to coerce arguments to satisfy a call to ", name, ..] => {
            format!("`{name}` does not take arguments of these types")
        }
        _ => line.to_owned(),
    }
}

/// Arrow's names of types as SQL's.
fn spoken_types(message: &str) -> String {
    let names = [
        ("Timestamp(µs, \"UTC\")", "TIMESTAMP"),
        ("Decimal128", "DECIMAL"),
        ("Int64", "BIGINT"),
        ("Utf8View", "TEXT"),
        ("LargeUtf8", "TEXT"),
        ("Utf8", "TEXT"),
        ("Date32", "DATE"),
        ("Boolean", "BOOLEAN"),
    ];
    names.iter().fold(message.to_owned(), |message, (arrow, sql)| message.replace(arrow, sql))
}
