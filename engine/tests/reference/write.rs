//! Writes cases as the files a user would write: a pipeline, a book, reference tables and usage.

use std::path::Path;

use super::features::{Feature, on};
use super::words::{Allowance, Case, Charge, Days, Field, Fields, Patch, Read, Row, Settings};
use super::write_around;
use crate::harness;

/// Makes the rows of a table.
type Rows = fn(&Case) -> Vec<Vec<String>>;
/// Makes a section of the book.
type Section = fn(&Case) -> String;

/// Cases by the name that takes the place of `~` in their ids.
pub(crate) type Named<'a> = (String, &'a Case);

const PIPELINE: &str = r#"pipeline: generated
timezone: ZONE
period: month
book: book.yaml
usage:
  usage:
    path: usage.csv
    format: csv
    schema: { id: string, kind: string, who: string, used_at: timestamp, amount: "decimal(38,18)", region: string, device: string, person: string, dialed: string }
    mediate: |
      SELECT id AS record_id, kind AS record_type, who AS identifier, used_at AS record_time, amount, region, device, person, dialed
      FROM input
    dedup: { key: [record_id], window: 35 days }
reference:
  accounts: accounts.csv
  subscriptions: subscriptions.csv
  identifiers: identifiers.csv
  tax_rates: tax_rates.csv
  price_overrides: price_overrides.csv
REFERENCES
limits: { suspense_records: 1 }
output: out
"#;

const OVERRIDES: &[&str] =
    &["model", "unit_price", "amount", "percent", "minimum", "maximum", "size", "price", "valid_from", "valid_to"];

fn pipeline(settings: &Settings) -> String {
    PIPELINE.replace("ZONE", settings.zone.name()).replace("REFERENCES\n", &write_around::references())
}

/// Writes all files of these cases.
pub(crate) fn write(folder: &Path, cases: &[Named<'_>]) {
    let settings = &cases[0].1.settings;
    harness::write(&folder.join("pipeline.yaml"), pipeline(settings));
    harness::write(&folder.join("book.yaml"), book(settings, cases));
    let tables: [(&str, &str, Rows); 6] = [
        (
            "accounts.csv",
            "account_id,parent_id,level,name,currency,bill_to,segment,tax_jurisdiction,tax_exemptions,agreed",
            accounts,
        ),
        ("subscriptions.csv", "subscription_id,account_id,plan,product,quantity,start,end,contract", subscriptions),
        ("identifiers.csv", "identifier,subscription_id,valid_from,valid_to", identifiers),
        ("tax_rates.csv", "jurisdiction,tax,tax_category,rate,valid_from,valid_to,compound", rates),
        ("price_overrides.csv", &format!("account_id,charge,{}", columns().join(",")), overrides),
        ("usage.csv", "id,kind,who,used_at,amount,region,device,person,dialed", usage),
    ];
    for (file, header, rows) in tables {
        let more = write_around::columns(file.trim_end_matches(".csv"));
        let mut text = format!("{}\n", [&[header], more.as_slice()].concat().join(","));
        for (name, case) in cases {
            for row in rows(case) {
                text.push_str(&row.join(",").replace('~', name));
                text.push('\n');
            }
        }
        harness::write(&folder.join(file), text);
    }
    for (file, text) in write_around::tables(cases) {
        harness::write(&folder.join(file), text);
    }
}

/// A row, with the columns that features add to it.
fn with(table: &str, mut row: Vec<String>, more: &Row) -> Vec<String> {
    row.extend(write_around::cells(table, more));
    row
}

fn columns() -> Vec<&'static str> {
    let all = OVERRIDES.iter().filter(|column| on(Feature::Validity) || !column.starts_with("valid"));
    all.copied().collect()
}

fn day(day: Option<chrono::NaiveDate>) -> String {
    day.map(|day| day.to_string()).unwrap_or_default()
}

fn accounts(case: &Case) -> Vec<Vec<String>> {
    let id = |at: Option<usize>| at.map(|at| case.accounts[at].id.clone()).unwrap_or_default();
    let row = |account: &super::words::Account| {
        let row = vec![
            account.id.clone(),
            id(account.parent),
            if account.parent.is_some() { "site" } else { "customer" }.to_owned(),
            account.id.clone(),
            account.currency.clone(),
            id(account.bill_to),
            account.segment.clone(),
            account.jurisdiction.clone(),
            account.exemptions.clone(),
            account.agreed.clone(),
        ];
        with("accounts", row, &account.more)
    };
    case.accounts.iter().map(row).collect()
}

