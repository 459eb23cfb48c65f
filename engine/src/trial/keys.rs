//! Every key of a file of rule tests: what it takes, what leaving it out means, and one line for whoever writes it.

use crate::reference::ROLES;
use crate::tables::Table;
use crate::yaml::keys::{Key, Kind, Record};

/// A file of rule tests.
pub(super) static TEST_FILE: Record = Record {
    title: "a file of rule tests",
    choice: None,
    keys: &[&[
        Key::optional(
            "book",
            Kind::Path,
            "the price book under test: a folder or file, relative to this file; --book names another",
        ),
        Key::defaulted("timezone", Kind::Text, "UTC", "IANA zone of periods, days, and times without an offset"),
        PERIOD,
        Key::optional(
            "columns",
            Kind::Map(&Kind::Text),
            "types of usage columns where they cannot be seen from the values: string, int, decimal(p,s), bool, date, timestamp",
        ),
        Key::optional(
            "usage_defaults",
            Kind::Map(&CELL),
            "columns of every usage record that does not have them itself",
        ),
        Key::optional("given", Kind::Record(&GIVEN), "what every test is given that does not give its own"),
        Key::required("tests", Kind::List(&Kind::Record(&TEST)), "the tests"),
    ]],
};

const PERIOD: Key = Key::optional("period", Kind::Text, "the month that is billed, as 2026-10");

static TEST: Record = Record {
    title: "a test",
    choice: None,
    keys: &[&[
        Key::required("name", Kind::Text, "what must be true, in one sentence"),
        PERIOD,
        Key::optional("given", Kind::Record(&GIVEN), "reference tables and usage"),
        Key::required("expect", Kind::Record(&EXPECT), "what must come of it"),
    ]],
};

static GIVEN: Record = Record {
    title: "what is given",
    choice: None,
    keys: &[&[
        Key::optional(
            "accounts",
            ROWS,
            "rows of the accounts table; left out: the accounts that subscriptions name, or one, A1",
        ),
        Key::optional(
            "subscriptions",
            ROWS,
            "rows of the subscriptions table; subscription_id is S1, S2, … and start 2000-01-01 when left out",
        ),
        Key::optional(
            "identifiers",
            ROWS,
            "rows of the identifiers table; left out: each subscription and account is known by its own id",
        ),
        Key::optional("tax_rates", ROWS, "rows of the tax_rates table"),
        Key::optional("tax_exemptions", ROWS, "rows of the tax_exemptions table"),
        Key::optional("fx_rates", ROWS, "rows of the fx_rates table"),
        Key::optional("price_overrides", ROWS, "rows of the price_overrides table"),
        Key::optional(
            "levels",
            ROWS,
            "rows of the levels table: subscription_id (left out: that of the only subscription), meter, level, dimensions",
        ),
        Key::optional(
            "credits",
            ROWS,
            "rows of the credits table; credit_id is C1, C2, … when left out, account_id that of the only account, currency the account's",
        ),
        Key::optional(
            "commitment_balances",
            ROWS,
            "rows of the commitment_balances table: subscription_id (left out: that of the only subscription), commitment, period, billed",
        ),
        Key::optional(
            "amendments",
            ROWS,
            "rows of the amendments table: subscription_id (left out: that of the only subscription), from, kind, what is replaced",
        ),
        Key::optional("coupons", ROWS, "rows of the coupons table; coupon_id is C1, C2, … when left out"),
        Key::optional(
            "allowance_balances",
            ROWS,
            "rows of the allowance_balances table: subscription_id (left out: that of the only subscription), account_id (left out: its account when the period begins), allowance, granted_period, left",
        ),
        Key::optional("usage", ROWS, "mediated records; `times: 100` gives one a hundred times, with ids of their own"),
    ]],
};

/// The reference tables a test may give, in the order they are written.
pub(super) const TABLES: [&str; ROLES.len()] = ROLES;

/// A list of rows; of each, only the columns that matter.
const ROWS: Kind = Kind::List(&Kind::Map(&CELL));

/// One value, nothing, or (of a column that is a map) some of its keys.
static CELL: Kind = Kind::Either(&Kind::Text, &Kind::Map(&Kind::Text));

static EXPECT: Record = Record {
    title: "what is expected",
    choice: None,
    keys: &[&[
        Key::optional("lines", ROWS, "all rows of invoice_lines, in any order; of each the columns that matter"),
        Key::optional("lines_include", ROWS, "some rows of invoice_lines"),
        Key::optional("taxes", ROWS, "all rows of invoice_taxes; columns of their lines can be named too"),
        Key::optional("taxes_include", ROWS, "some rows of invoice_taxes"),
        Key::optional("discounts", ROWS, "all rows of line_discounts; columns of their lines can be named too"),
        Key::optional("discounts_include", ROWS, "some rows of line_discounts"),
        Key::optional("invoices", ROWS, "all rows of invoices"),
        Key::optional("invoices_include", ROWS, "some rows of invoices"),
        Key::optional("subtotals", ROWS, "all rows of invoice_subtotals"),
        Key::optional("subtotals_include", ROWS, "some rows of invoice_subtotals"),
        Key::optional("credit_draws", ROWS, "all rows of credit_draws"),
        Key::optional("credit_draws_include", ROWS, "some rows of credit_draws"),
        Key::optional("credit_balances", ROWS, "all rows of credit_balances"),
        Key::optional("credit_balances_include", ROWS, "some rows of credit_balances"),
        Key::optional("suspense", ROWS, "all rows of suspense; left out: there are none"),
        Key::optional("suspense_include", ROWS, "some rows of suspense"),
        Key::optional("buckets", ROWS, "all rows of usage_buckets"),
        Key::optional("buckets_include", ROWS, "some rows of usage_buckets"),
        Key::optional("notices", ROWS, "all rows of notices"),
        Key::optional("notices_include", ROWS, "some rows of notices"),
        Key::optional("commitment_balances", ROWS, "all rows of commitment_balances"),
        Key::optional("balances", ROWS, "all rows of allowance_balances"),
        Key::optional("balances_include", ROWS, "some rows of allowance_balances"),
    ]],
};

/// What can be expected: key, table, whether every row of the table must be named.
pub(super) const SECTIONS: &[(&str, Table, bool)] = &[
    ("lines", Table::InvoiceLines, true),
    ("lines_include", Table::InvoiceLines, false),
    ("taxes", Table::InvoiceTaxes, true),
    ("taxes_include", Table::InvoiceTaxes, false),
    ("discounts", Table::LineDiscounts, true),
    ("discounts_include", Table::LineDiscounts, false),
    ("invoices", Table::Invoices, true),
    ("invoices_include", Table::Invoices, false),
    ("subtotals", Table::InvoiceSubtotals, true),
    ("subtotals_include", Table::InvoiceSubtotals, false),
    ("credit_draws", Table::CreditDraws, true),
    ("credit_draws_include", Table::CreditDraws, false),
    ("credit_balances", Table::CreditBalances, true),
    ("credit_balances_include", Table::CreditBalances, false),
    ("suspense", Table::Suspense, true),
    ("suspense_include", Table::Suspense, false),
    ("buckets", Table::UsageBuckets, true),
    ("buckets_include", Table::UsageBuckets, false),
    ("notices", Table::Notices, true),
    ("notices_include", Table::Notices, false),
    ("commitment_balances", Table::CommitmentBalances, true),
    ("balances", Table::AllowanceBalances, true),
    ("balances_include", Table::AllowanceBalances, false),
];
