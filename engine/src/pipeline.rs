//! The pipeline file: which usage, which reference tables, which book, which period, where to.
//!
//! It opens the pipeline file and the SQL files it names, nothing else: paths are worked out here and opened by the
//! rooms that read what is behind them. SQL is kept as text.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono_tz::Tz;

use crate::fault::{Fault, Faults, Located, Outcome, Place, SourceText, codes};
use crate::money::Decimal;
use crate::store::Location;
use crate::yaml::keys::{Kind, Record};
use crate::yaml::reference::{Example, examples};
use crate::yaml::{self, Node};
use model::{Incremental, Limits, Pipeline, ReferencePaths, TaxExchange};
use paths::path;

mod columns;
mod digest;
mod keys;
pub mod model;
mod numbers;
mod paths;
mod sources;
#[cfg(test)]
mod tests;

pub use paths::Environment;

/// SQL files by their path; `None` where a fault has been reported.
type SqlFiles = BTreeMap<String, Option<Located>>;

/// Reads and checks the pipeline file at `path`, with variables from `environment`.
///
/// # Errors
/// All its faults (`Y…`, `P…`).
pub async fn load(path: &str, environment: &Environment<'_>) -> Outcome<Pipeline> {
    let (pipeline, faults) = draft(path, environment).await;
    finished(pipeline, faults)
}

/// Reads the pipeline file at `path` as far as it goes: what is at fault has a default in the pipeline or is left out, so
/// that what the rest names can be checked as well. Only without faults may it be run.
pub async fn draft(path: &str, environment: &Environment<'_>) -> (Option<Pipeline>, Faults) {
    let source = match read(path, &Place::file(path)).await {
        Ok(source) => source,
        Err(faults) => return (None, faults),
    };
    let (root, mut faults) = yaml::parse(&source);
    let Some(root) = root else { return (None, faults) };
    let mut sql = SqlFiles::new();
    let sources = root.get("usage").map(Node::entries).unwrap_or_default();
    for mediate in sources.iter().filter_map(|(_, node)| node.get("mediate")) {
        if let Some(file) = sources::sql_file(mediate, environment, &mut faults) {
            let text = faults.keep(read(&file.text, &file.place).await);
            let whole = text
                .map(|source| Located { text: source.text.clone(), place: Place::at(&source, 0, source.text.len()) });
            sql.insert(file.text, whole);
        }
    }
    build(&root, faults, environment, &sql, &source)
}

/// Checks the text of a pipeline that names no SQL files; paths are relative to the name of `source`.
///
/// # Errors
/// All its faults (`Y…`, `P…`).
pub fn parse(source: &Arc<SourceText>, environment: &Environment<'_>) -> Outcome<Pipeline> {
    let (root, faults) = yaml::parse(source);
    let Some(root) = root else { return Err(faults) };
    let (pipeline, faults) = build(&root, faults, environment, &SqlFiles::new(), source);
    finished(pipeline, faults)
}

fn finished(pipeline: Option<Pipeline>, faults: Faults) -> Outcome<Pipeline> {
    match pipeline {
        Some(pipeline) => faults.or(pipeline),
        None if faults.0.is_empty() => Err(Fault::ours("a pipeline was refused without a reason").into()),
        None => Err(faults),
    }
}

/// The JSON Schema of a pipeline file, for editors.
#[must_use]
pub fn schema() -> serde_json::Value {
    yaml::json_schema(&keys::PIPELINE, "Ratemill pipeline")
}

/// The table of keys of a pipeline file, and examples of each kind of mapping in it.
#[must_use]
pub fn key_table() -> (&'static Record, Vec<Example>) {
    (&keys::PIPELINE, examples(include_str!("pipeline/examples.md")))
}

async fn read(path: &str, place: &Place) -> Outcome<Arc<SourceText>> {
    let location = Location::parse(path).map_err(|cause| cause.placed(place))?;
    let bytes = location.read_if_there().await.map_err(|cause| cause.placed(place))?;
    let Some(bytes) = bytes else {
        let fault = if location.is_folder().await.map_err(|cause| cause.placed(place))? {
            Fault::new(&codes::Y007, format!("`{path}` is a folder")).hint("name the file in it that is meant")
        } else {
            let here = "a path is relative to the file it stands in; one on the command line, to the working directory";
            Fault::new(&codes::Y007, format!("the file `{path}` does not exist")).hint(here)
        };
        return Err(fault.at(place).into());
    };
    yaml::source(path, &bytes)
}

