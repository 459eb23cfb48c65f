//! Every key of a charge: the models, what they are applied to, and their numbers.

use super::around::PRORATE;
use super::{MODES, OTHER_MODEL};
use crate::yaml::keys::{Choice, Key, Kind, Record, Variant};

pub(super) static CHARGE: Record = Record {
    title: "a charge",
    choice: Some(&Choice { key: "model", variants: MODELS, instead: Some("versions") }),
    keys: &[
        &[
            Key::required("model", MODEL_NAMES, "how it is priced"),
            Key::optional("meter", Kind::Text, "the meter whose usage it prices; usage models need one"),
            Key::optional("name", Kind::Text, "what people call it"),
            Key::optional("unit", Kind::Text, "unit printed on invoice lines; the meter's when left out"),
            Key::optional(
                "versions",
                Kind::List(&Kind::Record(&PATCH)),
                "the list price from some day on, or for some days: what changes; without numbers beside them they follow one another without a gap",
            ),
        ],
        APPLIED,
        NUMBERS,
    ],
};

pub(super) static PATCH: Record =
    Record { title: "a price laid over another", choice: None, keys: &[VALID, OTHER_MODEL, APPLIED, NUMBERS] };

/// When something holds.
pub(super) const VALID: &[Key] = &[
    Key::optional("valid_from", Kind::Text, "first day it holds, such as 2026-10-15; always did when left out"),
    Key::optional("valid_to", Kind::Text, "first day it no longer holds; open when left out"),
];

pub(super) const MODEL_NAMES: Kind = Kind::OneOf(&[
    "per_unit",
    "graduated",
    "volume",
    "stairstep",
    "package",
    "percentage",
    "graduated_percentage",
    "matrix",
    "dynamic",
    "increments",
    "calendar",
    "prefix",
    "formula",
    "sql",
    "recurring",
    "one_time",
]);

/// What a model is applied to: for all models that price usage.
pub(super) const APPLIED: &[Key] = &[
    Key::defaulted(
        "scope",
        Kind::OneOf(&["subscription", "package", "account", "subtree", "invoice"]),
        "subscription",
        "whose usage fills the tiers together: each subscription, those of an account to one plan, all of the account, all below the same topmost account, all billed together; the price at the beginning of the period says it for all of it",
    ),
    Key::defaulted(
        "each",
        Kind::OneOf(&["period", "window", "day", "record"]),
        "period",
        "what the model is applied to; the amounts are added up, and the scope plays no part unless it is the period",
    ),
    Key::optional(
        "lines_by",
        Kind::List(&Kind::Text),
        "dimensions that get a line per value; none, or `by` of a matrix, when left out",
    ),
    Key::defaulted(
        "groups",
        Kind::OneOf(&["shared", "restart"]),
        "shared",
        "whether the groups of `lines_by` fill the tiers together, or begin anew each; as `scope`, for the whole period",
    ),
    Key::defaulted(
        "zero_usage",
        Kind::OneOf(&["none", "fee", "line"]),
        "none",
        "without usage, or where none is left after `convert`: no line, the flat fee of the first tier, or a line of zero",
    ),
    Key::optional(
        "convert",
        Kind::Record(&CONVERT),
        "how the quantity of the meter becomes the quantity priced; `sql` takes neither this nor the next two, its SELECT gives what is billed",
    ),
    Key::defaulted("free_units", Kind::Number, "0", "units that cost nothing, taken off first, after `convert`"),
    Key::optional(
        "round_amount",
        Kind::Record(&ROUND_AMOUNT),
        "rounds the amount of each thing the model is applied to, before the line is rounded",
    ),
    Key::defaulted(
        "itemise",
        Kind::Truth,
        "false",
        "where records are priced one by one: every rated record is a row of the table `rated_usage`",
    ),
    Key::optional(
        "minimum",
        Kind::Number,
        "least amount of the charge in a period for whoever shares its scope, also without usage; of percentage: of a line with a quantity above zero",
    ),
    Key::optional(
        "maximum",
        Kind::Number,
        "greatest amount of the charge in a period for whoever shares its scope; of percentage: of a line with a quantity above zero",
    ),
    Key::defaulted(
        "minimum_prorate",
        PRORATE,
        "prorated",
        "what the minimum is when subscribed for a part of the period: by the days, or in full",
    ),
    Key::defaulted(
        "bounds",
        Kind::OneOf(&["after_discounts", "before_discounts"]),
        "after_discounts",
        "whether minimum and maximum hold for what line discounts leave, or for what they are taken of: with `discount_base: rounded` the rounded lines",
    ),
];

