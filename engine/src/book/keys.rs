//! Every key of a price book: what it takes, what leaving it out means, and one line for whoever writes it.

use crate::yaml::keys::{Choice, Key, Kind, Record, Variant};

mod charge;

use charge::{CHARGE, MODEL_NAMES, PATCH};
pub(super) use charge::{KEPT_WITH_MODEL, MODELS};

/// The currencies' word for "that of the account".
pub(super) const CURRENCY_OF_ACCOUNT: &str = "account";

const MODES: Kind = Kind::OneOf(&["half_up", "half_even", "up", "down"]);
/// Whose usage draws on an allowance.
const SHARERS: Kind = Kind::OneOf(&["subscription", "account"]);

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
        Key::optional("rounding", Kind::Record(&ROUNDING), "how line amounts are rounded"),
        Key::optional("meters", Kind::Map(&Kind::Record(&METER)), "what is counted, by meter id"),
        Key::optional("products", Kind::Map(&Kind::Record(&PRODUCT)), "what is sold, by product id"),
        Key::optional("plans", Kind::Map(&Kind::Record(&PLAN)), "products sold together, by plan id"),
        Key::optional(
            "discounts",
            Kind::List(&Kind::Record(&DISCOUNT)),
            "percentage discounts; the first that matches a line applies",
        ),
        Key::optional(
            "overrides",
            Kind::List(&Kind::Record(&OVERRIDE)),
            "prices of single accounts and those below them, over the price each subscription would have; one whose model does not take them stays as it is",
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
    ]],
};

static METER: Record = Record {
    title: "a meter",
    choice: Some(&Choice { key: "aggregate", variants: AGGREGATES }),
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
            Kind::OneOf(&["sum", "count", "max", "min", "latest", "unique"]),
            "sum",
            "how the quantities of a period come together",
        ),
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
];

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
        Key::optional("currency", Kind::Text, "ISO 4217 code; accounts of other currencies are refused"),
        Key::required("includes", Kind::List(&Kind::Text), "ids of its products"),
        Key::optional(
            "prices",
            Kind::Map(&Kind::Record(&PATCH)),
            "own prices by `product/charge`; whatever is left out stays as listed",
        ),
        Key::optional("allowances", Kind::List(&Kind::Record(&ALLOWANCE)), "included quantities"),
    ]],
};

static ALLOWANCE: Record = Record {
    title: "an allowance",
    choice: None,
    keys: &[&[
        Key::required("meter", Kind::Text, "the meter it is counted by"),
        Key::required(
            "quantity",
            Kind::Number,
            "included units, not negative; they come off the usage before it is priced, so for every charge on the meter",
        ),
        Key::defaulted("per", Kind::OneOf(&["month"]), "month", "how often it is given"),
        Key::defaulted(
            "shared_over",
            SHARERS,
            "subscription",
            "who draws on it; account: one pool per account and plan, for the subscriptions of the plan in order of subscription_id",
        ),
    ]],
};

static DISCOUNT: Record = Record {
    title: "a discount",
    choice: None,
    keys: &[&[
        Key::required("id", Kind::Text, "its id"),
        Key::optional("percent", Kind::Number, "for everybody: 10 means 10 %"),
        Key::optional(
            "percent_column",
            Kind::Text,
            "custom column of the accounts table that holds the percentage; a blank takes the nearest ancestor's, 0 ends it",
        ),
        Key::optional("on", Kind::List(&Kind::Text), "products or `product/charge` it applies to; all when left out"),
    ]],
};

static OVERRIDE: Record = Record {
    title: "an override",
    choice: None,
    keys: &[
        &[
            Key::required("account", Kind::Text, "the account; those below it are meant too"),
            Key::required("charge", Kind::Text, "`product/charge`"),
        ],
        OVERRIDDEN,
    ],
};

/// The fields an override may replace, here and in the price_overrides table.
pub(super) static OVERRIDDEN: &[Key] = &[
    Key::optional("model", MODEL_NAMES, "another charge model; the price's own keys fall away with it"),
    Key::optional("unit_price", Kind::Number, "price of one unit, or of a matrix where no cell fits"),
    Key::optional("amount", Kind::Number, "amount of a recurring or one-time charge"),
    Key::optional("percent", Kind::Number, "percentage: 6.5 means 6.5 %"),
    Key::optional("minimum", Kind::Number, "least amount of a line"),
    Key::optional("maximum", Kind::Number, "greatest amount of a line"),
    Key::optional("size", Kind::Number, "units in a package"),
    Key::optional("price", Kind::Number, "price of a package"),
];
