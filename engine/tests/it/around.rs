//! Bounds, commitments and thresholds as their users meet them: mistakes and what is said of them, balances that one run
//! hands to the next, prices that change where a threshold is reached, and a hundred thousand accounts.

use std::fmt::Write;
use std::fs;
use std::time::Instant;

use crate::committed::{self, Row};
use crate::harness::{announce, folder, ratemill};
use crate::tiny::{GOOD, HEADER, Tiny};

const CHARGE: &str = "minutes: { meter: minutes, model: per_unit, unit_price: 0.10 }";

/// The tiny job with this in its book.
fn with(more: &str) -> Tiny {
    let tiny = Tiny::new();
    let book = fs::read_to_string(tiny.path("book.yaml")).unwrap();
    tiny.write("book.yaml", book + more + "\n");
    tiny
}

/// The tiny job whose one charge has these keys besides.
fn charge(more: &str) -> Tiny {
    Tiny::new().with("book.yaml", CHARGE, &CHARGE.replace(" }", &format!(", {more} }}")))
}

/// The tiny job with a contract that has this commitment.
fn committed_to(commitment: &str) -> Tiny {
    with(&format!("contracts:\n  big: {{ commitment: {commitment} }}"))
        .with("subscriptions.csv", ",start,end", ",start,end,contract")
        .with("subscriptions.csv", "2026-01-01,\n", "2026-01-01,,big\n")
}

fn lines(tiny: &Tiny) -> Vec<Row> {
    tiny.run().1.table("invoice_lines").to_vec()
}

fn amounts(lines: &[Row]) -> Vec<(&str, &str, &str)> {
    lines.iter().map(|line| (line["charge"].as_str(), line["tier"].as_str(), line["amount_net"].as_str())).collect()
}

#[test]
fn bounds_that_make_no_sense_are_refused() {
    for (keys, code, message) in [
        ("minimum: -1", "B001", "negative"),
        ("minimum: 10, maximum: 9.99", "B001", "the maximum 9.99 is below the minimum 10"),
        ("minimum: ten", "B001", "not a decimal"),
        ("minimum_prorate: full", "B005", "needs a `minimum`"),
        ("minimum: 10, bounds: before", "Y006", "before_discounts"),
    ] {
        charge(keys).refused(code, 2).says("book.yaml:9").says(message);
    }
    let fee = "fee: { model: recurring, amount: 5, minimum: 10 }";
    Tiny::new().with("book.yaml", CHARGE, fee).refused("B005", 2).says("`recurring` does not take `minimum`");
    let share = "share: { meter: minutes, model: percentage, percent: 5, minimum: 10, minimum_prorate: full }";
    let money = Tiny::new().with("book.yaml", ", unit: minute", "").with("book.yaml", CHARGE, share);
    money.refused("B005", 2).says("`percentage` does not take `minimum_prorate`");
}

#[test]
fn bounds_of_accounts_and_thresholds_that_make_no_sense_are_refused() {
    for (bound, code, message) in [
        ("{ id: least, product: voice }", "B005", "needs `minimum` or `maximum`"),
        ("{ id: least, minimum: 5, product: voise }", "B003", "did you mean `voice`?"),
        ("{ id: least, minimum: 5 }", "Y005", "needs the key `product`"),
        ("{ id: minutes, minimum: 5, product: voice }", "B002", "the charge `voice/minutes` is declared twice"),
        ("{ id: a/b, minimum: 5, product: voice }", "Y006", "has no `/`"),
        ("{ id: least, minimum: 5, product: voice, when: account.colour = 'red' }", "E00", "colour"),
    ] {
        with(&format!("account_bounds:\n  - {bound}")).refused(code, 2).says("book.yaml:").says(message);
    }
    let twice = "account_bounds:\n  - { id: a, minimum: 5, product: voice }\n  - { id: a, maximum: 9, product: voice }";
    with(twice).refused("B002", 2).says("book.yaml:12");
    for (threshold, code, message) in [
        ("{ id: t, at: 5, notice: x }", "B005", "needs one of `meter` and `charge`"),
        ("{ id: t, at: 5, notice: x, meter: minuts }", "B003", "did you mean `minutes`?"),
        ("{ id: t, at: 5, notice: x, charge: voice/minuts }", "B003", "voice/minutes"),
        ("{ id: t, at: 0, notice: x, meter: minutes }", "B001", "not above zero"),
        ("{ id: t, at: 5, meter: minutes }", "Y005", "notice"),
        ("{ id: t, at: 5, notice: x, meter: minutes, scope: everybody }", "Y006", "everybody"),
    ] {
        with(&format!("thresholds:\n  - {threshold}")).refused(code, 2).says("book.yaml:").says(message);
    }
}

