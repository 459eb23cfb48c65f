//! Every column of every published table: name, kind, whether it may be null, meaning. Read by the schemas, by whoever
//! documents the tables, and by nobody who computes.

/// What kind of value a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8 text; blank when there is none.
    Text,
    /// 64-bit whole number.
    Whole,
    /// `DECIMAL(38,18)`: quantities, unit prices, unrounded amounts.
    Exact,
    /// `DECIMAL(18,4)`: amounts rounded to the minor unit of the row's currency.
    Money,
    /// Instant, microseconds UTC.
    Instant,
    /// Calendar date in the pipeline's time zone.
    Day,
    /// true or false.
    Flag,
    /// List of texts.
    Texts,
    /// Map from text to text, keys sorted.
    TextMap,
}

/// One column of a published table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether it may be null.
    pub nullable: bool,
    /// What it means, with its unit.
    pub meaning: &'static str,
}

const fn given(name: &'static str, kind: Kind, meaning: &'static str) -> Column {
    Column { name, kind, nullable: false, meaning }
}

const fn maybe(name: &'static str, kind: Kind, meaning: &'static str) -> Column {
    Column { name, kind, nullable: true, meaning }
}

use Kind::{Day, Exact, Flag, Instant, Money, Text, TextMap, Texts, Whole};

const RUN: Column = given("run_id", Text, "The run that made the row, 32 hex digits");
const INVOICE: Column = given("invoice_id", Text, "The invoice the row belongs to, 32 hex digits");
const PERIOD_START: Column = given("period_start", Instant, "First instant of the billed period");
const PERIOD_END: Column = given("period_end", Instant, "First instant after the billed period");
const ACCOUNT: Column = given("account_id", Text, "The account that used or subscribed");
const BILL_TO: Column = given("bill_to_account_id", Text, "The account that is billed");
const SUBSCRIPTION: Column = given("subscription_id", Text, "The subscription");
const PLAN: Column = given("plan", Text, "Plan of the subscription; blank when it names a product");
const CURRENCY: Column = given("currency", Text, "ISO 4217 code of all amounts of the row");

/// `invoice_lines`.
pub const INVOICE_LINES: &[Column] = &[
    given("line_id", Text, "Hash of the line's natural key, 32 hex digits; the same facts give the same id"),
    INVOICE,
    RUN,
    PERIOD_START,
    PERIOD_END,
    given("service_start", Instant, "First instant the line bills"),
    given("service_end", Instant, "First instant the line no longer bills"),
    ACCOUNT,
    given("account_path", Text, "Account ids from the root of the hierarchy down to the account, joined by /"),
    BILL_TO,
    SUBSCRIPTION,
    given("order_id", Text, "Order of the subscription"),
    PLAN,
    given("product", Text, "Product of the charge"),
    given("charge", Text, "The charge, as product/charge"),
    given("line_kind", Text, "usage, recurring, one_time, allowance, commitment, discount, credit or adjustment"),
    given(
        "model",
        Text,
        "Charge model that priced the line; `allowance` of what is included, `adjustment` of what adjusts a line",
    ),
    given("meter", Text, "Meter whose usage is billed; blank without usage"),
    given("dimensions", TextMap, "Dimension values the line stands for"),
    given(
        "tier",
        Text,
        "Tier or band from 1, `included` for an allowance, `minimum`, `maximum` or `overage` for what a bound or commitment adds; blank without tiers",
    ),
    given(
        "quantity",
        Exact,
        "Quantity in `unit`, as it was measured: rounding up by `increment`, packages and fees per record show in the amount only",
    ),
    given("unit", Text, "Unit of the quantity"),
    maybe(
        "unit_price",
        Exact,
        "Price of one unit that was applied (`unit_price` divided by `per`): of a block on package lines, the fraction (0.065 for 6.5 %) on percentage lines",
    ),
    maybe(
        "list_unit_price",
        Exact,
        "The same by the product's own price; null when that is not one price for all units (of allowances: not per_unit)",
    ),
    given("amount_rated", Exact, "Amount before discount, unrounded, in `currency`"),
    given("amount_list", Money, "Amount before discount"),
    given("amount_discount", Money, "What the discount takes off, positive"),
    given(
        "amount_tax_included",
        Money,
        "Taxes that the price includes, taken out of it (those an account is exempt from, too)",
    ),
    given("amount_net", Money, "amount_list less amount_discount and amount_tax_included, before tax"),
    CURRENCY,
    maybe("price_currency", Text, "Currency of unit_price and list_unit_price; null when it is that of the row"),
    maybe("fx_rate", Exact, "Units of `currency` for one of `price_currency`; null when they are the same"),
    given("gl_account", Text, "General ledger account of the product"),
    given("tax_category", Text, "Tax category of the product"),
    given("tax_jurisdiction", Text, "Tax jurisdiction of the subscription's place of service, else of the account"),
    given(
        "price_layer",
        Text,
        "Where the price comes from: list, layer:<id>, contract:<id>, plan:<id> or override:<account>",
    ),
    given("price_ref", Text, "File and line of the price"),
    given(
        "record_count",
        Whole,
        "Usage records behind the line: those of the subscription, charge and dimension values, repeated on each of their tier and allowance lines; where records are priced one by one, those that the tier, window or destination prices, each once, none of quantity zero",
    ),
    maybe("adjusts_line_id", Text, "The earlier line this one adjusts"),
];

