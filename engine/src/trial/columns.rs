//! Types of the usage columns of a test file: declared, seen from the values, or what the meters of the book need.
//!
//! A meter may name columns that no record of the file has; they are there all the same, and null, so that the whole
//! book can be checked. Their type is the first with which the meter's SQL can be planned.

use std::collections::{BTreeMap, BTreeSet};

use arrow::datatypes::{DataType, Field, Schema, TimeUnit};

use super::file::{Cell, TestFile};
use crate::fault::{Located, Outcome, Place};
use crate::money::Decimal;
use crate::rules::{Rules, Want};

/// Columns every mediated record has, with their types.
pub(super) const FIXED: [(&str, &str); 4] =
    [("record_id", "string"), ("record_type", "string"), ("identifier", "string"), ("record_time", "timestamp")];

/// The key of a usage row that is no column.
pub(super) const TIMES: &str = "times";

/// An exact decimal of any usage.
const DECIMAL: &str = "decimal(38,18)";

/// Types tried for a column that has no value.
const TRIED: [&str; 4] = [DECIMAL, "string", "timestamp", "bool"];

/// Words of an expression whose types are tried in every combination.
const COMBINED: u32 = 8;

/// A column of the usage of a file.
#[derive(Clone, Debug)]
pub(super) struct UsageColumn {
    /// Its name.
    pub(super) name: String,
    /// Its type, as a pipeline writes it.
    pub(super) kind: String,
    /// Where it is named first; `None` when only the book names it.
    pub(super) place: Option<Place>,
}

/// What the meters of a book say of usage columns.
#[derive(Clone, Debug, Default)]
pub(super) struct MeterSql {
    /// Quantities.
    pub(super) quantities: Vec<Located>,
    /// Values that are counted once.
    pub(super) values: Vec<Located>,
    /// Columns named as dimensions and attributes.
    pub(super) names: BTreeSet<String>,
}

/// The usage columns of `file`, tested with a book whose meters say `sql`.
///
/// # Errors
/// None of the user's: what cannot be planned is told when the test is run.
pub(super) fn usage_columns(file: &TestFile, sql: &MeterSql) -> Outcome<Vec<UsageColumn>> {
    let mut columns = given(file);
    for (name, kind) in &file.columns {
        columns.insert(name.text.clone(), (kind.text.clone(), Some(kind.place.clone())));
    }
    let rules = Rules::new()?;
    let quantities = sql.quantities.iter().map(|text| (text, Want::Quantity));
    for (text, want) in quantities.chain(sql.values.iter().map(|text| (text, Want::Text))) {
        for (name, kind) in needed(&rules, text, want, &columns) {
            columns.entry(name).or_insert((kind.to_owned(), None));
        }
    }
    for name in &sql.names {
        columns.entry(name.clone()).or_insert(("string".to_owned(), None));
    }
    columns.retain(|name, _| !FIXED.iter().any(|(fixed, _)| fixed == name));
    Ok(columns.into_iter().map(|(name, (kind, place))| UsageColumn { name, kind, place }).collect())
}

/// Columns by name: type and place.
type Columns = BTreeMap<String, (String, Option<Place>)>;

/// The columns that records have, with the types their values have.
fn given(file: &TestFile) -> Columns {
    let mut values: BTreeMap<&str, (&Place, Vec<&Cell>)> = BTreeMap::new();
    let rows = file.cases.iter().flat_map(|case| &case.usage);
    for (name, cell) in rows.flat_map(|row| &row.cells).filter(|(name, _)| name.text != TIMES) {
        values.entry(&name.text).or_insert((&name.place, Vec::new())).1.push(cell);
    }
    let typed = |(name, (place, cells)): (&str, (&Place, Vec<&Cell>))| {
        (name.to_owned(), (seen(&cells).to_owned(), Some(place.clone())))
    };
    values.into_iter().map(typed).collect()
}

/// The type that all of `cells` have. A number in quotes, or with a zero in front, is a text.
fn seen(cells: &[&Cell]) -> &'static str {
    let written: Vec<(&str, bool)> =
        cells.iter().filter_map(|cell| Some((cell.text.as_deref()?, cell.quoted))).collect();
    let all =
        |fits: &dyn Fn(&str) -> bool| !written.is_empty() && written.iter().all(|(text, quoted)| !quoted && fits(text));
    let padded = |text: &str| {
        let digits = text.trim_start_matches(['-', '+']);
        digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.")
    };
    if all(&|text| Decimal::parse(text).is_ok() && !padded(text)) {
        DECIMAL
    } else if all(&|text| matches!(text, "true" | "false")) {
        "bool"
    } else {
        "string"
    }
}