static CONVERT: Record = Record {
    title: "a conversion",
    choice: None,
    keys: &[&[
        Key::defaulted("divide", Kind::Number, "1", "units of the meter in one unit that is priced; above zero"),
        Key::optional("round", MODES, "rounds the converted quantity to whole steps"),
        Key::defaulted("step", Kind::Number, "1", "the step; above zero"),
    ]],
};

static ROUND_AMOUNT: Record = Record {
    title: "the rounding of an amount",
    choice: None,
    keys: &[&[
        Key::required("digits", Kind::Whole, "digits after the point, at most 18"),
        Key::defaulted("mode", MODES, "half_up", "in which direction"),
    ]],
};

/// The price of a unit, wherever one stands.
const UNIT_PRICE: Key = Key::optional("unit_price", Kind::Number, "price of one unit, or of `per` units");
/// Units a price is for.
const PER: Key = Key::defaulted("per", Kind::Number, "1", "units the unit_price is for; above zero, divided once");

pub(super) const NUMBERS: &[Key] = &[
    UNIT_PRICE,
    PER,
    Key::optional("tiers", Kind::Either(&TIERS, &TABLES), "bands in ascending order, the last one open"),
    Key::defaulted(
        "beyond",
        Kind::OneOf(&["refused", "free", "unpriced"]),
        "refused",
        "past the last tier: refused (the last tier must be open), free, or unpriced (its records are set aside as `no_price`)",
    ),
    Key::optional("size", Kind::Number, "units in a package; above zero"),
    Key::optional("price", Kind::Number, "price of a package"),
    Key::defaulted(
        "round",
        Kind::OneOf(&["up", "down", "exact"]),
        "up",
        "whether started packages count, only full ones, or parts",
    ),
    Key::optional("percent", Kind::Number, "percentage of the quantity, an amount of money: 6.5 means 6.5 %"),
    Key::defaulted("record_fee", Kind::Number, "0", "due for each record that is not free"),
    Key::optional(
        "free_records",
        Kind::Whole,
        "the first records of the period, which are free; shared as `scope` says",
    ),
    Key::optional("free_amount", Kind::Number, "amount that is free; whichever of the two ends first ends both"),
    Key::defaulted(
        "free_amount_outlasts",
        Kind::Truth,
        "false",
        "whether the free amount goes on being used after the free records are",
    ),
    Key::optional("record_minimum", Kind::Number, "least amount of a record that is not free, its fee included"),
    Key::optional("record_maximum", Kind::Number, "greatest amount of a record, its fee included"),
    Key::optional(
        "by",
        Kind::Texts,
        "dimensions that make a cell of a matrix; the dimension or attribute that prefixes are of",
    ),
    Key::optional("cells", Kind::Either(&CELLS, &TABLES), "a value of every dimension of `by`, and a unit_price"),
    Key::optional(
        "default_unit_price",
        Kind::Number,
        "price where no cell fits; without it such a record is set aside as `no_price`",
    ),
    Key::defaulted("multiplier", Kind::Number, "1", "what the amount carried on the record is multiplied by"),
    Key::optional("initial", Kind::Number, "the first increment of a record; `increment` when left out"),
    Key::optional("increment", Kind::Number, "a record is rounded up to whole increments; above zero"),
    Key::defaulted(
        "connect_fee",
        Kind::Number,
        "0",
        "due for each record of a quantity above zero, on a line of its own",
    ),
    Key::optional("timezone", Kind::Text, "zone of the clock of `windows`; the pipeline's when left out"),
    Key::defaulted(
        "spans",
        Kind::OneOf(&["none", "second", "minute", "hour"]),
        "none",
        "how long one unit of the quantity lasts: a record is split where a window ends; none: priced where it starts",
    ),
    Key::optional("windows", WINDOWS, "windows of time; the first that holds wins"),
    Key::optional("holidays", Kind::Either(&DATES, &TABLES), "dates, or a table with the column `date`"),
    Key::defaulted(
        "increment_carries",
        Kind::Truth,
        "false",
        "whether rounding a piece of a record up uses up time of the next piece",
    ),
    Key::optional("prefixes", Kind::Either(&PREFIXES, &TABLES), "prices by prefix; the longest that fits wins"),
    Key::optional(
        "formula",
        Kind::Sql,
        "SQL that gives the amount, over quantity, records, account.… and subscription.…",
    ),
    Key::optional("sql", Kind::Sql, "one SELECT over `buckets` that gives subscription_id, quantity and amount"),
    Key::defaulted(
        "every",
        Kind::Text,
        "month",
        "how often it is due: day, week, month, quarter, year, `N days` or `N months`",
    ),
    Key::optional("amount", Kind::Number, "amount for quantity 1"),
    Key::defaulted(
        "bill",
        Kind::OneOf(&["advance", "arrears"]),
        "advance",
        "advance: billed by the run whose period holds the first day of the interval; arrears: by the one in which the interval ends",
    ),
    Key::optional(
        "anchor",
        Kind::OneOf(&["calendar", "cycle", "start"]),
        "what intervals are counted from: the calendar (weeks: Mondays; months: January, of the year 2000 where they are no part of a year), the account's bill_cycle_day, or the first day of the subscription; calendar when left out, and start for intervals of days",
    ),
    Key::defaulted(
        "prorate",
        Kind::OneOf(&["by_day", "by_second", "thirty_day", "both_ends", "none"]),
        "by_day",
        "what a part of an interval costs: its days, its seconds, its days in months of 30 days, its days with the day on which the subscription changes or ends counted too, or the whole amount once",
    ),
    Key::defaulted(
        "in_trial",
        Kind::OneOf(&["free", "billed"]),
        "free",
        "whether it is due for the days before `trial_end` of the subscription",
    ),
    Key::defaulted(
        "credit_unused",
        Kind::Truth,
        "true",
        "billed in advance: whether what a change or an end leaves unused of an earlier bill is given back, as a line of kind credit",
    ),
    Key::optional(
        "when",
        Kind::Sql,
        "where it is due: SQL over account.COLUMN, subscription.COLUMN, usage('meter') and has_product('product'); everywhere when left out",
    ),
];