/// `invoice_taxes`.
pub const INVOICE_TAXES: &[Column] = &[
    given("line_id", Text, "The line that is taxed"),
    INVOICE,
    RUN,
    ACCOUNT,
    BILL_TO,
    given("tax", Text, "Name of the tax; blank on a line that lacks one (`tax: { missing: suspense }`)"),
    given("tax_jurisdiction", Text, "Jurisdiction that levies it"),
    given("tax_category", Text, "Tax category of the product"),
    given("rate_percent", Exact, "Rate in percent: 7.25 is 7.25 %"),
    given("taxable_amount", Money, "The amount the rate is applied to"),
    given("amount", Money, "The tax; 0 when exempt"),
    given("amount_included", Money, "What of the line's price is this tax, paid or not; 0 for a tax on top of it"),
    given("exempt", Flag, "Whether the account is exempt from it"),
    given(
        "category_code",
        Text,
        "UNCL5305: S standard, Z zero-rated, E exempt, AE reverse charge, K, G, O; that of the exemption, of the rate, or the usual one",
    ),
    given("reason", Text, "Certificate of the exemption, or the reason that stands with the rate; may be blank"),
    CURRENCY,
];

/// `line_discounts`.
pub const LINE_DISCOUNTS: &[Column] = &[
    given("line_id", Text, "The line that is discounted"),
    INVOICE,
    RUN,
    ACCOUNT,
    BILL_TO,
    given("discount", Text, "The discount, by its id in the book"),
    given("coupon_id", Text, "The coupon that was redeemed; blank when the discount needs none"),
    given("amount", Money, "What it takes off the line; those of a line add up to its amount_discount"),
    CURRENCY,
];

/// `invoices`.
pub const INVOICES: &[Column] = &[
    given("invoice_id", Text, "Hash of bill-to account, currency and period, 32 hex digits"),
    given("invoice_number", Text, "Its number in the sequence of the seller; blank where the pipeline numbers none"),
    RUN,
    PERIOD_START,
    PERIOD_END,
    BILL_TO,
    given("bill_to_name", Text, "Its name"),
    CURRENCY,
    given("line_count", Whole, "Lines of the invoice"),
    given("amount_list", Money, "Sum of the lines before discount"),
    given("amount_discount", Money, "Sum of the discounts, positive"),
    given("amount_tax_included", Money, "Sum of the taxes that prices include"),
    given("amount_net", Money, "Sum of the lines after discount, before tax"),
    given("amount_tax", Money, "Sum of the taxes"),
    given("amount_gross", Money, "amount_net plus amount_tax"),
    given("amount_credit", Money, "What prepaid credits pay of it, positive"),
    given("amount_payable", Money, "amount_gross less amount_credit"),
];

const CREDIT: Column = given("credit_id", Text, "The prepaid credit");
const CREDIT_ACCOUNT: Column = given("account_id", Text, "The account that holds the credit");

/// `credit_draws`.
pub const CREDIT_DRAWS: &[Column] = &[
    CREDIT,
    INVOICE,
    RUN,
    CREDIT_ACCOUNT,
    BILL_TO,
    CURRENCY,
    given("amount", Money, "What the credit pays of the invoice, positive"),
];

