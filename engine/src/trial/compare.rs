//! Expected rows against found rows: which fit, and of those that do not, which were meant by which.
//!
//! A row fits when every column it names has the same comparable text. Rows that fit are paired so that as many as
//! possible are; each other expected row is set beside the found row that differs from it in the fewest columns.

use serde::Serialize;

use super::cells::Row;
use super::file::{ExpectedRow, Section, nameable};
use crate::tables::Table;
use crate::tables::columns::Kind as Cells;

/// What differs in one section.
#[derive(Clone, Debug, Serialize)]
pub struct Difference {
    /// The section, such as `lines`.
    pub section: &'static str,
    /// The columns compared.
    pub columns: Vec<String>,
    /// Rows that are as expected.
    pub right: usize,
    /// Rows that are not.
    pub rows: Vec<Wrong>,
}

/// A row that is not as expected. The cells are those of the columns compared.
#[derive(Clone, Debug, Serialize)]
pub struct Wrong {
    /// What is wrong with it.
    pub wrong: Kind,
    /// Line of the test file the row is expected on, or comes from.
    pub line: Option<usize>,
    /// Each cell as expected; `None` where the row does not name the column.
    pub expected: Option<Vec<Option<String>>>,
    /// Each cell as found.
    pub found: Option<Vec<String>>,
    /// The columns that differ.
    pub differing: Vec<String>,
}

/// What is wrong with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// There is a row like it that differs.
    Differs,
    /// There is none.
    Missing,
    /// Nobody expects it.
    Unexpected,
}

/// What differs between `section` and the rows found; `None` when nothing does. `line` says on which line of the test file
/// stands what a found row comes from, where that is known.
pub(super) fn compare(section: &Section, found: &[Row], line: &dyn Fn(&Row) -> Option<usize>) -> Option<Difference> {
    let fits = pairs(&section.rows, found);
    let mut taken = vec![false; found.len()];
    fits.iter().flatten().for_each(|at| taken[*at] = true);
    let mut open: Vec<usize> = (0..section.rows.len()).filter(|at| fits[*at].is_none()).collect();
    let mut beside: Vec<Option<usize>> = vec![None; section.rows.len()];
    while let Some((expected, near)) = nearest(section, &open, found, &taken) {
        beside[expected] = Some(near);
        taken[near] = true;
        open.retain(|at| *at != expected);
    }
    let columns = columns(section);
    let mut rows = Vec::new();
    for (at, expected) in section.rows.iter().enumerate().filter(|(at, _)| fits[*at].is_none()) {
        rows.push(wrong(expected, beside[at].map(|near| &found[near]), &columns));
    }
    let unexpected = found.iter().zip(&taken).filter(|(_, taken)| section.whole && !**taken).map(|(row, _)| Wrong {
        wrong: Kind::Unexpected,
        line: line(row),
        expected: None,
        found: Some(cells(row, &columns)),
        differing: Vec::new(),
    });
    rows.extend(unexpected);
    let right = fits.iter().flatten().count();
    (!rows.is_empty()).then_some(Difference { section: section.key, columns, right, rows })
}

fn text<'r>(row: &'r Row, column: &str) -> &'r str {
    row.get(column).map_or("", String::as_str)
}

fn differing<'e>(expected: &'e ExpectedRow, row: &Row) -> Vec<&'e str> {
    let cells = expected.cells.iter().filter(|(column, value)| text(row, column) != value);
    cells.map(|(column, _)| column.as_str()).collect()
}

/// For each expected row the found row it is paired with, as many pairs as there can be (augmenting paths).
fn pairs(expected: &[ExpectedRow], found: &[Row]) -> Vec<Option<usize>> {
    let fitting: Vec<Vec<usize>> = expected
        .iter()
        .map(|row| (0..found.len()).filter(|at| differing(row, &found[*at]).is_empty()).collect())
        .collect();
    let mut holder: Vec<Option<usize>> = vec![None; found.len()];
    for row in 0..expected.len() {
        augment(row, &fitting, &mut holder, &mut vec![false; found.len()]);
    }
    let mut pairs = vec![None; expected.len()];
    for (at, row) in holder.iter().enumerate() {
        if let Some(row) = row {
            pairs[*row] = Some(at);
        }
    }
    pairs
}

