//! A price book with one of every mistake that pricing people make: each is told, all in one go, at the very character.

use crate::tiny::Tiny;

/// Twenty mistakes; behind each line that has one: its code.
const BOOK: &str = r#"book: mistakes
currency: XAU                                                                          # R009
meters:
  minutes: { record_type: call, quantity: seconds / 60, aggregate: sum, unit: minute }
  guess: { record_type: call, quantity: secnods / 60, aggregate: sum }                 # E001
  words: { record_type: call, quantity: "identifier", aggregate: sum }                     # E005
products:
  voice:
    name: Voice
    charges:
      lost: { meter: minuets, model: per_unit, unit_price: 0.10 }                      # B003
      overlap:
        meter: minutes
        model: graduated
        tiers: [ { to: 10, unit_price: 1 }, { from: 9, unit_price: 2 } ]               # B004
      closed:
        meter: minutes
        model: volume
        tiers: [ { up_to: 10, unit_price: 1 }, { up_to: 20, unit_price: 2 } ]          # B004
      gap:
        meter: minutes
        model: per_unit
        versions:
          - { valid_to: 2026-10-01, unit_price: 1 }
          - { valid_from: 2026-11-01, unit_price: 2 }                                  # B014
      share: { meter: minutes, model: percentage, percent: 2 }                         # B005
      chicken: { meter: minutes, model: formula, formula: amount('voice/egg') + 1 }    # B013
      egg: { meter: minutes, model: formula, formula: amount('voice/chicken') * 2 }
      unknown: { meter: minutes, model: formula, formula: quantity * account.rebate }  # E001
      truth: { meter: minutes, model: formula, formula: quantity > 10 }                # E005
      float: { meter: minutes, model: formula, formula: CAST(quantity AS DOUBLE) }     # E004
      outside: { meter: minutes, model: sql, sql: "SELECT * FROM 'usage.parquet'" }    # E002
      late: { meter: minutes, model: calendar, windows: [ { name: a, days: mo, unit_price: 1 }, { name: b, unit_price: 1 } ] }  # Y006
      double: { meter: minutes, model: prefix, by: region, prefixes: [ { prefix: "1", unit_price: 1 } ] }  # B007
      blocks: { meter: minutes, model: package, size: 0, price: 7 }                    # B001
      twice: { meter: minutes, model: per_unit, unit_price: 1, unit_price: 2 }         # Y002
      extra: { meter: minutes, model: per_unit, unit_price: 1, colour: red }           # Y004
layers:
  - { id: near, when: acount.level = 'customer', prices: { voice/lost: { unit_price: 1 } } }  # E001
  - { id: backwards, valid_from: 2026-12-01, valid_to: 2026-11-01, prices: { voice/lost: { unit_price: 1 } } }  # B014
"#;

/// Line and code of every mistake, as the comments say.
fn expected() -> Vec<(usize, &'static str)> {
    let marked = BOOK.lines().enumerate().filter_map(|(at, line)| Some((at + 1, line.rsplit_once("# ")?.1)));
    marked.collect()
}

fn mistaken() -> Tiny {
    let tiny = Tiny::new();
    tiny.write("book.yaml", BOOK);
    tiny
}

#[test]
fn twenty_mistakes_are_twenty_faults_in_one_go() {
    let ran = mistaken().json_call().run().exits(2);
    let told = ran.json();
    let faults = told["faults"].as_array().unwrap();
    let found: Vec<(usize, &str)> = faults
        .iter()
        .map(|fault| (usize::try_from(fault["line"].as_u64().unwrap()).unwrap(), fault["code"].as_str().unwrap()))
        .collect();
    let expected = expected();
    assert!(expected.len() >= 20, "{}", expected.len());
    assert_eq!(found, expected, "{ran}");
    for fault in faults {
        assert!(fault["column"].as_u64().unwrap() > 0, "{fault:#}");
    }
}

#[test]
fn twenty_mistakes_look_like_this() {
    let tiny = mistaken();
    let ran = tiny.validate().exits(2);
    let shown = ran.stderr.replace(&format!("{}/", tiny.path("").display().to_string().trim_end_matches('/')), "");
    insta::assert_snapshot!("twenty_mistakes", shown);
}