/// `credit_balances`: has the columns of the reference table `credits`, so that the next period can start from it.
pub const CREDIT_BALANCES: &[Column] = &[
    CREDIT,
    RUN,
    CREDIT_ACCOUNT,
    CURRENCY,
    given("granted", Money, "What the credit was in the beginning"),
    given("opening", Money, "What was left of it before the period: drawn plus expired plus left"),
    given("drawn", Money, "What it pays of the period's invoices"),
    given("expired", Money, "What was left when it ended in the period, or before"),
    given("left", Money, "What is left for the next period"),
    given("priority", Whole, "Credits of a lower number are used first"),
    maybe("granted_on", Day, "First day it holds; null when open"),
    maybe("expires_on", Day, "First day it no longer holds; null when open"),
    given("products", Text, "Products it is for, separated by semicolons; blank for all"),
];

/// `invoice_subtotals`: the sums of the own columns over an invoice are the invoice's.
pub const INVOICE_SUBTOTALS: &[Column] = &[
    INVOICE,
    RUN,
    given(
        "account_id",
        Text,
        "An account with lines on the invoice, or one above it as far as the billed account (the topmost, where that is none of them)",
    ),
    given("level", Text, "Level of the account: customer, site, department or any other word"),
    given("product", Text, "Product of the lines"),
    CURRENCY,
    given("line_count", Whole, "Lines of the account itself"),
    given("amount_net_own", Money, "Net of the account's own lines"),
    given("amount_tax_own", Money, "Taxes of the account's own lines"),
    given("amount_net", Money, "Net of the account's lines and of all below it on the invoice"),
    given("amount_tax", Money, "Taxes of the account's lines and of all below it on the invoice"),
];

/// `usage_buckets`.
pub const USAGE_BUCKETS: &[Column] = &[
    RUN,
    PERIOD_START,
    ACCOUNT,
    SUBSCRIPTION,
    PLAN,
    given("product", Text, "Product of the subscription; blank when it names a plan"),
    given("meter", Text, "Meter"),
    given("dimensions", TextMap, "Dimension values"),
    given("day", Day, "Local day of the usage"),
    given(
        "quantity",
        Exact,
        "Aggregated quantity of the day; of a level its change on the day (or the day's last level, when records are levels)",
    ),
    given("record_count", Whole, "Records in the bucket"),
    given("first_record_time", Instant, "Time of the earliest record"),
    given("last_record_time", Instant, "Time of the latest record"),
    maybe("values", Texts, "Distinct values of a `unique` meter, sorted; null for other meters"),
];

/// `rated_usage`: records of charges that say `itemise: true`; no rows otherwise.
pub const RATED_USAGE: &[Column] = &[
    given("line_id", Text, "The line the record is on; a record that several bands price has a row for each of them"),
    RUN,
    ACCOUNT,
    SUBSCRIPTION,
    given("charge", Text, "The charge, as product/charge"),
    given("tier", Text, "Tier, band, window, destination, `included` or `fee`, as on the line"),
    given("source", Text, "Source of the record"),
    given("file", Text, "File of the record, as the source names it"),
    given("row", Whole, "Number of the record in the file, from 0"),
    given("record_time", Instant, "Time of the record"),
    given("quantity", Exact, "Quantity of the record in this band; 0 of a fee"),
    given("amount_rated", Exact, "Its unrounded amount in the line's currency; those of a line add up to the line's"),
];

const ALLOWANCE: Column = given(
    "allowance",
    Text,
    "The allowance: plan:PLAN/ID or contract:CONTRACT/ID, where the id is its own or its meter's",
);
const ALLOWANCE_METER: Column = given("meter", Text, "Meter of the allowance; blank for an amount that names charges");
const GRANTED_PERIOD: Column = given("granted_period", Text, "The period that has given it, YYYY-MM");

/// `allowance_draws`: one row for each allowance line and grant it draws on.
pub const ALLOWANCE_DRAWS: &[Column] = &[
    given("line_id", Text, "The line that says what is covered"),
    RUN,
    ACCOUNT,
    SUBSCRIPTION,
    given(
        "holder_subscription_id",
        Text,
        "The subscription that has the allowance; of a pool the one with the lowest id",
    ),
    given("charge", Text, "The charge, as product/charge"),
    ALLOWANCE,
    ALLOWANCE_METER,
    GRANTED_PERIOD,
    given("quantity", Exact, "Quantity drawn, negative for what was given back; those of a line add up to the line's"),
    given("amount", Exact, "Amount drawn, unrounded, in the currency of the price; 0 where a quantity is drawn"),
];

