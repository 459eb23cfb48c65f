//! Price lists as long as those of a telephone company: read from a table, and looked up record by record.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::harness::{plain, text};
use crate::tiny::Tiny;

/// Prefixes of three to six digits: price and destination follow from the digits.
fn prefixes() -> BTreeMap<String, u64> {
    let all = (100_u64..900).chain(10_000..90_000).chain(100_000..119_200);
    all.map(|digits| (digits.to_string(), digits % 89 + 1)).collect()
}

/// The price in ten-thousandths of the longest prefix `number` begins with, found the slow way.
fn longest(prefixes: &BTreeMap<String, u64>, number: &str) -> Option<u64> {
    (1..=number.len()).rev().find_map(|length| prefixes.get(&number[..length]).copied())
}

#[test]
fn the_longest_of_a_hundred_thousand_prefixes_wins() {
    let prefixes = prefixes();
    assert_eq!(prefixes.len(), 100_000);
    let mut table = String::from("prefix,destination,unit_price\n");
    for (prefix, price) in &prefixes {
        writeln!(table, "{prefix},zone {},{}.{:04}", prefix.len(), price / 10_000, price % 10_000).unwrap();
    }
    let numbers: Vec<String> = (0_u64..2_000).map(|at| (at * 4_999 % 100_000_000 + 1_000).to_string()).collect();
    let mut usage = String::from("id,caller,started,seconds,dialled\n");
    for (at, number) in numbers.iter().enumerate() {
        writeln!(usage, "c{at},+1,2026-10-05T10:00:00Z,60,{number}").unwrap();
    }
    let priced: Vec<u64> = numbers.iter().filter_map(|number| longest(&prefixes, number)).collect();
    let tiny = Tiny::new()
        .with("pipeline.yaml", "seconds: \"decimal(38,18)\"", "seconds: \"decimal(38,18)\", dialled: string")
        .with("pipeline.yaml", "started AS record_time,", "started AS record_time, dialled,")
        .with("book.yaml", "aggregate: sum,", "aggregate: sum, attributes: [dialled],")
        .with(
            "book.yaml",
            "model: per_unit, unit_price: 0.10",
            "model: prefix, by: dialled, prefixes: { table: rates.csv }",
        )
        .usage("calls.csv", usage);
    tiny.write("rates.csv", table);
    let (summary, run) = tiny.run();
    assert_eq!(text(&summary["records"]["rated"]), priced.len().to_string());
    assert_eq!(text(&summary["records"]["suspended"]), (numbers.len() - priced.len()).to_string());
    assert!(priced.len() > 1_000 && priced.len() < numbers.len(), "{}", priced.len());
    let rated: Vec<u64> = run
        .table("invoice_lines")
        .iter()
        .map(|line| {
            let (whole, fraction) = line["amount_rated"].split_once('.').unwrap_or((&line["amount_rated"], ""));
            format!("{whole}{fraction:0<4}").parse::<u64>().unwrap()
        })
        .collect();
    assert_eq!(rated.iter().sum::<u64>(), priced.iter().sum::<u64>());
    let tiers: Vec<String> = run.table("invoice_lines").iter().map(|line| plain(&line["tier"])).collect();
    assert!(tiers.contains(&"zone 3".to_owned()) && tiers.contains(&"zone 5".to_owned()), "{tiers:?}");
}
