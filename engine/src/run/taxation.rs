//! Billed lines -> tax rows: who is asked for the taxes, what of a line's amount was tax already, and what becomes of lines
//! that nobody has a tax for.

use std::collections::BTreeMap;

use super::Job;
use super::unpriced::Unpriced;
use crate::book::model::MissingTax;
use crate::fault::{Fault, Faults, Outcome, codes};
use crate::lines::{Levies, Levy, Line, LineKind, TaxRow, is_payable};
use crate::money::Decimal;
use crate::pieces::in_order;
use crate::tax::{TaxSource, TaxTable, Taxable, Taxation, Untaxed};

/// Lines taxed as one piece of parallel work.
const LINES: usize = 1 << 14;
/// Faults told at most; the others are counted.
const TOLD: usize = 50;
/// What a row says that stands for a missing tax.
const MISSING: &str = "no rate for the jurisdiction and category";

/// The taxes of all lines.
#[derive(Debug, Default)]
pub(super) struct Taxed {
    /// In the order of the lines.
    pub(super) rows: Vec<TaxRow>,
    /// The taxes that rows name.
    pub(super) levies: Levies,
    /// Lines that have no tax although they should.
    pub(super) lines_without_tax: u64,
}

/// Taxes the lines by the reference tables, if there are rates; taxes that a price includes come off their net.
///
/// # Errors
/// Those of [`by`].
pub(super) fn by_table(job: &Job<'_>, lines: &mut [Line]) -> Outcome<Taxed> {
    if job.pipeline.reference.tax_rates.is_none() {
        return Ok(Taxed::default());
    }
    let table = TaxTable::new(job.reference, job.period, job.book.rounding, job.book.tax);
    by(job, &table, lines)
}

/// Taxes the lines by what `source` says.
///
/// # Errors
/// `G003` for a tax that does not fit, `R020` for lines without a rate where the book refuses them.
pub(super) fn by(job: &Job<'_>, source: &dyn TaxSource, lines: &mut [Line]) -> Outcome<Taxed> {
    let taxation = ask(job, source, lines);
    let mut levies = source.levies();
    let mut rows = checked(job, lines, taxation.rows, &taxation.untaxed)?;
    let missing: Vec<u32> =
        taxation.untaxed.iter().filter(|(_, why)| *why == Untaxed::Missing).map(|(line, _)| *line).collect();
    let mut lines_without_tax = 0;
    match job.book.tax.missing {
        MissingTax::Fault => refused(job, lines, &missing)?,
        MissingTax::Suspense => {
            lines_without_tax = u64::try_from(missing.len()).unwrap_or(u64::MAX);
            mark(lines, &missing, &mut levies, &mut rows);
        }
        MissingTax::Untaxed => {}
    }
    for row in rows.iter().filter(|row| !row.included.is_zero()) {
        let net = &mut lines[row.line as usize].net;
        *net = net.minus(row.included).ok_or_else(|| Fault::ours("an included tax is larger than its line"))?;
    }
    Ok(Taxed { rows, levies, lines_without_tax })
}

/// What the source says of all lines, in their order.
fn ask(job: &Job<'_>, source: &dyn TaxSource, lines: &[Line]) -> Taxation {
    let taxable = |(number, line): (usize, &Line)| of_line(job, number, line);
    // Adjustments have the taxes of the period they adjust.
    let own = |(_, line): &(usize, &Line)| line.kind != LineKind::Adjustment;
    if !source.line_by_line() {
        let all: Vec<Taxable<'_>> = lines.iter().enumerate().filter(own).map(taxable).collect();
        return source.taxes(&all);
    }
    let mut all = Taxation::default();
    let taxed = |_: &mut (), (at, lines): (usize, &[Line])| {
        let lines: Vec<Taxable<'_>> = (at * LINES..).zip(lines).filter(own).map(taxable).collect();
        source.taxes(&lines)
    };
    in_order(lines.chunks(LINES).enumerate().collect(), taxed, |own: Taxation, share| {
        share.grow(&mut all.rows, own.rows.len());
        all.rows.extend(own.rows);
        all.untaxed.extend(own.untaxed);
    });
    all
}

