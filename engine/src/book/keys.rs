//! Every key of a price book: what it takes, what leaving it out means, and one line for whoever writes it.

use crate::yaml::keys::{Choice, Key, Kind, Record, Variant};

mod around;
mod allowance;
mod charge;
mod discount;

use super::exchange::MAX_AGE_DAYS;
use allowance::ALLOWANCE;
use around::{ACCOUNT_BOUND, COMMITMENTS, THRESHOLD};
use charge::{APPLIED, CHARGE, MODEL_NAMES, NUMBERS, PATCH, VALID};
pub(super) use charge::{KEPT_WITH_MODEL, MODELS, OF_QUANTITIES};
use discount::DISCOUNT;
pub(super) use discount::REDUCTIONS;

/// The currencies' word for "that of the account".
pub(super) const CURRENCY_OF_ACCOUNT: &str = "account";

const MODES: Kind = Kind::OneOf(&["half_up", "half_even", "up", "down"]);

/// A file of a book.
pub(super) static BOOK: Record = Record {
    title: "a price book",
    choice: None,
    keys: &[&[
        Key::optional("book", Kind::Text, "name of the book; exactly once in all its files"),
        Key::defaulted(
            "currency",
            Kind::Text,
            CURRENCY_OF_ACCOUNT,
            "currency of all prices: an ISO 4217 code, or `account`: plain numbers in the currency of whoever is billed",
        ),
        Key::optional(
            "fx",
            Kind::Record(&EXCHANGE),
            "lets accounts be billed in another currency than their prices, by the table fx_rates; left out: such accounts are refused",
        ),
        Key::optional("rounding", Kind::Record(&ROUNDING), "how line amounts are rounded"),
        Key::optional("tax", Kind::Record(&TAX), "what becomes of lines without a tax rate"),
        Key::optional("meters", Kind::Map(&Kind::Record(&METER)), "what is counted, by meter id"),
        Key::optional("products", Kind::Map(&Kind::Record(&PRODUCT)), "what is sold, by product id"),
        Key::optional("plans", Kind::Map(&Kind::Record(&PLAN)), "products sold together, by plan id"),
        Key::optional(
            "contracts",
            Kind::Map(&Kind::Record(&CONTRACT)),
            "prices agreed on, by contract id: the column `contract` of subscriptions names it",
        ),
        Key::optional(
            "layers",
            Kind::List(&Kind::Record(&LAYER)),
            "prices for whoever a condition holds, over the list prices; a later layer lies over an earlier one",
        ),
        Key::optional(
            "discounts",
            Kind::List(&Kind::Record(&DISCOUNT)),
            "what comes off lines, accounts and invoices, in the order declared, each off what the earlier ones left",
        ),
        Key::optional(
            "account_bounds",
            Kind::List(&Kind::Record(&ACCOUNT_BOUND)),
            "least and greatest amounts of single accounts, each on what the ones before it leave",
        ),
        Key::optional(
            "thresholds",
            Kind::List(&Kind::Record(&THRESHOLD)),
            "quantities and amounts that are told when they are reached",
        ),
        Key::optional(
            "overrides",
            Kind::List(&Kind::Record(&OVERRIDE)),
            "prices of single accounts, and of those below them that have nothing of their own; a price whose model does not take them stays as it is",
        ),
    ]],
};

static EXCHANGE: Record = Record {
    title: "the exchange of currencies",
    choice: None,
    keys: &[&[
        Key::optional(
            "rate_type",
            Kind::Text,
            "takes the rates with this text in the column `rate_type`; left out: those with a blank",
        ),
        Key::defaulted(
            "on",
            Kind::OneOf(&["period_end", "period_start", "service_end"]),
            "period_end",
            "the day whose rate is taken: the last or first of the period, or the last of the period that the line bills (the last of all when it bills none)",
        ),
        Key::defaulted(
            "max_age_days",
            Kind::Whole,
            MAX_AGE_DAYS,
            "how many days older than that day the newest rate may be",
        ),
        Key::defaulted(
            "inverse",
            Kind::Truth,
            "false",
            "whether a pair without such a rate takes one over that of the opposite direction, rounded half up to 18 digits",
        ),
    ]],
};

