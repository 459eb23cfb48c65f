//! Reference data: accounts and their hierarchy, subscriptions, identifiers, tax and FX rates, price overrides.

pub mod model;
