//! Conversion of prices in one currency into the currencies of the accounts.

use chrono::NaiveDate;

use super::exact::Exact;
use super::price::period;
use super::stages::Line;
use super::words::{Case, Fields, Read};

/// Converts the rated amount of a line, rounded to 18 digits.
pub(crate) fn convert(case: &Case, line: &mut Line) {
    line.rate = rate_of(case, &line.draft);
    if let Some(rate) = &line.rate {
        line.draft.amount = line.draft.amount.times(rate).kept();
    }
}

/// The rate of a line; none where its price is in the currency of the account.
pub(crate) fn rate_of(case: &Case, draft: &super::bill::Draft) -> Option<Exact> {
    let (currency, terms) = case.settings.fx.as_ref()?;
    let to = case.currency(draft.subscription);
    if currency == to {
        return None;
    }
    let (first, after) = period(&case.settings);
    let day = match terms.word("on", "period_end") {
        "period_start" => first,
        // What bills no day of the period has the rate of its last one.
        "service_end" => draft.days.to.filter(|to| *to > first).unwrap_or(after).min(after).pred_opt().unwrap(),
        _ => after.pred_opt().unwrap(),
    };
    Some(rate(case, terms, (currency, to), day))
}

/// The rate of a day: the newest that is not older than allowed.
fn rate(case: &Case, terms: &Fields, (from, to): (&str, &str), day: NaiveDate) -> Exact {
    let kind = terms.word("rate_type", "");
    let oldest = terms.one("max_age_days").map_or(7, |text| text.parse::<u64>().unwrap());
    let find = |from: &str, to: &str| {
        let fits = |known: &&super::words::Row| {
            known["from"] == from && known["to"] == to && known.get("rate_type").is_none_or(|text| text == kind)
        };
        let dated = case.table("fx_rates").iter().filter(fits);
        let dated = dated.map(|known| (known["date"].parse::<NaiveDate>().unwrap(), Exact::read(&known["rate"])));
        let holds = |(date, _): &(NaiveDate, Exact)| *date <= day && day - chrono::Days::new(oldest) <= *date;
        dated.filter(holds).max_by_key(|(date, _)| *date).map(|(_, rate)| rate)
    };
    let found = find(from, to);
    let turned = || find(to, from).map(|rate| Exact::whole(1).over(&rate).kept());
    found.or_else(|| (terms.one("inverse") == Some("true")).then(turned).flatten()).unwrap()
}