static ROUNDING: Record = Record {
    title: "the rounding of lines",
    choice: None,
    keys: &[&[
        Key::defaulted("mode", MODES, "half_up", "how a line amount is settled to the minor unit of its currency"),
        Key::defaulted(
            "discount_base",
            Kind::OneOf(&["unrounded", "rounded"]),
            "unrounded",
            "whether a discount is taken of the unrounded amount, or of the rounded one and rounded by itself",
        ),
        Key::defaulted(
            "tax",
            Kind::OneOf(&["line", "invoice"]),
            "line",
            "whether the tax of every line is rounded, or once the sum of a tax at one rate over an invoice, split over its lines by the largest remainder",
        ),
        Key::defaulted(
            "discount_order",
            Kind::OneOf(&["declared", "percent_first"]),
            "declared",
            "in which order the discounts of a level come off: as declared, or percentages before all others",
        ),
    ]],
};

static TAX: Record = Record {
    title: "the taxes",
    choice: None,
    keys: &[&[Key::defaulted(
        "missing",
        Kind::OneOf(&["fault", "suspense", "untaxed"]),
        "fault",
        "a line for whose jurisdiction and category `tax_rates` has no rate: refuse the run; bill it without tax, mark it in invoice_taxes and exit with 1; or bill it without tax",
    )]],
};

static METER: Record = Record {
    title: "a meter",
    choice: Some(&Choice { key: "aggregate", variants: AGGREGATES, instead: None }),
    keys: &[&[
        Key::required("record_type", Kind::Texts, "the record types it counts"),
        Key::optional("quantity", Kind::Sql, "SQL over the mediated record: the quantity of one record"),
        Key::optional(
            "of",
            Kind::Sql,
            "SQL over the mediated record: the value whose distinct occurrences are counted",
        ),
        Key::optional("round_each", Kind::Record(&ROUND_EACH), "rounds the quantity of every record (a pulse)"),
        Key::defaulted(
            "aggregate",
            Kind::OneOf(&[
                "sum",
                "count",
                "max",
                "min",
                "latest",
                "unique",
                "weighted_sum",
                "prorated_sum",
                "percentile",
                "windowed",
            ]),
            "sum",
            "how the quantities of a period come together",
        ),
        Key::defaulted(
            "records_are",
            Kind::OneOf(&["change", "level"]),
            "change",
            "whether the quantity of a record is a change of the level (below zero: down), or the new level itself",
        ),
        Key::defaulted(
            "carry",
            Kind::Truth,
            "false",
            "whether the period opens at the level of the reference table `levels`; else at 0",
        ),
        Key::optional("percentile", Kind::Record(&PERCENTILE), "which percentile"),
        Key::optional("windowed", Kind::Record(&WINDOWED), "which windows, and what they come to"),
        Key::optional("dimensions", Kind::List(&Kind::Text), "mediated columns whose values are kept apart"),
        Key::optional(
            "attributes",
            Kind::List(&Kind::Text),
            "mediated columns that only charges on single records look at, such as the number dialled",
        ),
        Key::optional("unit", Kind::Text, "unit printed on invoice lines"),
    ]],
};

/// The keys that go with each aggregate of a meter.
pub(super) static AGGREGATES: &[Variant] = &[
    Variant { name: "sum", about: "sum of the quantities", required: &["quantity"], optional: &["round_each"] },
    Variant { name: "count", about: "number of records", required: &[], optional: &[] },
    Variant { name: "max", about: "greatest quantity", required: &["quantity"], optional: &["round_each"] },
    Variant { name: "min", about: "smallest quantity", required: &["quantity"], optional: &["round_each"] },
    Variant {
        name: "latest",
        about: "quantity of the last record",
        required: &["quantity"],
        optional: &["round_each"],
    },
    Variant { name: "unique", about: "number of distinct values", required: &["of"], optional: &[] },
    Variant {
        name: "weighted_sum",
        about: "mean of a level over the period, by the time it is held; a level below zero counts against it",
        required: &["quantity"],
        optional: &["round_each", "records_are", "carry"],
    },
    Variant {
        name: "prorated_sum",
        about: "mean of a level over the days of the period; a record counts for its whole local day",
        required: &["quantity"],
        optional: &["round_each", "records_are", "carry"],
    },
    Variant {
        name: "percentile",
        about: "the quantity at position ceil(percent / 100 x n) of the n sorted ones",
        required: &["quantity", "percentile"],
        optional: &["round_each"],
    },
    Variant {
        name: "windowed",
        about: "what windows of local time come to, each by itself and then together; windows without records do not count",
        required: &["windowed"],
        optional: &["quantity", "round_each"],
    },
];

static PERCENTILE: Record = Record {
    title: "a percentile",
    choice: None,
    keys: &[&[Key::required("percent", Kind::Number, "95: the 95th percentile; above 0, at most 100")]],
};

