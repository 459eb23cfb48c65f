//! Generates cases: customers, what they subscribe to, prices agreed with them, and their usage.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Days as Shift, NaiveDate, TimeDelta, Utc};

use super::dice::Dice;
use super::exact::Mode;
use super::features::{Feature, on};
use super::generate_around::{around, one};
use super::generate_prices as prices;
use super::measure::midnight;
use super::price::period;
use super::words::{
    Account, Allowance, Case, Charge, Contract, Days, Field, Fields, Layer, Meter, Override, Patch, Plan, Product,
    Rate, Record, Row, Settings, Subscription,
};

pub(crate) const REGIONS: [&str; 3] = ["eu", "us", "apac"];
pub(crate) const DEVICES: [&str; 2] = ["hd", "sd"];
const AMOUNTS: [&str; 24] = [
    "1",
    "0",
    "10",
    "100",
    "1000",
    "99.999999999999999999",
    "100.000000000000000001",
    "10.000000000000000001",
    "0.000000000000000001",
    "9.052E-7",
    "-5",
    "-100",
    "-0.000000000000000001",
    "33.333333333333333333",
    "0.5",
    "250.25",
    "1E2",
    "59",
    "60",
    "61",
    "3600",
    "7.125",
    "45.455",
    "123.456789012345678901",
];

/// Settings that all cases of one run share, drawn from a number.
pub(crate) fn settings(number: u64) -> Settings {
    let pick = |step: u64, of: u64| usize::try_from(number / step % of).unwrap();
    let zones = [chrono_tz::UTC, chrono_tz::America::Denver, chrono_tz::Europe::Berlin, chrono_tz::Asia::Kolkata];
    let months = [10, 3, 11, 2];
    Settings {
        zone: zones[pick(1, 4)],
        year: 2026,
        month: months[pick(3, 4)],
        rounding: [Mode::HalfUp, Mode::HalfEven, Mode::Up, Mode::Down][pick(5, 4)],
        rounded_base: pick(7, 2) == 1,
        percent_first: on(Feature::Discounts) && pick(11, 3) == 1,
        tax_per_invoice: on(Feature::TaxPerInvoice) && pick(13, 2) == 1,
        fx: (on(Feature::Fx) && pick(6, 2) == 1).then(|| {
            let day = ["period_end", "period_start", "service_end"][pick(9, 3)];
            let inverse = ["false", "true"][pick(2, 2)];
            let terms = [("on", day), ("max_age_days", "31"), ("inverse", inverse)]
                .map(|(key, text)| (key.to_owned(), one(text)));
            ("USD".to_owned(), terms.into())
        }),
    }
}

pub(crate) fn case(settings: &Settings, rolls: &[u32]) -> Case {
    let dice = &mut Dice::new(rolls);
    let accounts = accounts(dice);
    let meters = meters(dice);
    let products: Vec<Product> = (0..1 + dice.below(2))
        .map(|at| Product { id: format!("~p{at}"), category: dice.of(&["", "telecom", "goods"]).to_owned() })
        .collect();
    let charges = charges(dice, &meters, products.len(), settings);
    let plans = plans(dice, &meters, products.len(), &charges, settings);
    let contracts = contracts(dice, &meters, &charges, settings);
    let layers = layers(dice, &meters, &charges, settings);
    let mut case = Case {
        settings: settings.clone(),
        layers,
        overrides: overrides(dice, &meters, &charges, &accounts, settings),
        discounts: discounts(dice, &charges),
        account_bounds: Vec::new(),
        thresholds: Vec::new(),
        tables: BTreeMap::new(),
        rates: rates(dice, settings),
        subscriptions: subscriptions(dice, &accounts, &plans, &products, &contracts, settings),
        records: Vec::new(),
        meters,
        products,
        charges,
        plans,
        contracts,
        accounts,
    };
    around(dice, &mut case);
    case.records = records(dice, &case);
    case
}

