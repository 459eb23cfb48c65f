//! Rows that are not as expected, drawn so that they are seen at once: expected above found, each column aligned, and of
//! the found row only the cells that differ.

use std::collections::BTreeMap;

use crate::trial::compare::{Difference, Kind, Wrong};

/// Stands for a cell that is as expected.
const SAME: &str = "·";

/// Columns of `suspense` that are of one record alone.
const OF_ONE_RECORD: [&str; 4] = ["record_id", "record_time", "row", "raw"];

/// Rows of a section that are drawn.
const DRAWN: usize = 20;

/// The section with its rows.
pub(super) fn drawn(difference: &Difference) -> String {
    let mut table: Vec<(&str, Vec<String>, String)> = vec![("", difference.columns.clone(), String::new())];
    let gathered = gathered(difference);
    for (wrong, times) in gathered.iter().take(DRAWN) {
        let place = match (wrong.line, times) {
            (Some(line), 1) => format!("line {line}"),
            (Some(line), _) => format!("{times} x, the first of line {line}"),
            (None, 1) => String::new(),
            (None, _) => format!("{times} x"),
        };
        match wrong.wrong {
            Kind::Differs => {
                table.push(("expected", expected(wrong), place));
                table.push(("found", found(wrong, &difference.columns), String::new()));
            }
            Kind::Missing => table.push(("missing", expected(wrong), place)),
            Kind::Unexpected => table.push(("unexpected", shown(wrong.found.as_deref()), place)),
        }
    }
    let widths: Vec<usize> = (0..difference.columns.len())
        .map(|at| table.iter().filter_map(|(_, cells, _)| cells.get(at)).map(|cell| cell.chars().count()).max())
        .map(Option::unwrap_or_default)
        .collect();
    let mut text = format!("{}\n", heading(difference));
    for (label, cells, place) in table {
        let cells = cells.iter().zip(&widths).map(|(cell, width)| format!("  {cell:<width$}"));
        let row = format!("  {label:<10}{}  {place}", cells.collect::<String>());
        text.push_str(row.trim_end());
        text.push('\n');
    }
    let more: usize = gathered.iter().skip(DRAWN).map(|(_, times)| times).sum();
    if more > 0 {
        text.push_str(&format!("  and {more} more rows; --format json has all of them\n"));
    }
    text
}

/// The rows, of unexpected ones that are alike but for the record the first with their number.
fn gathered(difference: &Difference) -> Vec<(&Wrong, usize)> {
    let mut gathered: Vec<(&Wrong, usize)> = Vec::new();
    let mut known: BTreeMap<Vec<&str>, usize> = BTreeMap::new();
    for wrong in &difference.rows {
        if wrong.wrong == Kind::Unexpected && difference.section.starts_with("suspense") {
            let cells = wrong.found.iter().flatten().zip(&difference.columns);
            let key =
                cells.filter(|(_, column)| !OF_ONE_RECORD.contains(&column.as_str())).map(|(cell, _)| cell.as_str());
            let at = *known.entry(key.collect()).or_insert(gathered.len());
            if let Some((_, times)) = gathered.get_mut(at) {
                *times += 1;
                continue;
            }
        }
        gathered.push((wrong, 1));
    }
    gathered
}

fn heading(difference: &Difference) -> String {
    let count = |kind: Kind| difference.rows.iter().filter(|row| row.wrong == kind).count();
    let parts = [
        (count(Kind::Differs), "differ"),
        (count(Kind::Missing), "missing"),
        (count(Kind::Unexpected), "unexpected"),
        (difference.right, "as expected"),
    ];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| match (*count, *what) {
            (1, "differ") => "1 differs".to_owned(),
            (count, what) => format!("{count} {what}"),
        })
        .collect();
    format!("{}: {}", difference.section, parts.join(", "))
}

fn expected(wrong: &Wrong) -> Vec<String> {
    // A column that the row does not name may hold anything.
    wrong.expected.iter().flatten().map(|cell| cell.as_deref().map_or_else(String::new, blank)).collect()
}

fn found(wrong: &Wrong, columns: &[String]) -> Vec<String> {
    let cells = shown(wrong.found.as_deref());
    let same = |(cell, column): (String, &String)| {
        if wrong.differing.contains(column) { cell } else { SAME.to_owned() }
    };
    cells.into_iter().zip(columns).map(same).collect()
}

fn shown(cells: Option<&[String]>) -> Vec<String> {
    cells.into_iter().flatten().map(|cell| blank(cell)).collect()
}

fn blank(cell: &str) -> String {
    if cell.is_empty() { "(none)".to_owned() } else { cell.to_owned() }
}
