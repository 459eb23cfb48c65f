//! Every key of what stands around prices: commitments of contracts, bounds of accounts, thresholds.

use crate::yaml::keys::{Key, Kind, Record};

/// A commitment, or several.
pub(super) const COMMITMENTS: Kind = Kind::Either(&Kind::Record(&COMMITMENT), &Kind::List(&Kind::Record(&COMMITMENT)));

static COMMITMENT: Record = Record {
    title: "a commitment",
    choice: None,
    keys: &[&[
        Key::optional("id", Kind::Text, "its id, also that of its charge; the contract's when left out"),
        Key::optional("amount", Kind::Number, "the amount that is billed at least, before tax"),
        Key::optional("quantity", Kind::Number, "the usage that is paid at least, in units of `meter`"),
        Key::optional("meter", Kind::Text, "of a quantity: the meter it is counted by"),
        Key::optional("shortfall_price", Kind::Number, "of a quantity: the price of each unit that is missing"),
        Key::defaulted(
            "per",
            Kind::OneOf(&["month", "term"]),
            "month",
            "what it is for: each period by itself, or all periods of a term together",
        ),
        Key::optional(
            "term_months",
            Kind::Whole,
            "of `per: term`: months from the first day of the contract's first subscription; terms follow one another",
        ),
        Key::defaulted(
            "over",
            Kind::OneOf(&["contract", "account", "subtree"]),
            "contract",
            "whose lines count: of the subscriptions that name the contract (below one topmost account), of the whole account, of the account and all below it (of several with the contract the topmost); lines of the commitment are of the first subscription that holds the contract in the period, over a subtree at that account",
        ),
        Key::optional("on", Kind::List(&Kind::Text), "products or `product/charge` that count; all when left out"),
        Key::required("product", Kind::Text, "the product its lines are billed for: gl_account and tax_category"),
        Key::defaulted(
            "overage_factor",
            Kind::Number,
            "1",
            "what goes beyond the amount is billed times this; 1: as it is",
        ),
        Key::defaulted("true_up", Kind::Truth, "true", "whether what is missing is billed"),
        Key::defaulted(
            "prorate",
            PRORATE,
            "prorated",
            "when the contract is held for a part of the period or term: by its days, or in full",
        ),
    ]],
};

/// What part of a period costs.
pub(super) const PRORATE: Kind = Kind::OneOf(&["prorated", "full"]);

pub(super) static ACCOUNT_BOUND: Record = Record {
    title: "a bound of accounts",
    choice: None,
    keys: &[&[
        Key::required("id", Kind::Text, "its id, also that of its charge"),
        Key::optional("minimum", Kind::Number, "least net amount of an account in a period; what is missing is billed"),
        Key::optional("maximum", Kind::Number, "greatest net amount of an account in a period; the rest is credited"),
        Key::optional(
            "when",
            Kind::Sql,
            "for whom: SQL over account.COLUMN, subscription.COLUMN (of the account's first subscription) and has_product('product')",
        ),
        Key::required("product", Kind::Text, "the product its lines are billed for: gl_account and tax_category"),
    ]],
};

pub(super) static THRESHOLD: Record = Record {
    title: "a threshold",
    choice: None,
    keys: &[&[
        Key::required("id", Kind::Text, "its id"),
        Key::optional("meter", Kind::Text, "the meter whose usage is watched"),
        Key::optional("charge", Kind::Text, "or the `product/charge` whose net amount is"),
        Key::required("at", Kind::Number, "the quantity or amount from which on there is a notice; above zero"),
        Key::required("notice", Kind::Text, "the message of the row in the table `notices`"),
        Key::defaulted(
            "scope",
            Kind::OneOf(&["subscription", "package", "account", "subtree", "invoice"]),
            "subscription",
            "whose usage or amounts count together, as for tiers",
        ),
    ]],
};
