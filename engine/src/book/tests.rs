//! Small books and what is said about them, as a user meets it: the folder is in memory, the texts are YAML.

use super::model::{Aggregate, Model, On, Percent, Reduction, Scope};
use super::*;
use crate::fault::Place;
use crate::money::{Decimal, Rounding};
use crate::store::Location;
use crate::yaml::tests::pointed;

mod allowances;
mod damage;
mod patches;
mod recurring;
mod tables;

fn dec(text: &str) -> Decimal {
    Decimal::parse(text).unwrap()
}

async fn put(folder: &str, name: &str, bytes: Vec<u8>) {
    Location::parse(&format!("memory://{folder}/{name}")).unwrap().put(bytes.into()).await.unwrap();
}

/// Loads the book made of `files` in a folder of that name.
async fn load_files(folder: &str, files: &[(&str, &str)]) -> Outcome<PriceBook> {
    for (name, text) in files {
        put(folder, name, text.as_bytes().to_vec()).await;
    }
    load(&Located { text: format!("memory://{folder}"), place: Place::file("nightly.yaml") }).await
}

/// Each fault as its code, line and the text it points at, with the file's name in front when there are several.
async fn faults_of(folder: &str, files: &[(&str, &str)]) -> Vec<String> {
    let faults = load_files(folder, files).await.err().unwrap_or_default();
    let shown = |fault: &Fault| {
        let place = fault.place.clone().unwrap();
        let file = place.source.name.rsplit('/').next().unwrap().to_owned();
        if files.len() > 1 { format!("{file}: {}", pointed(fault)) } else { pointed(fault) }
    };
    faults.0.iter().map(shown).collect()
}

/// A sound book that the cases below add to: its 14 lines are in front of each of them.
const BASE: &str = "\
book: test
meters:
  minutes: { record_type: call, quantity: duration_s / 60, dimensions: [region, device] }
  peak: { record_type: call, quantity: duration_s, aggregate: max }
products:
  video:
    charges:
      minutes: { meter: minutes, model: per_unit, unit_price: 0.10 }
      peak: { meter: peak, model: per_unit, unit_price: 1 }
      platform: { model: recurring, amount: 49.00 }
  recording:
    charges:
      storage: { meter: minutes, model: graduated, tiers: [ { up_to: 10, unit_price: 1 }, { unit_price: 0.5 } ] }
# 14
";

