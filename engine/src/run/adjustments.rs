//! Adjustments: what a closed period comes to more or less by what has become known since, billed in an open one.
//!
//! `rerate` leaves them beside the closed line set, line by line with their cause ([`delta`]). The earliest open period
//! after it bills each of them once, as lines of kind adjustment with the taxes that the closed period would have had.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Decimal128Type, TimestampMicrosecondType};
use hashbrown::HashMap;

use super::taxation::Taxed;
use super::{Job, Prepared};
use crate::columns::{named as column, texts_named};
use crate::fault::{Fault, Faults, Outcome, codes};
use crate::lines::{Band, Levy, Line, LineKind, Relief, TaxRow};
use crate::lineset::commit::periods;
use crate::lineset::manifest::Part;
use crate::lineset::parts::read_part;
use crate::lineset::{Manifest, current};
use crate::money::Decimal;
use crate::reference::model::Index;
use crate::store::Location;
use crate::tables::Table;

pub(super) mod delta;

/// Units of 10⁻¹⁸ in one of a `DECIMAL(18,4)`.
const MONEY: i128 = 100_000_000_000_000;

/// The adjustments that a run bills.
#[derive(Debug, Default)]
pub(crate) struct Adjustments {
    /// By account, subscription, charge and line.
    pub(super) rows: Vec<Adjustment>,
    /// By closed period: the digests of the parts they stand in.
    pub(super) bills: BTreeMap<String, Vec<String>>,
}

/// What one line of a closed period comes to more or less.
#[derive(Debug)]
pub(super) struct Adjustment {
    /// The run that found it.
    pub(super) run_id: String,
    /// The line it adjusts.
    pub(super) line_id: String,
    subscription: Index,
    charge: u32,
    price: u32,
    /// The tier of that line.
    pub(super) tier: String,
    quantity: Decimal,
    /// After discount, with included taxes.
    list: Decimal,
    net: Decimal,
    service: (i64, i64),
    taxes: Vec<Tax>,
}

#[derive(Debug)]
struct Tax {
    levy: Levy,
    relief: Option<Relief>,
    taxable: Decimal,
    amount: Decimal,
    included: Decimal,
}

/// The adjustments that the period of `prepared` has to bill: those of closed periods before it that no other period bills,
/// unless a period between is still open; or those that a run has `billed`.
///
/// # Errors
/// `O001`, `O005` and `O006` for manifests and parts that cannot be read; `R022` for a line whose subscription or charge is
/// not there any more.
pub(super) async fn due(
    prepared: &Prepared,
    output: &Location,
    billed: Option<&BTreeMap<String, Vec<String>>>,
) -> Outcome<Adjustments> {
    let label = &prepared.period.label;
    let mut all: Vec<Manifest> = Vec::new();
    for period in periods(output).await?.into_iter().filter(|period| period != label) {
        all.extend(current(output, &period).await?.map(|(_, manifest)| manifest));
    }
    let open = all.iter().filter(|manifest| manifest.closed.is_none() && manifest.period < *label);
    // What lies before an open period is billed there.
    let from = open.map(|manifest| manifest.period.clone()).max().unwrap_or_default();
    let mut due = Adjustments::default();
    let mut found: Vec<(&Part, &Part)> = Vec::new();
    for closed in all.iter().filter(|closed| closed.closed.is_some() && closed.period < *label && closed.period >= from)
    {
        let elsewhere = |part: &Part| {
            let lists = all.iter().filter_map(|other| other.adjusts.get(&closed.period));
            lists.flatten().any(|digest| *digest == part.digest)
        };
        let parts = |table: Table| closed.tables.get(table.name()).into_iter().flatten();
        for (lines, taxes) in parts(Table::Adjustments).zip(parts(Table::AdjustmentTaxes)) {
            let is_billed = |billed: &BTreeMap<String, Vec<String>>| {
                billed.get(&closed.period).is_some_and(|digests| digests.contains(&lines.digest))
            };
            if billed.map_or_else(|| !elsewhere(lines), is_billed) {
                due.bills.entry(closed.period.clone()).or_default().push(lines.digest.clone());
                found.push((lines, taxes));
            }
        }
    }
    let mut faults = Faults::default();
    for (lines, taxes) in found {
        let mut read = Reading { prepared, taxes: taxes_of(output, taxes).await? };
        for batch in read_part(output, Table::Adjustments, lines).await? {
            due.rows.extend(read.rows(&batch, &mut faults)?);
        }
    }
    due.rows.sort_by(|a, b| {
        (a.subscription, a.charge, &a.line_id, &a.run_id).cmp(&(b.subscription, b.charge, &b.line_id, &b.run_id))
    });
    faults.or(due)
}

impl Adjustments {
    /// Every digest, for the id of the run.
    pub(super) fn digests(&self) -> impl Iterator<Item = &str> {
        self.bills.values().flatten().map(String::as_str)
    }
}

async fn taxes_of(output: &Location, part: &Part) -> Outcome<HashMap<String, Vec<Tax>>> {
    let mut taxes: HashMap<String, Vec<Tax>> = HashMap::new();
    for batch in read_part(output, Table::AdjustmentTaxes, part).await? {
        for row in 0..batch.num_rows() {
            let text = |name: &str| text(&batch, name, row).map(str::to_owned);
            let (code, reason) = (text("category_code")?, text("reason")?);
            let exempt = column(&batch, "exempt")?.as_boolean().value(row);
            let tax = Tax {
                levy: Levy {
                    tax: text("tax")?,
                    jurisdiction: text("tax_jurisdiction")?,
                    percent: exact(&batch, "rate_percent", row)?,
                    category_code: code.clone(),
                    reason: reason.clone(),
                },
                relief: exempt.then_some(Relief { category_code: code, reason }),
                taxable: money(&batch, "taxable_amount", row)?,
                amount: money(&batch, "amount", row)?,
                included: money(&batch, "amount_included", row)?,
            };
            taxes.entry(text("adjusts_line_id")?).or_default().push(tax);
        }
    }
    Ok(taxes)
}