fn accounts(dice: &mut Dice<'_>) -> Vec<Account> {
    let mut all: Vec<Account> = Vec::new();
    for at in 0..1 + dice.below(6) {
        let depth = |mut of: usize, all: &[Account]| {
            let mut depth = 1;
            while let Some(parent) = all[of].parent {
                (of, depth) = (parent, depth + 1);
            }
            depth
        };
        let parent = (at > 0 && dice.holds(2, 3)).then(|| dice.below(at)).filter(|parent| depth(*parent, &all) < 4);
        let currency = dice.of(&["USD", "JPY", "KWD", "EUR", "CLF"]).to_owned();
        let currency = parent.map_or(currency, |parent| all[parent].currency.clone());
        all.push(Account {
            id: format!("~A{at}"),
            parent,
            bill_to: parent.filter(|_| dice.holds(1, 4)),
            segment: dice.of(&["a", "b"]).to_owned(),
            jurisdiction: dice.of(&["", "~J1", "~J2"]).to_owned(),
            exemptions: dice.of(&["", "", "", "gst", "all"]).to_owned(),
            agreed: dice.of(&["", "", "10", "0", "6.5", "33.333"]).to_owned(),
            currency,
            more: Row::new(),
        });
    }
    all
}

fn meters(dice: &mut Dice<'_>) -> Vec<Meter> {
    let mut aggregates = vec!["sum", "sum", "sum", "count", "max", "min", "latest", "unique"];
    let more = [
        (Feature::WeightedSum, "weighted_sum"),
        (Feature::WeightedSum, "prorated_sum"),
        (Feature::Percentile, "percentile"),
        (Feature::Windowed, "windowed"),
    ];
    aggregates.extend(more.iter().filter(|(feature, _)| on(*feature)).map(|(_, name)| *name));
    (0..1 + dice.below(3))
        .map(|at| {
            let aggregate = dice.of(&aggregates);
            let level = aggregate.ends_with("_sum");
            let dimensions = if level { Vec::new() } else { dice.some(&["region", "device"]) };
            let attributes =
                if on(Feature::Prefix) && aggregate == "sum" { vec!["dialed".to_owned()] } else { Vec::new() };
            let round_each = dice.holds(1, 3).then(|| {
                (dice.of(&["1", "0.1", "5"]).to_owned(), dice.of(&[Mode::Up, Mode::HalfUp, Mode::HalfEven, Mode::Down]))
            });
            let counted = ["count", "unique"].contains(&aggregate);
            let mut more = BTreeMap::new();
            match aggregate {
                "unique" => drop(more.insert("of".to_owned(), one("person"))),
                "percentile" => {
                    let percent = one(dice.of(&["95", "50", "100", "33.3"]));
                    more.insert("percentile".to_owned(), Field::Map([("percent".to_owned(), percent)].into()));
                }
                "windowed" => {
                    let window = one(dice.of(&["hour", "day", "5 minutes"]));
                    let of = one(dice.of(&["max", "min", "sum", "count", "latest"]));
                    let then = one(dice.of(&["sum", "max", "min"]));
                    let windowed = [("window", window), ("of", of), ("then", then)];
                    let windowed = windowed.map(|(key, value)| (key.to_owned(), value));
                    more.insert("windowed".to_owned(), Field::Map(windowed.into()));
                }
                _ if level => drop(more.insert("records_are".to_owned(), one(dice.of(&["change", "level"])))),
                _ => {}
            }
            Meter {
                id: format!("~m{at}"),
                kind: dice.of(&["~use", "~extra"]).to_owned(),
                divide: (!counted).then(|| dice.of(&[1, 1, 60, 7])),
                aggregate,
                round_each: round_each.filter(|_| !counted && !level),
                dimensions: dimensions.into_iter().map(ToOwned::to_owned).collect(),
                attributes,
                more,
            }
        })
        .collect()
}

