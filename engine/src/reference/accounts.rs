//! The accounts table: one row per account of any level.

use std::collections::BTreeSet;

use chrono_tz::Tz;

use super::check::{Checker, Column};
use super::hierarchy::{DEEPEST, ancestry, cycles};
use super::ids::Ids;
use super::model::{Account, Exemptions, Index};
use super::nearest::same_letters;
use super::table::Table;
use crate::fault::{Outcome, codes};
use crate::money::currency::minor_digits;

const REQUIRED: [&str; 2] = ["account_id", "currency"];
/// `segment`, `timezone` and `invoice_template` have a meaning, but live among the custom columns.
const OPTIONAL: [&str; 7] =
    ["parent_id", "level", "name", "bill_to", "tax_jurisdiction", "tax_exemptions", "bill_cycle_day"];
/// Accounts of a cycle printed at most.
const CYCLE_SHOWN: usize = 20;

/// Checks the accounts; the result is sorted by id. `taxes` are the names of all taxes.
pub(super) fn accounts(
    table: &Table,
    ids: Option<&Ids<'_>>,
    taxes: &BTreeSet<&str>,
    timezone: Tz,
) -> Outcome<Vec<Account>> {
    let mut checker = Checker::new(table, timezone);
    let complete = checker.columns(&REQUIRED, &OPTIONAL);
    let Some(ids) = ids.filter(|_| complete) else { return checker.finish(Vec::new()) };
    let id = checker.column("account_id");
    for row in 0..table.rows() {
        checker.required(row, id);
    }
    checker.unique(ids, id);
    let parents = parents(&mut checker, ids);
    let columns = Columns::of(&checker);
    let mut accounts = Vec::with_capacity(ids.rows.len());
    for (position, row) in (0..).zip(&ids.rows) {
        let lineage = Lineage { ids, parents: &parents, position };
        accounts.extend(account(&mut checker, &columns, &lineage, *row, taxes));
    }
    checker.finish(accounts)
}

/// The names of the columns that mean nothing to Ratemill itself.
pub(super) fn custom_columns(table: &Table) -> Vec<String> {
    let standard = |name: &str| REQUIRED.contains(&name) || OPTIONAL.contains(&name);
    table.columns.iter().filter(|name| !name.is_empty() && !standard(name)).cloned().collect()
}

struct Columns {
    level: Column,
    name: Column,
    currency: Column,
    bill_to: Column,
    jurisdiction: Column,
    exemptions: Column,
    cycle: Column,
}

impl Columns {
    fn of(checker: &Checker<'_>) -> Self {
        Self {
            level: checker.column("level"),
            name: checker.column("name"),
            currency: checker.column("currency"),
            bill_to: checker.column("bill_to"),
            jurisdiction: checker.column("tax_jurisdiction"),
            exemptions: checker.column("tax_exemptions"),
            cycle: checker.column("bill_cycle_day"),
        }
    }
}

/// An account's position in the tree.
struct Lineage<'a> {
    ids: &'a Ids<'a>,
    parents: &'a [Option<Index>],
    position: Index,
}

impl Lineage<'_> {
    fn upwards(&self) -> impl Iterator<Item = Index> {
        ancestry(self.parents, self.position)
    }

    fn root(&self) -> Index {
        self.upwards().last().unwrap_or(self.position)
    }

    fn path(&self) -> String {
        let mut names: Vec<&str> = self.upwards().map(|at| self.ids.name(at)).collect();
        names.reverse();
        names.join("/")
    }

    fn row(&self, account: Index) -> usize {
        self.ids.rows.get(account as usize).copied().unwrap_or_default()
    }
}