fn build(
    root: &Node,
    mut faults: Faults,
    environment: &Environment<'_>,
    sql: &SqlFiles,
    source: &Arc<SourceText>,
) -> (Option<Pipeline>, Faults) {
    let whole = Place { line: 0, column: 0, ..Place::at(source, 0, 0) };
    yaml::check(root, &Kind::Record(&keys::PIPELINE), &whole, &mut faults);
    let name = root.get("pipeline").and_then(Node::located);
    name.iter().for_each(|name| named(name, "a pipeline", &mut faults));
    let zone = root.get("timezone").and_then(Node::located);
    let timezone = zone.map_or(Some(Tz::UTC), |zone| columns::timezone(&zone, &mut faults));
    let book = root.get("book").and_then(|node| path(node, environment, &mut faults));
    let output = root.get("output").and_then(|node| path(node, environment, &mut faults));
    let usage = root.get("usage").map(Node::entries).unwrap_or_default();
    if let Some(node) = root.get("usage").filter(|_| usage.is_empty()) {
        faults.push(Fault::new(&codes::P001, "the pipeline has no usage source").at(&node.place));
    }
    let sources: Vec<_> = usage.iter().map(|entry| sources::source(entry, environment, sql, &mut faults)).collect();
    let reference = root.get("reference").and_then(|node| reference(node, environment, &mut faults));
    let limits = limits(root.get("limits"), &mut faults);
    let tax_exchange = root.get("tax").and_then(|node| exchange(node, environment, &mut faults));
    if let (Some(_), Some(rates)) = (&tax_exchange, reference.as_ref().and_then(|paths| paths.tax_rates.as_ref())) {
        let fault = Fault::new(&codes::P001, "the taxes come from the exchange, and from the table `tax_rates` too");
        faults.push(fault.at(&rates.place).hint("leave out `tax_rates`, or `tax: { exchange: … }`"));
    }
    let incremental = root.get("incremental").map(|node| {
        let said = |key: &str| node.get(key).and_then(Node::text);
        let (corrections, left) = (said("changed_files") == Some("correct"), said("late_usage") == Some("leave"));
        let after = node.get("suspend_late_after");
        if let Some(after) = after.filter(|_| left) {
            let fault = Fault::new(&codes::P001, "late usage is left: none of it goes to suspense").at(&after.place);
            faults.push(fault.hint("leave out `late_usage: leave`, or `suspend_late_after`"));
        }
        let suspend_late_after = after.and_then(|after| sources::days(after, &mut faults));
        Incremental { corrections, adjusts_late: !left, suspend_late_after }
    });
    let numbering = root.get("invoices").and_then(|node| numbers::numbering(node, &mut faults));
    let assembled = (|| {
        let mut sources: Vec<_> = sources.into_iter().flatten().collect();
        sources.sort_by(|a: &model::Source, b| a.name.cmp(&b.name));
        let (name, digest) = (name?.text, String::new());
        let (timezone, book, output) = (timezone.unwrap_or(Tz::UTC), book?, output?);
        let (reference, limits) = (reference?, limits?);
        let mut pipeline = Pipeline {
            name,
            timezone,
            book,
            sources,
            reference,
            output,
            tax_exchange,
            numbering,
            incremental,
            limits,
            digest,
        };
        pipeline.digest = digest::digest(&pipeline);
        Some(pipeline)
    })();
    faults.sort();
    (assembled, faults)
}

/// Reports a name that is more than letters, digits, `_` and `-`.
fn named(name: &Located, what: &str, faults: &mut Faults) {
    let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || matches!(letter, '_' | '-');
    if name.text.is_empty() || !name.text.chars().all(plain) {
        let fault = Fault::new(&codes::P001, format!("`{}` cannot be the name of {what}", name.text)).at(&name.place);
        faults.push(fault.hint("use lower-case letters, digits, `_` and `-`"));
    }
}

fn reference(node: &Node, environment: &Environment<'_>, faults: &mut Faults) -> Option<ReferencePaths> {
    let mut table = |key: &str| node.get(key).and_then(|node| path(node, environment, faults));
    let (accounts, subscriptions, identifiers) = (table("accounts"), table("subscriptions"), table("identifiers"));
    let (tax_rates, fx_rates, price_overrides) = (table("tax_rates"), table("fx_rates"), table("price_overrides"));
    let (levels, tax_exemptions, credits) = (table("levels"), table("tax_exemptions"), table("credits"));
    let (commitment_balances, amendments) = (table("commitment_balances"), table("amendments"));
    let (coupons, allowance_balances) = (table("coupons"), table("allowance_balances"));
    let (accounts, subscriptions, identifiers) = (accounts?, subscriptions?, identifiers?);
    Some(ReferencePaths {
        accounts,
        subscriptions,
        identifiers,
        tax_rates,
        fx_rates,
        price_overrides,
        levels,
        tax_exemptions,
        credits,
        commitment_balances,
        amendments,
        coupons,
        allowance_balances,
    })
}

fn exchange(node: &Node, environment: &Environment<'_>, faults: &mut Faults) -> Option<TaxExchange> {
    let folders = node.get("exchange")?;
    let mut folder = |key: &str| folders.get(key).and_then(|node| path(node, environment, faults));
    let (requests, answers) = (folder("requests"), folder("answers"));
    Some(TaxExchange { requests: requests?, answers: answers? })
}

fn limits(node: Option<&Node>, faults: &mut Faults) -> Option<Limits> {
    let written = |key: &str| node.and_then(|node| node.get(key));
    let text = |key: &str, default: &'static str| written(key).map_or(Some(default), Node::text);
    let suspense_records = Decimal::parse(text("suspense_records", keys::SUSPENSE_RECORDS)?).ok();
    if let (Some(share), Some(node)) = (suspense_records, written("suspense_records"))
        && (share.is_negative() || share > Decimal::ONE)
    {
        let fault = Fault::new(&codes::B001, format!("{share} is not between 0 and 1")).at(&node.place);
        faults.push(fault.hint("a share of the records read: 0.05 is 5 %"));
    }
    Some(Limits {
        suspense_records: suspense_records?,
        decompressed_file: text("decompressed_file", keys::DECOMPRESSED_FILE)?.parse().ok()?,
        row_bytes: text("row_bytes", keys::ROW_BYTES)?.parse().ok()?,
    })
}
