//! Intervals, versions and prices against hand-counted days.

use super::*;
use crate::book::model::{Anchor, Every};
use crate::fault::Place;

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn dec(text: &str) -> Decimal {
    Decimal::parse(text).unwrap()
}

fn schedule(every: Every, anchor: Anchor) -> Schedule {
    let prorate = Prorate::ByDay;
    Schedule { every, anchor, advance: true, prorate, billed_in_trial: false, credit_unused: true }
}

const YEAR: Every = Every::Months(12);
const MONTH: Every = Every::Months(1);

fn fee(amount: &str, schedule: Schedule) -> Model {
    Model::Recurring { amount: dec(amount), schedule }
}

fn version(start: &str, end: Option<&str>) -> Subscription {
    Subscription {
        id: "S1".to_owned(),
        order_id: String::new(),
        account: 0,
        plan: String::new(),
        product: "p".to_owned(),
        quantity: Decimal::ONE,
        start: day(start),
        end: end.map(day),
        begins: day(start),
        ends: end.map(day),
        trial_end: None,
        first: 0,
        last: 0,
        contract: String::new(),
        tax_jurisdiction: String::new(),
        starts_at: 0,
        ends_at: 0,
        custom: std::collections::BTreeMap::new(),
        place: Place::file("subscriptions.csv"),
    }
}

/// What is due in `label` of prices from some days on, as `from..to amount`, credits with a `c`.
fn shown(label: &str, prices: &[(&str, &Model)], version: &Subscription, earlier: &[(&str, &str)]) -> String {
    let period = Period::month(label, chrono_tz::UTC).unwrap();
    let until = |at: usize| prices.get(at + 1).map_or(period.end_day(), |(from, _)| day(from));
    let stretches: Vec<Priced<'_>> =
        prices.iter().enumerate().map(|(at, (from, model))| Priced { from: day(from), to: until(at), model }).collect();
    let earlier: Vec<(NaiveDate, NaiveDate)> = earlier.iter().map(|(from, to)| (day(from), day(to))).collect();
    let holder = Holder { version, cycle_day: 15, earlier: &earlier, billed_at: None };
    let all = due(&stretches, &holder, &period).unwrap();
    let one = |one: &Fixed| format!("{}{}..{} {}", if one.credit { "c " } else { "" }, one.from, one.to, one.amount);
    all.iter().map(one).collect::<Vec<_>>().join("; ")
}

#[test]
fn in_advance_the_whole_interval_is_billed_where_it_begins() {
    let year = fee("365", schedule(YEAR, Anchor::Start));
    let held = version("2025-11-10", None);
    assert_eq!(shown("2025-10", &[("2025-10-01", &year)], &held, &[]), "");
    assert_eq!(shown("2025-11", &[("2025-11-01", &year)], &held, &[]), "2025-11-10..2026-11-10 365");
    assert_eq!(shown("2025-12", &[("2025-12-01", &year)], &held, &[]), "");
    // A calendar year begun by nobody is billed from the first day of whoever comes in it.
    let calendar = fee("365", schedule(YEAR, Anchor::Calendar));
    assert_eq!(shown("2025-11", &[("2025-11-01", &calendar)], &held, &[]), "2025-11-10..2026-01-01 52");
    assert_eq!(shown("2026-01", &[("2026-01-01", &calendar)], &held, &[]), "2026-01-01..2027-01-01 365");
}

#[test]
fn an_end_is_known_in_its_own_period_and_gives_back_what_is_unused() {
    let year = fee("365", schedule(YEAR, Anchor::Calendar));
    let held = version("2025-01-01", Some("2025-03-12"));
    assert_eq!(shown("2025-01", &[("2025-01-01", &year)], &held, &[]), "2025-01-01..2026-01-01 365");
    assert_eq!(shown("2025-02", &[("2025-02-01", &year)], &held, &[]), "");
    // 31 + 28 + 11 days were used.
    assert_eq!(shown("2025-03", &[("2025-03-01", &year)], &held, &[]), "c 2025-03-12..2026-01-01 -295");
    assert_eq!(shown("2025-04", &[("2025-04-01", &year)], &held, &[]), "");
    let kept = fee("365", Schedule { credit_unused: false, ..schedule(YEAR, Anchor::Calendar) });
    assert_eq!(shown("2025-03", &[("2025-03-01", &kept)], &held, &[]), "");
    // An end on the first day of a period is a change in that period.
    let on_first = version("2025-01-01", Some("2025-03-01"));
    assert_eq!(shown("2025-02", &[("2025-02-01", &year)], &on_first, &[]), "");
    assert_eq!(shown("2025-03", &[("2025-03-01", &year)], &on_first, &[]), "c 2025-03-01..2026-01-01 -306");
    // One that ends in the period in which it began is billed for its days at once.
    let short = version("2025-03-05", Some("2025-03-12"));
    assert_eq!(shown("2025-03", &[("2025-03-01", &year)], &short, &[]), "2025-03-05..2025-03-12 7");
}