#[test]
fn commitments_that_make_no_sense_are_refused() {
    for (commitment, code, message) in [
        ("{ product: voice }", "B005", "one of `amount` and `quantity`"),
        ("{ amount: 5, quantity: 6, product: voice }", "B005", "one of `amount` and `quantity`"),
        ("{ amount: -5, product: voice }", "B001", "negative"),
        ("{ amount: 5 }", "Y005", "needs the key `product`"),
        ("{ amount: 5, product: voise }", "B003", "did you mean `voice`?"),
        ("{ amount: 5, product: voice, on: [voice/minuts] }", "B003", "voice/minutes"),
        ("{ amount: 5, product: voice, overage_factor: -1 }", "B001", "negative"),
        ("{ amount: 5, product: voice, meter: minutes }", "B005", "an amount does not take `meter`"),
        ("{ quantity: 5, product: voice, meter: minutes }", "B005", "needs `shortfall_price`"),
        ("{ quantity: 5, product: voice, shortfall_price: 1 }", "B005", "needs `meter`"),
        ("{ quantity: 5, product: voice, meter: minutes, shortfall_price: 1, on: [voice] }", "B005", "take `on`"),
        ("{ amount: 5, product: voice, per: term }", "B005", "needs `term_months`"),
        ("{ amount: 5, product: voice, term_months: 12 }", "B005", "needs `per: term`"),
        ("{ amount: 5, product: voice, per: term, term_months: 0 }", "B001", "1 to 1200 months"),
        ("{ amount: 5, product: voice, over: everything }", "Y006", "everything"),
        ("[ { amount: 5, product: voice }, { amount: 6, product: voice } ]", "B002", "declared twice"),
        ("{ id: minutes, amount: 5, product: voice }", "B002", "the charge `voice/minutes` is declared twice"),
    ] {
        committed_to(commitment).refused(code, 2).says("book.yaml:1").says(message);
    }
    // Nobody gives a commitment a price.
    let priced = "{ id: least, amount: 5, product: voice }, prices: { voice/least: { unit_price: 1 } }";
    committed_to(priced).refused("B003", 2).says("there is no charge `voice/least`");
}

#[test]
fn a_commitment_over_several_currencies_is_refused() {
    let tiny = committed_to("{ amount: 5, over: subtree, product: voice }")
        .with("accounts.csv", "A2,A1,site,Annex,USD", "A2,A1,site,Annex,EUR")
        .with("subscriptions.csv", ",big\n", ",big\nS2,A2,voice,2026-01-01,,\n");
    tiny.refused("B010", 2).says("book.yaml:11").says("account `A1` in USD and account `A2` in EUR");
}

