//! Runs the engine over many cases at once, and finds what it makes of each.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::features::{Feature, on};
use super::words::{Case, Rated, Row};
use super::write::{self, Named};
use crate::committed::{self, Committed};
use crate::harness::{folder, ratemill};

/// Columns that are compared, by table. A tax is named by its line.
const LINES: &[&str] = &[
    "subscription_id",
    "account_id",
    "account_path",
    "bill_to_account_id",
    "charge",
    "line_kind",
    "model",
    "meter",
    "dimensions",
    "tier",
    "quantity",
    "unit_price",
    "amount_rated",
    "amount_list",
    "amount_discount",
    "amount_net",
    "currency",
    "price_layer",
    "record_count",
    "service_start",
    "service_end",
];
const TAXES: &[&str] = &["tax", "rate_percent", "taxable_amount", "amount", "exempt"];
const INVOICES: &[&str] = &[
    "bill_to_account_id",
    "currency",
    "line_count",
    "amount_list",
    "amount_discount",
    "amount_net",
    "amount_tax",
    "amount_gross",
];
/// Columns that features add, by table.
const ADDED: &[(Feature, &str, &str)] = &[
    (Feature::Fx, "invoice_lines", "price_currency"),
    (Feature::Fx, "invoice_lines", "fx_rate"),
    (Feature::TaxTerms, "invoice_lines", "amount_tax_included"),
    (Feature::TaxTerms, "invoice_taxes", "category_code"),
    (Feature::Credits, "invoices", "amount_credit"),
    (Feature::Credits, "invoices", "amount_payable"),
];
/// Tables that features add: the columns that are compared. Those of lines and invoices are named by these.
const TABLES: &[(&[Feature], &str, &[&str])] = &[
    (
        &[Feature::Pools, Feature::Rollover, Feature::MoneyAllowances],
        "allowance_draws",
        &[
            "line",
            "subscription_id",
            "holder_subscription_id",
            "charge",
            "allowance",
            "meter",
            "granted_period",
            "quantity",
            "amount",
        ],
    ),
    (
        &[Feature::Pools, Feature::Rollover, Feature::MoneyAllowances],
        "allowance_balances",
        &[
            "account_id",
            "subscription_id",
            "allowance",
            "meter",
            "granted_period",
            "granted",
            "used",
            "expired",
            "left",
            "expires_after",
        ],
    ),
    (&[Feature::Commitments], "commitment_shares", &["line", "commitment", "amount_covered"]),
    (&[Feature::Terms], "commitment_balances", &["subscription_id", "commitment", "period", "billed"]),
    (&[Feature::Discounts], "line_discounts", &["line", "discount", "coupon_id", "amount"]),
    (&[Feature::Thresholds], "notices", &["account_id", "subscription_id", "threshold", "reached", "message"]),
    (
        &[Feature::Subtotals],
        "invoice_subtotals",
        &[
            "invoice",
            "account_id",
            "level",
            "product",
            "currency",
            "amount_net",
            "amount_tax",
            "amount_net_own",
            "amount_tax_own",
        ],
    ),
    (&[Feature::Credits], "credit_draws", &["credit_id", "invoice", "amount"]),
    (
        &[Feature::Credits],
        "credit_balances",
        &["credit_id", "account_id", "currency", "opening", "drawn", "expired", "left"],
    ),
];
const SUSPENSE: &[&str] = &["record_id", "reason"];

/// What the engine makes of these cases, in their order; or what it says when it makes nothing.
pub(crate) fn engine(cases: &[Case]) -> Result<Vec<Rated>, String> {
    let here = folder();
    let named: Vec<Named<'_>> = cases.iter().enumerate().map(|(at, case)| (format!("c{at}_"), case)).collect();
    write::write(here.path(), &named);
    let period = format!("{}-{:02}", cases[0].settings.year, cases[0].settings.month);
    let ran = ratemill(&["run", "pipeline.yaml", "--period", &period, "--partitions", "2"]).cwd(here.path()).run();
    if ran.status.code() != Some(0) {
        // One fault is like the others.
        return Err(format!("{ran}").lines().take(30).collect::<Vec<_>>().join("\n"));
    }
    let run = committed::read(&here.path().join("out"), &period);
    let names: Vec<&str> = named.iter().map(|(name, _)| name.as_str()).collect();
    Ok(split(&run, &names))
}

/// Writes one case for people.
pub(crate) fn keep(folder: &Path, case: &Case) {
    write::write(folder, &[("c_".to_owned(), case)]);
}

fn split(run: &Committed, names: &[&str]) -> Vec<Rated> {
    let places: BTreeMap<&str, usize> = names.iter().enumerate().map(|(at, name)| (*name, at)).collect();
    let mut all = vec![Rated::default(); names.len()];
    let mut lines = BTreeMap::new();
    for row in run.table("invoice_lines") {
        let (place, name) = place(&places, &row["subscription_id"]);
        lines.insert(row["line_id"].clone(), (place, line_name(row).replace(name, "~")));
        all[place].lines.push(chosen(row, &compared("invoice_lines", LINES), name));
    }
    for row in run.table("invoice_taxes") {
        let (place, line) = &lines[&row["line_id"]];
        let mut cells = chosen(row, &compared("invoice_taxes", TAXES), "\0");
        cells.insert("line".to_owned(), line.clone());
        all[*place].taxes.push(cells);
    }
    for (table, key, columns) in [("invoices", "bill_to_account_id", INVOICES), ("suspense", "record_id", SUSPENSE)] {
        for row in run.table(table) {
            let (place, name) = place(&places, &row[key]);
            let rows = if table == "invoices" { &mut all[place].invoices } else { &mut all[place].suspense };
            rows.push(chosen(row, &compared(table, columns), name));
        }
    }
    more(run, &places, &lines, &mut all);
    all.iter_mut().for_each(Rated::sort);
    all
}

