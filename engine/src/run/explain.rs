//! `explain`: why lines of a committed line set say what they say.
//!
//! What was committed comes from the tables. How it came about is not in them: while the facts are those of the run, the
//! run is walked through again in memory, with a witness, and every line is rated once more from its explanation alone.

mod discounts;
pub mod made;
pub mod model;
mod included;
mod own;
pub mod rerate;
mod rows;
mod schedule;
pub mod terms;
mod words;

use arrow::array::RecordBatch;
use chrono::TimeZone;
use hashbrown::{HashMap, HashSet};
use serde_json::Value;

pub use model::Explanation;
use model::{Committed, Exact, Rerated, Row};
use own::Own;
use rerate::{Again, rerate, taxes_follow};
pub(super) use rows::instant;

use super::numbers::first_of;
use super::{Decisions, Prepared, RunOptions, adjustments, nights};
use crate::fault::{Fault, Outcome, codes};
use crate::lineset::commit::check_pipeline;
use crate::lineset::{Manifest, current};
use crate::money::Decimal;
use crate::period::Period;
use crate::read::InputFile;
use crate::store::Location;
use crate::tables::Table;

/// What is said of a line that adjusts another.
const ADJUSTS: &str = "it adjusts a line of a closed period: the table `adjustments` there says by how much and why";

/// Which lines are to be explained.
#[derive(Clone, Debug)]
pub enum Lines {
    /// Every line.
    All,
    /// The line with this id, or with the only id that begins so.
    One(String),
    /// All lines of an account's charge.
    Charge {
        /// Account id.
        account: String,
        /// `product/charge`.
        charge: String,
    },
}

/// Explains lines of the newest committed line set of the period.
///
/// # Errors
/// `O009` when there is no such line; faults of the tables and, while the facts are those of the run, of everything a run
/// reads; our bug when a line cannot be rated again from its explanation.
pub async fn explain(mut prepared: Prepared, wanted: &Lines, options: &RunOptions) -> Outcome<Vec<Explanation>> {
    let output = Location::parse(&options.output)?;
    output.check_folder()?;
    let label = prepared.period.label.clone();
    let Some((number, manifest)) = current(&output, &label).await? else {
        let message = format!("nothing is committed for {label} in `{}`", output.display());
        return Err(Fault::new(&codes::O009, message).hint("run the period first, or name its --output").into());
    };
    check_pipeline(&output, &manifest, &prepared.pipeline.name)?;
    let lines = lines(&output, &manifest, wanted).await?;
    let mut explanations = committed(&output, &manifest, number, &lines, &prepared.period).await?;
    let decisions = Decisions::of(&output, &label).await?.only(&manifest.decisions);
    match facts(&prepared, &manifest, &decisions, options).await {
        Ok(files) => {
            mark(&mut prepared, &lines);
            let adjustments = adjustments::due(&prepared, &output, Some(&manifest.adjusts)).await?;
            let own = own::walk(&prepared, (&files, &adjustments, &decisions), &lines, options).await?;
            for (explanation, own) in explanations.iter_mut().zip(own) {
                match own {
                    Some(own) => complete(explanation, own)?,
                    None => explanation.run.warnings.push(ADJUSTS.to_owned()),
                }
            }
        }
        Err(warnings) => {
            for explanation in &mut explanations {
                explanation.run.facts_unchanged = false;
                explanation.run.warnings.clone_from(&warnings);
            }
        }
    }
    Ok(explanations)
}

/// The lines that are wanted, with their positions in the table.
async fn lines(output: &Location, manifest: &Manifest, wanted: &Lines) -> Outcome<Vec<(usize, Row)>> {
    let is_wanted = |batch: &RecordBatch, row: usize| match wanted {
        Lines::All => true,
        Lines::One(id) => rows::text(batch, "line_id", row).starts_with(id.as_str()),
        Lines::Charge { account, charge } => {
            rows::text(batch, "account_id", row) == account && rows::text(batch, "charge", row) == charge
        }
    };
    let found = rows::rows(output, manifest, Table::InvoiceLines, &is_wanted).await?;
    let message = match wanted {
        Lines::One(id) if found.len() > 1 && found.iter().any(|(_, row)| row["line_id"] != found[0].1["line_id"]) => {
            format!("{} lines of {} have ids that begin with `{id}`", found.len(), manifest.period)
        }
        _ if !found.is_empty() => return Ok(found),
        Lines::All => format!("{} has no lines", manifest.period),
        Lines::One(id) => format!("{} has no line `{id}`", manifest.period),
        Lines::Charge { account, charge } => {
            format!("{} has no line of `{charge}` for account `{account}`", manifest.period)
        }
    };
    let hint = "the columns line_id, account_id and charge of `invoice_lines` say what there is";
    Err(Fault::new(&codes::O009, message).hint(hint).into())
}