fn augment(row: usize, fitting: &[Vec<usize>], holder: &mut [Option<usize>], tried: &mut [bool]) -> bool {
    // A free one first: long rows of equal lines would be walked through again and again.
    if let Some(free) = fitting[row].iter().find(|at| holder[**at].is_none()) {
        holder[*free] = Some(row);
        return true;
    }
    for at in &fitting[row] {
        if std::mem::replace(&mut tried[*at], true) {
            continue;
        }
        if holder[*at].is_none_or(|other| augment(other, fitting, holder, tried)) {
            holder[*at] = Some(row);
            return true;
        }
    }
    false
}

/// How far apart a difference in this column sets two rows: rows of another charge or subscription are meant less than
/// rows of another amount.
fn weight(table: Table, column: &str) -> usize {
    let name = column.split('.').next().unwrap_or(column);
    let kind = nameable(table).find(|known| known.name == name).map(|known| known.kind);
    if matches!(kind, Some(Cells::Whole | Cells::Exact | Cells::Money)) { 1 } else { 4 }
}

/// The open expected row and the free found row that have the least between them, and half of it in common.
fn nearest(section: &Section, open: &[usize], found: &[Row], taken: &[bool]) -> Option<(usize, usize)> {
    let mut best: Option<(usize, usize, usize)> = None;
    for row in open {
        let expected = &section.rows[*row];
        let whole: usize = expected.cells.iter().map(|(column, _)| weight(section.table, column)).sum();
        for at in (0..found.len()).filter(|at| !taken[*at]) {
            let differ = differing(expected, &found[at]);
            let apart: usize = differ.iter().map(|column| weight(section.table, column)).sum();
            if apart * 2 <= whole && best.is_none_or(|(least, _, _)| apart < least) {
                best = Some((apart, *row, at));
            }
        }
    }
    best.map(|(_, row, at)| (row, at))
}

/// The columns that rows of the section name, in the order they are named; the usual ones when none is.
fn columns(section: &Section) -> Vec<String> {
    let mut columns: Vec<String> = Vec::new();
    for (column, _) in section.rows.iter().flat_map(|row| &row.cells) {
        if !columns.contains(column) {
            columns.push(column.clone());
        }
    }
    if columns.is_empty() {
        columns = usual(section.table).iter().map(|column| (*column).to_owned()).collect();
    }
    columns
}

fn usual(table: Table) -> &'static [&'static str] {
    match table {
        Table::InvoiceLines => &["subscription_id", "charge", "tier", "quantity", "amount_net"],
        Table::InvoiceTaxes => &["charge", "tax", "taxable_amount", "amount"],
        Table::InvoiceSubtotals => &["account_id", "product", "amount_net", "amount_tax"],
        Table::LineDiscounts => &["charge", "discount", "amount"],
        Table::Invoices => &["bill_to_account_id", "currency", "amount_net", "amount_tax"],
        Table::CreditDraws => &["credit_id", "bill_to_account_id", "amount"],
        Table::CreditBalances => &["credit_id", "opening", "drawn", "expired", "left"],
        Table::Suspense => &["record_id", "reason", "field", "detail"],
        Table::UsageBuckets => &["subscription_id", "meter", "dimensions", "day", "quantity"],
        Table::Levels => &["subscription_id", "meter", "dimensions", "level"],
        Table::RatedUsage => &["charge", "tier", "quantity", "amount_rated"],
        Table::CommitmentShares => &["subscription_id", "commitment", "amount_covered"],
        Table::CommitmentBalances => &["subscription_id", "commitment", "period", "billed"],
        Table::Notices => &["account_id", "subscription_id", "threshold", "reached"],
        Table::AllowanceDraws => &["subscription_id", "charge", "allowance", "granted_period", "quantity", "amount"],
        Table::AllowanceBalances => &["subscription_id", "allowance", "granted_period", "used", "left"],
        Table::ControlTotals => &["scope", "measure", "value"],
        Table::Adjustments => &["adjusts_line_id", "cause", "quantity", "amount_net"],
        Table::AdjustmentTaxes => &["adjusts_line_id", "tax", "amount"],
        Table::UsageFiles => &["source", "file", "day", "read", "rated"],
        Table::UsageRecords => &["source", "file", "row", "verdict"],
    }
}

