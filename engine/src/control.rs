//! Control totals: the counts and sums of a run that must agree between the rooms, as typed values.
//!
//! Separate from the stages that count and from the engines that recount, because all of them must mean the same by a
//! name: [`rows`] gives every total its name, [`measures`] says how it is recomputed from the tables, [`memory`] does so
//! with DataFusion before anything is written, and `verify.rs` with Polars from what was written. Nothing here corrects
//! a number.

use serde::{Deserialize, Serialize};

use crate::fault::{Fault, Faults, Outcome, codes};
use crate::money::Decimal;

pub mod measures;
pub mod memory;
pub mod rows;

pub use memory::{Compared, MemoryCheck, recount_part};

/// All control totals of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ControlTotals {
    /// One for every input file.
    pub files: Vec<FileTotals>,
    /// One for every meter.
    pub meters: Vec<MeterTotals>,
    /// One for every usage charge.
    pub charges: Vec<ChargeTotals>,
    /// One for every allowance that somebody has.
    pub allowances: Vec<AllowanceTotals>,
    /// One for every currency billed.
    pub currencies: Vec<CurrencyTotals>,
    /// Rows of the table `notices`.
    pub notices: u64,
    /// What has become of suspense, where something was decided of it.
    pub suspense: Option<SuspenseTotals>,
}

/// What has become of all records that are in suspense, or were when something was decided of them: the first is the sum of
/// the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuspenseTotals {
    /// All of them.
    pub came_in: u64,
    /// Recycled, and not in suspense any more.
    pub recycled: u64,
    /// Written off.
    pub written_off: u64,
    /// Open.
    pub open: u64,
}

/// Where the records of one input file went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileTotals {
    /// Its source.
    pub source: String,
    /// Its name, as in the `suspense` table.
    pub file: String,
    /// Records in the file, unreadable ones included.
    pub read: u64,
    /// Records that count in at least one meter.
    pub rated: u64,
    /// Records set aside.
    pub suspended: u64,
    /// Of those: written off.
    pub written_off: u64,
    /// Further copies of a record.
    pub duplicate: u64,
    /// Records of another period.
    pub out_of_window: u64,
    /// Records the mediation leaves out.
    pub filtered: u64,
}

/// What one meter counted, and what arrived in its buckets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MeterTotals {
    /// The meter.
    pub meter: String,
    /// Records metered at intake.
    pub records: u64,
    /// Records in the buckets.
    pub bucket_records: u64,
    /// Sum of the quantities at intake; `None` when the meter's aggregate is no sum.
    pub quantity_metered: Option<Decimal>,
    /// Sum of the quantities of all buckets, whatever the aggregate.
    pub quantity_in_buckets: Decimal,
}

/// What one usage charge was given to price, and what stands on its lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChargeTotals {
    /// The charge, as product/charge.
    pub charge: String,
    /// Quantity it was given.
    pub quantity_in_buckets: Decimal,
    /// Sum of the quantities of its usage and allowance lines.
    pub quantity_on_lines: Decimal,
    /// Of a charge that publishes its rated records: how many its lines have, and their unrounded amounts.
    pub itemised: Option<(u64, Decimal)>,
    /// Of a charge that has drawn on allowances: what its lines say is covered, and what was drawn.
    pub included: Option<Included>,
}

/// What allowances have covered of a charge: on its lines, and in the draws.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Included {
    /// Covered quantity of its lines.
    pub quantity_covered: Decimal,
    /// Sum of the quantities drawn.
    pub quantity_drawn: Decimal,
    /// Sum of the amounts drawn.
    pub amount_drawn: Decimal,
}

/// What there was of an allowance, and what has become of it, over all who have it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowanceTotals {
    /// Its name in the tables.
    pub allowance: String,
    /// Granted in the period, or left of earlier ones.
    pub granted: Decimal,
    /// Used in the period.
    pub used: Decimal,
    /// Expired with the period.
    pub expired: Decimal,
    /// Left for the next one.
    pub left: Decimal,
    /// Sum of the quantities drawn. Every charge on a meter draws on the whole of a quantity, so it can be more than was
    /// used.
    pub quantity_drawn: Decimal,
    /// Sum of the amounts drawn.
    pub amount_drawn: Decimal,
}

