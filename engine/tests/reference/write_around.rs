//! Writes what stands around the prices: settings of the book, and the reference tables that a job need not have.

use super::features::{Feature, on};
use super::words::{Case, Fields, Row, Settings};
use super::write::{Named, map};

/// Optional reference tables: the features that write them, their name, their columns.
const TABLES: &[(&[Feature], &str, &str)] = &[
    (
        &[Feature::Amendments],
        "amendments",
        "subscription_id,from,order_id,kind,account_id,plan,product,quantity,contract",
    ),
    (&[Feature::Rollover], "allowance_balances", "account_id,subscription_id,allowance,granted_period,left"),
    (&[Feature::Terms], "commitment_balances", "subscription_id,commitment,period,billed"),
    (&[Feature::Coupons], "coupons", "coupon_id,discount,account_id,subscription_id,redeemed_from,valid_to"),
    (&[Feature::Fx], "fx_rates", "from,to,date,rate"),
    (&[Feature::Exemptions], "tax_exemptions", "account_id,tax,valid_from,valid_to,certificate,category_code"),
    (
        &[Feature::Credits],
        "credits",
        "credit_id,account_id,currency,granted,left,priority,granted_on,expires_on,products",
    ),
];

/// Further columns of a table that a job must have, by feature.
const COLUMNS: &[(Feature, &str, &str)] = &[
    (Feature::Intervals, "accounts", "bill_cycle_day"),
    (Feature::AccountBounds, "accounts", "pack"),
    (Feature::Intervals, "subscriptions", "trial_end"),
    (Feature::TaxTerms, "subscriptions", "tax_jurisdiction"),
    (Feature::TaxTerms, "tax_rates", "inclusive"),
    (Feature::TaxTerms, "tax_rates", "cap"),
    (Feature::TaxTerms, "tax_rates", "threshold_from"),
    (Feature::TaxTerms, "tax_rates", "threshold_to"),
    (Feature::TaxTerms, "tax_rates", "category_code"),
];

fn written(features: &[Feature]) -> bool {
    features.iter().any(|feature| on(*feature))
}

/// The lines of the pipeline that name optional tables.
pub(crate) fn references() -> String {
    let known = TABLES.iter().filter(|(features, ..)| written(features));
    known.map(|(_, table, _)| format!("  {table}: {table}.csv\n")).collect()
}

/// Names and texts of the optional tables.
pub(crate) fn tables(cases: &[Named<'_>]) -> Vec<(String, String)> {
    let mut files = Vec::new();
    for (_, table, header) in TABLES.iter().filter(|(features, ..)| written(features)) {
        let mut text = format!("{header}\n");
        // Rates of currencies belong to no case: all of them have the same.
        let cases = if *table == "fx_rates" { &cases[..1] } else { cases };
        for (name, case) in cases {
            for known in case.table(table) {
                let cells: Vec<&str> =
                    header.split(',').map(|column| known.get(column).map_or("", String::as_str)).collect();
                text.push_str(&cells.join(",").replace('~', name));
                text.push('\n');
            }
        }
        files.push((format!("{table}.csv"), text));
    }
    files
}

/// Names of the further columns of a table.
pub(crate) fn columns(table: &str) -> Vec<&'static str> {
    let all = COLUMNS.iter().filter(|(feature, known, _)| on(*feature) && *known == table);
    all.map(|(.., column)| *column).collect()
}

/// The cells of those columns.
pub(crate) fn cells(table: &str, more: &Row) -> Vec<String> {
    columns(table).into_iter().map(|column| more.get(column).cloned().unwrap_or_default()).collect()
}

/// The keys of the book that hold for all cases.
pub(crate) fn head(settings: &Settings) -> String {
    let base = if settings.rounded_base { "rounded" } else { "unrounded" };
    let mut rounding = format!("mode: {}, discount_base: {base}", settings.rounding.name());
    if settings.percent_first {
        rounding.push_str(", discount_order: percent_first");
    }
    if settings.tax_per_invoice {
        rounding.push_str(", tax: invoice");
    }
    let currency = settings.fx.as_ref().map_or("account", |(currency, _)| currency);
    let mut text = format!("book: generated\ncurrency: {currency}\nrounding: {{ {rounding} }}\n");
    if let Some((_, terms)) = &settings.fx {
        text.push_str(&format!("fx: {}\n", map(terms)));
    }
    if on(Feature::TaxMissing) {
        text.push_str("tax: { missing: untaxed }\n");
    }
    text
}

/// The bounds of accounts.
pub(crate) fn account_bounds(case: &Case) -> String {
    listed(&case.account_bounds)
}

/// The thresholds.
pub(crate) fn thresholds(case: &Case) -> String {
    listed(&case.thresholds)
}

fn listed(all: &[Fields]) -> String {
    all.iter().map(|fields| format!("  - {}\n", map(fields))).collect()
}