/// What the tables say of these lines.
async fn committed(
    output: &Location,
    manifest: &Manifest,
    number: u32,
    lines: &[(usize, Row)],
    period: &Period,
) -> Outcome<Vec<Explanation>> {
    let ids: HashSet<&str> = lines.iter().map(|(_, line)| text(line, "line_id")).collect();
    let meters: HashSet<(&str, &str)> =
        lines.iter().map(|(_, line)| (text(line, "subscription_id"), text(line, "meter"))).collect();
    let taxed = |batch: &RecordBatch, at: usize| ids.contains(rows::text(batch, "line_id", at));
    let used = |batch: &RecordBatch, at: usize| {
        meters.contains(&(rows::text(batch, "subscription_id", at), rows::text(batch, "meter", at)))
    };
    let mut taxes: HashMap<String, Vec<Row>> = HashMap::new();
    let mut buckets: HashMap<(String, String), Vec<Row>> = HashMap::new();
    for (_, tax) in rows::rows(output, manifest, Table::InvoiceTaxes, &taxed).await? {
        taxes.entry(text(&tax, "line_id").to_owned()).or_default().push(tax);
    }
    let invoices: HashSet<&str> = lines.iter().map(|(_, line)| text(line, "invoice_id")).collect();
    let paid = |batch: &RecordBatch, at: usize| invoices.contains(rows::text(batch, "invoice_id", at));
    let mut credits: HashMap<String, Vec<Row>> = HashMap::new();
    for (_, draw) in rows::rows(output, manifest, Table::CreditDraws, &paid).await? {
        credits.entry(text(&draw, "invoice_id").to_owned()).or_default().push(draw);
    }
    let of = |row: &Row| (text(row, "subscription_id").to_owned(), text(row, "meter").to_owned());
    for (_, bucket) in rows::rows(output, manifest, Table::UsageBuckets, &used).await? {
        buckets.entry(of(&bucket)).or_default().push(bucket);
    }
    let explanation = |line: &Row| Explanation {
        run: Committed {
            run_id: manifest.run_id.clone(),
            period: manifest.period.clone(),
            timezone: period.timezone.name().to_owned(),
            number,
            facts_unchanged: true,
            warnings: Vec::new(),
        },
        tried: Vec::new(),
        price: None,
        allowances: None,
        amounts: None,
        rating: None,
        fixed: None,
        exchange: None,
        made_of: None,
        discounts: Vec::new(),
        rounding: None,
        taxes: taxes.get(text(line, "line_id")).cloned().unwrap_or_default(),
        credits: credits.get(text(line, "invoice_id")).cloned().unwrap_or_default(),
        buckets: behind(line, buckets.get(&of(line)).into_iter().flatten(), period),
        sources: Vec::new(),
        rerated: Rerated::No,
        line: line.clone(),
    };
    Ok(lines.iter().map(|(_, line)| explanation(line)).collect())
}

/// A column of a row as text.
fn text<'r>(row: &'r Row, column: &str) -> &'r str {
    row.get(column).and_then(Value::as_str).unwrap_or_default()
}

/// Of the buckets of a line's subscription and meter those that are behind it: of its dimension values and days.
fn behind<'b>(line: &Row, buckets: impl Iterator<Item = &'b Row>, period: &Period) -> Vec<Row> {
    // What a bound adds is made of lines, not of usage.
    let made = matches!(text(line, "tier"), "minimum" | "maximum");
    if made && line.get("record_count").and_then(Value::as_u64) == Some(0) {
        return Vec::new();
    }
    let none = serde_json::Map::new();
    let values = |row: &Row| row.get("dimensions").and_then(Value::as_object).cloned().unwrap_or_else(|| none.clone());
    let date = |column: &str| {
        let instant = chrono::DateTime::parse_from_rfc3339(text(line, column)).ok()?;
        Some(period.timezone.from_utc_datetime(&instant.naive_utc()).date_naive().to_string())
    };
    let (Some(first), Some(end), of_line) = (date("service_start"), date("service_end"), values(line)) else {
        return Vec::new();
    };
    let fits = |bucket: &&Row| {
        // Dates written year first sort as texts.
        let (day, of_bucket) = (text(bucket, "day"), values(bucket));
        (first.as_str()..end.as_str()).contains(&day)
            && of_line.iter().all(|(name, value)| of_bucket.get(name) == Some(value))
    };
    buckets.filter(fits).cloned().collect()
}

