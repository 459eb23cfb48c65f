//! Which price holds for a subscription, and when: the list price, and whatever patches lie over it.
//!
//! List and layers lie one over another; the first plan or contract lies over them; overrides lie over all of it. The last
//! that is laid names the layer.

use std::collections::BTreeSet;

use chrono::{Months, NaiveDate};

use super::features;
use super::words::{Case, Days, Field, Fields, Patch, Read, Settings, Subscription};

/// Days of the period over which a subscription has one price for a charge.
#[derive(Clone, Debug)]
pub(crate) struct Stretch {
    pub(crate) days: Days,
    /// Its first day, of whichever version of a subscription.
    pub(crate) since: NaiveDate,
    pub(crate) price: Fields,
    /// `list`, `plan:<id>` and so on.
    pub(crate) layer: String,
    /// All prices of the subscription for the charge over the period, as one text.
    pub(crate) course: String,
}

impl Stretch {
    pub(crate) fn model(&self) -> &str {
        self.price.one("model").unwrap()
    }
}

/// First day of the period, first day after it.
pub(crate) fn period(settings: &Settings) -> (NaiveDate, NaiveDate) {
    let first = NaiveDate::from_ymd_opt(settings.year, settings.month, 1).unwrap();
    (first, first + Months::new(1))
}

/// The account and those above it, nearest first.
pub(crate) fn lineage(case: &Case, account: usize) -> Vec<usize> {
    let mut all = vec![account];
    while let Some(parent) = case.accounts[*all.last().unwrap()].parent {
        all.push(parent);
    }
    all
}

/// Products a subscription is for.
pub(crate) fn products(case: &Case, subscription: &Subscription) -> Vec<usize> {
    subscription
        .plan
        .map_or_else(|| subscription.product.into_iter().collect(), |plan| case.plans[plan].products.clone())
}

/// The prices of a charge over the period, in order of time; days on either side of a change that changes nothing are one.
pub(crate) fn stretches(case: &Case, subscription: &Subscription, charge: usize) -> Vec<Stretch> {
    let (first, after) = period(&case.settings);
    let mut changes: BTreeSet<NaiveDate> = BTreeSet::from([first]);
    for patch in laid_over(case, subscription, charge) {
        changes.extend(patch.whole.iter().flat_map(|days| [days.from, days.to]).flatten());
    }
    changes.retain(|day| *day >= first && *day < after);
    let mut found: Vec<Stretch> = Vec::new();
    for day in changes {
        let (price, layer) = holding(case, subscription, charge, day);
        if let Some(before) = found.last_mut() {
            if before.price == price && before.layer == layer {
                continue;
            }
            before.days.to = Some(day);
        }
        let (days, course) = (Days { from: Some(day), to: Some(after) }, String::new());
        found.push(Stretch { days, since: day, price, layer, course });
    }
    let course = format!("{found:?}");
    found.iter_mut().for_each(|stretch| stretch.course.clone_from(&course));
    found
}

/// The price of one day, and where it comes from.
fn holding(case: &Case, subscription: &Subscription, charge: usize, day: NaiveDate) -> (Fields, String) {
    let mut price = case.charges[charge].price.clone();
    let mut layer = "list".to_owned();
    let mut all: Vec<Laid<'_>> = laid_over(case, subscription, charge);
    all.retain(|laid| laid.holds(day));
    // The first plan or contract that prices the charge wins as a whole: what is weaker, but for list and layers, is not asked.
    let package = all.iter().rposition(|laid| laid.rank == Rank::Package).unwrap_or(0);
    for (at, laid) in all.iter().enumerate() {
        if (laid.rank == Rank::Base || at >= package) && fits(&price, &laid.patch.fields) {
            lay(&mut price, &laid.patch.fields);
            layer.clone_from(&laid.layer);
        }
    }
    (price, layer)
}

/// What a patch lies over.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rank {
    /// Versions of the list price, and layers: over each other.
    Base,
    /// Plans and contracts: over list and layers alone.
    Package,
    /// Overrides of accounts: over whatever would hold without them.
    Override,
}

/// A patch that may lie over the list price.
struct Laid<'a> {
    rank: Rank,
    layer: String,
    /// All of these must hold.
    whole: Vec<Days>,
    /// None of these may hold.
    unless: Vec<Days>,
    patch: &'a Patch,
}

impl Laid<'_> {
    fn holds(&self, day: NaiveDate) -> bool {
        self.whole.iter().all(|days| days.hold(day)) && !self.unless.iter().any(|days| days.hold(day))
    }
}

/// Everything that can lie over the list price of a charge, the weakest first.
fn laid_over<'a>(case: &'a Case, subscription: &Subscription, charge: usize) -> Vec<Laid<'a>> {
    let mut all = Vec::new();
    add(&mut all, Rank::Base, "list".to_owned(), None, &case.charges[charge].versions);
    let segment = &case.accounts[subscription.account].segment;
    for layer in &case.layers {
        if layer.segment.as_ref().is_none_or(|wanted| wanted == segment)
            && let Some(patches) = layer.prices.get(&charge)
        {
            add(&mut all, Rank::Base, format!("layer:{}", layer.id), Some(layer.days), patches);
        }
    }
    let mut ancestry = lineage(case, subscription.account);
    ancestry.reverse();
    if !features::PLAN_OVER_ANCESTORS {
        add_own(case, subscription, charge, &mut all);
    }
    for account in ancestry {
        if account != subscription.account {
            add_ancestors(case, account, charge, &mut all);
        } else if features::PLAN_OVER_ANCESTORS {
            add_own(case, subscription, charge, &mut all);
        }
        for over in case.overrides.iter().filter(|over| (over.account, over.charge) == (account, charge)) {
            let layer = format!("override:{}", case.accounts[account].id);
            add(&mut all, Rank::Override, layer, None, std::slice::from_ref(&over.patch));
        }
    }
    all
}

