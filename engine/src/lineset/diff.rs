//! What changed between two committed line sets, to the last minor unit: by account, product and charge, and line by line.
//!
//! Lines are the same line when they have the same id, the hash of what they stand for; so lines of different periods never
//! are, and only sums can be compared then. Amounts are whole numbers of 0.0001 here, as the tables hold them: sums of any
//! number of lines stay exact.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{AddAssign, Sub};

use hashbrown::HashMap;

use super::Manifest;
use super::survey::{Kept, Survey};
use crate::fault::{Fault, Outcome, codes};
use crate::money::plain_digits;
use crate::store::Location;

mod rows;

use rows::{Keys, Line, Read};

/// A line set that is compared.
#[derive(Clone, Debug)]
pub struct Side<'s> {
    /// The output it lies in.
    pub output: &'s Location,
    /// Its period.
    pub period: &'s str,
    /// Number of its manifest.
    pub number: u32,
    /// Its manifest.
    pub manifest: &'s Manifest,
}

/// Net, tax and gross, in 0.0001 of a currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amounts {
    /// After discount, before tax.
    pub net: i128,
    /// Taxes.
    pub tax: i128,
}

/// Digits after the point of the amounts of the tables.
const SCALE: usize = 4;

impl Amounts {
    /// Net and tax.
    #[must_use]
    pub fn gross(self) -> i128 {
        self.net + self.tax
    }

    /// Net, tax and gross as decimal texts.
    #[must_use]
    pub fn texts(self) -> [String; 3] {
        [self.net, self.tax, self.gross()].map(|units| plain_digits(units, SCALE))
    }
}

impl AddAssign for Amounts {
    fn add_assign(&mut self, other: Self) {
        self.net += other.net;
        self.tax += other.tax;
    }
}

impl Sub for Amounts {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self { net: self.net - other.net, tax: self.tax - other.tax }
    }
}

/// The lines of one key in both line sets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Lines in the first.
    pub lines_a: u64,
    /// Lines in the second.
    pub lines_b: u64,
    /// Amounts in the first.
    pub a: Amounts,
    /// Amounts in the second.
    pub b: Amounts,
}

impl Sums {
    /// Second less first.
    #[must_use]
    pub fn change(&self) -> Amounts {
        self.b - self.a
    }

    fn add(&mut self, second: bool, amounts: Amounts) {
        let (lines, sum) = if second { (&mut self.lines_b, &mut self.b) } else { (&mut self.lines_a, &mut self.a) };
        *lines += 1;
        *sum += amounts;
    }
}

/// What lines are added up by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum By {
    /// Nothing but the currency.
    Total,
    /// The account that used or subscribed.
    Account,
    /// The product.
    Product,
    /// The charge.
    Charge,
}

/// A line that is not the same in both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Its id.
    pub line_id: String,
    /// Its account.
    pub account: String,
    /// Its charge.
    pub charge: String,
    /// Its currency.
    pub currency: String,
    /// What it comes to in both; no lines where it is not.
    pub sums: Sums,
    /// The columns that differ, `tax` for its taxes; empty when it is in one of them only.
    pub fields: Vec<String>,
}

/// What changed.
#[derive(Clone, Debug, Default)]
pub struct Diff {
    /// By what, currency and key: what both come to. Biggest change of the gross amount first in each currency.
    pub sums: BTreeMap<By, Vec<(String, String, Sums)>>,
    /// Lines that are the same in both.
    pub same: u64,
    /// Lines that are not, biggest change of the gross amount first in each currency.
    pub moved: Vec<Moved>,
    /// The columns that differ, and in how many lines.
    pub fields: BTreeMap<String, u64>,
}

/// The line set that is called so: `PERIOD/NUMBER`, or a run id, or as much of one as no other begins with.
///
/// # Errors
/// `O013` when there is no such line set, or more than one.
pub fn side<'s>(output: &'s Location, survey: &'s Survey, name: &str) -> Outcome<Side<'s>> {
    let all = survey.periods.iter().flat_map(|runs| {
        let side = |(number, kept): (&u32, &'s Kept<Manifest>)| Side {
            output,
            period: &runs.period,
            number: *number,
            manifest: &kept.says,
        };
        runs.manifests.iter().map(side)
    });
    let is_meant = |side: &Side<'_>| match name.split_once('/') {
        Some((period, number)) => side.period == period && number.parse() == Ok(side.number),
        None => !name.is_empty() && side.manifest.run_id.starts_with(name),
    };
    let found: Vec<Side<'_>> = all.filter(is_meant).collect();
    let ids: BTreeSet<&str> = found.iter().map(|side| side.manifest.run_id.as_str()).collect();
    // The same facts committed twice are one line set.
    match (ids.len(), found.last()) {
        (1, Some(side)) => Ok(side.clone()),
        (count, _) => {
            let what = if count == 0 { "no line set is".to_owned() } else { format!("{count} line sets are") };
            let hint = "name it PERIOD/NUMBER, such as 2026-10/2, or by its run id; `ratemill status` shows both";
            Err(Fault::new(&codes::O013, format!("{what} called `{name}`")).hint(hint).into())
        }
    }
}