fn charges(dice: &mut Dice<'_>, meters: &[Meter], products: usize, settings: &Settings) -> Vec<Charge> {
    let mut all = Vec::new();
    for (at, meter) in meters.iter().enumerate() {
        for again in 0..1 + dice.below(2) {
            let product = dice.below(products);
            let price = prices::usage(dice, meter);
            let id = format!("~p{product}/x{at}{again}");
            let versions = Vec::new();
            let mut charge = Charge { id, product, meter: Some(at), price, versions, steady: dice.holds(1, 2) };
            if on(Feature::Validity) && dice.holds(1, 5) {
                charge.versions = patches(dice, meters, &charge, settings, true);
                // A version that changes nothing is no other price.
                let own = charge.price.clone();
                charge.versions.retain(|patch| patch.fields.iter().any(|(name, field)| own.get(name) != Some(field)));
            }
            all.push(charge);
        }
    }
    for product in 0..products {
        let price = prices::fixed(dice);
        if dice.holds(1, 3) {
            all.push(Charge {
                id: format!("~p{product}/fix"),
                product,
                meter: None,
                price,
                versions: Vec::new(),
                steady: true,
            });
        }
    }
    // A product without any charge is not one.
    for product in 0..products {
        if all.iter().all(|charge| charge.product != product) {
            let price = prices::recurring();
            all.push(Charge {
                id: format!("~p{product}/base"),
                product,
                meter: None,
                price,
                versions: Vec::new(),
                steady: true,
            });
        }
    }
    all
}

/// Days that begin or end inside the period, or hold always.
pub(crate) fn days(dice: &mut Dice<'_>, settings: &Settings, splits: bool) -> Days {
    if !splits || !on(Feature::Validity) {
        return Days::ALWAYS;
    }
    let (first, _) = period(settings);
    let day = first + Shift::new(u64::try_from(dice.below(28)).unwrap());
    match dice.below(3) {
        0 => Days { from: Some(day), to: None },
        1 => Days { from: None, to: Some(day) },
        _ => Days { from: Some(day), to: Some(day + Shift::new(u64::try_from(1 + dice.below(10)).unwrap())) },
    }
}

fn patches(dice: &mut Dice<'_>, meters: &[Meter], charge: &Charge, settings: &Settings, splits: bool) -> Vec<Patch> {
    let meter = charge.meter.map(|meter| &meters[meter]);
    // What a level or a greatest value means on both sides of a change of price is left open.
    let splits = splits && meter.is_some_and(|meter| ["sum", "count"].contains(&meter.aggregate));
    let fields = prices::patch(dice, charge, meter);
    let days = if dice.holds(1, 3) { days(dice, settings, splits) } else { Days::ALWAYS };
    if fields.is_empty() { Vec::new() } else { vec![Patch { days, fields }] }
}

fn own_prices(
    dice: &mut Dice<'_>,
    meters: &[Meter],
    charges: &[Charge],
    settings: &Settings,
    products: Option<&[usize]>,
) -> BTreeMap<usize, Vec<Patch>> {
    let mut own = BTreeMap::new();
    for (at, charge) in charges.iter().enumerate() {
        if products.is_none_or(|products| products.contains(&charge.product)) && dice.holds(1, 3) {
            let found = patches(dice, meters, charge, settings, true);
            if !found.is_empty() {
                own.insert(at, found);
            }
        }
    }
    own
}

fn plans(dice: &mut Dice<'_>, meters: &[Meter], products: usize, charges: &[Charge], settings: &Settings) -> Vec<Plan> {
    (0..dice.below(3))
        .map(|at| {
            let all: Vec<usize> = (0..products).collect();
            let mut products = dice.some(&all);
            if products.is_empty() {
                products.push(0);
            }
            let prices = own_prices(dice, meters, charges, settings, Some(&products));
            let paid = |meter: usize| {
                // Only what adds up can be drawn on.
                let adds_up = ["sum", "count"].contains(&meters[meter].aggregate);
                adds_up
                    && charges.iter().any(|charge| charge.meter == Some(meter) && products.contains(&charge.product))
            };
            let mut allowances = Vec::new();
            for meter in (0..meters.len()).filter(|meter| paid(*meter)) {
                if dice.holds(1, 3) {
                    let quantity = dice.of(&["10", "100", "0", "100.5", "0.1", "1000"]);
                    let shared = if dice.holds(1, 2) { "account" } else { "subscription" };
                    let fields = [("quantity", one(quantity)), ("shared_over", one(shared))];
                    let fields = fields.map(|(key, value)| (key.to_owned(), value)).into();
                    allowances.push(Allowance { meter, fields });
                }
            }
            Plan { id: format!("~l{at}"), products, prices, allowances }
        })
        .collect()
}