#[tokio::test]
async fn what_does_not_fit_together_is_reported_at_its_place() {
    let cases: &[(&str, &[&str])] = &[
        ("", &[]),
        ("plans:\n  a: { includes: [video, vidoe] }\n", &["B003 16 vidoe"]),
        ("plans:\n  a: { includes: [video, video] }\n", &["B002 16 video"]),
        (
            "plans:\n  a: { includes: [video], prices: { video/minuts: { unit_price: 1 } } }\n",
            &["B003 16 video/minuts"],
        ),
        (
            "plans:\n  a: { includes: [video], prices: { recording/storage: { scope: account } } }\n",
            &["B003 16 recording/storage"],
        ),
        (
            "plans:\n  a: { includes: [video], prices: { video/minutes: { model: package, size: 10 } } }\n",
            &["B005 16 package"],
        ),
        (
            "plans:\n  a: { includes: [video], prices: { video/minutes: { tiers: [ { unit_price: 1 } ] } } }\n",
            &["B005 16 tiers"],
        ),
        (
            "plans:\n  a: { includes: [video], prices: { video/minutes: { model: one_time, amount: 1 } } }\n",
            &["B005 16 one_time"],
        ),
        ("plans:\n  a: { includes: [video], prices: { video/minutes: { unitprice: 1 } } }\n", &["Y004 16 unitprice"]),
        ("plans:\n  a: { includes: [video], allowances: [ { meter: minute, quantity: 1 } ] }\n", &["B003 16 minute"]),
        ("plans:\n  a: { includes: [video], allowances: [ { meter: peak, quantity: 1 } ] }\n", &["B011 16 peak"]),
        ("plans:\n  a: { includes: [], allowances: [ { meter: minutes, quantity: 1 } ] }\n", &["B011 16 minutes"]),
        ("plans:\n  a: { includes: [video], allowances: [ { meter: minutes, quantity: -1 } ] }\n", &["B001 16 -1"]),
        ("plans:\n  a: { includes: [video], currency: usd }\n", &["R009 16 usd"]),
        ("plans:\n  a: { includes: [video] }\n  b/c: { includes: [video] }\n", &["Y006 17 b/c"]),
        ("currency: dollars\n", &["R009 15 dollars"]),
        ("discounts: [ { id: a, percent: 10 }, { id: a, percent: 5 } ]\n", &["B002 15 a"]),
        ("discounts: [ { id: a } ]\n", &["B005 15 a"]),
        ("discounts: [ { id: a, percent: 10, percent_column: x } ]\n", &["B005 15 x"]),
        ("discounts: [ { id: a, percent: 101 } ]\n", &["B001 15 101"]),
        (
            "discounts: [ { id: a, percent: 1, on: [video/minutes, audio, recording/x] } ]\n",
            &["B003 15 audio", "B003 15 recording/x"],
        ),
        ("overrides: [ { account: A, charge: video/minutes } ]\n", &["B005 15 video/minutes"]),
        ("overrides: [ { account: A, charge: video/minute, unit_price: 1 } ]\n", &["B003 15 video/minute"]),
        ("overrides: [ { account: A, charge: video/minutes, amount: 1 } ]\n", &["B005 15 amount"]),
        ("overrides: [ { account: A, charge: video/minutes, unit_price: abc } ]\n", &["B001 15 abc"]),
        (
            "overrides: [ { account: A, charge: video/minutes, unit_price: 1 }, { account: A, charge: video/minutes, unit_price: 2 } ]\n",
            &["B002 15 video/minutes"],
        ),
        ("rounding: { mode: halfup }\n", &["Y006 15 halfup"]),
        ("book: again\n", &["Y002 15 book"]),
        ("layers: []\n", &[]),
        ("layer: []\n", &["Y004 15 layer"]),
    ];
    for (index, (text, expected)) in cases.iter().enumerate() {
        let found = faults_of(&format!("whole-{index}"), &[("b.yaml", &format!("{BASE}{text}"))]).await;
        assert_eq!(found, *expected, "{text}");
    }
}