static WINDOWED: Record = Record {
    title: "the windows of a meter",
    choice: None,
    keys: &[&[
        Key::required("window", Kind::Text, "`hour`, `day`, or `N minutes` where N divides a day; in local time"),
        Key::required(
            "of",
            Kind::OneOf(&["max", "min", "sum", "count", "latest"]),
            "what the records of one window come to; `count` needs no quantity",
        ),
        Key::defaulted("then", Kind::OneOf(&["sum", "max", "min"]), "sum", "what the windows of a period come to"),
    ]],
};

static ROUND_EACH: Record = Record {
    title: "the rounding of each record",
    choice: None,
    keys: &[&[
        Key::required("step", Kind::Number, "quantities become whole multiples of it; above zero"),
        Key::defaulted("mode", MODES, "up", "in which direction"),
    ]],
};

static PRODUCT: Record = Record {
    title: "a product",
    choice: None,
    keys: &[&[
        Key::optional("name", Kind::Text, "what people call it; its id when left out"),
        Key::optional("gl_account", Kind::Text, "general-ledger account of its lines"),
        Key::optional("tax_category", Kind::Text, "which tax rates apply"),
        Key::optional("charges", Kind::Map(&Kind::Record(&CHARGE)), "its priced parts, by charge id"),
    ]],
};

static PLAN: Record = Record {
    title: "a plan",
    choice: None,
    keys: &[&[
        Key::optional("name", Kind::Text, "what people call it; its id when left out"),
        Key::optional(
            "currency",
            Kind::Text,
            "ISO 4217 code of its prices; accounts of other currencies are refused, or exchanged by `fx`",
        ),
        Key::required("includes", Kind::List(&Kind::Text), "ids of its products"),
        Key::optional(
            "prices",
            PRICES,
            "own prices by `product/charge`, or a list of dated ones; whatever is left out stays as it is without them",
        ),
        Key::optional("allowances", ALLOWANCES, "included quantities and amounts"),
    ]],
};

const ALLOWANCES: Kind = Kind::List(&Kind::Record(&ALLOWANCE));

/// Patches by charge.
const PRICES: Kind = Kind::Map(&Kind::Either(&Kind::Record(&PATCH), &Kind::List(&Kind::Record(&PATCH))));

static CONTRACT: Record = Record {
    title: "a contract",
    choice: None,
    keys: &[
        VALID,
        &[
            Key::optional("prices", PRICES, "its prices by `product/charge`, or a list of dated ones for each"),
            Key::optional("commitment", COMMITMENTS, "what the customer pays or uses at least; one, or a list"),
            Key::optional("allowances", ALLOWANCES, "what it includes beside the allowances of the plan"),
        ],
    ],
};

static LAYER: Record = Record {
    title: "a layer",
    choice: None,
    keys: &[
        &[
            Key::required("id", Kind::Text, "its id"),
            Key::optional(
                "when",
                Kind::Sql,
                "for whom: SQL over account.COLUMN, subscription.COLUMN and has_product('product'); everybody when left out",
            ),
        ],
        VALID,
        &[Key::required("prices", PRICES, "its prices by `product/charge`, or a list of dated ones for each")],
    ],
};

static OVERRIDE: Record = Record {
    title: "an override",
    choice: None,
    keys: &[
        &[
            Key::required("account", Kind::Text, "the account; those below it are meant too"),
            Key::required("charge", Kind::Text, "`product/charge`"),
        ],
        VALID,
        OTHER_MODEL,
        APPLIED,
        NUMBERS,
    ],
};

/// What a patch may say besides what every charge may.
pub(super) const OTHER_MODEL: &[Key] =
    &[Key::optional("model", MODEL_NAMES, "another charge model; the numbers of the price below fall away with it")];

/// The fields that a row of the price_overrides table may replace: those that are one value.
pub(super) fn of_overrides_table() -> impl Iterator<Item = &'static Key> {
    let single = |key: &&Key| !matches!(key.kind, Kind::List(_) | Kind::Record(_) | Kind::Either(..) | Kind::Sql);
    [OTHER_MODEL, APPLIED, NUMBERS].into_iter().flatten().filter(single)
}

/// The columns of the price_overrides table that replace a field, and whether they hold numbers.
#[must_use]
pub fn override_columns() -> Vec<(&'static str, bool)> {
    of_overrides_table().map(|key| (key.name, matches!(key.kind, Kind::Number))).collect()
}