fn add<'a>(all: &mut Vec<Laid<'a>>, rank: Rank, layer: String, whole: Option<Days>, patches: &'a [Patch]) {
    for patch in patches {
        let whole = whole.into_iter().chain([patch.days]).collect();
        all.push(Laid { rank, layer: layer.clone(), whole, unless: Vec::new(), patch });
    }
}

/// The subscription's own contract and, over it, its plan.
fn add_own<'a>(case: &'a Case, subscription: &Subscription, charge: usize, all: &mut Vec<Laid<'a>>) {
    if let Some(contract) = subscription.contract.map(|contract| &case.contracts[contract])
        && let Some(patches) = contract.prices.get(&charge)
    {
        add(all, Rank::Package, format!("contract:{}", contract.id), Some(contract.days), patches);
    }
    if let Some(plan) = subscription.plan.map(|plan| &case.plans[plan])
        && let Some(patches) = plan.prices.get(&charge)
    {
        add(all, Rank::Package, format!("plan:{}", plan.id), None, patches);
    }
}

/// Contracts and plans of the subscriptions that an account above has itself; of those that are active on a day, the one of
/// the lowest subscription id with a price wins.
fn add_ancestors<'a>(case: &'a Case, account: usize, charge: usize, all: &mut Vec<Laid<'a>>) {
    if !features::PRICES_OF_ANCESTORS {
        return;
    }
    let theirs = || case.subscriptions.iter().filter(|other| other.account == account);
    let contracts = theirs().filter_map(|other| Some((other.days, &case.contracts[other.contract?])));
    let contracts = contracts.filter_map(|(days, contract)| {
        let patches = contract.prices.get(&charge)?;
        Some((days, format!("contract:{}", contract.id), Some(contract.days), patches))
    });
    let plans = theirs().filter_map(|other| Some((other.days, &case.plans[other.plan?])));
    let plans =
        plans.filter_map(|(days, plan)| Some((days, format!("plan:{}", plan.id), None, plan.prices.get(&charge)?)));
    for found in [contracts.collect::<Vec<_>>(), plans.collect()] {
        let mut unless = Vec::new();
        for (days, layer, whole, patches) in found {
            for patch in patches {
                let whole = whole.into_iter().chain([days, patch.days]).collect();
                let (rank, unless) = (Rank::Package, unless.clone());
                all.push(Laid { rank, layer: layer.clone(), whole, unless, patch });
            }
            // On days on which it has no price, the next one may have.
            let said = |patch: &Patch| whole.into_iter().chain([patch.days]).fold(days, common);
            unless.extend(patches.iter().map(said));
        }
    }
}

/// The days that both have.
fn common(one: Days, other: Days) -> Days {
    let earlier = |a: NaiveDate, b: NaiveDate| a.min(b);
    let to = one.to.into_iter().chain(other.to).reduce(earlier);
    Days { from: one.from.max(other.from), to }
}

/// Keys that belong to the charge, whatever its model.
const OF_THE_CHARGE: &[&str] =
    &["meter", "scope", "each", "lines_by", "groups", "zero_usage", "convert", "free_units", "round_amount"];

/// The numbers of each model.
fn taken_by(model: &str) -> &'static [&'static str] {
    match model {
        "per_unit" => &["unit_price", "per"],
        "graduated" | "volume" | "stairstep" | "graduated_percentage" => &["tiers", "beyond"],
        "package" => &["size", "price", "round"],
        "percentage" => &[
            "percent",
            "minimum",
            "maximum",
            "record_fee",
            "free_records",
            "free_amount",
            "record_minimum",
            "record_maximum",
            "free_amount_outlasts",
        ],
        "matrix" => &["by", "cells", "default_unit_price", "unit_price"],
        "dynamic" => &["multiplier"],
        "increments" => &["initial", "increment", "unit_price", "per", "connect_fee"],
        "calendar" => &["timezone", "spans", "windows", "holidays", "connect_fee", "increment_carries"],
        "prefix" => &["by", "prefixes"],
        "recurring" => &["every", "amount", "bill", "prorate"],
        "one_time" => &["amount"],
        other => panic!("no model {other}"),
    }
}

/// A patch without a model of its own lies only over a price whose model knows its fields.
fn fits(price: &Fields, patch: &Fields) -> bool {
    let model = patch.one("model").or_else(|| price.one("model")).unwrap();
    let known = |key: &String| {
        key == "model" || OF_THE_CHARGE.contains(&key.as_str()) || taken_by(model).contains(&key.as_str())
    };
    patch.keys().all(known)
}

fn lay(price: &mut Fields, patch: &Fields) {
    if let Some(model) = patch.one("model").filter(|model| Some(*model) != price.one("model")) {
        price.retain(|key, _| OF_THE_CHARGE.contains(&key.as_str()));
        price.insert("model".to_owned(), Field::One(model.to_owned()));
    }
    for (key, value) in patch {
        // A single price for a matrix is the one of usage without a cell.
        let single = key == "unit_price" && price.one("model") == Some("matrix");
        price.insert(if single { "default_unit_price".to_owned() } else { key.clone() }, value.clone());
    }
}