fn subscriptions(case: &Case) -> Vec<Vec<String>> {
    let row = |known: &super::words::Subscription| {
        let row = vec![
            known.id.clone(),
            case.accounts[known.account].id.clone(),
            known.plan.map(|plan| case.plans[plan].id.clone()).unwrap_or_default(),
            known.product.map(|product| case.products[product].id.clone()).unwrap_or_default(),
            known.quantity.clone(),
            day(known.days.from),
            day(known.days.to),
            known.contract.map(|contract| case.contracts[contract].id.clone()).unwrap_or_default(),
        ];
        with("subscriptions", row, &known.more)
    };
    case.subscriptions.iter().map(row).collect()
}

fn identifiers(case: &Case) -> Vec<Vec<String>> {
    let row = |id: &String| vec![id.clone(), id.clone(), "2020-01-01".to_owned(), String::new()];
    case.subscriptions.iter().map(|known| row(&known.id)).collect()
}

fn rates(case: &Case) -> Vec<Vec<String>> {
    let row = |rate: &super::words::Rate| {
        let row = vec![
            rate.jurisdiction.clone(),
            rate.tax.clone(),
            rate.category.clone(),
            rate.percent.clone(),
            day(rate.days.from),
            day(rate.days.to),
            rate.compound.to_string(),
        ];
        with("tax_rates", row, &rate.more)
    };
    case.rates.iter().map(row).collect()
}

fn overrides(case: &Case) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for over in case.overrides.iter().filter(|over| over.in_table) {
        let mut row = vec![case.accounts[over.account].id.clone(), case.charges[over.charge].id.clone()];
        row.extend(columns().into_iter().map(|column| match column {
            "valid_from" => day(over.patch.days.from),
            "valid_to" => day(over.patch.days.to),
            column => over.patch.fields.one(column).unwrap_or_default().to_owned(),
        }));
        rows.push(row);
    }
    rows
}

fn usage(case: &Case) -> Vec<Vec<String>> {
    let row = |record: &super::words::Record| {
        let mark = |name: &str| record.marks[name].clone();
        vec![
            record.id.clone(),
            record.kind.clone(),
            record.who.clone(),
            record.time.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string(),
            record.amount.clone(),
            mark("region"),
            mark("device"),
            mark("person"),
            mark("dialed"),
        ]
    };
    case.records.iter().map(row).collect()
}