/// The keys that go with each charge model, besides those every charge takes.
pub(in crate::book) static MODELS: &[Variant] = &[
    Variant { name: "per_unit", about: "every unit at one price", required: &["unit_price"], optional: &["per"] },
    Variant {
        name: "graduated",
        about: "each tier prices the quantity that lies in it",
        required: &["tiers"],
        optional: &["beyond"],
    },
    Variant {
        name: "volume",
        about: "all units at the price of the tier reached",
        required: &["tiers"],
        optional: &["beyond"],
    },
    Variant {
        name: "stairstep",
        about: "the flat fee of the tier reached, whatever the quantity",
        required: &["tiers"],
        optional: &["beyond"],
    },
    Variant { name: "package", about: "blocks of units", required: &["size", "price"], optional: &["round"] },
    Variant {
        name: "percentage",
        about: "a percentage of an amount",
        required: &["percent"],
        optional: &[
            "record_fee",
            "free_records",
            "free_amount",
            "free_amount_outlasts",
            "record_minimum",
            "record_maximum",
        ],
    },
    Variant {
        name: "graduated_percentage",
        about: "each tier takes its percentage of the amount that lies in it",
        required: &["tiers"],
        optional: &["beyond"],
    },
    Variant {
        name: "matrix",
        about: "a price per cell of dimension values",
        required: &["by", "cells"],
        optional: &["default_unit_price"],
    },
    Variant { name: "dynamic", about: "the amount is carried on the record", required: &[], optional: &["multiplier"] },
    Variant {
        name: "increments",
        about: "every record alone, rounded up to whole increments",
        required: &["increment", "unit_price"],
        optional: &["initial", "per", "connect_fee"],
    },
    Variant {
        name: "calendar",
        about: "every record at the prices of the windows of time it lies in",
        required: &["windows"],
        optional: &["timezone", "spans", "holidays", "connect_fee", "increment_carries"],
    },
    Variant {
        name: "prefix",
        about: "every record at the price of the longest prefix that fits",
        required: &["by", "prefixes"],
        optional: &[],
    },
    Variant { name: "formula", about: "an SQL expression gives the amount", required: &["formula"], optional: &[] },
    Variant {
        name: "sql",
        about: "a SELECT over the usage buckets gives quantities and amounts",
        required: &["sql"],
        optional: &[],
    },
    Variant {
        name: "recurring",
        about: "an amount every interval",
        required: &["amount"],
        optional: &["every", "bill", "anchor", "prorate", "in_trial", "credit_unused", "when"],
    },
    Variant { name: "one_time", about: "an amount once", required: &["amount"], optional: &["when"] },
];