/// `allowance_balances`: one row for each grant there was to use. Those with something left are the next period's input.
pub const ALLOWANCE_BALANCES: &[Column] = &[
    RUN,
    given("account_id", Text, "The account of the subscription, or of the pool, that has the allowance"),
    given("subscription_id", Text, "The subscription that has it; of a pool the one with the lowest id"),
    ALLOWANCE,
    ALLOWANCE_METER,
    GRANTED_PERIOD,
    given("granted", Exact, "What there was to use in this period: granted by it, or left of an earlier one"),
    given("used", Exact, "What was drawn; of a quantity, by the charge that has drawn most"),
    given("expired", Exact, "What cannot be used any more, and what is over the cap of its rollover"),
    given("left", Exact, "What the next period opens with: granted less used and expired"),
    given("expires_after", Text, "The last period in which it can be used, YYYY-MM"),
    given("currency", Text, "ISO 4217 code of an amount; blank for a quantity"),
];

/// `levels`: where meters with `carry: true` stand at the end of the period; as the reference table `levels`, the start of the
/// next one.
pub const LEVELS: &[Column] = &[
    RUN,
    ACCOUNT,
    SUBSCRIPTION,
    given("meter", Text, "Meter"),
    given("dimensions", Text, "Dimension values as a JSON object; blank for a meter without dimensions"),
    given("level", Exact, "The level at the end of the period; levels of zero have no row"),
];

/// `suspense`.
pub const SUSPENSE: &[Column] = &[
    RUN,
    given("source", Text, "Source of the record"),
    given("file", Text, "File of the record, as the source names it"),
    given("row", Whole, "Number of the record in the file, from 0"),
    given("reason", Text, "Stable reason code"),
    maybe("field", Text, "The column at fault"),
    maybe("detail", Text, "What was found"),
    maybe("record_id", Text, "Id of the record"),
    maybe("record_type", Text, "Its type"),
    maybe("identifier", Text, "Its identifier"),
    maybe("record_time", Instant, "Its time"),
    given("state", Text, "`open`, or `written_off`: then it is never rated, whatever changes"),
    maybe("written_off_for", Text, "The reason it was written off for"),
    given("recycled", Whole, "How often it was recycled so far, in vain"),
    given("raw", Text, "The record as it arrived: the line of a text file, a JSON object of a Parquet row"),
];

/// `commitment_shares`.
pub const COMMITMENT_SHARES: &[Column] = &[
    given("line_id", Text, "The line that counts"),
    INVOICE,
    RUN,
    ACCOUNT,
    SUBSCRIPTION,
    given("contract", Text, "The contract that the commitment is in"),
    given("commitment", Text, "The commitment"),
    given(
        "amount_covered",
        Money,
        "The line's part of the committed amount; the parts of a commitment add up to what it covers",
    ),
    CURRENCY,
];

/// `commitment_balances`; also a reference table of the next period's run.
pub const COMMITMENT_BALANCES: &[Column] = &[
    RUN,
    ACCOUNT,
    given("subscription_id", Text, "The first active subscription with the contract"),
    given("contract", Text, "The contract that the commitment is in"),
    given("commitment", Text, "The commitment; it has a term"),
    given("period", Text, "A period of the term, YYYY-MM: this one, or an earlier one as it was handed in"),
    given("billed", Exact, "Net amount (of a quantity: usage) that counted in the period"),
    CURRENCY,
];

/// `notices`.
pub const NOTICES: &[Column] = &[
    RUN,
    given(
        "account_id",
        Text,
        "Whose usage or amount it is (of a subscription that moves, each account has its own); of a wider scope, the account that stands for it",
    ),
    given("subscription_id", Text, "The subscription; blank when the scope is wider"),
    given("threshold", Text, "The threshold"),
    given("reached", Exact, "The quantity or net amount of the period"),
    given("at", Exact, "From where on there is a notice"),
    given("unit", Text, "Unit of the quantity, or currency of the amount"),
    given("message", Text, "What the book says"),
];