/// The book of all cases.
fn book(settings: &Settings, cases: &[Named<'_>]) -> String {
    let mut text = write_around::head(settings);
    let sections: [(&str, Section); 9] = [
        ("meters", meters),
        ("products", products),
        ("plans", plans),
        ("contracts", contracts),
        ("layers", layers),
        ("overrides", own_overrides),
        ("discounts", discounts),
        ("account_bounds", write_around::account_bounds),
        ("thresholds", write_around::thresholds),
    ];
    for (title, section) in sections {
        let all: String = cases.iter().map(|(name, case)| section(case).replace('~', name)).collect();
        if !all.is_empty() {
            text.push_str(&format!("{title}:\n{all}"));
        }
    }
    text
}

fn meters(case: &Case) -> String {
    let mut text = String::new();
    for meter in &case.meters {
        let mut fields = meter.more.clone();
        let mut put = |key: &str, value: Field| drop(fields.insert(key.to_owned(), value));
        put("record_type", Field::One(meter.kind.clone()));
        put("aggregate", Field::One(meter.aggregate.to_owned()));
        if let Some(divide) = meter.divide {
            put("quantity", Field::One(if divide == 1 { "amount".to_owned() } else { format!("amount / {divide}") }));
        }
        for (key, names) in [("dimensions", &meter.dimensions), ("attributes", &meter.attributes)] {
            if !names.is_empty() {
                put(key, Field::Many(names.clone()));
            }
        }
        if let Some((step, mode)) = &meter.round_each {
            let one = |key: &str, text: &str| (key.to_owned(), Field::One(text.to_owned()));
            put("round_each", Field::Map([one("step", step), one("mode", mode.name())].into()));
        }
        text.push_str(&format!("  {}: {}\n", meter.id, map(&fields)));
    }
    text
}

fn products(case: &Case) -> String {
    let mut text = String::new();
    for (at, product) in case.products.iter().enumerate() {
        text.push_str(&format!("  {}:\n", product.id));
        if !product.category.is_empty() {
            text.push_str(&format!("    tax_category: {}\n", product.category));
        }
        text.push_str("    charges:\n");
        for charge in case.charges.iter().filter(|charge| charge.product == at) {
            text.push_str(&format!("      {}: {}\n", charge.id.split_once('/').unwrap().1, of_charge(case, charge)));
        }
    }
    text
}

fn of_charge(case: &Case, charge: &Charge) -> String {
    let mut fields = charge.price.clone();
    if let Some(meter) = charge.meter {
        fields.insert("meter".to_owned(), Field::One(case.meters[meter].id.clone()));
    }
    let versions = Field::Rows(charge.versions.iter().map(dated).collect());
    if !charge.versions.is_empty() {
        fields.insert("versions".to_owned(), versions);
    }
    map(&fields)
}

fn dated(patch: &Patch) -> Fields {
    let mut fields = patch.fields.clone();
    valid(&mut fields, patch.days);
    fields
}

fn valid(fields: &mut Fields, days: Days) {
    for (key, day) in [("valid_from", days.from), ("valid_to", days.to)] {
        if let Some(day) = day {
            fields.insert(key.to_owned(), Field::One(day.to_string()));
        }
    }
}

fn prices(case: &Case, all: &std::collections::BTreeMap<usize, Vec<Patch>>) -> Field {
    let price = |(charge, patches): (&usize, &Vec<Patch>)| {
        let patches: Vec<Fields> = patches.iter().map(dated).collect();
        let one = patches.len() == 1;
        let value = if one { Field::Map(patches.into_iter().next().unwrap()) } else { Field::Rows(patches) };
        (case.charges[*charge].id.clone(), value)
    };
    Field::Map(all.iter().map(price).collect())
}

fn plans(case: &Case) -> String {
    let mut text = String::new();
    for plan in &case.plans {
        let mut fields = Fields::new();
        let includes = plan.products.iter().map(|product| case.products[*product].id.clone()).collect();
        fields.insert("includes".to_owned(), Field::Many(includes));
        if !plan.prices.is_empty() {
            fields.insert("prices".to_owned(), prices(case, &plan.prices));
        }
        let allowances = allowances(case, &plan.allowances);
        if !allowances.is_empty() {
            fields.insert("allowances".to_owned(), Field::Rows(allowances));
        }
        text.push_str(&format!("  {}: {}\n", plan.id, map(&fields)));
    }
    text
}

fn contracts(case: &Case) -> String {
    let mut text = String::new();
    for contract in &case.contracts {
        let mut fields = Fields::from([("prices".to_owned(), prices(case, &contract.prices))]);
        if !contract.allowances.is_empty() {
            fields.insert("allowances".to_owned(), Field::Rows(allowances(case, &contract.allowances)));
        }
        if !contract.commitments.is_empty() {
            fields.insert("commitment".to_owned(), Field::Rows(contract.commitments.clone()));
        }
        valid(&mut fields, contract.days);
        text.push_str(&format!("  {}: {}\n", contract.id, map(&fields)));
    }
    text
}

fn layers(case: &Case) -> String {
    let mut text = String::new();
    for layer in &case.layers {
        let mut fields = Fields::from([("prices".to_owned(), prices(case, &layer.prices))]);
        fields.insert("id".to_owned(), Field::One(layer.id.clone()));
        if let Some(segment) = &layer.segment {
            fields.insert("when".to_owned(), Field::One(format!("account.segment = '{segment}'")));
        }
        valid(&mut fields, layer.days);
        text.push_str(&format!("  - {}\n", map(&fields)));
    }
    text
}

fn own_overrides(case: &Case) -> String {
    let mut text = String::new();
    for over in case.overrides.iter().filter(|over| !over.in_table) {
        let mut fields = dated(&over.patch);
        fields.insert("account".to_owned(), Field::One(case.accounts[over.account].id.clone()));
        fields.insert("charge".to_owned(), Field::One(case.charges[over.charge].id.clone()));
        text.push_str(&format!("  - {}\n", map(&fields)));
    }
    text
}

fn discounts(case: &Case) -> String {
    case.discounts.iter().map(|discount| format!("  - {}\n", map(discount))).collect()
}

fn allowances(case: &Case, all: &[Allowance]) -> Vec<Fields> {
    let whole = |allowance: &Allowance| {
        let mut fields = allowance.fields.clone();
        fields.insert("meter".to_owned(), Field::One(case.meters[allowance.meter].id.clone()));
        fields
    };
    all.iter().map(whole).collect()
}

pub(crate) fn map(fields: &Fields) -> String {
    let all: Vec<String> = fields.iter().map(|(key, value)| format!("{key}: {}", value_of(key, value))).collect();
    format!("{{ {} }}", all.join(", "))
}

fn value_of(key: &str, field: &Field) -> String {
    match field {
        Field::One(text) => scalar(key, text),
        Field::Many(texts) => {
            format!("[{}]", texts.iter().map(|text| scalar(key, text)).collect::<Vec<_>>().join(", "))
        }
        Field::Map(fields) => map(fields),
        Field::Rows(rows) => format!("[ {} ]", rows.iter().map(map).collect::<Vec<_>>().join(", ")),
    }
}

fn scalar(key: &str, text: &str) -> String {
    let texts = ["prefix", "from", "to", "when", "quantity", "timezone", "window"];
    if text.contains('\'') {
        return format!("\"{text}\"");
    }
    let word = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-/~".contains(&byte));
    if word && !texts.contains(&key) { text.to_owned() } else { format!("\"{text}\"") }
}
