//! How resolving prices grows: with the number of plans, and with 100,000 accounts of which every twentieth has a price of
//! its own. Prints figures; run it by name, in a release build:
//! `cargo test --release -p ratemill --test it -- --ignored --nocapture scale::`.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use ratemill::catalog::{Applies, Catalog};
use ratemill::fault::{Located, Place};
use ratemill::period::Period;
use ratemill::pipeline::model::ReferencePaths;
use ratemill::{book, reference};

use crate::harness::{announce, folder, measured, ratemill};

const CHARGES: usize = 8;
pub(crate) const PIPELINE: &str = r#"pipeline: scale
timezone: UTC
period: month
book: book.yaml
usage:
  usage:
    path: usage.csv
    format: csv
    schema: { id: string, who: string, used_at: timestamp, amount: "decimal(38,18)" }
    mediate: SELECT id AS record_id, 'use' AS record_type, who AS identifier, used_at AS record_time, amount FROM input
    dedup: { key: [record_id], window: 35 days }
reference:
  accounts: accounts.csv
  subscriptions: subscriptions.csv
  identifiers: identifiers.csv
  price_overrides: price_overrides.csv
output: out
"#;

/// A book of so many plans with a price of their own for each charge; every account has one of them, every tenth account
/// stands below another one, every twentieth has an override of one charge, half of which begin in mid-month.
fn write(at: &Path, plans: usize, accounts: usize) {
    let mut book = "book: scale\nmeters:\n  units: { record_type: use, quantity: amount, aggregate: sum }\n".to_owned();
    book.push_str("products:\n  p:\n    charges:\n");
    for charge in 0..CHARGES {
        writeln!(book, "      c{charge}: {{ meter: units, model: per_unit, unit_price: 1.{charge} }}").unwrap();
    }
    book.push_str("layers:\n  - { id: all, prices: { p/c0: { free_units: 1 } } }\nplans:\n");
    for plan in 0..plans {
        writeln!(book, "  p{plan:05}:\n    includes: [p]\n    prices:").unwrap();
        for charge in 0..CHARGES {
            writeln!(book, "      p/c{charge}: {{ unit_price: 0.{plan:05}{charge} }}").unwrap();
        }
    }
    let mut files = [
        "account_id,parent_id,currency\n".to_owned(),
        "subscription_id,account_id,plan,product,start,end\n".to_owned(),
        "identifier,subscription_id,valid_from,valid_to\n".to_owned(),
        "account_id,charge,unit_price,valid_from\n".to_owned(),
        "id,who,used_at,amount\n".to_owned(),
    ];
    for account in 0..accounts {
        let parent = if account % 10 == 0 && account > 0 { format!("A{:06}", account - 1) } else { String::new() };
        let plan = account % plans;
        writeln!(files[0], "A{account:06},{parent},USD").unwrap();
        writeln!(files[1], "S{account:06},A{account:06},p{plan:05},,2026-01-01,").unwrap();
        writeln!(files[2], "I{account:06},S{account:06},2026-01-01,").unwrap();
        if account % 20 == 0 {
            let from = if account % 40 == 0 { "2026-10-16" } else { "" };
            writeln!(files[3], "A{account:06},p/c{},0.5,{from}", account / 20 % CHARGES).unwrap();
        }
        writeln!(files[4], "R{account:06},I{account:06},2026-10-20T10:00:00Z,10").unwrap();
    }
    let names = ["accounts.csv", "subscriptions.csv", "identifiers.csv", "price_overrides.csv", "usage.csv"];
    for (name, text) in names.iter().zip(&files) {
        fs::write(at.join(name), text).unwrap();
    }
    fs::write(at.join("book.yaml"), book).unwrap();
    fs::write(at.join("pipeline.yaml"), PIPELINE).unwrap();
}

/// What it took to resolve all prices, and how many distinct ones there are.
async fn resolve(at: &Path) -> (Duration, usize) {
    let path = |name: &str| Located { text: at.join(name).to_str().unwrap().to_owned(), place: Place::file("scale") };
    let paths = ReferencePaths {
        accounts: path("accounts.csv"),
        subscriptions: path("subscriptions.csv"),
        identifiers: path("identifiers.csv"),
        tax_rates: None,
        tax_exemptions: None,
        fx_rates: None,
        levels: None,
        credits: None,
        commitment_balances: None,
        amendments: None,
        coupons: None,
        allowance_balances: None,
        price_overrides: Some(path("price_overrides.csv")),
    };
    let reference = reference::load(&paths, chrono_tz::UTC).await.unwrap();
    let book = book::load(&path("book.yaml")).await.unwrap();
    let period = Period::month("2026-10", chrono_tz::UTC).unwrap();
    let start = Instant::now();
    let catalog = Catalog::new(&book, &reference, &period, &Applies::new()).unwrap();
    (start.elapsed(), catalog.prices.len())
}