fn contracts(dice: &mut Dice<'_>, meters: &[Meter], charges: &[Charge], settings: &Settings) -> Vec<Contract> {
    let count = if on(Feature::Layers) { dice.below(3) } else { 0 };
    let contract = |at| {
        let prices = own_prices(dice, meters, charges, settings, None);
        let (allowances, commitments) = (Vec::new(), Vec::new());
        Contract { id: format!("~k{at}"), days: Days::ALWAYS, prices, allowances, commitments }
    };
    (0..count).map(contract).collect()
}

fn layers(dice: &mut Dice<'_>, meters: &[Meter], charges: &[Charge], settings: &Settings) -> Vec<Layer> {
    let count = if on(Feature::Layers) { dice.below(3) } else { 0 };
    let layer = |at| {
        let segment = dice.of(&[Some("a"), Some("b"), None]).map(ToOwned::to_owned);
        let prices = own_prices(dice, meters, charges, settings, None);
        Layer { id: format!("~y{at}"), segment, days: Days::ALWAYS, prices }
    };
    (0..count).map(layer).filter(|layer| !layer.prices.is_empty()).collect()
}

fn overrides(
    dice: &mut Dice<'_>,
    meters: &[Meter],
    charges: &[Charge],
    accounts: &[Account],
    settings: &Settings,
) -> Vec<Override> {
    let mut known = BTreeSet::new();
    let mut all = Vec::new();
    for _ in 0..dice.below(4) {
        let (account, charge) = (dice.below(accounts.len()), dice.below(charges.len()));
        let meter = charges[charge].meter.map(|meter| &meters[meter]);
        let fields = prices::single(dice, &charges[charge]);
        let splits = meter.is_some_and(|meter| ["sum", "count"].contains(&meter.aggregate));
        let days = if dice.holds(1, 3) { days(dice, settings, splits) } else { Days::ALWAYS };
        let in_table = dice.holds(1, 2);
        if !fields.is_empty() && known.insert((account, charge)) {
            all.push(Override { account, charge, patch: Patch { days, fields }, in_table });
        }
    }
    all
}

fn discounts(dice: &mut Dice<'_>, charges: &[Charge]) -> Vec<Fields> {
    (0..dice.below(3))
        .map(|at| {
            let mut on: Vec<String> = dice.some(charges).into_iter().map(|charge| charge.id).collect();
            on.push(format!("~p{}", charges[0].product));
            let percent = dice.of(&[None, Some("10"), Some("50"), Some("2.5"), Some("100"), Some("33.333")]);
            let (key, value) = percent.map_or(("percent_column", "agreed"), |percent| ("percent", percent));
            let fields = [("id", one(&format!("~d{at}"))), ("on", Field::Many(on)), (key, one(value))];
            fields.map(|(key, value)| (key.to_owned(), value)).into()
        })
        .collect()
}

fn rates(dice: &mut Dice<'_>, settings: &Settings) -> Vec<Rate> {
    let (first, _) = period(settings);
    let mut all = Vec::new();
    for jurisdiction in ["~J1", "~J2"] {
        let mut add = |tax: &str, category: &str, percent: &str, days: Days, compound: bool| {
            let (jurisdiction, tax) = (jurisdiction.to_owned(), tax.to_owned());
            let (category, percent) = (category.to_owned(), percent.to_owned());
            all.push(Rate { jurisdiction, tax, category, percent, days, compound, more: Row::new() });
        };
        let long = Days { from: NaiveDate::from_ymd_opt(2020, 1, 1), to: None };
        if dice.holds(2, 3) {
            add("gst", "", dice.of(&["5", "0", "7.25", "12.345"]), long, false);
        }
        if dice.holds(1, 2) {
            add("pst", "telecom", dice.of(&["9.975", "8"]), long, dice.holds(1, 2));
        }
        if dice.holds(1, 2) {
            let middle = first + Shift::new(14);
            add("levy", "goods", "4", Days { to: Some(middle), ..long }, false);
            add("levy", "goods", "3.5", Days { from: Some(middle), to: None }, false);
        }
    }
    all
}

