//! Where usage comes from: a room or a tenant, while the subscription behind it is active and the identifier is valid.
//! Also the identifiers at which usage goes astray: unknown ones, rows that are no longer valid, ended subscriptions.

use super::clock::{DAY, PERIOD_END, PERIOD_START, working_moment};
use super::customers::Place;
use super::dice::Dice;
use super::provider::{Holder, Provider};

/// A room or tenant in use.
#[derive(Clone, Copy)]
pub(crate) struct Spot<'a> {
    pub(crate) identifier: &'a str,
    pub(crate) subscription: usize,
    pub(crate) from: i64,
    pub(crate) until: i64,
    pub(crate) place: &'static Place,
    pub(crate) weight: i64,
}

impl Spot<'_> {
    /// A working moment at this spot.
    pub(crate) fn moment(&self, dice: &mut Dice) -> i64 {
        working_moment(dice, self.from, self.until, self.place.offset_hours)
    }
}

/// The rooms whose subscription is charged for a record type.
pub(crate) fn rooms<'a>(provider: &'a Provider, record_type: &str) -> Vec<Spot<'a>> {
    spots(
        provider,
        |held| matches!(held, Holder::Subscription(_)),
        |subscription| provider.subscriptions[subscription].charges_for(record_type),
    )
}

/// The rooms whose subscription is not charged for a record type.
pub(crate) fn rooms_without<'a>(provider: &'a Provider, record_type: &str) -> Vec<Spot<'a>> {
    spots(
        provider,
        |held| matches!(held, Holder::Subscription(_)),
        |subscription| !provider.subscriptions[subscription].charges_for(record_type),
    )
}

/// The tenants that are charged for a record type by exactly one of their subscriptions.
pub(crate) fn tenants<'a>(provider: &'a Provider, record_type: &str) -> Vec<Spot<'a>> {
    let mut found = spots(
        provider,
        |held| matches!(held, Holder::Account(_)),
        |subscription| provider.subscriptions[subscription].charges_for(record_type),
    );
    let guided = |spot: &Spot<'_>, at| provider.unguided(spot.identifier, at, record_type).is_none();
    found.retain(|spot| guided(spot, spot.from) && guided(spot, spot.until - 1));
    found
}

/// Tenants with an active subscription, none of which is charged for a record type.
pub(crate) fn tenants_without<'a>(provider: &'a Provider, record_type: &str) -> Vec<Spot<'a>> {
    let reason = Some("not_in_plan");
    let mut found = spots(provider, |held| matches!(held, Holder::Account(_)), |_| true);
    found.retain(|spot| {
        [spot.from, spot.until - 1].iter().all(|at| provider.unguided(spot.identifier, *at, record_type) == reason)
    });
    found
}

fn spots<'a>(provider: &'a Provider, held: impl Fn(Holder) -> bool, sold: impl Fn(usize) -> bool) -> Vec<Spot<'a>> {
    let mut found = Vec::new();
    for (row, identifier) in provider.identifiers.iter().enumerate().filter(|(_, row)| held(row.holder)) {
        for (index, subscription) in provider.subscriptions.iter().enumerate() {
            let behind = match identifier.holder {
                Holder::Subscription(own) => own == index,
                Holder::Account(account) => account == subscription.account,
            };
            let (from, until) = provider.usable(index, row);
            if !behind || !sold(index) || until - from < DAY {
                continue;
            }
            let weight = match subscription.plan.as_str() {
                "starter" | "" => 2,
                plan if plan.starts_with("team") => 5,
                _ => 9,
            };
            let place = provider.accounts[subscription.account].place;
            found.push(Spot { identifier: &identifier.text, subscription: index, from, until, place, weight });
        }
    }
    found
}

/// One of some spots, the heavier the likelier.
pub(crate) fn choose<'a>(spots: &[Spot<'a>], dice: &mut Dice) -> Spot<'a> {
    let weights: Vec<i64> = spots.iter().map(|spot| spot.weight).collect();
    spots[dice.weighted(&weights)]
}

/// Identifiers (of rooms or of tenants) with a stretch of the period at which guiding gives the wanted reason.
pub(crate) fn astray(provider: &Provider, tenants: bool, record_type: &str, reason: &str) -> Vec<(String, i64)> {
    let mut found = Vec::new();
    for identifier in &provider.identifiers {
        if matches!(identifier.holder, Holder::Account(_)) != tenants {
            continue;
        }
        for quarter in 0..31 * 4 {
            let at = PERIOD_START + quarter * DAY / 4;
            if at < PERIOD_END && provider.unguided(&identifier.text, at, record_type) == Some(reason) {
                found.push((identifier.text.clone(), at));
            }
        }
    }
    found
}
