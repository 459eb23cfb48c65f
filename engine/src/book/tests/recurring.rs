//! Recurring charges: which intervals there are, and which keys make sense together.

use super::faults_of;

#[tokio::test]
async fn a_schedule_is_checked_as_a_whole() {
    let cases: &[(&str, &[&str])] = &[
        ("amount: 5", &[]),
        ("amount: 5, every: quarter, anchor: cycle, bill: arrears, prorate: thirty_day", &[]),
        ("amount: 5, every: 30 days, prorate: by_second, in_trial: billed, credit_unused: false", &[]),
        ("amount: 5, every: week, anchor: start", &[]),
        ("amount: 5, every: day, anchor: start", &[]),
        ("amount: 5, when: \"account.region = 'EMEA'\"", &[]),
        ("amount: 5, every: fortnight", &["B001 4 fortnight"]),
        ("amount: 5, every: 0 days", &["B001 4 0 days"]),
        ("amount: 5, every: 1.5 months", &["B001 4 1.5 months"]),
        ("amount: 5, every: 10 days, anchor: calendar", &["B005 4 calendar"]),
        ("amount: 5, every: day, anchor: cycle", &["B005 4 cycle"]),
        ("amount: 5, every: week, anchor: cycle", &["B005 4 cycle"]),
        ("amount: 5, every: week, prorate: thirty_day", &["B005 4 thirty_day"]),
        ("amount: 5, anchor: monday", &["Y006 4 monday"]),
        ("amount: 5, prorate: daily", &["Y006 4 daily"]),
        ("amount: 5, in_trial: no", &["Y006 4 no"]),
        ("amount: 5, credit_unused: maybe", &["Y006 4 maybe"]),
        ("every: month", &["B005 4 recurring"]),
    ];
    for (index, (charge, expected)) in cases.iter().enumerate() {
        let text = format!("book: b\nproducts:\n  p:\n    charges: {{ c: {{ model: recurring, {charge} }} }}\n");
        let found = faults_of(&format!("recurring-{index}"), &[("b.yaml", &text)]).await;
        assert_eq!(found, *expected, "{charge}");
    }
}

#[tokio::test]
async fn a_price_laid_over_another_may_change_its_schedule() {
    let book = |patch: &str| {
        format!(
            "book: b\nproducts:\n  p:\n    charges: {{ c: {{ model: recurring, amount: 5, every: year }} }}\nplans:\n  a: {{ includes: [p], prices: {{ p/c: {{ {patch} }} }} }}\n"
        )
    };
    for (index, (patch, expected)) in [
        ("every: month", &[][..]),
        ("bill: arrears, anchor: start", &[]),
        ("every: 7 days", &[]),
        ("every: 7 days, prorate: thirty_day", &["B005 6 thirty_day"]),
        ("every: hourly", &["B001 6 hourly"]),
        ("when: \"has_product('p')\"", &[]),
    ]
    .into_iter()
    .enumerate()
    {
        let found = faults_of(&format!("recurring-patch-{index}"), &[("b.yaml", &book(patch))]).await;
        assert_eq!(found, expected, "{patch}");
    }
}
