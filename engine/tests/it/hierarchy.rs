//! A hierarchy of four levels: commitments over the subtree of each customer, pools over that of each region, overrides on
//! every level, usage by contacts. Every amount is computed here once more, in whole numbers.
//!
//! `cargo test --release -p ratemill --test it -- --ignored --nocapture hierarchy::` prints figures of 101,100 accounts.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use crate::committed::{self, Row};
use crate::harness::{announce, folder, measured, ratemill};
use crate::scale::PIPELINE;

const REGIONS: usize = 10;
const SITES: usize = 10;
const CONTACTS: usize = 9;
/// Minutes that a region has, and cents that a customer has committed to.
const POOL: u64 = 500;
const COMMITTED: i64 = 60_200;

const BOOK: &str = "book: hierarchy
currency: USD
meters:
  minutes: { record_type: use, quantity: amount, aggregate: sum }
products:
  voice:
    charges:
      minutes: { meter: minutes, model: per_unit, unit_price: 0.02 }
  line:
    charges:
      fee: { model: recurring, every: month, amount: 12.00 }
plans:
  group: { includes: [voice] }
  pool:
    includes: [voice]
    allowances: [ { meter: minutes, quantity: 500, shared_over: subtree } ]
  seat: { includes: [voice] }
contracts:
  frame:
    commitment: { id: frame, amount: 602, per: month, over: subtree, on: [voice], product: voice }
";

/// What one customer's usage must come to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Expected {
    covered: u64,
    /// Cents.
    usage: i64,
    commitment: i64,
    fees: i64,
}

/// The minutes of a record.
fn minutes(contact: usize, nth: usize) -> u64 {
    ((contact * 7 + nth * 11) % 40 + 1) as u64
}

/// Writes the job of so many customers; what each of them must pay.
fn write(at: &Path, customers: usize) -> BTreeMap<String, Expected> {
    let mut accounts = "account_id,parent_id,level,currency\n".to_owned();
    let mut subscriptions = "subscription_id,account_id,plan,product,start,end,contract\n".to_owned();
    let mut identifiers = "identifier,subscription_id,valid_from,valid_to\n".to_owned();
    let mut overrides = "account_id,charge,unit_price\n".to_owned();
    let mut usage = "id,who,used_at,amount\n".to_owned();
    let mut expected = BTreeMap::new();
    for customer in 0..customers {
        let top = format!("C{customer:03}");
        let mut own = Expected::default();
        let mut price = [20; 4];
        let mut over = |account: &str, price: &mut i64, every: usize, nth: usize, own: i64| {
            if nth.is_multiple_of(every) {
                *price = own;
                writeln!(overrides, "{account},voice/minutes,0.0{own}").unwrap();
            }
        };
        writeln!(accounts, "{top},,customer,USD").unwrap();
        writeln!(subscriptions, "{top}-G,{top},group,,2026-01-01,,frame").unwrap();
        over(&top, &mut price[0], 10, customer, 18);
        for region in 0..REGIONS {
            let region_id = format!("{top}-R{region}");
            let mut left = POOL;
            price[1] = price[0];
            writeln!(accounts, "{region_id},{top},region,USD").unwrap();
            writeln!(subscriptions, "{region_id}-P,{region_id},pool,,2026-01-01,,").unwrap();
            over(&region_id, &mut price[1], 13, customer * REGIONS + region, 16);
            for site in 0..SITES {
                let site_id = format!("{region_id}-S{site}");
                price[2] = price[1];
                writeln!(accounts, "{site_id},{region_id},site,USD").unwrap();
                writeln!(subscriptions, "{site_id}-F,{site_id},,line,2026-01-01,,").unwrap();
                over(&site_id, &mut price[2], 17, (customer * REGIONS + region) * SITES + site, 14);
                own.fees += 1200;
                for contact in 0..CONTACTS {
                    let nth = ((customer * REGIONS + region) * SITES + site) * CONTACTS + contact;
                    let id = format!("{site_id}-K{contact}");
                    price[3] = price[2];
                    writeln!(accounts, "{id},{site_id},contact,USD").unwrap();
                    writeln!(subscriptions, "{id}-V,{id},seat,,2026-01-01,,").unwrap();
                    writeln!(identifiers, "{id},{id}-V,2026-01-01,").unwrap();
                    over(&id, &mut price[3], 19, nth, 12);
                    let mut used = 0;
                    for record in 0..2 {
                        let quantity = minutes(nth, record);
                        used += quantity;
                        writeln!(usage, "{id}-{record},{id},2026-10-{:02}T10:00:00Z,{quantity}", nth % 31 + 1).unwrap();
                    }
                    let covered = used.min(left);
                    left -= covered;
                    own.covered += covered;
                    // Thousandths of a dollar to cents, half up.
                    own.usage += (i64::try_from(used - covered).unwrap() * price[3] + 5) / 10;
                }
            }
        }
        own.commitment = (COMMITTED - own.usage).max(0);
        expected.insert(top, own);
    }
    let tables = [
        ("accounts.csv", accounts),
        ("subscriptions.csv", subscriptions),
        ("identifiers.csv", identifiers),
        ("price_overrides.csv", overrides),
        ("usage.csv", usage),
    ];
    write_all(at, &tables);
    expected
}

fn write_all(at: &Path, tables: &[(&str, String)]) {
    let texts = tables.iter().map(|(name, text)| (*name, text.as_str()));
    for (name, text) in texts.chain([("book.yaml", BOOK), ("pipeline.yaml", PIPELINE)]) {
        fs::write(at.join(name), text).unwrap();
    }
}

/// A decimal times `scale`, which makes it whole.
fn whole(text: &str, scale: i64) -> i64 {
    let number: rust_decimal::Decimal = text.parse().unwrap();
    (number * rust_decimal::Decimal::from(scale)).try_into().unwrap()
}

/// What the line set says of each customer.
fn found(lines: &[Row]) -> BTreeMap<String, Expected> {
    let mut found: BTreeMap<String, Expected> = BTreeMap::new();
    for line in lines {
        let own = found.entry(line["account_path"].split('/').next().unwrap().to_owned()).or_default();
        let net = whole(&line["amount_net"], 100);
        match line["line_kind"].as_str() {
            "allowance" => own.covered += u64::try_from(whole(&line["quantity"], 1)).unwrap(),
            "usage" => own.usage += net,
            "recurring" => own.fees += net,
            "commitment" => own.commitment += net,
            kind => panic!("a line of kind {kind}"),
        }
    }
    found
}

#[test]
fn pools_overrides_and_commitments_of_four_levels_come_to_what_whole_numbers_say() {
    let here = folder();
    let expected = write(here.path(), 3);
    ratemill(&["run", "pipeline.yaml", "--period", "2026-10"]).cwd(here.path()).run().ok();
    let committed = committed::read(&here.path().join("out"), "2026-10");
    assert_eq!(found(committed.table("invoice_lines")), expected);
    assert!(expected.values().any(|own| own.commitment == 0) && expected.values().any(|own| own.commitment > 0));
}

#[test]
#[ignore = "prints figures"]
fn a_hundred_thousand_accounts_of_four_levels_are_billed_in_one_run() {
    let here = folder();
    let expected = write(here.path(), 100);
    let (ran, took, peak) = measured(here.path());
    let lines = ran.json()["lines"].as_u64().unwrap();
    announce(&format!("101,100 accounts of four levels, 180,000 records: {lines} lines in {took:?}, {peak} MiB"));
    let committed = committed::read(&here.path().join("out"), "2026-10");
    assert_eq!(found(committed.table("invoice_lines")), expected);
}