fn cells(row: &Row, columns: &[String]) -> Vec<String> {
    columns.iter().map(|column| text(row, column).to_owned()).collect()
}

fn wrong(expected: &ExpectedRow, near: Option<&Row>, columns: &[String]) -> Wrong {
    let named = |column: &String| expected.cells.iter().find(|(name, _)| name == column).map(|(_, text)| text.clone());
    Wrong {
        wrong: if near.is_some() { Kind::Differs } else { Kind::Missing },
        line: Some(expected.place.line),
        expected: Some(columns.iter().map(named).collect()),
        found: near.map(|row| cells(row, columns)),
        differing: near.map_or_else(Vec::new, |row| differing(expected, row).into_iter().map(str::to_owned).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Place;

    fn expected(cells: &[(&str, &str)]) -> ExpectedRow {
        let cells = cells.iter().map(|(column, text)| ((*column).to_owned(), (*text).to_owned())).collect();
        ExpectedRow { place: Place::row("a.test.yaml", 1), cells }
    }

    fn found(rows: &[(&str, &str)]) -> Vec<Row> {
        let row = |(charge, net): &(&str, &str)| {
            Row::from([("charge".to_owned(), (*charge).to_owned()), ("amount_net".to_owned(), (*net).to_owned())])
        };
        rows.iter().map(row).collect()
    }

    fn compare(section: &Section, found: &[Row]) -> Option<Difference> {
        super::compare(section, found, &|_| None)
    }

    fn section(whole: bool, rows: Vec<ExpectedRow>) -> Section {
        Section { key: "lines", table: Table::InvoiceLines, whole, rows }
    }

    #[test]
    fn a_row_that_fits_several_leaves_the_one_that_another_needs() {
        let rows = vec![expected(&[("charge", "a")]), expected(&[("charge", "a"), ("amount_net", "1")])];
        assert!(compare(&section(true, rows), &found(&[("a", "1"), ("a", "2")])).is_none());
    }

    #[test]
    fn a_row_is_set_beside_the_one_it_is_nearest_to() {
        let rows =
            vec![expected(&[("charge", "b"), ("amount_net", "2")]), expected(&[("charge", "c"), ("amount_net", "9")])];
        let difference = compare(&section(true, rows), &found(&[("a", "2"), ("b", "1"), ("x", "3")])).unwrap();
        let kinds: Vec<Kind> = difference.rows.iter().map(|row| row.wrong).collect();
        assert_eq!(kinds, [Kind::Differs, Kind::Missing, Kind::Unexpected, Kind::Unexpected]);
        assert_eq!(difference.rows[0].differing, ["amount_net"]);
        assert_eq!(difference.rows[0].found.as_deref(), Some(&["b".to_owned(), "1".to_owned()][..]));
    }

    #[test]
    fn what_is_only_included_may_stand_among_others() {
        let rows = vec![expected(&[("charge", "b")])];
        assert!(compare(&section(false, rows.clone()), &found(&[("a", "1"), ("b", "1")])).is_none());
        assert!(compare(&section(true, rows), &found(&[("a", "1"), ("b", "1")])).is_some());
        assert!(compare(&section(true, Vec::new()), &found(&[])).is_none());
    }
}
