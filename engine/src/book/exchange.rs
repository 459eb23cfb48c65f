//! `fx:` of the book: with which rates prices become the currency of the account.

use super::fields::Fields;
use super::model::{Exchange, ExchangeDay};
use crate::fault::{Fault, Faults, codes};
use crate::yaml::Node;

/// Ages beyond this are a slip: rates of another century.
const OLDEST: u64 = 36_525;

/// Reads the key.
pub(super) fn exchange(node: &Node, faults: &mut Faults) -> Option<Exchange> {
    let fields = Fields::of(node);
    let on = match fields.text("on", "period_end") {
        "period_start" => ExchangeDay::PeriodStart,
        "service_end" => ExchangeDay::ServiceEnd,
        _ => ExchangeDay::PeriodEnd,
    };
    let max_age_days = fields.text("max_age_days", MAX_AGE_DAYS).parse().ok().filter(|days| *days <= OLDEST);
    if let (None, Some(node)) = (max_age_days, fields.get("max_age_days")) {
        let fault = Fault::new(&codes::B001, format!("not a number of days up to {OLDEST}")).at(&node.place);
        faults.push(fault.hint("0 takes the rate of the day itself only"));
    }
    Some(Exchange {
        rate_type: fields.text("rate_type", "").to_owned(),
        on,
        max_age_days: max_age_days?,
        inverse: fields.text("inverse", "false") == "true",
        place: node.place.clone(),
    })
}

/// How old a rate may be when the book does not say.
pub(super) const MAX_AGE_DAYS: &str = "7";