#[tokio::test]
async fn each_charge_model_takes_its_own_keys_and_numbers() {
    let cases: &[(&str, &[&str])] = &[
        ("model: per_unit, unit_price: 0.1", &[]),
        ("model: per_unit", &["B005 5 per_unit"]),
        ("model: per_unti, unit_price: 1", &["Y006 5 per_unti"]),
        ("unit_price: 1", &["Y005 5 c"]),
        ("model: per_unit, unit_price: 0.0000000000000000001", &["B001 5 0.0000000000000000001"]),
        ("model: per_unit, unit_price: [1]", &["Y006 5 unit_price"]),
        ("model: per_unit, unit_price: 1, size: 3", &["B005 5 size"]),
        ("model: graduated, tiers: [ { unit_price: 1 } ]", &[]),
        ("model: graduated, tiers: []", &["B004 5 ["]),
        ("model: graduated, tiers: [ { up_to: 0, unit_price: 1 }, { unit_price: 1 } ]", &["B004 5 0"]),
        (
            "model: graduated, tiers: [ { up_to: 5, unit_price: 1 }, { up_to: 5, unit_price: 1 }, { unit_price: 1 } ]",
            &["B004 5 5"],
        ),
        ("model: volume, tiers: [ { unit_price: 1 }, { up_to: 5, unit_price: 1 } ]", &["B004 5 {", "B004 5 5"]),
        (
            "model: volume, tiers: [ { up_to: x, unit_price: 1 }, { unit_prise: 1 } ]",
            &["B001 5 x", "Y005 5 {", "Y004 5 unit_prise"],
        ),
        ("model: package, size: 0, price: 1", &["B001 5 0"]),
        ("model: package, size: 10, price: 1, round: exact", &[]),
        ("model: percentage, percent: 6.5, minimum: 3, maximum: 2", &["B001 5 2"]),
        ("model: matrix, by: [region], cells: [ { region: EU, unit_price: 1 } ]", &[]),
        ("model: matrix, by: [regoin], cells: [ { regoin: EU, unit_price: 1 } ]", &["B007 5 regoin"]),
        (
            "model: matrix, by: [region], cells: [ { region: EU }, { region: US, unit_price: 1, device: x } ]",
            &["Y005 5 {", "Y004 5 device"],
        ),
        (
            "model: matrix, by: [region], cells: [ { region: EU, unit_price: 1 }, { region: EU, unit_price: 2 } ]",
            &["B008 5 {"],
        ),
        (
            "model: matrix, by: [region, device], lines_by: [region], cells: [ { region: EU, device: x, unit_price: 1 } ]",
            &["B007 5 ["],
        ),
        ("model: matrix, by: [region], cells: []", &["B005 5 ["]),
        ("model: graduated, tiers: { tabel: x.csv }", &["Y005 5 tiers", "Y004 5 tabel"]),
        ("model: per_unit, unit_price: 1, lines_by: [site]", &["B007 5 site"]),
        ("model: recurring, amount: 5", &["B005 5 recurring"]),
        ("model: graduated, tiers: [ { below: 5, flat_fee: 1 }, { unit_price: 1, per: 60, increment: 6 } ]", &[]),
        ("model: graduated, tiers: [ { from: 0, to: 10, unit_price: 1 }, { from: 11, unit_price: 1 } ]", &[]),
        ("model: graduated, tiers: [ { to: 10, unit_price: 1 }, { from: 12, unit_price: 1 } ]", &["B004 5 12"]),
        ("model: graduated, tiers: [ { to: 10, unit_price: 1 }, { from: 9, unit_price: 1 } ]", &["B004 5 9"]),
        ("model: graduated, beyond: free, tiers: [ { up_to: 10, unit_price: 1 } ]", &[]),
        ("model: graduated, beyond: unpriced, tiers: [ { up_to: 10, unit_price: 1 } ]", &[]),
        (
            "model: graduated, beyond: unpriced, free_units: 1, tiers: [ { up_to: 10, unit_price: 1 } ]",
            &["B005 5 unpriced"],
        ),
        ("model: percentage, percent: 1, free_records: 2, each: day", &["B005 5 day"]),
        ("model: percentage, percent: 1, free_records: 2, each: period", &[]),
        ("model: sql, sql: SELECT 1, free_units: 10", &["B005 5 10"]),
        ("model: dynamic, free_units: 10, versions: [ { valid_from: 2026-02-01, model: sql, sql: SELECT 1 } ]", &[]),
        (
            "model: dynamic, versions: [ { valid_from: 2026-02-01, model: sql, sql: SELECT 1, free_units: 10 } ]",
            &["B005 5 10"],
        ),
        ("model: sql, sql: SELECT 1, convert: { divide: 60 }, round_amount: { digits: 2 }", &["B005 5 {", "B005 5 {"]),
        ("model: graduated, tiers: [ { unit_price: 1, per: 0 } ]", &["B001 5 0"]),
        ("model: stairstep, tiers: [ { flat_fee: 1, unit_price: 2 } ]", &["B005 5 2"]),
        ("model: graduated_percentage, tiers: [ { percent: 1.5 } ]", &[]),
        ("model: dynamic", &[]),
        ("model: increments, increment: 0, unit_price: 1", &["B001 5 0"]),
        ("model: per_unit, unit_price: 1, each: window", &["B005 5 window"]),
        ("model: per_unit, unit_price: 1, each: record, convert: { divide: 0 }", &["B001 5 0"]),
        (
            "model: prefix, by: device, prefixes: [ { prefix: a, unit_price: 1 }, { prefix: a, unit_price: 2 } ]",
            &["B008 5 {"],
        ),
        ("model: calendar, windows: [ { name: day, from: \"08:00\", unit_price: 1 } ]", &["B004 5 {"]),
        (
            "model: calendar, windows: [ { name: any, unit_price: 1 }, { name: day, days: mon, unit_price: 1 } ]",
            &["B004 5 {"],
        ),
        ("model: calendar, windows: [ { name: any, days: mo, unit_price: 1 } ]", &["Y006 5 mo"]),
        ("model: calendar, increment_carries: true, windows: [ { name: any, unit_price: 1 } ]", &["B005 5 true"]),
    ];
    for (index, (charge, expected)) in cases.iter().enumerate() {
        let text = format!(
            "book: b\nmeters:\n  m: {{ record_type: r, quantity: q, dimensions: [region, device] }}\nproducts:\n  p: {{ charges: {{ c: {{ meter: m, {charge} }} }} }}\n"
        );
        let found = faults_of(&format!("model-{index}"), &[("b.yaml", &text)]).await;
        assert_eq!(found, *expected, "{charge}");
    }
}

