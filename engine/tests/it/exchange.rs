//! Exchange of currencies: rates that are missing, too old, of another type or the other way round, and what is said.

use crate::committed;
use crate::harness::ratemill;
use crate::tiny::Tiny;

const HEADER: &str = "from,to,date,rate,rate_type\n";

/// The tiny job, which bills 0.20, with prices in EUR, an account in USD, `fx: KEYS` and these rates.
fn exchanged(keys: &str, rates: &str) -> Tiny {
    let fx = format!("currency: EUR\nfx: {keys}\n");
    let tiny = Tiny::new().with("book.yaml", "currency: account\n", &fx);
    let tiny = tiny.with("pipeline.yaml", "reference:\n", "reference:\n  fx_rates: fx_rates.csv\n");
    tiny.write("fx_rates.csv", format!("{HEADER}{rates}"));
    tiny
}

#[test]
fn without_fx_another_currency_is_refused_with_both_ways_out() {
    let tiny = Tiny::new().with("book.yaml", "currency: account", "currency: EUR");
    let ran = tiny.refused("B010", 2).says("priced in EUR, account `A1` is billed in USD").says("subscriptions.csv:2");
    ran.says("`fx: {}`");
}

#[test]
fn a_missing_or_expired_rate_stops_the_run_before_usage_is_read() {
    let ran = exchanged("{}", "EUR,USD,2026-10-23,1.1,\n").refused("R021", 3).says("fx_rates.csv:2");
    let ran = ran.says("there is no rate from EUR to USD for 2026-10-31").says("the newest is of 2026-10-23");
    ran.says("`max_age_days: 7`");
    exchanged("{}", "EUR,USD,2026-10-24,1.1,\n").run();
    exchanged("{ max_age_days: 0 }", "EUR,USD,2026-10-30,1.1,\n").refused("R021", 3);
    exchanged("{}", "EUR,JPY,2026-10-31,150,\n")
        .refused("R021", 3)
        .says("book.yaml:3")
        .says("add a row from EUR to USD");
    // Rates of later days are not those of this one.
    exchanged("{ on: period_start }", "EUR,USD,2026-10-02,1.1,\n").refused("R021", 3).says("for 2026-10-01");
    exchanged("{ on: period_start }", "EUR,USD,2026-09-24,1.1,\n").run();
}

#[test]
fn rates_of_another_type_or_direction_are_pointed_at() {
    let typed = "EUR,USD,2026-10-31,1.1,spot\nEUR,USD,2026-10-31,1.2,booking\n";
    let ran = exchanged("{}", typed).refused("R021", 3).says("it has it with `rate_type` `booking`, `spot`");
    ran.says("book.yaml:3");
    let ran = exchanged("{ rate_type: bokking }", typed).refused("R021", 3);
    ran.says("there is no rate of the type `bokking` from EUR to USD");
    let (_, run) = exchanged("{ rate_type: booking }", typed).run();
    let line = &run.table("invoice_lines")[0];
    assert_eq!(
        ["fx_rate", "price_currency", "amount_rated"].map(|column| line[column].as_str()),
        ["1.2", "EUR", "0.24"]
    );
    let turned = "USD,EUR,2026-10-31,0.8,\n";
    exchanged("{}", turned).refused("R021", 3).says("which `inverse: true` takes");
    let (_, run) = exchanged("{ inverse: true }", turned).run();
    assert_eq!(run.table("invoice_lines")[0]["amount_net"], "0.25");
}

#[test]
fn a_day_that_only_lines_show_is_missed_before_anything_is_written() {
    let tiny = exchanged("{ on: service_end, max_age_days: 0 }", "EUR,USD,2026-10-30,1.1,\n");
    tiny.validate().ok();
    tiny.refused("R021", 3).says("for 2026-10-31").says("fx_rates.csv:2");
}

