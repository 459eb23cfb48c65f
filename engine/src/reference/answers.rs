//! The answers of a tax service: a table like any other, whose rows are the taxes of the lines that were asked about.

use bytes::Bytes;
use chrono_tz::Tz;
use hashbrown::{HashMap, HashSet};

use super::check::{Checker, Column};
use super::table::Table;
use super::taxes::category_code;
use crate::fault::{Fault, Faults, Located, Outcome, codes};
use crate::money::Decimal;

/// A line that was asked about.
#[derive(Clone, Copy, Debug)]
pub struct AskedLine<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its jurisdiction; what an answer means that names none.
    pub jurisdiction: &'a str,
    /// Its net amount; what an answer is of that says no taxable amount.
    pub amount: Decimal,
    /// Digits of the currency's minor unit.
    pub digits: u32,
}

/// A tax on a line.
#[derive(Clone, Debug)]
pub struct TaxAnswer {
    /// Position of the line.
    pub line: u32,
    /// Name of the tax.
    pub tax: String,
    /// Who levies it.
    pub jurisdiction: String,
    /// Percent.
    pub percent: Decimal,
    /// What it is taken of.
    pub taxable: Decimal,
    /// The tax.
    pub amount: Decimal,
    /// Code of the kind of tax (UNCL5305); empty for the usual one.
    pub category_code: String,
    /// Why, in words; may be empty.
    pub reason: String,
    /// Whether the account is exempt from it.
    pub exempt: bool,
}

const REQUIRED: [&str; 3] = ["line_id", "tax", "amount"];
const OPTIONAL: [&str; 6] = ["tax_jurisdiction", "rate_percent", "taxable_amount", "category_code", "reason", "exempt"];

/// Checks the answers in `bytes` against the lines that were asked about; sorted by line, of one line as they stand. A row
/// with a blank `tax` says that its line bears none.
///
/// # Errors
/// `R001` to `R005` for rows that cannot be meant, `U007` when a line has no answer.
pub fn tax_answers(path: &Located, bytes: Bytes, asked: &[AskedLine<'_>], timezone: Tz) -> Outcome<Vec<TaxAnswer>> {
    let table = Table::open(path, bytes)?;
    let mut checker = Checker::new(&table, timezone);
    if !checker.columns(&REQUIRED, &OPTIONAL) {
        return checker.finish(Vec::new());
    }
    let lines: HashMap<&str, u32> = (0..).zip(asked).map(|(at, line)| (line.id, at)).collect();
    let mut answered = vec![false; asked.len()];
    let mut known: HashSet<(u32, &str, &str)> = HashSet::new();
    let mut answers = Vec::with_capacity(table.rows());
    for row in 0..table.rows() {
        let [id, tax, jurisdiction] = ["line_id", "tax", "tax_jurisdiction"].map(|name| checker.column(name));
        let Some(text) = checker.required(row, id) else { continue };
        let Some(line) = lines.get(text).copied() else {
            checker.fault(row, &codes::R005, || {
                (format!("no line `{text}` was asked about"), "answer the lines of the requests of this run".to_owned())
            });
            continue;
        };
        answered[line as usize] = true;
        let (tax, by) = (checker.blankable(row, tax), checker.blankable(row, jurisdiction));
        if !known.insert((line, tax, by)) {
            checker.fault(row, &codes::R004, || {
                (format!("line `{text}` has the tax `{tax}` twice"), "answer every tax of a line once".to_owned())
            });
        }
        answers.extend(answer(&mut checker, row, (line, &asked[line as usize]), tax));
    }
    answers.sort_by_key(|answer| answer.line);
    let mut faults = Faults::default();
    let answers = faults.keep(checker.finish(answers));
    let missing = answered.iter().filter(|answered| !**answered).count();
    if let Some(first) = answered.iter().position(|answered| !answered).and_then(|at| asked.get(at)) {
        let message = format!("{missing} of {} lines have no answer; the first is `{}`", asked.len(), first.id);
        let hint = "a line without tax is answered by a row with a blank `tax`";
        faults.push(Fault::new(&codes::U007, message).at(&table.whole()).hint(hint));
    }
    faults.or(answers.unwrap_or_default())
}

/// The tax of a row; `None` for a line without tax, or after a fault.
fn answer(checker: &mut Checker<'_>, row: usize, line: (u32, &AskedLine<'_>), tax: &str) -> Option<TaxAnswer> {
    let (number, line) = line;
    let [jurisdiction, percent, taxable, code, reason, exempt] = OPTIONAL.map(|name| checker.column(name));
    let amount_column = checker.column("amount");
    let amount = money(checker, row, amount_column, Decimal::ZERO, line.digits);
    let taxable = money(checker, row, taxable, line.amount, line.digits);
    let percent = checker.decimal(row, percent, Some(Decimal::ZERO));
    let code = category_code(checker, row, code);
    let exempt_text = checker.flag(row, exempt);
    let nothing = tax.is_empty() || exempt_text == Some(true);
    if nothing && amount.is_some_and(|amount| !amount.is_zero()) {
        let why = if tax.is_empty() { "an amount of no tax" } else { "an amount of who is exempt" };
        checker.bad(row, amount_column, why, "name the tax, or write 0");
    }
    if tax.is_empty() {
        return None;
    }
    let own = checker.blankable(row, jurisdiction);
    Some(TaxAnswer {
        line: number,
        tax: tax.to_owned(),
        jurisdiction: if own.is_empty() { line.jurisdiction.to_owned() } else { own.to_owned() },
        percent: percent?,
        taxable: taxable?,
        amount: amount?,
        category_code: code?.to_owned(),
        reason: checker.blankable(row, reason).to_owned(),
        exempt: exempt_text?,
    })
}

/// An amount in whole minor units.
fn money(checker: &mut Checker<'_>, row: usize, column: Column, blank: Decimal, digits: u32) -> Option<Decimal> {
    let amount = checker.decimal(row, column, Some(blank))?;
    if amount.rounded(digits, crate::money::Rounding::Down) != Some(amount) {
        checker.bad(
            row,
            column,
            "more digits than its currency has",
            "round it to the minor unit of the line's currency",
        );
        return None;
    }
    Some(amount)
}
