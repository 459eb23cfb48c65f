//! Prices by tier: graduated, volume, stairstep, graduated_percentage.

use super::exact::{Exact, Mode};
use super::features;
use super::model::{Part, Thing};
use super::words::{Fields, Read};

struct Tier {
    /// The end of the tier, and whether a quantity of exactly that is still in it.
    end: Option<(Exact, bool)>,
    unit_price: Exact,
    per: Exact,
    flat_fee: Exact,
    increment: Option<Exact>,
    percent: Exact,
    name: String,
}

fn read(price: &Fields) -> Vec<Tier> {
    let rows = price.rows("tiers");
    let number = |row: &Fields, key: &str, otherwise: i64| row.number(key).unwrap_or_else(|| Exact::whole(otherwise));
    let tier = |(at, row): (usize, &Fields)| Tier {
        end: row
            .number("up_to")
            .or_else(|| row.number("to"))
            .map(|end| (end, true))
            .or_else(|| row.number("below").map(|end| (end, false))),
        unit_price: number(row, "unit_price", 0),
        per: number(row, "per", 1),
        flat_fee: number(row, "flat_fee", 0),
        increment: row.number("increment"),
        percent: number(row, "percent", 0),
        name: (at + 1).to_string(),
    };
    let mut tiers: Vec<Tier> = rows.iter().enumerate().map(tier).collect();
    if price.one("beyond") == Some("free") && tiers.last().is_some_and(|last| last.end.is_some()) {
        let (zero, one) = (Exact::zero(), Exact::whole(1));
        tiers.push(Tier {
            end: None,
            unit_price: zero.clone(),
            per: one,
            flat_fee: zero.clone(),
            increment: None,
            percent: zero,
            name: "beyond".to_owned(),
        });
    }
    tiers
}

/// Whether a total has gone past where the tier begins.
fn entered(tiers: &[Tier], at: usize, total: &Exact) -> bool {
    match at.checked_sub(1).map(|before| tiers[before].end.as_ref().unwrap()) {
        None => total.is_positive(),
        Some((start, true)) => total > start,
        Some((start, false)) => total >= start,
    }
}

/// The tier a total is in; nothing at all is in the first.
fn reached(tiers: &[Tier], total: &Exact) -> usize {
    (1..tiers.len()).rev().find(|at| entered(tiers, *at, total)).unwrap_or(0)
}

/// How much of a total lies in a tier; what is below zero lies in the first.
fn inside(tiers: &[Tier], at: usize, total: &Exact) -> Exact {
    let start = at.checked_sub(1).map(|before| tiers[before].end.as_ref().unwrap().0.clone());
    let up_to_end = match &tiers[at].end {
        Some((end, _)) => total.clone().least(end.clone()),
        None => total.clone(),
    };
    match start {
        None => up_to_end,
        Some(start) => up_to_end.less(&start).most(Exact::zero()),
    }
}

/// The price of one unit, as a line shows it.
fn of_one(tier: &Tier) -> Exact {
    tier.unit_price.over(&tier.per).kept()
}

/// The price of a quantity that goes from one amount inside the tier to another.
fn priced(tier: &Tier, from: &Exact, to: &Exact) -> Exact {
    let whole = |inside: &Exact| match &tier.increment {
        Some(step) => inside.to_step(step, Mode::Up),
        None => inside.clone(),
    };
    whole(to).less(&whole(from)).times(&tier.unit_price).over(&tier.per).kept()
}

pub(crate) fn graduated(price: &Fields, thing: &Thing<'_>, percent: bool) -> Vec<Part> {
    let tiers = read(price);
    let after = thing.before.plus(&thing.quantity);
    let mut parts = Vec::new();
    for (at, tier) in tiers.iter().enumerate() {
        let (from, to) = (inside(&tiers, at, &thing.before), inside(&tiers, at, &after));
        let quantity = to.less(&from);
        // On the part that enters the tier first; but not when the total falls back out of it.
        let first = entered(&tiers, at, &after) && !entered(&tiers, at, &thing.highest);
        let due = first && entered(&tiers, at, &thing.total);
        if quantity.is_zero() && (!due || tier.flat_fee.is_zero()) {
            continue;
        }
        let hundred = Exact::whole(if features::PERCENT_AS_WRITTEN { 1 } else { 100 });
        let fraction = tier.percent.over(&hundred).kept();
        let amount = if percent {
            quantity.times(&tier.percent).over(&Exact::whole(100)).kept()
        } else {
            priced(tier, &from, &to)
        };
        let fee = if due { tier.flat_fee.clone() } else { Exact::zero() };
        let unit_price = if percent { fraction } else { of_one(tier) };
        parts.push(Part::new(&tier.name, quantity, Some(unit_price), amount.plus(&fee)));
    }
    parts
}

/// All at the price of the tier that the total of the scope reaches; the fee stands on the first part of the scope.
pub(crate) fn volume(price: &Fields, thing: &Thing<'_>) -> Vec<Part> {
    let tiers = read(price);
    let at = reached(&tiers, &thing.total);
    let tier = &tiers[at];
    let after = thing.before.plus(&thing.quantity);
    let due = thing.first && entered(&tiers, at, &thing.total);
    let fee = if due { tier.flat_fee.clone() } else { Exact::zero() };
    let amount = priced(tier, &thing.before, &after).plus(&fee);
    vec![Part::new(&tier.name, thing.quantity.clone(), Some(of_one(tier)), amount)]
}

/// The price of the tier that the total of the scope reaches, once.
pub(crate) fn stairstep(price: &Fields, thing: &Thing<'_>) -> Vec<Part> {
    let tiers = read(price);
    let at = reached(&tiers, &thing.total);
    let due = thing.first && entered(&tiers, at, &thing.total);
    let fee = if due { tiers[at].flat_fee.clone() } else { Exact::zero() };
    vec![Part::new(&tiers[at].name, thing.quantity.clone(), None, fee)]
}

/// The fee of the first tier, when it is due without usage.
pub(crate) fn first_fee(price: &Fields) -> Option<Exact> {
    read(price).first().map(|tier| tier.flat_fee.clone()).filter(|fee| !fee.is_zero())
}
