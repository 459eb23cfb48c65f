//! Taxes of a tax service, by files: the lines to be taxed go out, and when the answers are there, they come in.
//!
//! Both files carry the run's id, so answers are those of the very lines they were asked for.

use bytes::Bytes;

use super::Job;
use super::adjustments::add_taxes;
use super::batches::line_ids;
use super::rating::Rated;
use super::taxation::{Taxed, by, by_table, of_line};
use crate::fault::{Fault, Located, Outcome, codes};
use crate::lines::{Line, LineKind};
use crate::pipeline::model::TaxExchange;
use crate::reference::{AskedLine, tax_answers};
use crate::store::Location;
use crate::tax::Answers;

/// The columns of the requests.
const REQUESTED: [&str; 14] = [
    "line_id",
    "bill_to_account_id",
    "account_id",
    "subscription_id",
    "product",
    "charge",
    "line_kind",
    "tax_jurisdiction",
    "tax_category",
    "service_start",
    "service_end",
    "quantity",
    "amount_net",
    "currency",
];

/// The taxes of all lines, and the digest of the answers when a tax service was asked.
///
/// # Errors
/// Those of the tables; `U006` while there are no answers, faults of the answers.
pub(super) async fn tax(job: &Job<'_>, rated: &mut Rated, run_id: &str) -> Outcome<(Taxed, Option<String>)> {
    let is_asked = |line: &Line| line.kind != LineKind::Adjustment;
    let Some(exchange) = job.pipeline.tax_exchange.as_ref().filter(|_| rated.lines.iter().any(is_asked)) else {
        let mut taxed = by_table(job, &mut rated.lines)?;
        add_taxes(job, &rated.lines, &mut taxed);
        return Ok((taxed, None));
    };
    let ids: Vec<String> =
        line_ids(job, &rated.lines, &rated.groups).into_iter().map(|id| format!("{id:032x}")).collect();
    let path = below(&exchange.answers, &format!("answers-{run_id}.csv"));
    let placed = |faults: crate::fault::Faults| faults.placed(&path.place);
    let answers = Location::parse(&path.text).map_err(placed)?.read_if_there().await.map_err(placed)?;
    let Some(answers) = answers else { return Err(request(job, exchange, rated, &ids, run_id).await?.into()) };
    let digest = blake3::hash(&answers).to_hex().to_string();
    let asked: Vec<AskedLine<'_>> = rated
        .lines
        .iter()
        .zip(&ids)
        .enumerate()
        .filter(|(_, (line, _))| is_asked(line))
        .map(|(at, (line, id))| {
            let taxable = of_line(job, at, line);
            AskedLine { id, jurisdiction: taxable.jurisdiction, amount: taxable.amount, digits: taxable.digits }
        })
        .collect();
    let answers = Answers::new(tax_answers(&path, answers, &asked, job.period.timezone)?);
    drop(asked);
    let mut taxed = by(job, &answers, &mut rated.lines)?;
    add_taxes(job, &rated.lines, &mut taxed);
    Ok((taxed, Some(digest)))
}

/// Puts the requests where the pipeline says, and tells that the answers are awaited.
async fn request(job: &Job<'_>, exchange: &TaxExchange, rated: &Rated, ids: &[String], run_id: &str) -> Outcome<Fault> {
    let requests = below(&exchange.requests, &format!("requests-{run_id}.csv"));
    let bytes = requested(job, &rated.lines, ids).ok_or_else(|| Fault::ours("the requests are no CSV"))?;
    let location = Location::parse(&requests.text).map_err(|faults| faults.placed(&requests.place))?;
    location.put(bytes).await.map_err(|faults| faults.placed(&requests.place))?;
    let (answers, lines) = (below(&exchange.answers, &format!("answers-{run_id}.csv")).text, rated.lines.len());
    let message = format!("the taxes of {lines} lines are not answered yet: there is no `{answers}`");
    let hint = format!("the lines stand in `{}`: run again when the answers are there", requests.text);
    Ok(Fault::new(&codes::U006, message).at(&exchange.answers.place).hint(hint))
}

fn below(folder: &Located, name: &str) -> Located {
    Located { text: format!("{}/{name}", folder.text.trim_end_matches('/')), place: folder.place.clone() }
}

/// The requests as CSV, in the order of the lines; `None` when the writer fails.
fn requested(job: &Job<'_>, lines: &[Line], ids: &[String]) -> Option<Bytes> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(REQUESTED).ok()?;
    let all = lines.iter().zip(ids).enumerate();
    for (at, (line, id)) in all.filter(|(_, (line, _))| line.kind != LineKind::Adjustment) {
        let taxable = of_line(job, at, line);
        let subscription = &job.reference.subscriptions[line.subscription as usize];
        let account = &job.reference.accounts[subscription.account as usize];
        let charge = &job.book.charges[line.charge as usize];
        let row: [&str; REQUESTED.len()] = [
            id,
            &job.reference.accounts[account.bill_to as usize].id,
            &account.id,
            &subscription.id,
            &job.book.products[charge.product].id,
            &charge.id,
            line.kind.label(),
            taxable.jurisdiction,
            taxable.category,
            &instant(line.service_start),
            &instant(line.service_end),
            &line.quantity.to_string(),
            &taxable.amount.to_string(),
            &account.currency,
        ];
        writer.write_record(row).ok()?;
    }
    writer.into_inner().ok().map(Bytes::from)
}

fn instant(micros: i64) -> String {
    chrono::DateTime::from_timestamp_micros(micros).map(|instant| instant.to_rfc3339()).unwrap_or_default()
}
