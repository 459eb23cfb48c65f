//! Allowances of plans and contracts, and what is said of those that cannot be.

use super::super::model::{Included, Multiply, Rollover};
use super::*;

#[tokio::test]
async fn an_allowance_that_cannot_be_is_reported_at_its_place() {
    let cases: &[(&str, &[&str])] = &[
        ("{ meter: minutes }", &["B005 16 {"]),
        ("{ meter: minutes, quantity: 1, amount: 1 }", &["B005 16 {"]),
        ("{ quantity: 1 }", &["B005 16 {"]),
        ("{ quantity: 1, on: [video/minutes] }", &["B005 16 {"]),
        ("{ amount: 1 }", &["B005 16 {"]),
        ("{ amount: -1, meter: minutes }", &["B001 16 -1"]),
        ("{ amount: 1, meter: peak }", &[]),
        ("{ amount: 1, on: [video/platform] }", &["B011 16 video/platform"]),
        ("{ amount: 1, on: [video/minuts] }", &["B003 16 video/minuts"]),
        ("{ meter: minutes, quantity: 1, on: [video/peak] }", &["B011 16 video/peak"]),
        ("{ meter: minutes, quantity: 1, rollover: { periods: 1, cap: -2 } }", &["B001 16 -2"]),
        ("{ meter: minutes, quantity: 1, rollover: 99999999999 }", &["B001 16 99999999999"]),
        ("{ meter: minutes, quantity: 1, rollover: { cap: 2 } }", &["Y005 16 rollover"]),
        ("{ meter: minutes, quantity: 1, shared_over: invoice }", &["Y006 16 invoice"]),
        ("{ meter: minutes, quantity: 1, priority: -1 }", &["Y006 16 -1"]),
        ("{ meter: minutes, quantity: 1, valid_from: 2026-10-01, valid_to: 2026-10-01 }", &["B014 16 2026-10-01"]),
        ("{ id: a/b, meter: minutes, quantity: 1 }", &["Y006 16 a/b"]),
        ("{ id: a, meter: minutes, quantity: 1 }, { id: a, meter: minutes, quantity: 2 }", &["B002 16 a"]),
    ];
    for (number, (allowances, expected)) in cases.iter().enumerate() {
        for owner in ["plans:\n  a: { includes: [video], ", "contracts:\n  a: { "] {
            let text = format!("{BASE}{owner}allowances: [ {allowances} ] }}\n");
            let folder = format!("allowance-{number}-{}", owner.len());
            let found = faults_of(&folder, &[("book.yaml", &text)]).await;
            let short = |fault: &String| fault.split(' ').take(3).collect::<Vec<_>>().join(" ");
            let starts = |(found, expected): (&String, &&str)| short(found).starts_with(expected);
            let same = found.len() == expected.len() && found.iter().zip(*expected).all(starts);
            assert!(same, "{owner}{allowances}: {found:?}");
        }
    }
}

#[tokio::test]
async fn only_a_pool_of_a_subtree_may_be_of_usage_the_plan_does_not_price() {
    let book = |shared: &str| {
        let allowance = format!("{{ meter: minutes, quantity: 1, shared_over: {shared} }}");
        format!("{BASE}plans:\n  a: {{ includes: [], allowances: [ {allowance} ] }}\n")
    };
    let found = faults_of("allowance-account", &[("book.yaml", &book("account"))]).await;
    assert_eq!(found, ["B011 16 minutes"]);
    let other = "plans:\n  a: { includes: [video], allowances: [ { amount: 1, on: [recording/storage] } ] }\n";
    let found = faults_of("allowance-other", &[("book.yaml", &format!("{BASE}{other}"))]).await;
    assert_eq!(found, ["B011 16 recording/storage"]);
    assert!(faults_of("allowance-subtree", &[("book.yaml", &book("subtree"))]).await.is_empty());
}

#[tokio::test]
async fn what_is_left_out_has_its_default_and_everybody_a_name() {
    let text = format!(
        "{BASE}plans:
  team:
    includes: [video]
    allowances:
      - {{ meter: minutes, quantity: 10 }}
      - {{ meter: minutes, quantity: 20, shared_over: account, rollover: 2, priority: 3 }}
      - {{ amount: 5, on: [video/minutes, video/peak], multiply_by: holders, prorate: by_day }}
contracts:
  big:
    valid_from: 2026-05-01
    allowances:
      - {{ id: gift, meter: minutes, quantity: 1.5, valid_to: 2026-07-01, rollover: {{ periods: 1, cap: 3 }}, multiply_by: quantity }}
"
    );
    let book = load_files("allowance-names", &[("book.yaml", &text)]).await.unwrap();
    let [own, shared, amount] = book.plans[0].allowances.as_slice() else { panic!("three allowances") };
    assert_eq!([&own.id, &shared.id, &amount.id], ["plan:team/minutes", "plan:team/minutes-2", "plan:team/amount"]);
    assert_eq!(
        (own.priority, own.position, own.rollover, own.multiply_by),
        (0, 0, Rollover::default(), Multiply::None)
    );
    assert_eq!((own.shared_over, own.prorated, &own.on), (Scope::Subscription, false, &None));
    assert_eq!((shared.priority, shared.position, shared.rollover.periods), (3, 1, 2));
    assert_eq!((amount.included, amount.meter), (Included::Amount(dec("5")), None));
    assert_eq!((amount.multiply_by, amount.prorated), (Multiply::Holders, true));
    assert!(amount.is_for(1, 0) && amount.is_for(2, 1) && !amount.is_for(0, 0), "{:?}", amount.on);
    let gift = &book.contracts[0].allowances[0];
    assert_eq!((gift.id.as_str(), gift.multiply_by), ("contract:big/gift", Multiply::Quantity));
    assert_eq!(gift.rollover, Rollover { periods: 1, cap: Some(dec("3")) });
    let days = gift.valid.from.zip(gift.valid.to).map(|(from, to)| format!("{from} {to}"));
    assert_eq!(days.as_deref(), Some("2026-05-01 2026-07-01"));
}