#[test]
fn balances_that_fit_no_commitment_are_refused() {
    let with_balances = |rows: &str| {
        let commitment = "{ id: year, amount: 50, per: term, term_months: 12, product: voice }";
        let tiny = committed_to(commitment).with(
            "pipeline.yaml",
            "  identifiers: identifiers.csv",
            "  identifiers: identifiers.csv\n  commitment_balances: balances.csv",
        );
        tiny.write("balances.csv", format!("subscription_id,commitment,period,billed\n{rows}"));
        tiny
    };
    for (row, code, message) in [
        ("S9,year,2026-09,5", "R005", "S9"),
        ("S1,years,2026-09,5", "B003", "did you mean `year`?"),
        ("S1,year,September,5", "R003", "not a month"),
        ("S1,year,2026-09,", "R003", "billed"),
        ("S1,year,2026-09,five", "R003", "five"),
        ("S1,,2026-09,5", "R003", "`commitment` is blank"),
    ] {
        with_balances(row).refused(code, 2).says("balances.csv:2").says(message);
    }
    let twice = with_balances("S1,year,2026-09,5\nS1,year,2026-09,6");
    twice.refused("R004", 2).says("balances.csv:3").says("stands in line 2 already");
    let without = with_balances("");
    without.write("balances.csv", "subscription_id,commitment,billed\n");
    without.refused("R002", 2).says("the column `period` is missing");
    let monthly = with_balances("S1,year,2026-09,5").with("book.yaml", "per: term, term_months: 12, ", "");
    monthly.refused("B005", 2).says("has no term");
}

#[test]
fn a_minimum_too_large_for_a_line_is_told() {
    charge("minimum: 100000000000001").refused("G003", 2).says("voice/minutes");
}

#[test]
fn what_a_term_has_counted_goes_from_run_to_run() {
    let commitment = "{ id: year, amount: 1, per: term, term_months: 11, product: voice }";
    let tiny = committed_to(commitment);
    let (_, october) = tiny.run();
    let balances = october.table("commitment_balances");
    let row =
        |row: &Row| ["subscription_id", "contract", "commitment", "period", "billed"].map(|name| row[name].clone());
    assert_eq!(balances.iter().map(row).collect::<Vec<_>>(), [["S1", "big", "year", "2026-10", "0.2"]]);
    // The term of 11 months from January ends with November.
    let file = tiny.path("out").join(&october.files["commitment_balances"][0]);
    tiny.write("balances.parquet", fs::read(file).unwrap());
    let tiny = tiny.with("pipeline.yaml", "  identifiers:", "  commitment_balances: balances.parquet\n  identifiers:");
    let tiny = tiny.usage("calls.csv", format!("{HEADER}{}", GOOD.replace("2026-10", "2026-11")));
    let here = tiny.path("pipeline.yaml");
    let words = ["run", "pipeline.yaml", "--period", "2026-11", "--output", "november"];
    ratemill(&words).cwd(here.parent().unwrap()).run().ok();
    let november = committed::read(&tiny.path("november"), "2026-11");
    assert_eq!(amounts(november.table("invoice_lines")), [("voice/minutes", "", "0.2"), ("voice/year", "", "0.6")]);
    let periods: Vec<&str> = november.table("commitment_balances").iter().map(|row| row["period"].as_str()).collect();
    assert_eq!(periods, ["2026-10", "2026-11"]);
}

#[test]
fn a_price_changes_where_a_threshold_of_another_charge_is_reached() {
    // From 2 minutes on, the second charge costs half: a formula asks for the usage of the same meter.
    let formula = "extra: { meter: minutes, model: formula, formula: \"quantity * CASE WHEN usage('minutes') >= 2 THEN 0.5 ELSE 1 END\" }";
    let notice = "thresholds:\n  - { id: two, meter: minutes, at: 2, notice: Half price from here on }";
    let tiny = with(notice).with("book.yaml", CHARGE, &format!("{CHARGE}\n      {formula}"));
    let (_, run) = tiny.run();
    assert_eq!(amounts(run.table("invoice_lines")), [("voice/extra", "", "1"), ("voice/minutes", "", "0.2")]);
    assert_eq!(run.table("notices").len(), 1);
    let below = tiny.usage("calls.csv", format!("{HEADER}{}", GOOD.replace("120", "60")));
    let (_, run) = below.run();
    assert_eq!(amounts(run.table("invoice_lines")), [("voice/extra", "", "1"), ("voice/minutes", "", "0.1")]);
    assert!(run.table("notices").is_empty());
}