#[test]
fn a_new_version_is_billed_for_the_rest_of_the_interval() {
    let year = fee("730", schedule(YEAR, Anchor::Calendar));
    let next = Subscription { begins: day("2025-01-01"), ..version("2025-03-12", None) };
    assert_eq!(
        shown("2025-03", &[("2025-03-01", &year)], &next, &[("2025-01-01", "2025-03-12")]),
        "2025-03-12..2026-01-01 590"
    );
    assert_eq!(shown("2025-04", &[("2025-04-01", &year)], &next, &[]), "");
}

#[test]
fn in_arrears_the_interval_is_billed_where_it_ends() {
    let quarter = Schedule { advance: false, ..schedule(Every::Months(3), Anchor::Calendar) };
    let (fee, dearer) = (fee("92", quarter), fee("184", quarter));
    let held = version("2026-10-11", None);
    assert_eq!(shown("2026-10", &[("2026-10-01", &fee)], &held, &[]), "");
    assert_eq!(shown("2026-11", &[("2026-11-01", &fee)], &held, &[]), "");
    assert_eq!(shown("2026-12", &[("2026-12-01", &fee)], &held, &[]), "2026-10-11..2027-01-01 82");
    assert_eq!(
        shown("2026-12", &[("2026-12-01", &fee), ("2026-12-21", &dearer)], &held, &[]),
        "2026-10-11..2026-12-21 71; 2026-12-21..2027-01-01 22"
    );
    let ended = version("2026-01-01", Some("2026-11-05"));
    assert_eq!(shown("2026-12", &[("2026-12-01", &fee)], &ended, &[]), "2026-10-01..2026-11-05 35");
}

#[test]
fn the_last_price_of_the_period_goes_on_to_the_end_of_the_interval() {
    let [fee, dearer] = ["30", "60"].map(|amount| fee(amount, schedule(MONTH, Anchor::Cycle)));
    let held = version("2026-01-01", None);
    // From 15 October to 15 November: 31 days.
    assert_eq!(
        shown("2026-10", &[("2026-10-01", &fee), ("2026-10-20", &dearer)], &held, &[]),
        "2026-10-15..2026-10-20 4.838709677419354839; 2026-10-20..2026-11-15 50.322580645161290323"
    );
    // What was billed before a price changed stays as it was billed.
    assert_eq!(
        shown("2026-10", &[("2026-10-01", &fee), ("2026-10-05", &dearer)], &held, &[]),
        "2026-10-15..2026-11-15 60"
    );
}

#[test]
fn without_proration_the_first_day_decides_and_nothing_is_due_twice() {
    let whole = Schedule { prorate: Prorate::None, ..schedule(MONTH, Anchor::Calendar) };
    let [cheap, dearer] = ["10", "20"].map(|amount| fee(amount, whole));
    let october = [("2026-10-01", &cheap), ("2026-10-16", &dearer)];
    assert_eq!(shown("2026-10", &october, &version("2026-01-01", None), &[]), "2026-10-01..2026-11-01 10");
    assert_eq!(shown("2026-10", &october, &version("2026-10-20", None), &[]), "2026-10-20..2026-11-01 20");
    let next = version("2026-10-12", None);
    assert_eq!(shown("2026-10", &october, &next, &[("2026-01-01", "2026-10-12")]), "");
    assert_eq!(shown("2026-10", &october, &next, &[("2026-01-01", "2026-09-12")]), "2026-10-12..2026-11-01 10");
    // Prorated from some day on: the price of the first day decides for the month.
    let by_day = fee("31", schedule(MONTH, Anchor::Calendar));
    let mixed = [("2026-10-01", &cheap), ("2026-10-16", &by_day)];
    assert_eq!(shown("2026-10", &mixed, &version("2026-01-01", None), &[]), "2026-10-01..2026-11-01 10");
    let mixed = [("2026-10-01", &by_day), ("2026-10-16", &cheap)];
    assert_eq!(
        shown("2026-10", &mixed, &version("2026-01-01", None), &[]),
        "2026-10-01..2026-10-16 15; 2026-10-16..2026-11-01 5.161290322580645161"
    );
}

#[test]
fn a_trial_is_free_unless_the_price_says_otherwise() {
    let month = schedule(MONTH, Anchor::Start);
    let (free, billed) = (fee("31", month), fee("31", Schedule { billed_in_trial: true, ..month }));
    let held = Subscription { trial_end: Some(day("2026-10-20")), ..version("2026-10-06", None) };
    assert_eq!(shown("2026-10", &[("2026-10-01", &free)], &held, &[]), "2026-10-20..2026-11-06 17");
    assert_eq!(shown("2026-10", &[("2026-10-01", &billed)], &held, &[]), "2026-10-06..2026-11-06 31");
    // One that is left before it ends owes nothing.
    let left = Subscription { trial_end: Some(day("2026-10-20")), ..version("2026-10-06", Some("2026-10-19")) };
    assert_eq!(shown("2026-10", &[("2026-10-01", &free)], &left, &[]), "");
    // One that ends in the next period is paid from there.
    let long = Subscription { trial_end: Some(day("2026-11-03")), ..version("2026-10-06", None) };
    assert_eq!(shown("2026-10", &[("2026-10-01", &free)], &long, &[]), "");
    assert_eq!(
        shown("2026-11", &[("2026-11-01", &free)], &long, &[]),
        "2026-11-03..2026-11-06 3; 2026-11-06..2026-12-06 31"
    );
}