/// What is billed in one currency, by lines, taxes and invoices, each summed on its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CurrencyTotals {
    /// ISO 4217 code.
    pub currency: String,
    /// Invoice lines.
    pub lines: u64,
    /// Sum of the lines before discount.
    pub amount_list: Decimal,
    /// Sum of the lines' discounts.
    pub amount_discount: Decimal,
    /// Sum of what the lines' prices include in taxes.
    pub amount_tax_included: Decimal,
    /// Sum of the lines after discount, before tax.
    pub amount_net: Decimal,
    /// Rows of `line_discounts`.
    pub line_discounts: u64,
    /// Their sum.
    pub amount_line_discounts: Decimal,
    /// Sum of the tax rows.
    pub amount_tax: Decimal,
    /// Sum of what tax rows say is included in prices.
    pub tax_included: Decimal,
    /// Invoices.
    pub invoices: u64,
    /// Sum of the invoices' line counts.
    pub invoice_lines: u64,
    /// Sum of the invoices' net amounts.
    pub invoice_net: Decimal,
    /// Sum of the invoices' taxes.
    pub invoice_tax: Decimal,
    /// Sum of the invoices' gross amounts.
    pub invoice_gross: Decimal,
    /// Sum of the net that sub-totals say is of their own account.
    pub subtotal_net: Decimal,
    /// Sum of the taxes that they say are.
    pub subtotal_tax: Decimal,
    /// Sum of what credits pay of the invoices.
    pub invoice_credit: Decimal,
    /// Sum of what is left to pay of the invoices.
    pub invoice_payable: Decimal,
    /// Sum of the draws of credits.
    pub credits_paid: Decimal,
    /// Sum of the credits before the period.
    pub credits_opening: Decimal,
    /// Sum of what was drawn, by the balances of the credits.
    pub credits_drawn: Decimal,
    /// Sum of the credits that were lost.
    pub credits_expired: Decimal,
    /// Sum of the credits after the period.
    pub credits_left: Decimal,
    /// Shares of commitments, and their sum.
    pub shares: (u64, Decimal),
    /// Balances of commitments, and their sum.
    pub balances: (u64, Decimal),
}

impl FileTotals {
    /// Every record that went somewhere.
    #[must_use]
    pub fn accounted(&self) -> u64 {
        self.rated + self.suspended + self.duplicate + self.out_of_window + self.filtered
    }

    /// Adds the counts of another file.
    pub fn add(&mut self, other: &Self) {
        self.read += other.read;
        self.rated += other.rated;
        self.suspended += other.suspended;
        self.written_off += other.written_off;
        self.duplicate += other.duplicate;
        self.out_of_window += other.out_of_window;
        self.filtered += other.filtered;
    }
}

impl ControlTotals {
    /// The records of all files together; source and file are blank.
    #[must_use]
    pub fn records(&self) -> FileTotals {
        let mut all = FileTotals::default();
        self.files.iter().for_each(|file| all.add(file));
        all
    }

    /// Checks every identity of the totals.
    ///
    /// # Errors
    /// One `G001` for each broken identity, with both numbers.
    pub fn reconcile(&self) -> Outcome<()> {
        let mut faults = Faults::default();
        self.files.iter().for_each(|file| reconcile_file(file, &mut faults));
        self.meters.iter().for_each(|meter| reconcile_meter(meter, &mut faults));
        for charge in &self.charges {
            let name = format!("charge {}", charge.charge);
            let (given, billed) = (charge.quantity_in_buckets, charge.quantity_on_lines);
            agree(&mut faults, &name, ("quantity in the buckets", given), ("on the lines", billed));
            if let Some(Included { quantity_covered, quantity_drawn, .. }) = charge.included {
                agree(&mut faults, &name, ("quantity covered", quantity_covered), ("drawn", quantity_drawn));
            }
        }
        self.allowances.iter().for_each(|allowance| reconcile_allowance(allowance, &mut faults));
        self.currencies.iter().for_each(|currency| reconcile_currency(currency, &mut faults));
        if let Some(suspense) = &self.suspense {
            let records = self.records();
            suspense.reconcile(&mut faults);
            let open = count(records.suspended.saturating_sub(records.written_off));
            agree(&mut faults, "suspense", ("open", count(suspense.open)), ("in the files", open));
        }
        faults.or(())
    }
}

impl SuspenseTotals {
    /// Checks that nothing was lost between coming in and going out.
    pub fn reconcile(&self, faults: &mut Faults) {
        let out = count(self.recycled + self.written_off + self.open);
        agree(faults, "suspense", ("in", count(self.came_in)), ("recycled, written off and open", out));
    }
}