struct Reading<'r> {
    prepared: &'r Prepared,
    taxes: HashMap<String, Vec<Tax>>,
}

impl Reading<'_> {
    fn rows(&mut self, batch: &RecordBatch, faults: &mut Faults) -> Outcome<Vec<Adjustment>> {
        let mut found = Vec::new();
        let instant = |name: &str, row: usize| -> Outcome<i64> {
            Ok(column(batch, name)?.as_primitive::<TimestampMicrosecondType>().value(row))
        };
        for row in 0..batch.num_rows() {
            let line_id = text(batch, "adjusts_line_id", row)?.to_owned();
            let (subscription, charge) = (text(batch, "subscription_id", row)?, text(batch, "charge", row)?);
            let Some((subscription, charge, price)) = self.placed(subscription, charge) else {
                let message = format!(
                    "line {line_id} of a closed period is adjusted, but `{subscription}` or `{charge}` is not there"
                );
                let hint = "keep subscriptions and charges of closed periods in reference tables and price book";
                faults.push(Fault::new(&codes::R022, message).hint(hint));
                continue;
            };
            found.push(Adjustment {
                run_id: text(batch, "run_id", row)?.to_owned(),
                subscription,
                charge,
                price,
                tier: text(batch, "tier", row)?.to_owned(),
                quantity: exact(batch, "quantity", row)?,
                list: money(batch, "amount", row)?,
                net: money(batch, "amount_net", row)?,
                service: (instant("service_start", row)?, instant("service_end", row)?),
                taxes: self.taxes.remove(&line_id).unwrap_or_default(),
                line_id,
            });
        }
        Ok(found)
    }

    /// The last version of a subscription, a charge, and a price of it.
    fn placed(&self, subscription: &str, charge: &str) -> Option<(Index, u32, u32)> {
        let Prepared { reference, book, catalog, .. } = self.prepared;
        let first = reference.subscriptions.partition_point(|row| row.id.as_str() < subscription);
        let version = reference.subscriptions.get(first).filter(|row| row.id == subscription)?.last;
        let charge = book.charges.iter().position(|one| one.id == charge)?;
        let price = catalog.charge_of.iter().position(|of| *of == charge)?;
        Some((version, u32::try_from(charge).ok()?, u32::try_from(price).ok()?))
    }
}

/// The lines that bill the adjustments of `job`.
pub(super) fn lines(job: &Job<'_>) -> impl Iterator<Item = Line> {
    (0_u32..).zip(&job.adjustments.rows).map(|(number, row)| Line {
        subscription: row.subscription,
        charge: row.charge,
        price: row.price,
        kind: LineKind::Adjustment,
        group: 0,
        band: Band::Adjusted(number),
        stretch: 0,
        quantity: row.quantity,
        unit_price: None,
        exchange: 0,
        rated: row.list,
        list: row.list,
        discount: Decimal::ZERO,
        net: row.net,
        records: 0,
        service_start: row.service.0,
        service_end: row.service.1,
    })
}

/// Adds the taxes of the adjustments among `lines`.
pub(super) fn add_taxes(job: &Job<'_>, lines: &[Line], taxed: &mut Taxed) {
    if job.adjustments.rows.is_empty() {
        return;
    }
    let Taxed { rows, levies, .. } = taxed;
    for (number, line) in (0_u32..).zip(lines) {
        let Band::Adjusted(at) = line.band else { continue };
        for tax in &job.adjustments.rows[at as usize].taxes {
            let rate = place(&mut levies.rates, &tax.levy);
            let relief = tax.relief.as_ref().map(|relief| place(&mut levies.reliefs, relief));
            let (taxable, amount, included) = (tax.taxable, tax.amount, tax.included);
            rows.push(TaxRow { line: number, rate, relief, taxable, amount, included });
        }
    }
    rows.sort_by_key(|row| row.line);
}

/// The position of `wanted`, added when it is new.
fn place<T: Clone + PartialEq>(list: &mut Vec<T>, wanted: &T) -> u32 {
    let at = list.iter().position(|one| one == wanted).unwrap_or_else(|| {
        list.push(wanted.clone());
        list.len() - 1
    });
    u32::try_from(at).unwrap_or(u32::MAX)
}

fn text<'b>(batch: &'b RecordBatch, name: &str, row: usize) -> Outcome<&'b str> {
    Ok(texts_named(batch, name)?.get(row).unwrap_or_default())
}

fn exact(batch: &RecordBatch, name: &str, row: usize) -> Outcome<Decimal> {
    let values = column(batch, name)?.as_primitive::<Decimal128Type>();
    Ok(if values.is_null(row) { Decimal::ZERO } else { Decimal::from_units(values.value(row)) })
}

fn money(batch: &RecordBatch, name: &str, row: usize) -> Outcome<Decimal> {
    let values = column(batch, name)?.as_primitive::<Decimal128Type>();
    Ok(if values.is_null(row) { Decimal::ZERO } else { Decimal::from_units(values.value(row) * MONEY) })
}
