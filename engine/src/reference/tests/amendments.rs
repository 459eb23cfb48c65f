//! Amendments: the versions they make, and everything that can be wrong with them.

use super::{Tables, hints};
use crate::reference::model::Holder;

const SUBSCRIPTIONS: &str = "subscription_id,account_id,plan,product,quantity,start,end,contract,site
S1,acme,video,,5,2026-01-01,,,north
S2,acme,,recording,1,2026-02-01,2026-12-01,,
S3,acme,video,,1,2026-01-01,,,
";
const IDENTIFIERS: &str = "identifier,subscription_id,account_id\none,S1,\nthree,S3,\nacme,,acme\n";

fn tables(corner: &'static str, rows: &str) -> Tables {
    let header = "subscription_id,from,kind,account_id,plan,product,quantity,contract,site";
    let tables = Tables::good(corner).with("accounts.csv", "account_id,currency\nacme,USD\nother,USD\n");
    tables
        .without("price_overrides.csv")
        .with("subscriptions.csv", SUBSCRIPTIONS)
        .with("identifiers.csv", IDENTIFIERS)
        .with("amendments.csv", format!("{header}\n{rows}"))
}

#[test]
fn a_subscription_with_amendments_has_a_version_for_each_stretch() {
    let rows = "S2,2026-10-20,resume,,,,,,
S1,2026-10-12,change,other,,recording,9,acme-2026,south
S2,2026-10-05,pause,,,,,,
S1,2026-11-01,end,,,,,,
";
    let reference = tables("versions", rows).load().unwrap();
    let shown: Vec<String> = reference
        .subscriptions
        .iter()
        .map(|row| {
            let account = &reference.accounts[row.account as usize].id;
            let end = row.end.map_or("open".to_owned(), |end| end.to_string());
            let ends = row.ends.map_or("open".to_owned(), |end| end.to_string());
            let what = format!("{}{} {} {}", row.plan, row.product, row.quantity, row.contract);
            let site = row.custom.get("site").map_or("", String::as_str);
            let of = format!("{}-{} {}..{ends}", row.first, row.last, row.begins);
            format!("{} {}..{end} {account} {what} {site} ({of}) line {}", row.id, row.start, row.place.line)
        })
        .collect();
    assert_eq!(
        shown,
        [
            "S1 2026-01-01..2026-10-12 acme video 5  north (0-1 2026-01-01..2026-11-01) line 2",
            "S1 2026-10-12..2026-11-01 other recording 9 acme-2026 south (0-1 2026-01-01..2026-11-01) line 3",
            "S2 2026-02-01..2026-10-05 acme recording 1   (2-3 2026-02-01..2026-12-01) line 3",
            "S2 2026-10-20..2026-12-01 acme recording 1   (2-3 2026-02-01..2026-12-01) line 2",
            "S3 2026-01-01..open acme video 1   (4-4 2026-01-01..open) line 4",
        ]
    );
    // What pointed to a subscription points to its first version, and every version is among those of its account.
    let held = |name: &str| reference.identifiers.get(name).unwrap()[0].holder;
    assert_eq!((held("one"), held("three")), (Holder::Subscription(0), Holder::Subscription(4)));
    assert_eq!(reference.subscriptions_of, [vec![0, 2, 3, 4], vec![1]]);
    let [first, second] = [&reference.subscriptions[0], &reference.subscriptions[1]];
    assert_eq!((first.ends_at, second.starts_at), (second.starts_at, first.ends_at));
}

#[test]
fn every_row_that_does_not_fit_is_told() {
    let rows = "S1,2026-01-01,change,,,,2,,
S2,2026-12-01,pause,,,,,,
S3,2026-03-01,resume,,,,,,
S3,2026-04-01,pause,,,,,,
S3,2026-05-01,pause,,,,,,
S3,2026-06-01,end,,,,,,
S3,2026-07-01,change,,,,2,,
S1,2026-08-01,change,,,,2,,
S1,2026-08-01,pause,,,,,,
";
    assert_eq!(
        tables("misfits", rows).faults(),
        [
            "amendments.csv:2: R010 `S1` is amended from 2026-01-01 on, but begins on 2026-01-01",
            "amendments.csv:3: R010 `S2` is amended from 2026-12-01 on, but has ended before 2026-12-01",
            "amendments.csv:4: R010 `S3` is resumed on 2026-03-01 without a pause",
            "amendments.csv:6: R010 `S3` is paused on 2026-05-01, in a pause",
            "amendments.csv:8: R010 `S3` is amended from 2026-07-01 on, but has ended before 2026-06-01",
            "amendments.csv:10: R004 `S1` is amended from 2026-08-01 on in line 9 already",
        ]
    );
}

#[test]
fn every_cell_that_cannot_be_read_is_told() {
    let rows = "S9,2026-08-01,change,,,,2,,
S1,soon,change,,,,2,,
S1,2026-08-02,upgrade,,,,2,,
S1,2026-08-03,change,nobody,,,2,,
S1,2026-08-04,change,,,,-2,,
S1,2026-08-05,change,,video,recording,,,
S1,2026-08-06,change,,,,,,
S1,2026-08-07,pause,,,,3,,
,2026-08-08,,,,,2,,
S1,,change,,,,2,,
";
    assert_eq!(
        tables("cells", rows).codes(),
        [
            "amendments.csv:2: R005",
            "amendments.csv:3: R003",
            "amendments.csv:4: R003",
            "amendments.csv:5: R005",
            "amendments.csv:6: R003",
            "amendments.csv:7: R003",
            "amendments.csv:8: R010",
            "amendments.csv:9: R010",
            "amendments.csv:10: R003",
            "amendments.csv:10: R003",
            "amendments.csv:11: R003",
        ]
    );
    let hints = hints(tables("hints", "S1,2026-08-02,upgrade,,,,2,,\nS1,2026-01-01,end,,,,,,\n"));
    assert_eq!(
        hints,
        [
            "write change, pause, resume or end",
            "what holds from its first day on stands in its own row of the subscriptions"
        ]
    );
}

#[test]
fn days_of_cycles_and_trials_are_checked() {
    let accounts = "account_id,parent_id,currency,bill_cycle_day\nacme,,USD,28\nother,acme,USD,\nthird,,USD,\n";
    let trial = "subscription_id,account_id,product,start,trial_end\nS1,other,p,2026-01-01,2026-01-15\nS2,third,p,2026-01-01,\n";
    let base =
        |corner| tables(corner, "S1,2026-02-01,end,,,,,,\n").with("identifiers.csv", "identifier,account_id\na,acme\n");
    let reference = base("cycles").with("accounts.csv", accounts).with("subscriptions.csv", trial).load().unwrap();
    let days: Vec<u32> = reference.accounts.iter().map(|account| account.bill_cycle_day).collect();
    assert_eq!(days, [28, 28, 1]);
    let trials: Vec<bool> = reference.subscriptions.iter().map(|row| row.trial_end.is_some()).collect();
    assert_eq!(trials, [true, false]);
    let accounts = "account_id,currency,bill_cycle_day\nacme,USD,29\nother,USD,0\nthird,USD,1st\n";
    let trial = "subscription_id,account_id,product,start,trial_end\nS1,other,p,2026-01-01,2026-01-01\nS2,third,p,2026-01-01,later\n";
    assert_eq!(
        base("odd-days").with("accounts.csv", accounts).with("subscriptions.csv", trial).codes(),
        [
            "accounts.csv:2: R003",
            "accounts.csv:3: R003",
            "accounts.csv:4: R003",
            "subscriptions.csv:2: R008",
            "subscriptions.csv:3: R003",
        ]
    );
}