#[tokio::test]
async fn each_aggregate_takes_its_own_keys() {
    let cases: &[(&str, &[&str])] = &[
        ("record_type: a, quantity: x", &[]),
        ("record_type: [a, b], aggregate: count", &[]),
        ("record_type: a", &["B005 3 m"]),
        ("record_type: a, aggregate: count, quantity: x", &["B005 3 quantity"]),
        ("record_type: a, aggregate: unique, quantity: x", &["B005 3 unique", "B005 3 quantity"]),
        ("record_type: a, aggregate: unique, of: x", &[]),
        ("record_type: [], quantity: x", &["Y005 3 ["]),
        ("record_type: [a, a], quantity: x, dimensions: [d, d]", &["B002 3 a", "B002 3 d"]),
        ("quantity: x", &["Y005 3 m"]),
        ("record_type: a, quantity: x, round_each: { step: 0 }", &["B001 3 0"]),
        ("record_type: a, aggregate: sun, quantity: x", &["Y006 3 sun"]),
        ("record_type: a, aggregate: weighted_sum, quantity: x, records_are: level, carry: true", &[]),
        ("record_type: a, aggregate: prorated_sum", &["B005 3 prorated_sum"]),
        ("record_type: a, quantity: x, carry: true", &["B005 3 carry"]),
        ("record_type: a, quantity: x, aggregate: percentile", &["B005 3 percentile"]),
        ("record_type: a, quantity: x, aggregate: percentile, percentile: { percent: 99.9 }", &[]),
        ("record_type: a, quantity: x, aggregate: percentile, percentile: { percent: 0 }", &["B001 3 0"]),
        ("record_type: a, quantity: x, aggregate: percentile, percentile: { percent: 100.1 }", &["B001 3 100.1"]),
        ("record_type: a, quantity: x, aggregate: windowed, windowed: { window: hour, of: max }", &[]),
        ("record_type: a, aggregate: windowed, windowed: { window: 15 minutes, of: count, then: max }", &[]),
        ("record_type: a, aggregate: windowed, windowed: { window: day, of: sum }", &["B005 3 sum"]),
        (
            "record_type: a, quantity: x, aggregate: windowed, windowed: { window: 7 minutes, of: sum }",
            &["B001 3 7 minutes"],
        ),
        ("record_type: a, quantity: x, aggregate: windowed, windowed: { window: week, of: sum }", &["B001 3 week"]),
        (
            "record_type: a, quantity: x, aggregate: windowed, windowed: { of: mean }",
            &["Y005 3 windowed", "Y006 3 mean"],
        ),
    ];
    for (index, (meter, expected)) in cases.iter().enumerate() {
        let text = format!("book: b\nmeters:\n  m: {{ {meter} }}\n");
        let found = faults_of(&format!("meter-{index}"), &[("b.yaml", &text)]).await;
        assert_eq!(found, *expected, "{meter}");
    }
}

#[tokio::test]
async fn faults_of_all_files_come_in_one_go_and_name_them() {
    let files = [
        ("a.yaml", "book: x\nmeters: { m: { record_type: r, aggregate: count } }\ncolour: red\n"),
        (
            "b/c.yml",
            "book: y\nmeters: { m: { record_type: s, aggregate: count } }\nproducts: { p: { charges: { c: { model: per_unit, meter: n, unit_price: 1 } } } }\n",
        ),
        ("notes.txt", "not: [YAML"),
    ];
    let found = faults_of("several", &files).await;
    assert_eq!(found, ["a.yaml: Y004 3 colour", "c.yml: B002 1 y", "c.yml: B002 2 m", "c.yml: B003 3 n"]);
    let faults = load_files("several", &files).await.unwrap_err();
    assert!(faults.to_string().contains("memory://several/b/c.yml:3:58: B003 there is no meter `n`"), "{faults}");
    assert!(faults.0.iter().any(|fault| fault.hint.as_deref() == Some("the first is at memory://several/a.yaml:2:11")));
}

#[tokio::test]
async fn a_broken_list_price_is_reported_once_however_many_plans_lie_over_it() {
    let mut text = "book: b\nmeters: { m: { record_type: r, aggregate: count } }\nproducts: { p: { charges: { c: { meter: m, model: per_unit } } } }\nplans:\n".to_owned();
    for plan in 0..5 {
        text.push_str(&format!("  p{plan}: {{ includes: [p], prices: {{ p/c: {{ scope: account }} }} }}\n"));
    }
    assert_eq!(faults_of("once", &[("b.yaml", &text)]).await, ["B005 3 per_unit"]);
}