fn reconcile_file(file: &FileTotals, faults: &mut Faults) {
    if file.read != file.accounted() {
        let message = format!(
            "source {}, file {}: {} records read, but {} accounted for (rated {}, suspended {}, duplicate {}, out of \
             window {}, filtered {})",
            file.source,
            file.file,
            file.read,
            file.accounted(),
            file.rated,
            file.suspended,
            file.duplicate,
            file.out_of_window,
            file.filtered
        );
        faults.push(Fault::new(&codes::G001, message));
    }
}

fn reconcile_meter(meter: &MeterTotals, faults: &mut Faults) {
    let name = format!("meter {}", meter.meter);
    let (metered, held) = (count(meter.records), count(meter.bucket_records));
    agree(faults, &name, ("records metered", metered), ("in the buckets", held));
    if let Some(metered) = meter.quantity_metered {
        agree(faults, &name, ("quantity metered", metered), ("in the buckets", meter.quantity_in_buckets));
    }
}

fn reconcile_allowance(totals: &AllowanceTotals, faults: &mut Faults) {
    let name = format!("allowance {}", totals.allowance);
    let become_of = totals.used.plus(totals.expired).and_then(|sum| sum.plus(totals.left));
    match become_of {
        Some(sum) => agree(faults, &name, ("granted", totals.granted), ("used, expired and left", sum)),
        None => faults.push(Fault::new(&codes::G001, format!("{name}: the sums are out of range"))),
    }
    let drawn = totals.quantity_drawn.plus(totals.amount_drawn);
    if drawn.is_none_or(|drawn| drawn < totals.used) {
        let message = format!("{name}: {} is used, more than was drawn", totals.used);
        faults.push(Fault::new(&codes::G001, message));
    }
}

fn reconcile_currency(totals: &CurrencyTotals, faults: &mut Faults) {
    let name = format!("currency {}", totals.currency);
    let mut same = |left, right| agree(faults, &name, left, right);
    let (lines, net, tax) = (count(totals.lines), totals.amount_net, totals.amount_tax);
    same(("lines", lines), ("line counts of the invoices", count(totals.invoice_lines)));
    same(("discount of the lines", totals.amount_discount), ("in line_discounts", totals.amount_line_discounts));
    same(("net of the lines", net), ("net of the invoices", totals.invoice_net));
    same(("tax of the lines", tax), ("tax of the invoices", totals.invoice_tax));
    same(("net of the sub-totals", totals.subtotal_net), ("net of the invoices", totals.invoice_net));
    same(("tax of the sub-totals", totals.subtotal_tax), ("tax of the invoices", totals.invoice_tax));
    let included = totals.amount_tax_included;
    same(("tax included in the lines", included), ("in the tax rows", totals.tax_included));
    let less = totals.amount_list.minus(totals.amount_discount).and_then(|less| less.minus(included));
    match (less, net.plus(tax)) {
        (Some(less), Some(gross)) => {
            same(("net of the lines", net), ("list less discount and included tax", less));
            same(("gross of the invoices", totals.invoice_gross), ("net and tax", gross));
        }
        _ => faults.push(Fault::new(&codes::G001, format!("{name}: the sums are out of range"))),
    }
    reconcile_credits(totals, &name, faults);
}

fn reconcile_credits(totals: &CurrencyTotals, name: &str, faults: &mut Faults) {
    let mut same = |left, right| agree(faults, name, left, right);
    let (paid, drawn) = (totals.credits_paid, totals.credits_drawn);
    same(("credit on the invoices", totals.invoice_credit), ("drawn from credits", paid));
    same(("drawn from credits", paid), ("drawn by their balances", drawn));
    let rest = drawn.plus(totals.credits_expired).and_then(|sum| sum.plus(totals.credits_left));
    match (totals.invoice_gross.minus(totals.invoice_credit), rest) {
        (Some(payable), Some(accounted)) => {
            same(("payable of the invoices", totals.invoice_payable), ("gross less credit", payable));
            same(("credits before", totals.credits_opening), ("drawn, expired and left", accounted));
        }
        _ => faults.push(Fault::new(&codes::G001, format!("{name}: the sums of credits are out of range"))),
    }
}

fn agree(faults: &mut Faults, of: &str, left: (&str, Decimal), right: (&str, Decimal)) {
    if left.1 != right.1 {
        let message = format!("{of}: {} is {}, but {} is {}", left.0, left.1, right.0, right.1);
        faults.push(Fault::new(&codes::G001, message));
    }
}

/// A count as an exact number: every u64 fits.
pub(crate) fn count(number: u64) -> Decimal {
    Decimal::from_units(i128::from(number) * Decimal::ONE.units())
}

#[cfg(test)]
pub(crate) mod tests;
