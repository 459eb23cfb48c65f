//! Amendments: a subscription that changes becomes versions, one after the other, each a subscription of the same id.

use chrono::NaiveDate;

use super::words::{Case, Row, Subscription};

/// Replaces amended subscriptions by their versions.
pub(crate) fn expand(case: &mut Case) {
    let mut all = Vec::new();
    for subscription in &case.subscriptions {
        let mut theirs: Vec<&Row> =
            case.table("amendments").iter().filter(|known| known["subscription_id"] == subscription.id).collect();
        theirs.sort_by_key(|known| known["from"].clone());
        let mut versions = versions(case, subscription, &theirs);
        let several = versions.len() > 1;
        versions.iter_mut().for_each(|version| version.several = several);
        all.extend(versions);
    }
    case.subscriptions = all;
}

fn versions(case: &Case, subscription: &Subscription, amendments: &[&Row]) -> Vec<Subscription> {
    let mut found: Vec<Subscription> = Vec::new();
    let mut current = Some(subscription.clone());
    let mut latest = subscription.clone();
    for amendment in amendments {
        let day: NaiveDate = amendment["from"].parse().unwrap();
        if let Some(mut version) = current.take() {
            version.days.to = Some(day);
            found.push(version);
        }
        if amendment["kind"] == "change" {
            change(case, &mut latest, amendment);
        }
        latest.days.from = Some(day);
        current = ["change", "resume"].contains(&amendment["kind"].as_str()).then(|| latest.clone());
    }
    found.extend(current);
    found
}

/// Filled columns replace those of the subscription.
fn change(case: &Case, latest: &mut Subscription, amendment: &Row) {
    let filled = |key: &str| amendment.get(key).filter(|text| !text.is_empty());
    if let Some(account) = filled("account_id") {
        latest.account = case.accounts.iter().position(|known| known.id == *account).unwrap();
    }
    if let Some(plan) = filled("plan") {
        latest.plan = case.plans.iter().position(|known| known.id == *plan);
        latest.product = None;
    }
    if let Some(product) = filled("product") {
        latest.product = case.products.iter().position(|known| known.id == *product);
        latest.plan = None;
    }
    if let Some(quantity) = filled("quantity") {
        latest.quantity.clone_from(quantity);
    }
    if let Some(contract) = filled("contract") {
        latest.contract = case.contracts.iter().position(|known| known.id == *contract);
    }
}