#[test]
fn a_layer_can_give_somebody_a_minimum() {
    let layer =
        "layers:\n  - { id: small, when: \"account.level = 'customer'\", prices: { voice/minutes: { minimum: 3 } } }";
    let found = lines(&with(layer));
    assert_eq!(amounts(&found), [("voice/minutes", "", "0.2"), ("voice/minutes", "minimum", "2.8")]);
    assert_eq!(found[1]["price_layer"], "layer:small");
}

#[test]
fn an_account_that_ends_is_held_to_its_minimum_for_the_days_it_was_there() {
    let tiny = charge("minimum: 31").with("subscriptions.csv", "2026-01-01,\n", "2026-01-01,2026-10-11\n");
    assert_eq!(amounts(&lines(&tiny)), [("voice/minutes", "", "0.2"), ("voice/minutes", "minimum", "9.8")]);
}

const ACCOUNTS: usize = 100_000;
/// Accounts below one customer, itself included: 1 + 9 + 30 + 60 on four levels.
const CUSTOMER: usize = 100;

/// A hundred thousand accounts on four levels; every customer has a contract with a commitment over all below it.
#[test]
#[ignore = "prints figures"]
fn a_thousand_customers_of_a_hundred_accounts_are_held_to_their_commitments_in_one_run() {
    let tiny = Tiny::new();
    let mut book = fs::read_to_string(tiny.path("book.yaml")).unwrap() + "  fees: {}\ncontracts:\n";
    let mut files = [
        "account_id,parent_id,currency\n".to_owned(),
        "subscription_id,account_id,product,start,end,contract\n".to_owned(),
        "identifier,subscription_id,valid_from,valid_to\n".to_owned(),
        HEADER.to_owned(),
    ];
    for number in 0..ACCOUNTS {
        let (customer, place) = (number / CUSTOMER, number % CUSTOMER);
        let parent = match place {
            0 => String::new(),
            1..10 => format!("A{:06}", customer * CUSTOMER),
            10..40 => format!("A{:06}", customer * CUSTOMER + 1 + place % 9),
            _ => format!("A{:06}", customer * CUSTOMER + 10 + place % 30),
        };
        let contract = if place == 0 { format!("k{customer:04}") } else { String::new() };
        if place == 0 {
            writeln!(book, "  {contract}: {{ commitment: {{ amount: 30, over: subtree, product: fees }} }}").unwrap();
        }
        writeln!(files[0], "A{number:06},{parent},USD").unwrap();
        writeln!(files[1], "S{number:06},A{number:06},voice,2026-01-01,,{contract}").unwrap();
        writeln!(files[2], "+{number:06},S{number:06},2026-01-01,").unwrap();
        writeln!(files[3], "c{number:06},+{number:06},2026-10-05T10:00:00Z,120").unwrap();
    }
    let names = ["accounts.csv", "subscriptions.csv", "identifiers.csv", "usage/calls.csv"];
    for (name, text) in names.iter().zip(&files) {
        tiny.write(name, text);
    }
    tiny.write("book.yaml", book);
    let output = folder();
    let start = Instant::now();
    let words = ["--output", output.path().to_str().unwrap()];
    let ran = tiny.json_call().words(&words).run().ok();
    let took = start.elapsed();
    // 100 accounts come to 20.00 of 30.00.
    let customers = (ACCOUNTS / CUSTOMER) as u64;
    assert_eq!(ran.json()["lines"].as_u64().unwrap(), ACCOUNTS as u64 + customers, "{ran}");
    let net = &ran.json()["totals"][0];
    assert!(net.to_string().contains("30000"), "{net}");
    announce(&format!("{ACCOUNTS} accounts on 4 levels, {customers} commitments over subtrees: {took:?}"));
}