/// Keys of a charge that stay when a price replaces its model.
pub(in crate::book) static KEPT_WITH_MODEL: &[&str] = &[
    "model",
    "meter",
    "name",
    "unit",
    "scope",
    "each",
    "lines_by",
    "groups",
    "zero_usage",
    "convert",
    "free_units",
    "round_amount",
    "itemise",
];

/// Those of them that a query has no use for: it gives quantities and amounts as they are billed.
pub(in crate::book) static OF_QUANTITIES: &[&str] = &["convert", "free_units", "round_amount"];

static TIER: Record = Record {
    title: "a tier",
    choice: None,
    keys: &[&[
        Key::optional("up_to", Kind::Number, "inclusive upper bound; left out on the last tier"),
        Key::optional("below", Kind::Number, "exclusive upper bound, in place of up_to"),
        Key::optional("from", Kind::Number, "where tiers are written as whole numbers: the first unit of the tier"),
        Key::optional("to", Kind::Number, "where tiers are written as whole numbers: the last unit, inclusive"),
        UNIT_PRICE,
        PER,
        Key::optional("percent", Kind::Number, "of graduated_percentage: 6.5 means 6.5 %"),
        Key::defaulted("flat_fee", Kind::Number, "0", "due once, when the total is past where the tier begins"),
        Key::optional(
            "increment",
            Kind::Number,
            "the quantity in the tier is rounded up to whole increments; above zero",
        ),
    ]],
};

static WINDOW: Record = Record {
    title: "a window of time",
    choice: None,
    keys: &[&[
        Key::required("name", Kind::Text, "its name on invoice lines"),
        Key::optional("days", Kind::Texts, "days of the week: mon, tue, wed, thu, fri, sat, sun, or mon-fri"),
        Key::optional("from", Kind::Text, "local time it begins, such as 08:00"),
        Key::optional("to", Kind::Text, "local time it ends; not after `from`: on the next day"),
        Key::optional("dates", Kind::Texts, "only on these dates, such as 2026-12-24"),
        Key::optional("holidays", Kind::Truth, "true: only on `holidays` of the charge; false: never on them"),
        Key::required("unit_price", Kind::Number, "price of one unit, or of `per` units"),
        PER,
        Key::optional("increment", Kind::Number, "a piece is rounded up to whole increments; above zero"),
        Key::optional(
            "connect_fee",
            Kind::Number,
            "due for each record that starts in it; that of the charge when left out",
        ),
    ]],
};

static PREFIX: Record = Record {
    title: "a prefix",
    choice: None,
    keys: &[&[
        Key::required("prefix", Kind::Text, "how the text begins"),
        Key::optional("destination", Kind::Text, "its name on invoice lines; the prefix when left out"),
        Key::required("unit_price", Kind::Number, "price of one unit, or of `per` units"),
        PER,
        Key::optional("initial", Kind::Number, "the first increment of a record; `increment` when left out"),
        Key::optional("increment", Kind::Number, "a record is rounded up to whole increments; above zero"),
        Key::defaulted("connect_fee", Kind::Number, "0", "due for each record of a quantity above zero"),
    ]],
};

const WINDOWS: Kind = Kind::List(&WINDOW_KIND);
static WINDOW_KIND: Kind = Kind::Record(&WINDOW);
static DATES: Kind = Kind::List(&Kind::Text);
static TIERS: Kind = Kind::List(&Kind::Record(&TIER));
static CELLS: Kind = Kind::List(&Kind::Map(&Kind::Text));
static PREFIXES: Kind = Kind::List(&Kind::Record(&PREFIX));
static TABLES: Kind = Kind::Record(&TABLE);

/// `{ table: FILE }`.
static TABLE: Record = Record {
    title: "a price table",
    choice: None,
    keys: &[&[Key::required("table", Kind::Path, "CSV or Parquet file, relative to this file")]],
};