/// Compares two line sets; line by line only when they are of one period.
///
/// # Errors
/// `O001` when a file cannot be read, `O006` when it is not what was committed.
pub async fn diff(a: &Side<'_>, b: &Side<'_>) -> Outcome<Diff> {
    let matched = a.period == b.period;
    let mut keys = Keys::default();
    let mut sums: HashMap<(By, u32, u32), Sums> = HashMap::new();
    let mut first: HashMap<u128, Line> = HashMap::new();
    let mut diff = Diff::default();
    let read_a = Read::of(a.output, a.manifest).await?;
    let read_b = Read::of(b.output, b.manifest).await?;
    let columns = read_a.columns_of_both(&read_b);
    let mut twice = false;
    read_a
        .lines(&columns, &mut keys, |line| {
            add(&mut sums, &line, false);
            twice |= matched && first.insert(line.id, line).is_some();
        })
        .await?;
    if twice {
        return Err(Fault::ours(format!("run {} has two lines of one id", a.manifest.run_id)).into());
    }
    let mut moved: Vec<(Line, Sums, Vec<String>)> = Vec::new();
    read_b
        .lines(&columns, &mut keys, |line| {
            add(&mut sums, &line, true);
            let Some(old) = first.remove(&line.id) else {
                if matched {
                    moved.push(alone(line, true));
                }
                return;
            };
            let fields = changed(&columns, &old, &line);
            if fields.is_empty() {
                diff.same += 1;
                return;
            }
            fields.iter().for_each(|field| *diff.fields.entry(field.clone()).or_default() += 1);
            let both = Sums { lines_a: 1, lines_b: 1, a: old.amounts, b: line.amounts };
            moved.push((line, both, fields));
        })
        .await?;
    moved.extend(first.into_values().map(|line| alone(line, false)));
    diff.moved = moved.into_iter().map(|(line, sums, fields)| keys.moved(&line, sums, fields)).collect();
    diff.moved
        .sort_by(|a, b| (&a.currency, biggest(&a.sums), &a.line_id).cmp(&(&b.currency, biggest(&b.sums), &b.line_id)));
    diff.sums = sorted(sums, &keys);
    Ok(diff)
}

/// Adds a line to what it belongs to.
fn add(sums: &mut HashMap<(By, u32, u32), Sums>, line: &Line, second: bool) {
    let keys = [(By::Total, line.currency), (By::Account, line.account), (By::Product, line.product)];
    for (by, key) in keys.into_iter().chain([(By::Charge, line.charge)]) {
        sums.entry((by, line.currency, key)).or_default().add(second, line.amounts);
    }
}

fn alone(line: Line, second: bool) -> (Line, Sums, Vec<String>) {
    let mut sums = Sums::default();
    sums.add(second, line.amounts);
    (line, sums, Vec::new())
}

/// The columns that differ, in their order; `tax` when only the taxes of the line do.
fn changed(columns: &[String], old: &Line, new: &Line) -> Vec<String> {
    let pairs = columns.iter().zip(old.columns.iter().zip(&new.columns));
    let mut fields: Vec<String> = pairs.filter(|(_, (old, new))| old != new).map(|(name, _)| name.clone()).collect();
    if old.amounts.tax != new.amounts.tax {
        fields.push("tax".to_owned());
    }
    fields
}

/// Sorts the biggest change first.
fn biggest(sums: &Sums) -> (std::cmp::Reverse<u128>, std::cmp::Reverse<u128>) {
    let change = sums.change();
    (std::cmp::Reverse(change.gross().unsigned_abs()), std::cmp::Reverse(change.net.unsigned_abs()))
}

fn sorted(sums: HashMap<(By, u32, u32), Sums>, keys: &Keys) -> BTreeMap<By, Vec<(String, String, Sums)>> {
    let mut sorted: BTreeMap<By, Vec<(String, String, Sums)>> = BTreeMap::new();
    for ((by, currency, key), sums) in sums {
        sorted.entry(by).or_default().push((keys.text(currency), keys.text(key), sums));
    }
    for rows in sorted.values_mut() {
        rows.sort_by(|(currency, key, sums), (other_currency, other_key, others)| {
            (currency, biggest(sums), key).cmp(&(other_currency, biggest(others), other_key))
        });
    }
    sorted
}