/// The columns that `text` reads and that are not known yet, with types it can be planned with.
fn needed(rules: &Rules, text: &Located, want: Want, known: &Columns) -> Vec<(String, &'static str)> {
    let fixed = |word: &str| FIXED.iter().any(|(fixed, _)| fixed.eq_ignore_ascii_case(word));
    let words: Vec<String> = words(&text.text)
        .into_iter()
        .filter(|word| !fixed(word) && !known.keys().any(|name| name.eq_ignore_ascii_case(word)))
        .collect();
    let count = u32::try_from(words.len()).unwrap_or(u32::MAX);
    let uniform = TRIED.iter().map(|kind| vec![*kind; words.len()]);
    let mixed = (0..1_u32 << count.min(COMBINED)).map(|mask| {
        (0..words.len())
            .map(|at| if at < 32 && (mask >> at) & 1 == 1 { TRIED[1] } else { TRIED[0] })
            .collect::<Vec<_>>()
    });
    for kinds in uniform.chain(mixed) {
        let fields = FIXED.iter().map(|(name, kind)| Field::new(*name, arrow_type(kind), true));
        let fields = fields.chain(known.iter().map(|(name, (kind, _))| Field::new(name, arrow_type(kind), true)));
        let before = FIXED.len() + known.len();
        let tried = words.iter().zip(&kinds).map(|(name, kind)| Field::new(name, arrow_type(kind), true));
        let schema = std::sync::Arc::new(Schema::new(fields.chain(tried).collect::<Vec<_>>()));
        let Ok(expression) = rules.expression(text, &schema, want) else { continue };
        let reads = expression.reads().into_iter().filter_map(|at| at.checked_sub(before));
        return reads.filter_map(|at| Some((words.get(at)?.clone(), *kinds.get(at)?))).collect();
    }
    Vec::new()
}

/// The words of an expression that may be names of columns: not those in quotes, nor those a parenthesis follows.
fn words(sql: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let unquoted = sql.split('\'').step_by(2);
    for piece in unquoted {
        let mut rest = piece;
        while let Some(start) = rest.find(|letter: char| letter.is_alphabetic() || letter == '_') {
            let word = &rest[start..];
            let end = word.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(word.len());
            rest = &word[end..];
            let word = word[..end].to_owned();
            if !rest.trim_start().starts_with('(') && !words.iter().any(|known| known.eq_ignore_ascii_case(&word)) {
                words.push(word);
            }
        }
    }
    words
}

fn arrow_type(kind: &str) -> DataType {
    match kind.split('(').next().unwrap_or_default().trim() {
        "decimal" => DataType::Decimal128(38, 18),
        "int" => DataType::Int64,
        "bool" => DataType::Boolean,
        "date" => DataType::Date32,
        "timestamp" => DataType::Timestamp(TimeUnit::Microsecond, Some(crate::read::UTC.into())),
        _ => DataType::Utf8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs(sql: &str, want: Want) -> Vec<(String, &'static str)> {
        let text = Located { text: sql.to_owned(), place: Place::file("book.yaml") };
        needed(&Rules::new().unwrap(), &text, want, &Columns::new())
    }

    #[test]
    fn a_column_without_values_has_the_type_the_meter_needs() {
        assert_eq!(needs("duration_s / 60", Want::Quantity), [("duration_s".to_owned(), DECIMAL)]);
        let chosen = needs("CASE WHEN kind = 'it''s' THEN seconds / 60 ELSE coalesce(minutes, 0) END", Want::Quantity);
        let chosen: BTreeMap<String, &str> = chosen.into_iter().collect();
        assert_eq!(chosen.keys().collect::<Vec<_>>(), ["kind", "minutes", "seconds"]);
        assert_eq!((chosen["kind"], chosen["seconds"]), ("string", DECIMAL));
    }

    #[test]
    fn a_number_in_quotes_or_with_a_zero_in_front_is_a_text() {
        let cell = |text: &str, quoted| Cell { text: Some(text.to_owned()), quoted };
        assert_eq!(seen(&[&cell("1.5", false), &cell("9E-7", false)]), DECIMAL);
        assert_eq!(seen(&[&cell("1.5", false), &cell("x", false)]), "string");
        assert_eq!(seen(&[&cell("0049", false)]), "string");
        assert_eq!(seen(&[&cell("49", true)]), "string");
        assert_eq!(seen(&[&cell("true", false)]), "bool");
        assert_eq!(seen(&[&Cell { text: None, quoted: false }]), "string");
    }
}
