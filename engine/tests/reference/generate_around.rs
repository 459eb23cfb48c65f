//! Generates what stands around the prices: intervals, amendments, pools, bounds, commitments.

use chrono::Days as Shift;

use super::dice::Dice;
use super::features::{Feature, on};
use super::generate::days;
use super::generate_money as money;
use super::price::period;
use super::words::{Allowance, Case, Charge, Field, Fields, Meter, Read, Row, Settings, row};

pub(crate) fn one(text: &str) -> Field {
    Field::One(text.to_owned())
}

pub(crate) fn put(fields: &mut Fields, key: &str, text: &str) {
    fields.insert(key.to_owned(), one(text));
}

/// Puts `key: one of these` among the fields, half of the time.
pub(crate) fn maybe(dice: &mut Dice<'_>, fields: &mut Fields, key: &str, choices: &[&str]) {
    if dice.holds(1, 2) {
        put(fields, key, dice.of(choices));
    }
}

/// Adds something to a case.
type Add = fn(&mut Dice<'_>, &mut Case);

/// Adds to a case whatever the engine can do.
pub(crate) fn around(dice: &mut Dice<'_>, case: &mut Case) {
    let all: [(Feature, Add); 18] = [
        (Feature::Intervals, intervals),
        (Feature::Amendments, amendments),
        (Feature::Pools, pools),
        (Feature::MoneyAllowances, money_allowances),
        (Feature::Rollover, rollover),
        (Feature::Bounds, bounds),
        (Feature::AccountBounds, account_bounds),
        (Feature::Thresholds, thresholds),
        (Feature::Commitments, commitments),
        (Feature::Terms, terms),
        (Feature::Discounts, money::discounts),
        (Feature::Coupons, money::coupons),
        (Feature::Conditions, money::conditions),
        (Feature::Due, money::due),
        (Feature::Fx, money::fx_rates),
        (Feature::TaxTerms, money::tax_terms),
        (Feature::Exemptions, money::exemptions),
        (Feature::Credits, money::credits),
    ];
    for (feature, add) in all {
        if on(feature) {
            add(dice, case);
        }
    }
}

fn intervals(dice: &mut Dice<'_>, case: &mut Case) {
    let (first, _) = period(&case.settings);
    for charge in &mut case.charges {
        if charge.price.one("model") != Some("recurring") {
            continue;
        }
        let price = &mut charge.price;
        maybe(dice, price, "every", &["month", "quarter", "year", "week", "day", "10 days", "2 months", "5 months"]);
        maybe(dice, price, "bill", &["advance", "arrears"]);
        let every = price.word("every", "month").to_owned();
        // Where a cycle begins is said of months alone, and days are counted from the start.
        let anchors = match every.as_str() {
            "week" => &["calendar", "start"][..],
            "day" | "10 days" => &["start"],
            _ => &["calendar", "start", "cycle"],
        };
        maybe(dice, price, "anchor", anchors);
        let ways = ["by_day", "by_second", "both_ends", "none", "thirty_day"];
        let months = !every.ends_with("day") && !every.ends_with("days") && every != "week";
        maybe(dice, price, "prorate", if months { &ways } else { &ways[..4] });
        maybe(dice, price, "in_trial", &["free", "billed"]);
        if price.word("bill", "advance") == "advance" {
            maybe(dice, price, "credit_unused", &["true", "false"]);
        }
    }
    for account in &mut case.accounts {
        let day = dice.of(&["", "", "1", "15", "28"]).to_owned();
        account.more.insert("bill_cycle_day".to_owned(), day);
    }
    for subscription in &mut case.subscriptions {
        let day = first + Shift::new(u64::try_from(dice.below(40)).unwrap());
        let fits = subscription.days.from.is_some_and(|from| from < day)
            && subscription.days.to.is_none_or(|to| day < to)
            && dice.holds(1, 4);
        let text = if fits { day.to_string() } else { String::new() };
        subscription.more.insert("trial_end".to_owned(), text);
    }
}

fn amendments(dice: &mut Dice<'_>, case: &mut Case) {
    let (first, _) = period(&case.settings);
    // What a level or a greatest value means on both sides of a change is left open.
    if case.meters.iter().any(|meter| !["sum", "count"].contains(&meter.aggregate)) {
        return;
    }
    let mut rows = Vec::new();
    for subscription in &case.subscriptions {
        let mut day = first - Shift::new(20) + Shift::new(u64::try_from(dice.below(30)).unwrap());
        let mut paused = false;
        for _ in 0..dice.below(3) {
            let fits =
                subscription.days.from.is_some_and(|from| from < day) && subscription.days.to.is_none_or(|to| day < to);
            if !fits {
                break;
            }
            let kind = if paused { "resume" } else { dice.of(&["change", "change", "pause", "end"]) };
            let mut cells = row([
                ("subscription_id", subscription.id.clone()),
                ("from", day.to_string()),
                ("kind", kind.to_owned()),
            ]);
            if kind == "change" {
                let quantity = dice.of(&["", "2", "5", "0"]).to_owned();
                cells.insert("quantity".to_owned(), quantity);
                if subscription.plan.is_some() && dice.holds(1, 2) {
                    cells.insert("plan".to_owned(), dice.of(&case.plans).id);
                } else if subscription.product.is_some() && dice.holds(1, 2) {
                    cells.insert("product".to_owned(), dice.of(&case.products).id);
                }
                if !case.contracts.is_empty() && dice.holds(1, 3) {
                    cells.insert("contract".to_owned(), dice.of(&case.contracts).id);
                }
                if dice.holds(1, 4) {
                    let currency = &case.accounts[subscription.account].currency;
                    let fits = case.accounts.iter().filter(|account| account.currency == *currency);
                    let fits: Vec<&str> = fits.map(|account| account.id.as_str()).collect();
                    cells.insert("account_id".to_owned(), dice.of(&fits).to_owned());
                }
                if cells.len() == 4 && cells["quantity"].is_empty() {
                    cells.insert("quantity".to_owned(), "2".to_owned());
                }
            }
            rows.push(cells);
            if kind == "end" {
                break;
            }
            paused = kind == "pause";
            day = day + Shift::new(u64::try_from(1 + dice.below(20)).unwrap());
        }
    }
    case.tables.insert("amendments", rows);
}

/// Says who shares an allowance, in which order it is drawn, and how much of it there is.
fn shared(dice: &mut Dice<'_>, fields: &mut Fields) {
    maybe(dice, fields, "shared_over", &["subscription", "account", "subtree"]);
    maybe(dice, fields, "priority", &["0", "5", "10"]);
    maybe(dice, fields, "multiply_by", &["quantity", "holders", "none"]);
    maybe(dice, fields, "prorate", &["by_day", "none"]);
}

/// Allowances of a plan or a contract, for the meters that it pays for.
fn allowances(dice: &mut Dice<'_>, meters: &[usize], name: &str) -> Vec<Allowance> {
    let mut all = Vec::new();
    for meter in meters {
        for _ in 0..dice.below(3) {
            let mut fields = Fields::new();
            put(&mut fields, "id", &format!("{name}a{}", all.len()));
            put(&mut fields, "quantity", dice.of(&["10", "100", "0", "100.5", "0.1", "1000"]));
            shared(dice, &mut fields);
            all.push(Allowance { meter: *meter, fields });
        }
    }
    all
}

/// Whether one of these products has a charge on a meter.
fn sold(case: &Case, products: &[usize], meter: usize) -> bool {
    case.charges.iter().any(|charge| charge.meter == Some(meter) && products.contains(&charge.product))
}

/// Meters that add up and that a charge of these products is priced by.
fn paid(case: &Case, products: &[usize]) -> Vec<usize> {
    let adds_up = |meter: &usize| ["sum", "count"].contains(&case.meters[*meter].aggregate);
    (0..case.meters.len()).filter(|meter| adds_up(meter) && sold(case, products, *meter)).collect()
}

/// Lets an allowance hold for some days, or cover some of the charges.
fn narrow(dice: &mut Dice<'_>, allowance: &mut Allowance, charges: &[Charge], products: &[usize], settings: &Settings) {
    if dice.holds(1, 6) {
        let days = days(dice, settings, true);
        for (key, day) in [("valid_from", days.from), ("valid_to", days.to)] {
            day.into_iter().for_each(|day| put(&mut allowance.fields, key, &day.to_string()));
        }
    }
    let fits = |charge: &&Charge| charge.meter == Some(allowance.meter) && products.contains(&charge.product);
    let all: Vec<String> = charges.iter().filter(fits).map(|charge| charge.id.clone()).collect();
    let some = dice.some(&all);
    if !some.is_empty() && dice.holds(1, 3) {
        allowance.fields.insert("on".to_owned(), Field::Many(some));
    }
}

fn pools(dice: &mut Dice<'_>, case: &mut Case) {
    for at in 0..case.plans.len() {
        if dice.holds(1, 2) {
            let meters = paid(case, &case.plans[at].products);
            let mut all = allowances(dice, &meters, &format!("l{at}"));
            all.iter_mut().for_each(|own| narrow(dice, own, &case.charges, &case.plans[at].products, &case.settings));
            case.plans[at].allowances = all;
        }
    }
    let all: Vec<usize> = (0..case.products.len()).collect();
    for at in 0..case.contracts.len() {
        if dice.holds(1, 3) {
            let meters = paid(case, &all);
            let mut own = allowances(dice, &meters, &format!("k{at}"));
            own.iter_mut().for_each(|own| narrow(dice, own, &case.charges, &all, &case.settings));
            case.contracts[at].allowances = own;
        }
    }
}

/// Lets what is left go on, half of the time.
fn roll(dice: &mut Dice<'_>, allowance: &mut Allowance) {
    if dice.holds(1, 4) {
        put(&mut allowance.fields, "rollover", dice.of(&["1", "2"]));
    } else if dice.holds(1, 3) {
        let mut terms = Fields::new();
        put(&mut terms, "periods", dice.of(&["1", "2"]));
        put(&mut terms, "cap", dice.of(&["5", "50"]));
        allowance.fields.insert("rollover".to_owned(), Field::Map(terms));
    }
}

fn rollover(dice: &mut Dice<'_>, case: &mut Case) {
    let (first, _) = period(&case.settings);
    let mut names: Vec<(String, Option<usize>, Option<usize>)> = Vec::new();
    let name = |allowance: &Allowance, meters: &[Meter]| {
        allowance.fields.one("id").unwrap_or(&meters[allowance.meter].id).to_owned()
    };
    for (at, plan) in case.plans.iter_mut().enumerate() {
        for allowance in &mut plan.allowances {
            roll(dice, allowance);
            names.push((format!("plan:{}/{}", plan.id, name(allowance, &case.meters)), Some(at), None));
        }
    }
    for (at, contract) in case.contracts.iter_mut().enumerate() {
        for allowance in &mut contract.allowances {
            roll(dice, allowance);
            names.push((format!("contract:{}/{}", contract.id, name(allowance, &case.meters)), None, Some(at)));
        }
    }
    let mut rows: Vec<Row> = Vec::new();
    for (name, plan, contract) in &names {
        for subscription in &case.subscriptions {
            let has = (plan.is_some() && subscription.plan == *plan)
                || (contract.is_some() && subscription.contract == *contract);
            // What somebody had who has it no more is published as well.
            if !(if has { dice.holds(1, 2) } else { dice.holds(1, 20) }) {
                continue;
            }
            let account = if dice.holds(1, 2) { subscription.account } else { dice.below(case.accounts.len()) };
            let account = if dice.holds(1, 2) { case.accounts[account].id.clone() } else { String::new() };
            for back in [1, 2, 3] {
                if dice.holds(1, 2) {
                    rows.push(row([
                        ("account_id", account.clone()),
                        ("subscription_id", subscription.id.clone()),
                        ("allowance", name.clone()),
                        ("granted_period", (first - chrono::Months::new(back)).format("%Y-%m").to_string()),
                        ("left", dice.of(&["3", "0", "20.5"]).to_owned()),
                    ]));
                }
            }
        }
    }
    case.tables.insert("allowance_balances", rows);
}

fn money_allowances(dice: &mut Dice<'_>, case: &mut Case) {
    for at in 0..case.plans.len() {
        let products = case.plans[at].products.clone();
        for meter in 0..case.meters.len() {
            if sold(case, &products, meter) && dice.holds(1, 3) {
                let mut fields = Fields::new();
                put(&mut fields, "id", &format!("l{at}m{meter}"));
                put(&mut fields, "amount", dice.of(&["1", "20", "5.005"]));
                shared(dice, &mut fields);
                let mut allowance = Allowance { meter, fields };
                narrow(dice, &mut allowance, &case.charges, &products, &case.settings);
                case.plans[at].allowances.push(allowance);
            }
        }
    }
}

fn bounds(dice: &mut Dice<'_>, case: &mut Case) {
    for charge in &mut case.charges {
        // One model alone, so that no patch drops the bounds.
        let fits = charge.meter.is_some() && charge.steady && charge.price.one("model") != Some("percentage");
        if !fits || !dice.holds(1, 3) {
            continue;
        }
        if dice.holds(1, 2) {
            put(&mut charge.price, "minimum", dice.of(&["5", "20", "0.01"]));
            maybe(dice, &mut charge.price, "minimum_prorate", &["prorated", "full"]);
        } else {
            put(&mut charge.price, "maximum", dice.of(&["25", "50", "1000"]));
        }
        maybe(dice, &mut charge.price, "bounds", &["after_discounts", "before_discounts"]);
    }
}

fn account_bounds(dice: &mut Dice<'_>, case: &mut Case) {
    for account in &mut case.accounts {
        account.more.insert("pack".to_owned(), "~".to_owned());
    }
    for at in 0..dice.below(3) {
        let mut fields = Fields::new();
        put(&mut fields, "id", &format!("~b{at}"));
        put(&mut fields, "product", &dice.of(&case.products).id);
        let (key, choices) = if dice.holds(1, 2) { ("minimum", ["10", "100"]) } else { ("maximum", ["50", "20"]) };
        put(&mut fields, key, dice.of(&choices));
        // Cases share one book, and a bound is for all accounts of whom its condition holds.
        let mut when = "account.pack = '~'".to_owned();
        let more = money::condition(dice, case);
        if !more.contains("usage(") {
            when = format!("{when} AND {more}");
        }
        put(&mut fields, "when", &when);
        case.account_bounds.push(fields);
    }
}

fn thresholds(dice: &mut Dice<'_>, case: &mut Case) {
    for at in 0..dice.below(3) {
        let mut fields = Fields::new();
        put(&mut fields, "id", &format!("~t{at}"));
        let meter = dice.of(&case.meters);
        if !["sum", "count"].contains(&meter.aggregate) {
            continue;
        }
        put(&mut fields, "meter", &meter.id);
        put(&mut fields, "at", dice.of(&["1", "100", "1000"]));
        put(&mut fields, "notice", "reached");
        maybe(dice, &mut fields, "scope", &["subscription", "account", "subtree"]);
        case.thresholds.push(fields);
    }
}

fn commitment(dice: &mut Dice<'_>, case: &Case, id: &str) -> Fields {
    let mut fields = Fields::new();
    put(&mut fields, "id", id);
    put(&mut fields, "amount", dice.of(&["10", "100", "1000", "0.5"]));
    put(&mut fields, "product", &dice.of(&case.products).id);
    maybe(dice, &mut fields, "over", &["contract", "account", "subtree"]);
    maybe(dice, &mut fields, "overage_factor", &["1", "1.5", "2", "0.9"]);
    maybe(dice, &mut fields, "true_up", &["true", "false"]);
    maybe(dice, &mut fields, "prorate", &["prorated", "full"]);
    let mut named: Vec<String> = dice.some(&case.charges).into_iter().map(|charge| charge.id).collect();
    named.extend(dice.some(&case.products).into_iter().map(|product| product.id));
    if dice.holds(1, 2) && !named.is_empty() {
        fields.insert("on".to_owned(), Field::Many(named));
    }
    fields
}

fn commitments(dice: &mut Dice<'_>, case: &mut Case) {
    for at in 0..case.contracts.len() {
        for number in 0..dice.below(3) {
            let mut fields = commitment(dice, case, &format!("~c{at}{number}"));
            put(&mut fields, "per", "month");
            let meter = dice.of(&case.meters);
            if ["sum", "count"].contains(&meter.aggregate) && dice.holds(1, 4) {
                fields.retain(|key, _| !["amount", "overage_factor", "on"].contains(&key.as_str()));
                put(&mut fields, "quantity", dice.of(&["10", "500", "33.3"]));
                put(&mut fields, "meter", &meter.id);
                put(&mut fields, "shortfall_price", dice.of(&["0.5", "0.333", "2"]));
            }
            case.contracts[at].commitments.push(fields);
        }
    }
}

fn terms(dice: &mut Dice<'_>, case: &mut Case) {
    let (first, _) = period(&case.settings);
    let mut rows = Vec::new();
    for at in 0..case.contracts.len() {
        if !dice.holds(1, 2) {
            continue;
        }
        let id = format!("~q{at}");
        let mut fields = commitment(dice, case, &id);
        put(&mut fields, "per", "term");
        put(&mut fields, "term_months", dice.of(&["3", "12", "10"]));
        case.contracts[at].commitments.push(fields);
        let holder = case.subscriptions.iter().find(|known| known.contract == Some(at));
        if let Some(holder) = holder.filter(|_| dice.holds(1, 2)) {
            rows.push(row([
                ("subscription_id", holder.id.clone()),
                ("commitment", id),
                ("period", (first - chrono::Months::new(1)).format("%Y-%m").to_string()),
                ("billed", dice.of(&["5", "500"]).to_owned()),
            ]));
        }
    }
    case.tables.insert("commitment_balances", rows);
}