/// The usage files, when they and everything else are what the run has read; otherwise what has changed.
async fn facts(
    prepared: &Prepared,
    manifest: &Manifest,
    decisions: &Decisions,
    options: &RunOptions,
) -> Result<Vec<InputFile>, Vec<String>> {
    let mut changed = Vec::new();
    let found = async {
        let output = Location::parse(&options.output)?;
        nights::discover(prepared, &output, options.partitions, Some(manifest)).await
    };
    let billed = || manifest.adjusts.values().flatten().map(String::as_str);
    match found.await.map(|found| found.files) {
        Ok(files) if prepared.run_id(&files, first_of(prepared, manifest), billed(), decisions) == manifest.run_id => {
            return Ok(files);
        }
        Ok(files) => {
            let known = |file: &InputFile| {
                let source = &prepared.pipeline.sources[file.source].name;
                let now = (source, &file.name, &file.digest);
                manifest.inputs.iter().any(|input| (&input.source, &input.name, &input.digest) == now)
            };
            let other = files.iter().filter(|file| !known(file)).count();
            if other > 0 || files.len() != manifest.inputs.len() {
                let before = manifest.inputs.len();
                changed
                    .push(format!("usage files: {} now, {before} then; {other} of them new or changed", files.len()));
            }
        }
        Err(faults) => changed.push(format!("usage files: {faults}")),
    }
    let version = env!("CARGO_PKG_VERSION").to_owned();
    for (what, now, then) in [
        ("price book", &prepared.book.digest, &manifest.book_digest),
        ("reference tables", &prepared.reference.digest, &manifest.reference_digest),
        ("pipeline", &prepared.pipeline.digest, &manifest.pipeline_digest),
        ("version of ratemill", &version, &manifest.engine_version),
    ] {
        if now != then {
            changed.push(format!("{what}: changed since the run"));
        }
    }
    if changed.is_empty() {
        changed.push("names of the pipeline's files: changed since the run".to_owned());
    }
    Err(changed)
}

/// Lets the single records of the lines' meters be kept, as for prices that ask for them.
fn mark(prepared: &mut Prepared, lines: &[(usize, Row)]) {
    for (meter, keep) in prepared.book.meters.iter().zip(&mut prepared.catalog.by_record) {
        *keep |= lines.iter().any(|(_, line)| line.get("meter").and_then(Value::as_str) == Some(meter.id.as_str()));
    }
}

/// Adds what walking through the run again has shown, and rates the line from the whole.
fn complete(explanation: &mut Explanation, own: Own) -> Outcome<()> {
    // What a formula or query of another part of the period asks is not told either.
    let mixed = own.rating.iter().flat_map(|rating| &rating.stretches).any(|stretch| stretch.terms.sql.is_some());
    let by_sql = own.price.sql.is_some() || mixed;
    (explanation.tried, explanation.price) = (own.tried, Some(own.price));
    (explanation.allowances, explanation.rating, explanation.fixed) = (own.allowances, own.rating, own.fixed);
    (explanation.amounts, explanation.exchange, explanation.made_of) = (own.amounts, own.exchange, own.made_of);
    (explanation.discounts, explanation.rounding, explanation.sources) =
        (own.discounts, Some(own.rounding), own.sources);
    let id = explanation.line.get("line_id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let told = written(&explanation.line).ok_or_else(|| Fault::ours(format!("line {id} lacks a number")))?;
    if own.again != told {
        return Err(Fault::ours(format!("line {id} is {told:?}, rated again {:?}", own.again)).into());
    }
    check_records(explanation, &id)?;
    if !taxes_follow(explanation) {
        return Err(Fault::ours(format!("the taxes of line {id} do not follow from their rates")).into());
    }
    // Only what is written into the JSON counts.
    let text = serde_json::to_string(&explanation).map_err(|cause| Fault::ours(format!("no JSON: {cause}")))?;
    let alone: Explanation =
        serde_json::from_str(&text).map_err(|cause| Fault::ours(format!("line {id} cannot be read back: {cause}")))?;
    explanation.rerated = match rerate(&alone) {
        Some(again) if again == told => Rerated::Equal,
        None if by_sql && alone.allowances.as_ref().is_none_or(|using| using.own.is_none()) => Rerated::EqualBySql,
        again => {
            let message = format!("line {id} is {told:?}, from its explanation {again:?}");
            return Err(Fault::ours(message).into());
        }
    };
    Ok(())
}

/// The numbers of a line as committed.
fn written(line: &Row) -> Option<Again> {
    let number = |column: &str| Decimal::parse(line.get(column)?.as_str()?).ok();
    Some(Again {
        quantity: number("quantity")?,
        rated: number("amount_rated")?,
        list: number("amount_list")?,
        discount: number("amount_discount")?,
        net: number("amount_net")?,
        records: line.get("record_count")?.as_u64()?,
    })
}

/// The records of the files are those of the buckets; and those of the line, unless its band has only some of them.
fn check_records(explanation: &Explanation, id: &str) -> Outcome<()> {
    let of_files: u64 = explanation.sources.iter().map(|source| source.records).sum();
    let counted = |row: &Row| row.get("record_count").and_then(Value::as_u64).unwrap_or_default();
    let of_buckets: u64 = explanation.buckets.iter().map(counted).sum();
    let line = counted(&explanation.line);
    let alone = explanation.price.as_ref().is_some_and(|terms| terms.by_record || terms.each != "period");
    if of_files != of_buckets || (if alone { line > of_buckets } else { line != of_buckets }) {
        let message = format!("line {id} has {line} records, its buckets {of_buckets}, the files behind it {of_files}");
        return Err(Fault::ours(message).into());
    }
    Ok(())
}

/// The sum of exact numbers; `None` when it does not fit.
fn sum(numbers: impl Iterator<Item = Decimal>) -> Option<Exact> {
    numbers.into_iter().try_fold(Decimal::ZERO, Decimal::plus).map(Exact)
}
