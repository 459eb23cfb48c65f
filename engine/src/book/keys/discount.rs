//! Every key of a discount.

use super::charge::VALID;
use crate::yaml::keys::{Key, Kind, Record};

/// The keys of which a discount has exactly one: how much it takes off.
pub(in crate::book) const REDUCTIONS: [&str; 5] = ["percent", "percent_column", "amount", "free_units", "fixed_price"];

pub(super) static DISCOUNT: Record = Record {
    title: "a discount",
    choice: None,
    keys: &[
        &[
            Key::required("id", Kind::Text, "its id"),
            Key::optional("percent", Kind::Number, "a percentage for everybody: 10 means 10 %"),
            Key::optional(
                "percent_column",
                Kind::Text,
                "custom column of the accounts table that holds the percentage; a blank takes the nearest ancestor's, 0 ends it",
            ),
            Key::optional(
                "amount",
                Kind::Number,
                "money off the lines of an account (level invoice: of an invoice; a coupon: of all it covers) once a period, in their currency and rounded down to its minor unit; never more than is left of them together, what is below zero counted",
            ),
            Key::optional(
                "free_units",
                Kind::Number,
                "the price of so many units of each subscription's charge, from its first line on; credits and lines without a price of one unit stay as they are",
            ),
            Key::optional(
                "fixed_price",
                Kind::Number,
                "what a unit costs at most: the rest of the line comes off; credits and lines without a price of one unit stay as they are",
            ),
            Key::optional(
                "when",
                Kind::Sql,
                "for whom: SQL over account.COLUMN, subscription.COLUMN, usage('meter'), amount('product/charge') before discounts and has_product('product'), the latter three of the line's account; everybody when left out",
            ),
            Key::optional(
                "on",
                Kind::List(&Kind::Text),
                "products, `product/charge` or `plan:PLAN` it applies to; all lines when left out",
            ),
            Key::defaulted(
                "level",
                Kind::OneOf(&["line", "account", "invoice"]),
                "line",
                "off lines before they are rounded; or off the rounded lines of an account or invoice together, in proportion to what is left of them",
            ),
            Key::defaulted(
                "of",
                Kind::OneOf(&["rest", "original"]),
                "rest",
                "what a percentage is of: what earlier discounts have left, or the amount before all of them",
            ),
            Key::defaulted("exclusive", Kind::Truth, "false", "whether nothing more comes off a line it applies to"),
            Key::optional(
                "cap",
                Kind::Number,
                "the most it takes off the lines of an account (level invoice: of an invoice; a coupon: of all it covers) in a period, net of what it gives back on lines below zero",
            ),
            Key::optional(
                "periods",
                Kind::Whole,
                "only in so many periods from the start of the subscription on; of a coupon, from its `redeemed_from` on",
            ),
            Key::optional("currency", Kind::Text, "only for accounts with this currency"),
            Key::defaulted(
                "coupon",
                Kind::Truth,
                "false",
                "whether it is only for those whom the reference table `coupons` names",
            ),
        ],
        VALID,
    ],
};