/// The tables that features add.
fn more(run: &Committed, places: &BTreeMap<&str, usize>, lines: &BTreeMap<String, (usize, String)>, all: &mut [Rated]) {
    let named = |row: &Row| format!("{} {}", row["bill_to_account_id"], row["currency"]);
    let invoices: BTreeMap<&str, String> =
        run.table("invoices").iter().map(|row| (row["invoice_id"].as_str(), named(row))).collect();
    for (_, table, columns) in TABLES.iter().filter(|(features, ..)| features.iter().any(|feature| on(*feature))) {
        all.iter_mut().for_each(|rated| drop(rated.more.insert(table, Vec::new())));
        for row in run.table(table) {
            let mut row = row.clone();
            if let Some((_, name)) = row.get("line_id").and_then(|id| lines.get(id)) {
                row.insert("line".to_owned(), name.clone());
            }
            if let Some(name) = row.get("invoice_id").and_then(|id| invoices.get(id.as_str())) {
                row.insert("invoice".to_owned(), name.clone());
            }
            let keys = ["credit_id", "account_id", "subscription_id"];
            let found = keys.iter().find_map(|key| row.get(*key).filter(|text| !text.is_empty()));
            let (place, name) = match (found, row.get("line_id").and_then(|id| lines.get(id))) {
                (Some(id), _) => place(places, id),
                (None, Some((at, _))) => (*at, *places.iter().find(|(_, place)| **place == *at).unwrap().0),
                (None, None) => panic!("no place for {table} {row:?}"),
            };
            all[place].more.get_mut(table).unwrap().push(chosen(&row, columns, name));
        }
    }
}

fn place<'a>(places: &BTreeMap<&'a str, usize>, id: &str) -> (usize, &'a str) {
    let end = id.find('_').unwrap() + 1;
    let (name, place) = places.get_key_value(&id[..end]).unwrap();
    (*place, name)
}

fn line_name(row: &Row) -> String {
    let keys = ["subscription_id", "charge", "line_kind", "tier", "dimensions", "service_start"];
    keys.map(|key| row[key].clone()).join("|")
}

/// The columns of a table that are compared.
fn compared(table: &str, columns: &[&'static str]) -> Vec<&'static str> {
    let added = ADDED.iter().filter(|(feature, known, _)| *known == table && on(*feature));
    columns.iter().copied().chain(added.map(|(.., column)| *column)).collect()
}

fn chosen(row: &Row, columns: &[&str], name: &str) -> Row {
    columns.iter().map(|column| ((*column).to_owned(), row[*column].replace(name, "~"))).collect()
}

/// Rows that only one of the two has, or an empty text.
pub(crate) fn difference(case: &Case, reference: &Rated, engine: &Rated) -> String {
    let levels = levels(case);
    let lines = |rows: &[Row]| rows.iter().map(|row| uncounted(row, &levels)).collect::<Vec<Row>>();
    let (ours, theirs) = (lines(&reference.lines), lines(&engine.lines));
    let mut tables = vec![
        ("lines", &ours, &theirs),
        ("taxes", &reference.taxes, &engine.taxes),
        ("invoices", &reference.invoices, &engine.invoices),
        ("suspense", &reference.suspense, &engine.suspense),
    ];
    tables.extend(reference.more.iter().map(|(table, rows)| (*table, rows, &engine.more[table])));
    let mut text = String::new();
    for (table, one, other) in tables {
        let mut counts: BTreeMap<&Row, i32> = BTreeMap::new();
        one.iter().for_each(|row| *counts.entry(row).or_default() += 1);
        other.iter().for_each(|row| *counts.entry(row).or_default() -= 1);
        for (row, count) in counts.into_iter().filter(|(_, count)| *count != 0) {
            let who = if count > 0 { "reference" } else { "engine   " };
            let cells: Vec<String> = row
                .iter()
                .filter(|(_, value)| !value.is_empty())
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            text.push_str(&format!("  {table} {who} {}\n", cells.join(" ")));
        }
    }
    text
}

/// Charges of levels: one is counted where it is and where it began.
fn levels(case: &Case) -> BTreeSet<String> {
    let level = |meter: usize| ["weighted_sum", "prorated_sum"].contains(&case.meters[meter].aggregate);
    let all = case.charges.iter().filter(|charge| charge.meter.is_some_and(level));
    all.map(|charge| charge.id.clone()).collect()
}

fn uncounted(row: &Row, levels: &BTreeSet<String>) -> Row {
    let mut row = row.clone();
    if levels.contains(&row["charge"]) {
        row.remove("record_count");
    }
    row
}