pub(super) fn of_line<'j>(job: &'j Job<'_>, number: usize, line: &Line) -> Taxable<'j> {
    let subscription = &job.reference.subscriptions[line.subscription as usize];
    let account = &job.reference.accounts[subscription.account as usize];
    Taxable {
        line: u32::try_from(number).unwrap_or(u32::MAX),
        account: subscription.account,
        invoice: (account.bill_to, &account.currency),
        jurisdiction: job.reference.tax_jurisdiction(subscription),
        category: &job.book.products[job.book.charges[line.charge as usize].product].tax_category,
        amount: line.net,
        digits: account.minor_digits,
    }
}

/// The rows, when all their amounts fit.
fn checked(job: &Job<'_>, lines: &[Line], rows: Vec<TaxRow>, untaxed: &[(u32, Untaxed)]) -> Outcome<Vec<TaxRow>> {
    let mut unpriced = Unpriced::default();
    let large = |row: &&TaxRow| !(is_payable(row.amount) && is_payable(row.taxable));
    let of_rows = rows.iter().filter(large).map(|row| row.line);
    let of_lines = untaxed.iter().filter(|(_, why)| *why == Untaxed::TooLarge).map(|(line, _)| *line);
    of_rows.chain(of_lines).for_each(|line| unpriced.tax(job, &lines[line as usize]));
    unpriced.told()?;
    Ok(rows)
}

/// A fault for each jurisdiction and category without a rate.
fn refused(job: &Job<'_>, lines: &[Line], missing: &[u32]) -> Outcome<()> {
    let mut of: BTreeMap<(&str, &str), (&Line, usize)> = BTreeMap::new();
    for number in missing {
        let line = &lines[*number as usize];
        let taxable = of_line(job, *number as usize, line);
        of.entry((taxable.jurisdiction, taxable.category)).or_insert((line, 0)).1 += 1;
    }
    let mut faults = Faults::default();
    let more = of.len().saturating_sub(TOLD);
    for ((jurisdiction, category), (line, count)) in of.into_iter().take(TOLD) {
        let subscription = &job.reference.subscriptions[line.subscription as usize];
        let account = &job.reference.accounts[subscription.account as usize];
        let charge = &job.book.charges[line.charge as usize].id;
        let whose = format!("account `{}`, subscription `{}`, charge `{charge}`", account.id, subscription.id);
        let which = if category.is_empty() { String::new() } else { format!(" for the tax category `{category}`") };
        let what = match jurisdiction {
            "" => format!("{whose}: there is no tax jurisdiction"),
            jurisdiction => format!("{whose}: tax_rates has no rate of `{jurisdiction}`{which}"),
        };
        let others = if count > 1 { format!(" ({count} lines)") } else { String::new() };
        let hint = match jurisdiction {
            "" => "give the account or its subscription a `tax_jurisdiction`",
            _ => "add the rate, 0 where nothing is due",
        };
        let hint = format!("{hint}; or exempt the account, or say `tax: {{ missing: untaxed }}` in the book");
        faults.push(Fault::new(&codes::R020, format!("{what}{others}")).at(&account.place).hint(hint));
    }
    if more > 0 {
        faults.push(Fault::new(&codes::R020, format!("{more} more faults like these are not shown")));
    }
    faults.or(())
}

/// Gives every line without a tax a row that says so.
fn mark(lines: &[Line], missing: &[u32], levies: &mut Levies, rows: &mut Vec<TaxRow>) {
    let rate = u32::try_from(levies.rates.len()).unwrap_or(u32::MAX);
    levies.rates.push(Levy { reason: MISSING.to_owned(), ..Levy::default() });
    rows.extend(missing.iter().map(|line| TaxRow {
        line: *line,
        rate,
        relief: None,
        taxable: lines[*line as usize].net,
        amount: Decimal::ZERO,
        included: Decimal::ZERO,
    }));
    rows.sort_by_key(|row| row.line);
}