#[tokio::test]
#[ignore = "prints figures"]
async fn the_time_for_a_price_is_the_same_for_50_plans_and_for_5000() {
    for (plans, accounts) in [(50, 1_000), (500, 10_000), (5_000, 100_000)] {
        let here = folder();
        write(here.path(), plans, accounts);
        let (took, prices) = resolve(here.path()).await;
        // One price for each charge of each plan, and those of the overrides.
        assert!(prices > plans * CHARGES && prices <= plans * CHARGES + accounts / 20, "{prices} prices");
        let each = took.as_nanos() / u128::try_from(prices).unwrap();
        announce(&format!("{plans} plans, {accounts} accounts: {prices} distinct prices in {took:?}, {each} ns each"));
    }
}

#[test]
#[ignore = "prints figures"]
fn a_hundred_thousand_accounts_on_5000_plans_are_rated_in_one_run() {
    let here = folder();
    write(here.path(), 5_000, 100_000);
    let (ran, took, peak) = measured(here.path());
    let lines = ran.json()["lines"].as_u64().unwrap();
    // A line for each charge, and one for the free unit of the layer.
    assert_eq!(lines, 100_000 * (1 + CHARGES as u64), "{ran}");
    announce(&format!("100,000 accounts, 5,000 plans, {CHARGES} charges: {lines} lines in {took:?}, {peak} MiB"));
}

/// Customers, each with 100 departments, of which each has 10 sites with 8 or 9 desks. A department has a pool of 500 units
/// for everybody below it, and a twentieth of that is left of the month before; every account uses 10.
fn write_pools(at: &Path, customers: usize) -> usize {
    let book = "book: scale\nmeters:\n  units: { record_type: use, quantity: amount, aggregate: sum }\nproducts:\n  p:\n    \
                charges: { use: { meter: units, model: per_unit, unit_price: 0.1 } }\nplans:\n  department:\n    \
                includes: [p]\n    allowances: [ { meter: units, quantity: 500, shared_over: subtree, rollover: 1 } ]\n";
    let mut files = [
        "account_id,parent_id,currency\n".to_owned(),
        "subscription_id,account_id,plan,product,start,end\n".to_owned(),
        "identifier,subscription_id,valid_from,valid_to\n".to_owned(),
        "subscription_id,allowance,granted_period,left\n".to_owned(),
        "id,who,used_at,amount\n".to_owned(),
    ];
    let mut count = 0;
    let mut account = |parent: &str, level: usize, number: usize| {
        let id = format!("{parent}{}{number:02}", ["C", "D", "S", "K"][level]);
        let (plan, product) = if level == 1 { ("department", "") } else { ("", "p") };
        writeln!(files[0], "{id},{parent},USD").unwrap();
        writeln!(files[1], "{id},{id},{plan},{product},2026-01-01,").unwrap();
        writeln!(files[2], "{id},{id},2026-01-01,").unwrap();
        writeln!(files[4], "{id},{id},2026-10-20T10:00:00Z,10").unwrap();
        if level == 1 {
            writeln!(files[3], "{id},plan:department/units,2026-09,25").unwrap();
        }
        count += 1;
        id
    };
    for customer in 0..customers {
        let customer = account("", 0, customer);
        for department in 0..100 {
            let department = account(&customer, 1, department);
            for site in 0..10 {
                let desks = 8 + usize::from(site % 10 != 0);
                let site = account(&department, 2, site);
                for desk in 0..desks {
                    account(&site, 3, desk);
                }
            }
        }
    }
    let names = ["accounts.csv", "subscriptions.csv", "identifiers.csv", "balances.csv", "usage.csv"];
    for (name, text) in names.iter().zip(&files) {
        fs::write(at.join(name), text).unwrap();
    }
    fs::write(at.join("book.yaml"), book).unwrap();
    let pipeline = PIPELINE.replace("price_overrides: price_overrides.csv", "allowance_balances: balances.csv");
    fs::write(at.join("pipeline.yaml"), pipeline).unwrap();
    count
}

/// Runs it; how long it took for so many accounts.
fn run_pools(customers: usize) -> (usize, Duration) {
    let here = folder();
    let accounts = write_pools(here.path(), customers);
    let start = Instant::now();
    let ran =
        ratemill(&["run", "pipeline.yaml", "--period", "2026-10", "--format", "json"]).cwd(here.path()).run().ok();
    let (took, lines) = (start.elapsed(), ran.json()["lines"].as_u64().unwrap());
    // Each department has 100 accounts that use 1,000 units: 525 of them are covered, of 52 whole accounts and one half.
    let departments = 100 * u64::try_from(customers).unwrap();
    assert_eq!(lines, departments * (100 + 1) + u64::try_from(customers).unwrap(), "{ran}");
    (accounts, took)
}

#[test]
fn pools_of_departments_are_drawn_in_one_run() {
    assert_eq!(run_pools(1).0, 10_001);
}

#[test]
#[ignore = "prints figures"]
fn a_hundred_thousand_accounts_in_four_levels_draw_on_pools_of_the_second() {
    let (few, before) = run_pools(1);
    let (many, took) = run_pools(10);
    announce(&format!("{few} accounts below pools in {before:?}, {many} in {took:?}"));
    assert!(took < before * 20, "ten times the accounts take {took:?} instead of {before:?}");
}