#[tokio::test]
async fn an_unreadable_file_does_not_make_references_to_it_faults() {
    let files = [
        ("a.yaml", "meters: { m: [\n"),
        ("b.yaml", "book: b\nproducts: { p: { charges: { c: { model: per_unit, meter: m, unit_price: x } } } }\n"),
    ];
    assert_eq!(faults_of("half", &files).await, ["a.yaml: Y001 2", "b.yaml: B001 2 x"]);
}

#[tokio::test]
async fn a_book_is_a_folder_or_a_single_file() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("video");
    std::fs::create_dir_all(folder.join(".git")).unwrap();
    std::fs::write(folder.join("b.yaml"), RICH).unwrap();
    std::fs::write(folder.join(".git/x.yaml"), "colour: red").unwrap();
    let open = async |path: String| load(&Located { text: path, place: Place::row("nightly.yaml", 4) }).await;
    let shown = folder.to_str().unwrap().to_owned();
    let (whole, single) = (open(format!("{shown}/")).await.unwrap(), open(format!("{shown}/b.yaml")).await.unwrap());
    assert_eq!(whole.digest, single.digest);
    assert_eq!(whole.plans[0].place.source.name, format!("{shown}/b.yaml"));
    let missing = open(format!("{shown}/c.yaml")).await.unwrap_err();
    assert_eq!(missing.to_string(), format!("nightly.yaml:4: Y007 there is no price book at `{shown}/c.yaml`"));
}

#[tokio::test]
async fn a_book_that_is_not_there_is_a_fault_of_the_pipeline() {
    let path = Located { text: "memory://nowhere".to_owned(), place: Place::row("nightly.yaml", 4) };
    let faults = load(&path).await.unwrap_err();
    assert_eq!(faults.to_string(), "nightly.yaml:4: Y007 there is no price book at `memory://nowhere`");
}

const RICH: &str = "\
book: video-2026
rounding: { mode: half_even, discount_base: rounded }
meters:
  minutes:
    record_type: [video.call, audio.call]
    quantity: |
      duration_s
        / 60
    round_each: { step: 1 }
    dimensions: [region, device]
    unit: minute
  people: { record_type: video.call, aggregate: unique, of: participant_id }
products:
  video:
    name: Video conferencing
    gl_account: 4000
    charges:
      minutes: { meter: minutes, model: graduated, scope: account, tiers: [ { up_to: 1000, unit_price: 0.10 }, { unit_price: 0.05, flat_fee: 5.00 } ] }
      people: { meter: people, model: matrix, by: [], cells: [], default_unit_price: 2 }
  audio:
    charges:
      minutes: { meter: minutes, model: package, size: 100, price: 9.5, lines_by: [region] }
      setup: { name: Set-up, model: one_time, amount: 100 }
plans:
  gold:
    name: Gold
    currency: JPY
    includes: [video, audio]
    prices:
      audio/minutes: { price: 8 }
      video/minutes: { model: per_unit, unit_price: 0.09 }
    allowances: [ { meter: minutes, quantity: 5000, shared_over: account } ]
discounts:
  - { id: negotiated, percent_column: discount_percent, on: [video] }
  - { id: launch, percent: 10 }
overrides:
  - { account: A0001, charge: audio/setup, amount: 50 }
";