#[test]
fn both_ends_count_the_day_of_a_change_twice() {
    let both = fee("31", Schedule { prorate: Prorate::BothEnds, ..schedule(MONTH, Anchor::Calendar) });
    let october = [("2026-10-01", &both)];
    assert_eq!(
        shown("2026-10", &october, &version("2026-01-01", Some("2026-10-15")), &[]),
        "2026-10-01..2026-10-15 15"
    );
    assert_eq!(shown("2026-10", &october, &version("2026-10-15", None), &[]), "2026-10-15..2026-11-01 17");
    let cycle = fee("31", Schedule { prorate: Prorate::BothEnds, ..schedule(MONTH, Anchor::Cycle) });
    // 15 September to 15 October has 30 days; the 5th to the 14th are unused.
    assert_eq!(
        shown("2026-10", &[("2026-10-01", &cycle)], &version("2026-01-01", Some("2026-10-05")), &[]),
        "c 2026-10-05..2026-10-15 -10.333333333333333333"
    );
}

#[test]
fn days_and_weeks_are_billed_one_by_one() {
    let week = fee("7", schedule(Every::Days(7), Anchor::Calendar));
    assert_eq!(
        shown("2026-10", &[("2026-10-01", &week)], &version("2026-10-14", Some("2026-10-21")), &[]),
        "2026-10-14..2026-10-19 5; 2026-10-19..2026-10-21 2"
    );
    // The week of 26 October goes on into November, and is billed where it begins.
    assert_eq!(
        shown("2026-10", &[("2026-10-01", &week)], &version("2026-10-26", None), &[]),
        "2026-10-26..2026-11-02 7"
    );
    let day = fee("1", schedule(Every::Days(1), Anchor::Start));
    assert_eq!(
        shown("2026-10", &[("2026-10-01", &day)], &version("2026-10-30", None), &[]),
        "2026-10-30..2026-10-31 1; 2026-10-31..2026-11-01 1"
    );
}

#[test]
fn a_one_time_amount_is_due_with_the_first_version_that_has_it() {
    let once = Model::OneTime { amount: dec("100") };
    let october = [("2026-10-01", &once)];
    assert_eq!(shown("2026-10", &october, &version("2026-10-15", None), &[]), "2026-10-15..2026-10-16 100");
    assert_eq!(shown("2026-10", &october, &version("2026-10-15", None), &[("2026-01-01", "2026-10-15")]), "");
    assert_eq!(shown("2026-11", &[("2026-11-01", &once)], &version("2026-10-15", None), &[]), "");
}

/// Prices at which every day costs 1, billed by the runs of three years: every day of every version is paid once.
#[test]
fn all_runs_together_bill_every_day_once() {
    let versions = [("2025-03-10", "2025-05-20"), ("2025-05-20", "2025-08-01"), ("2025-09-15", "2026-04-12")];
    let (trial, last) = (day("2025-03-17"), day("2026-04-12"));
    let held: i64 = versions.iter().map(|(from, to)| (day(to) - day(from).max(trial)).num_days()).sum();
    let prices = [
        ("365", Every::Months(12), Anchor::Start),
        ("365", Every::Months(12), Anchor::Calendar),
        ("7", Every::Days(7), Anchor::Calendar),
        ("100", Every::Days(100), Anchor::Start),
        ("1", Every::Days(1), Anchor::Start),
    ];
    for (amount, every, anchor) in prices {
        for (advance, prorate) in [(true, Prorate::ByDay), (false, Prorate::ByDay), (true, Prorate::BySecond)] {
            let model = fee(amount, Schedule { advance, prorate, ..schedule(every, anchor) });
            let mut sum = Decimal::ZERO;
            for month in 0..36 {
                let first_day = day("2025-01-01").checked_add_months(chrono::Months::new(month)).unwrap();
                let period = Period::month(&first_day.format("%Y-%m").to_string(), chrono_tz::UTC).unwrap();
                let stretch = Priced { from: first_day, to: period.end_day(), model: &model };
                for (from, to) in versions {
                    let version = Subscription {
                        begins: day("2025-03-10"),
                        ends: Some(last),
                        trial_end: Some(trial),
                        ..version(from, Some(to))
                    };
                    let holder = Holder { version: &version, cycle_day: 1, earlier: &[], billed_at: Some(&model) };
                    for one in due(&[stretch], &holder, &period).unwrap() {
                        sum = sum.plus(one.amount).unwrap();
                    }
                }
            }
            assert_eq!(
                sum.rounded(9, crate::money::Rounding::HalfUp).unwrap(),
                Decimal::whole(held),
                "{every:?} {anchor:?} {advance} {prorate:?}"
            );
        }
    }
}