#[test]
fn bad_rates_and_keys_are_told_at_once() {
    let rates = "EUR,USD,2026-10-31,1.1,\nEUR,USD,2026-10-31,1.2,\nEUR,USD,2026-10-31,1.3,spot\nEUR,EUR,2026-10-31,1,\n\
                 EUR,USD,2026-10-30,0,\nEUR,USD,yesterday,1,\nEUR,UDS,2026-10-31,1,\n";
    let ran = exchanged("{ on: payday, max_age_days: 99999, inverse: perhaps, age: 3 }", rates).validate().exits(2);
    for said in ["R004", "fx_rates.csv:3", "R003", "fx_rates.csv:5", "fx_rates.csv:6", "fx_rates.csv:7", "R009"] {
        assert!(ran.stderr.contains(said), "{said}: {ran}");
    }
    assert!(!ran.stderr.contains("fx_rates.csv:4"), "a type is told apart: {ran}");
    for said in ["Y006", "payday", "perhaps", "Y004", "`age`", "B001", "not a number of days"] {
        assert!(ran.stderr.contains(said), "{said}: {ran}");
    }
    let ran = exchanged("{}", "").with("fx_rates.csv", "rate_type", "Rate-Type").refused("R002", 2);
    ran.says("`Rate-Type` is written like `rate_type`");
}

#[test]
fn formulas_never_add_up_amounts_in_several_currencies() {
    let charge = "      minutes: { meter: minutes, model: per_unit, unit_price: 0.10 }\n";
    let more =
        "      share: { meter: minutes, model: formula, scope: account, formula: amount('voice/minutes') / 2 }\n";
    let plans = "plans:\n  here: { includes: [voice] }\n  there: { includes: [voice], currency: JPY }\n";
    let tiny = exchanged("{}", "EUR,USD,2026-10-31,1.1,\nJPY,USD,2026-10-31,0.01,\n")
        .with("book.yaml", charge, &format!("{charge}{more}{plans}"))
        .with(
            "subscriptions.csv",
            "product,start,end\nS1,A1,voice,",
            "plan,start,end\nS2,A1,there,2026-01-01,\nS1,A1,here,",
        )
        .with("identifiers.csv", "+1,S1", "+2,S2,2026-01-01,\n+1,S1")
        .usage(
            "calls.csv",
            "id,caller,started,seconds\nc1,+1,2026-10-05T10:00:00Z,120\nc2,+2,2026-10-05T10:00:00Z,60\n",
        );
    tiny.refused("B010", 2).says("a formula would add up amounts of `voice/minutes` in");
    // Apart, each is in the currency of its own price: 0.20 and 0.10 EUR, 0.10 and 0.05 JPY (rounded to 0).
    let (_, run) = tiny.with("book.yaml", "scope: account, ", "").run();
    let lines = run.table("invoice_lines").iter();
    let mut rated: Vec<(&str, &str, &str)> = lines
        .map(|line| (line["subscription_id"].as_str(), line["charge"].as_str(), line["amount_rated"].as_str()))
        .collect();
    rated.sort_unstable();
    assert_eq!(
        rated,
        [
            ("S1", "voice/minutes", "0.22"),
            ("S1", "voice/share", "0.11"),
            ("S2", "voice/minutes", "0.001"),
            ("S2", "voice/share", "0")
        ]
    );
}

#[test]
fn an_explanation_tells_the_rate_and_both_amounts() {
    let tiny = exchanged("{}", "EUR,USD,2026-10-30,1.23,\n");
    let (_, run) = tiny.run();
    let id = &run.table("invoice_lines")[0]["line_id"];
    let ran = ratemill(&["explain", "pipeline.yaml", id, "--period", "2026-10"]).cwd(&tiny.path("")).run().ok();
    for said in ["0.1 EUR", "0.2  in EUR", "0.246  in USD, exchanged at 1.23, the rate of 2026-10-30", "equal"] {
        assert!(ran.stdout.contains(said), "{said}: {ran}");
    }
    assert!(committed::newest(&tiny.path("out"), "2026-10").is_some());
}