#[tokio::test]
async fn a_sound_book_becomes_values() {
    let book = load_files("rich", &[("b.yaml", RICH)]).await.unwrap();
    let ids: Vec<&str> = book.charges.iter().map(|charge| charge.id.as_str()).collect();
    assert_eq!(ids, ["audio/minutes", "audio/setup", "video/minutes", "video/people"]);
    assert_eq!((book.rounding.mode, book.rounding.discount_base), (Rounding::HalfEven, DiscountBase::Rounded));
    let meter = &book.meters[0];
    assert_eq!(meter.record_types, ["video.call", "audio.call"]);
    let expression = meter.expression.clone().unwrap();
    assert_eq!(
        (expression.text.as_str(), expression.place.line, expression.place.column),
        ("duration_s\n  / 60\n", 7, 7)
    );
    assert_eq!(meter.round_each.map(|rounding| (rounding.step, rounding.mode)), Some((Decimal::ONE, Rounding::Up)));
    assert_eq!(book.meters[1].aggregate, Aggregate::Unique);
    assert_eq!(book.products[1].gl_account, "4000");
    let minutes = &book.charges[2].price;
    assert_eq!((minutes.scope, minutes.layer.as_str(), minutes.place.line), (Scope::Account, "list", 18));
    let Model::Graduated { tiers } = &minutes.model else { panic!("{:?}", minutes.model) };
    assert_eq!((tiers[0].up_to, tiers[1].flat_fee), (Some(dec("1000")), dec("5")));
    assert_eq!((book.charges[2].unit.as_str(), book.charges[2].label.as_str()), ("minute", "minutes"));
    assert_eq!((book.charges[1].unit.as_str(), book.charges[1].label.as_str()), ("", "Set-up"));
    let plan = &book.plans[0];
    assert_eq!((plan.includes.as_slice(), plan.currency.as_deref()), ([0, 1].as_slice(), Some("JPY")));
    let own = |at: usize| book.lay(&book.charges[plan.prices[at].charge].listed[0].layered, &plan.prices[at]).unwrap();
    let package = own(0).price;
    assert_eq!(
        (plan.prices[0].charge, package.layer.as_str(), package.place.line, package.lines_by.as_slice()),
        (0, "plan:gold", 30, ["region".to_owned()].as_slice())
    );
    assert!(
        matches!(package.model, Model::Package { size, price, rounding: Some(Rounding::Up) } if (size, price) == (dec("100"), dec("8")))
    );
    let minutes = own(1).price;
    assert!(matches!(minutes.model, Model::PerUnit { unit_price, .. } if unit_price == dec("0.09")));
    assert_eq!((plan.prices[1].charge, minutes.scope), (2, Scope::Account));
    assert_eq!(book.discounts[0].on, Some(On { charges: vec![2, 3], plans: Vec::new() }));
    assert_eq!(book.discounts[1].reduction, Reduction::Percent(Percent::Fixed(dec("10"))));
    assert_eq!((plan.allowances[0].meter, plan.allowances[0].shared_over), (Some(0), Scope::Account));
    let set_up = book.lay(&book.charges[1].listed[0].layered, &book.overrides[0].patch).unwrap().price;
    assert!(matches!(set_up.model, Model::OneTime { amount } if amount == dec("50")));
    assert_eq!((set_up.layer.as_str(), book.overrides[0].account.as_str()), ("override:A0001", "A0001"));
}

#[tokio::test]
async fn a_long_book_loads_whole() {
    let mut text = BASE.to_owned() + "plans:\n";
    for plan in 0..200 {
        text.push_str(&format!("  plan-{plan:03}:\n    includes: [video, recording]\n    prices:\n"));
        text.push_str("      recording/storage:\n        tiers:\n");
        for tier in 1..=11 {
            text.push_str(&format!("          - {{ up_to: {}, unit_price: 0.0{tier} }}\n", tier * 100));
        }
        text.push_str("          - { unit_price: 0.01 }\n      video/minutes:\n        model: matrix\n        by: [region, device]\n        cells:\n");
        for cell in 0..44 {
            text.push_str(&format!("          - {{ region: r{cell}, device: desk, unit_price: 0.0{cell} }}\n"));
        }
    }
    let book = load_files("long", &[("b.yaml", &text)]).await.unwrap();
    assert_eq!(book.plans.len(), 200);
}

#[test]
fn loading_can_move_between_threads() {
    fn sent<T: Send>(_: T) {}
    let path = Located { text: String::new(), place: Place::file("") };
    sent(load(&path));
}

#[test]
fn the_schema_names_every_model_and_its_keys() {
    let schema = schema();
    let charge = &schema["$defs"]["a_charge"];
    let rules = charge["allOf"].as_array().unwrap();
    assert_eq!(rules.len(), keys::MODELS.len());
    let package = keys::MODELS.iter().position(|variant| variant.name == "package").unwrap();
    assert_eq!(rules[package]["then"]["anyOf"][0]["required"], serde_json::json!(["size", "price"]));
    for variant in keys::MODELS {
        for key in variant.required.iter().chain(variant.optional) {
            assert!(charge["properties"].get(key).is_some(), "{key}");
        }
    }
}