fn account(
    checker: &mut Checker<'_>,
    columns: &Columns,
    lineage: &Lineage<'_>,
    row: usize,
    taxes: &BTreeSet<&str>,
) -> Option<Account> {
    if lineage.upwards().count() > DEEPEST {
        let parent = checker.column("parent_id");
        checker.bad(row, parent, "more than 100 levels deep", "flatten the hierarchy");
        return None;
    }
    let currency = checker.currency(row, columns.currency);
    let named = checker.pointer(row, columns.bill_to, Some(lineage.ids), "accounts");
    let payers = lineage.upwards().map(|at| checker.blankable(lineage.row(at), columns.bill_to));
    // The nearest that says something; an id that does not exist is told of the account that names it.
    let payer = payers.into_iter().find(|payer| !payer.is_empty());
    let own = !checker.blankable(row, columns.bill_to).is_empty();
    let bill_to = match payer {
        Some(_) if own => named,
        Some(payer) => lineage.ids.find(payer).or(Some(lineage.root())),
        None => Some(lineage.root()),
    };
    let exemptions = exemptions(checker, columns.exemptions, row, taxes);
    check_cycle(checker, columns.cycle, row);
    let cycles = lineage.upwards().map(|at| checker.blankable(lineage.row(at), columns.cycle));
    let bill_cycle_day = cycles.into_iter().find(|text| !text.is_empty()).and_then(cycle_day).unwrap_or(1);
    let jurisdictions = lineage.upwards().map(|at| checker.blankable(lineage.row(at), columns.jurisdiction));
    Some(Account {
        id: lineage.ids.name(lineage.position).to_owned(),
        parent: lineage.parents.get(lineage.position as usize).copied().flatten(),
        level: checker.text(row, columns.level).to_owned(),
        name: checker.text(row, columns.name).to_owned(),
        minor_digits: minor_digits(currency?).unwrap_or(2),
        currency: currency?.to_owned(),
        bill_to: bill_to?,
        path: lineage.path(),
        tax_jurisdiction: jurisdictions.into_iter().find(|code| !code.is_empty()).unwrap_or("").to_owned(),
        exemptions,
        bill_cycle_day,
        custom: checker.custom(row),
        place: checker.table.place(row),
    })
}

/// A day that every month has.
fn cycle_day(text: &str) -> Option<u32> {
    let plain = text.len() <= 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten().filter(|day| (1..=28).contains(day))
}

fn check_cycle(checker: &mut Checker<'_>, column: Column, row: usize) {
    let text = checker.blankable(row, column);
    if !text.is_empty() && cycle_day(text).is_none() {
        checker.bad(row, column, "no day that every month has", "write a day from 1 to 28");
    }
}

/// The parent of each account. Orphans and cycles are reported and cut, so that every walk upwards ends.
fn parents(checker: &mut Checker<'_>, ids: &Ids<'_>) -> Vec<Option<Index>> {
    let column = checker.column("parent_id");
    let mut parents: Vec<Option<Index>> =
        ids.rows.iter().map(|row| checker.pointer(*row, column, Some(ids), "accounts")).collect();
    for cycle in cycles(&parents) {
        let Some(first) = cycle.first().copied() else { continue };
        let row = ids.rows.get(first as usize).copied().unwrap_or_default();
        checker.fault(row, &codes::R006, || {
            let mut names: Vec<&str> = cycle.iter().take(CYCLE_SHOWN).map(|at| ids.name(*at)).collect();
            names.extend((cycle.len() > CYCLE_SHOWN).then_some("..."));
            names.push(ids.name(first));
            let hint = "leave the `parent_id` of the topmost account blank".to_owned();
            (format!("the accounts are their own ancestors: {}", names.join(" -> ")), hint)
        });
        if let Some(parent) = parents.get_mut(first as usize) {
            *parent = None;
        }
    }
    parents
}

/// Reads `tax_exemptions`. A name no tax has is taken as it is (the tax may be gone) unless it is only spelt another
/// way: that account would pay a tax it is exempt from.
fn exemptions(checker: &mut Checker<'_>, column: Column, row: usize, taxes: &BTreeSet<&str>) -> Exemptions {
    let text = checker.text(row, column).trim();
    if text.is_empty() {
        return Exemptions::None;
    }
    if text.eq_ignore_ascii_case("all") {
        return Exemptions::All;
    }
    let names: BTreeSet<&str> = text.split(';').map(str::trim).filter(|name| !name.is_empty()).collect();
    for name in names.iter().filter(|name| !taxes.contains(*name)) {
        if let Some(near) = taxes.iter().find(|tax| same_letters(tax, name)) {
            checker.fault(row, &codes::R005, || {
                (format!("`tax_exemptions` names `{name}`, which is no tax"), format!("did you mean `{near}`?"))
            });
        }
    }
    Exemptions::Taxes(names.into_iter().map(str::to_owned).collect())
}