/// `control_totals`.
pub const CONTROL_TOTALS: &[Column] = &[
    RUN,
    given("scope", Text, "What is counted: file, source, meter, charge, allowance, currency or run"),
    maybe("source", Text, "The source, for file and source"),
    maybe("file", Text, "The file, for file"),
    maybe("meter", Text, "The meter, for meter"),
    maybe("charge", Text, "The charge, for charge"),
    maybe("allowance", Text, "The allowance, for allowance"),
    maybe("currency", Text, "The currency, for currency"),
    given("measure", Text, "What the value is: records_read, records_rated, amount_net…"),
    given("value", Exact, "The count or sum"),
];

/// `usage_files`: where the records of a file went, by day; only of incremental pipelines.
pub const USAGE_FILES: &[Column] = &[
    given("source", Text, "Source of the file"),
    given("file", Text, "The file, as the source names it"),
    maybe("day", Day, "Local day of the records; null for those of no day of the period"),
    given("read", Whole, "Records"),
    given("rated", Whole, "Records that count"),
    given("suspended", Whole, "Records in suspense"),
    given("duplicate", Whole, "Further copies of a record"),
    given("out_of_window", Whole, "Records of another period"),
    given("filtered", Whole, "Records left out by the mediation"),
];

/// `usage_records`: every record of a day that takes part in telling duplicates, once for each meter that counts it; only of
/// incremental pipelines. Its files are named by their bytes, so that a day without news is not written again.
pub const USAGE_RECORDS: &[Column] = &[
    given("source", Text, "Source of the record"),
    given("file", Text, "File of the record, as the source names it"),
    given("row", Whole, "Number of the record in the file, from 0"),
    given("record_time", Instant, "Time of the record"),
    given(
        "verdict",
        Text,
        "counts, duplicate, conflicting, nowhere (not guided or not measured), unpriced or beyond (the last tier)",
    ),
    given("subscription_id", Text, "The subscription it counts for; blank when nowhere"),
    given("meter", Text, "The meter that counts it; blank when nowhere"),
    given("cell", Text, "Values of the meter's dimensions and attributes, as a JSON list; blank when nowhere"),
    given("quantity", Exact, "The measured quantity; 0 of a unique meter"),
    maybe("value", Text, "What a unique meter counts; null of other meters"),
    given("key_high", Whole, "Upper 64 bits of the hash of the dedup key"),
    given("key_low", Whole, "Lower 64 bits of it"),
    given("content", Whole, "64-bit hash of the whole mediated record"),
];

const ADJUSTS: Column =
    given("adjusts_line_id", Text, "The line of the closed period that is adjusted, or would be there");

/// `adjustments`: what lines of a closed period come to more or less; each `rerate` that finds something adds a file.
pub const ADJUSTMENTS: &[Column] = &[
    ADJUSTS,
    given("period", Text, "The closed period, YYYY-MM"),
    given("run_id", Text, "The run that found it"),
    ACCOUNT,
    BILL_TO,
    SUBSCRIPTION,
    given("charge", Text, "The charge, as product/charge"),
    given("tier", Text, "Tier of the line"),
    given("service_start", Instant, "First instant the line bills"),
    given("service_end", Instant, "First instant the line no longer bills"),
    given("cause", Text, "usage, price, terms (neither changes what is counted nor its price) or tax, joined by +"),
    given("quantity", Exact, "Quantity more, or less"),
    given("amount", Money, "Amount after discount more, or less, with the taxes that the price includes"),
    given("amount_net", Money, "Net amount more, or less"),
    CURRENCY,
];

/// `adjustment_taxes`: the taxes of the differences, as the closed period would have had them.
pub const ADJUSTMENT_TAXES: &[Column] = &[
    ADJUSTS,
    given("run_id", Text, "The run that found it"),
    ACCOUNT,
    given("tax", Text, "Name of the tax"),
    given("tax_jurisdiction", Text, "Jurisdiction that levies it"),
    given("tax_category", Text, "Tax category of the product"),
    given("rate_percent", Exact, "Rate in percent"),
    given("taxable_amount", Money, "Amount the rate is applied to more, or less"),
    given("amount", Money, "Tax more, or less"),
    given("amount_included", Money, "What of the price is this tax, more or less"),
    given("exempt", Flag, "Whether the account is exempt from it"),
    given("category_code", Text, "UNCL5305"),
    given("reason", Text, "As in `invoice_taxes`"),
    CURRENCY,
];
