//! Declared columns against the columns a file has: where each one is, and what to say when it is not there.

use crate::fault::{Fault, Faults, Outcome, Place, codes};
use crate::pipeline::model::Column;

/// The place of each declared column among `names`; `None` for an optional one the file does not have.
pub(super) fn places(file: &str, columns: &[Column], names: &[String]) -> Outcome<Vec<Option<usize>>> {
    let mut faults = Faults::default();
    let mut places = Vec::with_capacity(columns.len());
    for column in columns {
        let mut found = names.iter().enumerate().filter(|(_, name)| **name == column.header).map(|(place, _)| place);
        let place = found.next();
        if found.next().is_some() {
            let message = format!("the column `{}` stands twice in the file", column.header);
            faults.push(Fault::new(&codes::U003, message).at(&Place::row(file, 1)));
        } else if place.is_none() && !column.optional {
            faults.push(missing(file, column, names));
        }
        places.push(place);
    }
    faults.or(places)
}

/// `U003`: the file's header cannot be read at all.
pub(super) fn unreadable(file: &str, row_bytes: usize) -> Fault {
    Fault::new(&codes::U003, format!("the first row is no header: it is damaged or longer than {row_bytes} bytes"))
        .at(&Place::row(file, 1))
        .hint("check the delimiter and quotes, or say `csv: { header: false }`")
}

fn missing(file: &str, column: &Column, names: &[String]) -> Fault {
    let fault = Fault::new(&codes::U003, format!("the file has no column `{}`", column.header));
    let near = nearest(&column.header, names);
    let near = near.map(|name| format!("did you mean `{name}`? ")).unwrap_or_default();
    fault
        .at(&Place::row(file, 1))
        .hint(format!("{near}a column that files may lack is declared `{{ type: …, optional: true }}`"))
}

/// The name closest to `wanted`, if one is close: letter case aside, at most a third of it differs.
fn nearest<'a>(wanted: &str, names: &'a [String]) -> Option<&'a str> {
    let wanted = wanted.to_lowercase();
    let distances = names.iter().map(|name| (distance(&wanted, &name.to_lowercase()), name));
    let (least, name) = distances.min_by_key(|(distance, _)| *distance)?;
    (least * 3 <= wanted.chars().count()).then_some(name.as_str())
}

/// Insertions, deletions and replacements between two names.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (j, other) in b.iter().enumerate() {
            let above = row.get(j + 1).copied().unwrap_or_default();
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = above;
            if let Some(slot) = row.get_mut(j) {
                *slot = left;
            }
            left = replaced.min(above + 1).min(left + 1);
        }
        if let Some(slot) = row.last_mut() {
            *slot = left;
        }
    }
    row.last().copied().unwrap_or_default()
}
