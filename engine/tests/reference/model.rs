//! What a charge model makes of one thing: the usage of a period, a window, a day or a record.

use super::calendar;
use super::exact::{Exact, Mode};
use super::measure::{self, Use};
use super::prefix;
use super::price::Stretch;
use super::records;
use super::tiers;
use super::words::{Read, Settings};

/// What a model is applied to.
pub(crate) struct Thing<'a> {
    /// Its quantity, after allowances, conversion and free units.
    pub(crate) quantity: Exact,
    /// What the scope has come to before it, the most it has come to, and what it comes to in all.
    pub(crate) before: Exact,
    pub(crate) highest: Exact,
    pub(crate) total: Exact,
    /// Whether it is the first of its scope.
    pub(crate) first: bool,
    pub(crate) uses: Vec<Use<'a>>,
    /// What of it is included: its beginning.
    pub(crate) included: Exact,
}

/// A part of a line: parts of one tier become one.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) tier: String,
    pub(crate) quantity: Exact,
    pub(crate) unit_price: Option<Exact>,
    pub(crate) amount: Exact,
    /// Records that owe a fee, or are priced one by one; none: those of the group.
    pub(crate) owing: Option<usize>,
}

impl Part {
    pub(crate) fn new(tier: &str, quantity: Exact, unit_price: Option<Exact>, amount: Exact) -> Self {
        Self { tier: tier.to_owned(), quantity, unit_price, amount, owing: None }
    }

    /// A fee for each of some records.
    pub(crate) fn fee(fee: &Exact, records: usize) -> Self {
        let amount = fee.times(&Exact::whole(records)).kept();
        Self { owing: Some(records), ..Self::new("fee", Exact::zero(), Some(fee.clone()), amount) }
    }
}

pub(crate) fn apply(settings: &Settings, stretch: &Stretch, thing: &Thing<'_>) -> Vec<Part> {
    let price = &stretch.price;
    let per = || price.number("per").unwrap_or_else(|| Exact::whole(1));
    match stretch.model() {
        "per_unit" => {
            let unit_price = price.number("unit_price").unwrap();
            let amount = thing.quantity.times(&unit_price).over(&per()).kept();
            vec![Part::new("", thing.quantity.clone(), Some(unit_price.over(&per()).kept()), amount)]
        }
        "graduated" => tiers::graduated(price, thing, false),
        "graduated_percentage" => tiers::graduated(price, thing, true),
        "volume" => tiers::volume(price, thing),
        "stairstep" => tiers::stairstep(price, thing),
        "package" => package(stretch, thing),
        "percentage" => records::percentage(price, thing),
        "matrix" => {
            let unit_price = thing.uses.first().and_then(|used| measure::cell(stretch, used.record)).unwrap();
            let amount = thing.quantity.times(&unit_price).kept();
            vec![Part::new("", thing.quantity.clone(), Some(unit_price), amount)]
        }
        "dynamic" => {
            let multiplier = price.number("multiplier").unwrap_or_else(|| Exact::whole(1));
            let amount = thing.quantity.times(&multiplier).kept();
            vec![Part::new("", thing.quantity.clone(), Some(multiplier), amount)]
        }
        "increments" => records::increments(price, thing),
        "calendar" => calendar::calendar(settings, price, thing),
        "prefix" => prefix::prefix(price, thing),
        other => panic!("`{other}` prices no usage"),
    }
}

/// Blocks that the scope has come to, less those it had come to before.
fn package(stretch: &Stretch, thing: &Thing<'_>) -> Vec<Part> {
    let price = stretch.price.number("price").unwrap();
    let size = stretch.price.number("size").unwrap();
    let after = thing.before.plus(&thing.quantity);
    let amount = match stretch.price.word("round", "up") {
        // Each part of a scope is what it adds to the amount of those before it, so that the parts add up to the whole.
        "exact" => {
            let amount = |total: &Exact| total.times(&price).over(&size).kept();
            amount(&after).less(&amount(&thing.before))
        }
        mode => {
            let blocks = |total: &Exact| total.over(&size).round(0, Mode::named(mode));
            blocks(&after).less(&blocks(&thing.before)).times(&price).kept()
        }
    };
    vec![Part::new("", thing.quantity.clone(), Some(price), amount)]
}