fn subscriptions(
    dice: &mut Dice<'_>,
    accounts: &[Account],
    plans: &[Plan],
    products: &[Product],
    contracts: &[Contract],
    settings: &Settings,
) -> Vec<Subscription> {
    let (first, after) = period(settings);
    (0..1 + dice.below(7))
        .map(|at| {
            let plan = (!plans.is_empty() && dice.holds(2, 3)).then(|| dice.below(plans.len()));
            let inside = first + Shift::new(u64::try_from(dice.below(28)).unwrap());
            let long = NaiveDate::from_ymd_opt(2025, 1, 1);
            let days = match dice.below(8) {
                4 => Days { from: Some(inside), to: None },
                5 => Days { from: long, to: Some(inside + Shift::new(1)) },
                6 => Days { from: Some(inside), to: Some(after) },
                7 => Days { from: long, to: Some(first) },
                _ => Days { from: long, to: None },
            };
            Subscription {
                id: format!("~S{at}"),
                account: dice.below(accounts.len()),
                plan,
                product: if plan.is_none() { Some(dice.below(products.len())) } else { None },
                quantity: dice.of(&["", "1", "3", "0", "2"]).to_owned(),
                start: days.from,
                days,
                several: false,
                more: Row::new(),
                contract: (!contracts.is_empty() && dice.holds(1, 2)).then(|| dice.below(contracts.len())),
            }
        })
        .collect()
}

fn records(dice: &mut Dice<'_>, case: &Case) -> Vec<Record> {
    let mut all: Vec<Record> = Vec::new();
    let mut taken = BTreeSet::new();
    for at in 0..dice.below(61) {
        if at > 0 && dice.holds(1, 15) {
            let mut copy = dice.of(&all);
            if dice.holds(1, 3) {
                copy.amount = dice.of(&AMOUNTS).to_owned();
            }
            all.push(copy);
            continue;
        }
        let who = dice.of(&case.subscriptions).id;
        let mut time = instant(dice, &case.settings);
        while !taken.insert(time) {
            time += TimeDelta::microseconds(1);
        }
        let mut marks = BTreeMap::new();
        let mut mark = |name: &str, choices: &[&str], dice: &mut Dice<'_>| {
            marks.insert(name.to_owned(), dice.of(choices).to_owned());
        };
        mark("region", &REGIONS, dice);
        mark("device", &DEVICES, dice);
        mark("person", &["ann", "", "bob", "cem"], dice);
        mark("dialed", &["4930123", "4989", "1212", "1", "33", "447700"], dice);
        all.push(Record {
            id: format!("~r{at}"),
            kind: dice.of(&["~use", "~extra"]).to_owned(),
            who: if dice.holds(1, 30) { "~nobody".to_owned() } else { who },
            time,
            amount: amount(dice),
            marks,
        });
    }
    all
}

fn amount(dice: &mut Dice<'_>) -> String {
    match dice.below(4) {
        0 | 1 => dice.of(&AMOUNTS).to_owned(),
        2 => dice.below(400).to_string(),
        _ => format!("{}.{:09}{:09}", dice.below(300), dice.below(1_000_000_000), dice.below(1_000_000_000)),
    }
}

/// Mostly inside the period; now and then exactly where it begins or ends, or a day does.
fn instant(dice: &mut Dice<'_>, settings: &Settings) -> DateTime<Utc> {
    let (first, after) = period(settings);
    let day = first + Shift::new(u64::try_from(dice.below(28)).unwrap());
    match dice.below(12) {
        8 => midnight(settings, first),
        9 => midnight(settings, after) - TimeDelta::microseconds(1),
        10 => midnight(settings, after),
        11 => midnight(settings, day),
        _ => midnight(settings, day) + TimeDelta::milliseconds(i64::try_from(dice.below(86_400_000)).unwrap()),
    }
}
