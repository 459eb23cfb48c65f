//! What stands around the prices of October: amendments, balances, exemptions, coupons and prepaid credits. No usage record
//! depends on it, so it only names accounts and subscriptions that are there.

use std::fmt::Write as _;

use super::provider::Provider;

/// Subscriptions without usage of their own: account, plan, product, quantity, start, end, trial_end, contract.
const FURTHER: &[(&str, &str)] = &[
    ("Weststern Universität", "campus,,,2026-09-01,,,weststern-2026"),
    ("Ardoise Conseil SAS", ",care,2,2026-07-01,,,ardoise-2026"),
    ("Helvetia Stille Bank AG", ",care,,2025-11-15,2026-10-12,,"),
    ("Quillon Architects LLP", "event_usd,,1,2026-10-07,,,quillon-2026"),
    ("Kestrel Loom Software", ",care,,2026-10-05,,2026-10-19,"),
];

/// Amendments: account, product or plan of the subscription, then `from, order_id, kind, account, quantity`.
const AMENDMENTS: &[(&str, &str, &str, &str, &str)] = &[
    ("Northgale Chicago Hub", "enterprise", "2026-10-12,O-49201,change", "", "180"),
    ("Helvetia Stille Bank AG", "video", "2026-10-20,O-49202,change", "Stille Geneva", ""),
    ("Ardoise Conseil SAS", "care", "2026-10-16,O-49203,change", "", "3"),
];

/// The number of the first of the further subscriptions.
const FIRST: usize = 901;

fn account<'p>(provider: &'p Provider, name: &str) -> &'p str {
    provider.accounts.iter().find(|account| account.name == name).map_or("", |account| &account.id)
}

/// Rows of `subscriptions.csv` beside those of the provider.
pub(crate) fn subscriptions(provider: &Provider) -> String {
    let mut text = String::new();
    for (place, (name, rest)) in FURTHER.iter().enumerate() {
        let (id, order) = (FIRST + place, 49_300 + 7 * place);
        let _ = writeln!(text, "S{id:04},O-{order:05},{},{rest}", account(provider, name));
    }
    text
}

/// `amendments.csv`.
pub(crate) fn amendments(provider: &Provider) -> String {
    let mut text = "subscription_id,from,order_id,kind,account_id,quantity\n".to_owned();
    for (name, sold, change, to, quantity) in AMENDMENTS {
        let own = provider
            .subscriptions
            .iter()
            .find(|row| provider.accounts[row.account].name == *name && (row.plan == *sold || row.product == *sold));
        let further = FURTHER.iter().position(|(of, rest)| of == name && rest.contains(&format!("{sold},")));
        let id = own.map(|row| row.id.clone()).or(further.map(|place| format!("S{:04}", FIRST + place)));
        let _ = writeln!(text, "{},{change},{},{quantity}", id.unwrap_or_default(), account(provider, to));
    }
    text
}

/// `tax_exemptions.csv`.
pub(crate) fn tax_exemptions(provider: &Provider) -> String {
    format!(
        "account_id,tax,valid_from,valid_to,certificate,category_code\n{},city_sales,2026-07-01,2027-07-01,DEN-EX-2291,E\n",
        account(provider, "Thornbury Denver")
    )
}

/// `coupons.csv`.
pub(crate) fn coupons(provider: &Provider) -> String {
    format!(
        "coupon_id,discount,account_id,redeemed_from,valid_to\nWELCOME-7,welcome,{},2026-09-01,2027-09-01\n",
        account(provider, "Wisła Robotics Sp. z o.o.")
    )
}

/// `credits.csv`.
pub(crate) fn credits(provider: &Provider) -> String {
    let account = account(provider, "Gobi Lane Studios");
    format!(
        "credit_id,account_id,currency,granted,left,priority,granted_on,expires_on,products\n\
         CR-101,{account},USD,500,320.55,1,2026-01-01,2026-11-01,\n\
         CR-102,{account},USD,1000,1000,2,2026-06-01,2027-06-01,video\n"
    )
}

/// `allowance_balances.csv`: what September has left of the campus pool.
pub(crate) fn allowance_balances() -> String {
    format!("subscription_id,allowance,granted_period,left\nS{FIRST:04},plan:campus/campus-minutes,2026-09,1200\n")
}
