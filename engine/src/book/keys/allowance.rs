//! Every key of an allowance.

use super::charge::VALID;
use crate::yaml::keys::{Key, Kind, Record};

pub(super) static ALLOWANCE: Record = Record {
    title: "an allowance",
    choice: None,
    keys: &[
        &[
            Key::optional(
                "id",
                Kind::Text,
                "its id within the plan or contract, which tables name as `plan:PLAN/ID`; that of the meter when left out",
            ),
            Key::optional(
                "meter",
                Kind::Text,
                "the meter it is counted by; an amount may name charges instead, in `on`",
            ),
            Key::optional(
                "quantity",
                Kind::Number,
                "included units, not negative; they come off the usage before it is priced, so for every charge on the meter",
            ),
            Key::optional(
                "amount",
                Kind::Number,
                "instead of a quantity: an included amount in the currency of the prices; it comes off what usage is rated at, over all charges together",
            ),
            Key::defaulted("per", Kind::OneOf(&["month"]), "month", "how often it is given"),
            Key::defaulted(
                "shared_over",
                Kind::OneOf(&["subscription", "account", "subtree"]),
                "subscription",
                "who draws on it; account: one pool per account and plan (or contract), for its subscriptions; subtree: the same, for all subscriptions at and below the account, whatever their plan. They draw in order of subscription_id, each at prices that hold earlier first (of an amount: charge after charge)",
            ),
            Key::defaulted(
                "priority",
                Kind::Whole,
                "0",
                "of several allowances the lower number is drawn first, then what expires first, then what is declared first, then that of the nearer account",
            ),
            Key::defaulted(
                "multiply_by",
                Kind::OneOf(&["none", "quantity", "holders"]),
                "none",
                "`quantity`: so much for each unit of the quantity of the subscriptions that have it, of one that changes in the period its last quantity or, with `prorate: by_day`, each for its days; `holders`: for each subscription that has it, of the account or of everything below the topmost account that has it",
            ),
            Key::defaulted(
                "prorate",
                Kind::OneOf(&["none", "by_day"]),
                "none",
                "what a part of the period gives; by_day: the share of the days on which the subscription has it",
            ),
            Key::optional(
                "rollover",
                Kind::Either(&Kind::Whole, &Kind::Record(&ROLLOVER)),
                "further periods in which what is left can be used; opening balances stand in the reference table `allowance_balances`",
            ),
            Key::optional(
                "on",
                Kind::List(&Kind::Text),
                "only for these charges, as `product/charge`; every charge on the meter when left out",
            ),
        ],
        VALID,
    ],
};

static ROLLOVER: Record = Record {
    title: "a rollover",
    choice: None,
    keys: &[&[
        Key::required("periods", Kind::Whole, "further periods in which what is left can be used"),
        Key::optional(
            "cap",
            Kind::Number,
            "the most that is carried from one period to the next; what expires first is dropped first",
        ),
    ]],
};
