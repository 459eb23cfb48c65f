//! Deciding about records in suspense: which of those selected the decision names, and taking it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Selection, State, look};
use crate::fault::{Fault, Outcome, codes};
use crate::lineset::decisions::{Action, Decision, FORMAT, Named};
use crate::pipeline::model::Pipeline;
use crate::store::Location;

/// What somebody has decided.
#[derive(Clone, Debug)]
pub struct Asked {
    /// What is to become of the records.
    pub action: Action,
    /// Which of those that wait for something else.
    pub selection: Selection,
    /// Whether it is about records that are written off, which are open again then.
    pub written_off: bool,
    /// Why.
    pub reason: String,
}

/// What a decision came to.
#[derive(Clone, Debug, Serialize)]
pub struct Decided {
    /// The period.
    pub period: String,
    /// What is to become of the records.
    pub action: Action,
    /// The number of the decision; `None` when nothing was left to decide.
    pub number: Option<u32>,
    /// The records it names.
    pub records: u64,
    /// Records that are selected, and that the same was decided of before.
    pub before: u64,
    /// Whether the same decision was taken at the same time by another.
    pub already: bool,
    /// Whether the period is closed.
    pub closed: bool,
}

/// Takes a decision about the records in suspense that are selected, as far as it is not taken yet.
///
/// # Errors
/// `O018` when no record in suspense is selected, `O017` when another decision was taken meanwhile; those of listing.
pub async fn decide(pipeline: &Pipeline, output: &Location, period: &str, asked: &Asked) -> Outcome<Decided> {
    let looked = look(pipeline, output, period).await?;
    if looked.closed && looked.manifest.nights.is_none() && asked.action == Action::Recycle {
        let message = format!("{period} is closed, and its usage was not kept: it cannot be rated once more");
        let hint = "only an incremental pipeline keeps it; records can still be written off";
        return Err(Fault::new(&codes::O014, message).hint(hint).into());
    }
    let selected: Vec<_> = looked.records.iter().filter(|record| asked.selection.has(record)).collect();
    if selected.is_empty() {
        let codes: std::collections::BTreeSet<&str> =
            looked.records.iter().map(|record| record.code.as_str()).collect();
        let codes: Vec<&str> = codes.into_iter().collect();
        let hint = match codes.as_slice() {
            [] => "nothing is in suspense".to_owned(),
            codes => format!("records are in suspense for {}", codes.join(", ")),
        };
        let message = format!("no record in suspense of {period} is selected so");
        return Err(Fault::new(&codes::O018, message).hint(hint).into());
    }
    let applies = |state: State| match asked.action {
        Action::WriteOff => state != State::WrittenOff,
        Action::Recycle if asked.written_off => state == State::WrittenOff,
        Action::Recycle => state == State::Open,
    };
    let is_so = match asked.action {
        Action::WriteOff => State::WrittenOff,
        Action::Recycle => State::ToRecycle,
    };
    let before = selected.iter().filter(|record| record.state == is_so).count() as u64;
    let mut records: BTreeMap<(&str, &str, &str), Named> = BTreeMap::new();
    for record in selected.into_iter().filter(|record| applies(record.state)) {
        let named = records.entry((&record.source, &record.file, &record.code)).or_insert_with(|| Named {
            source: record.source.clone(),
            file: record.file.clone(),
            digest: record.digest.clone(),
            code: record.code.clone(),
            rows: Vec::new(),
        });
        named.rows.push(record.row);
    }
    let mut records: Vec<Named> = records.into_values().collect();
    records.iter_mut().for_each(|named| named.rows.sort_unstable());
    let mut decided = Decided {
        period: period.to_owned(),
        action: asked.action,
        number: None,
        records: 0,
        before: if asked.written_off { 0 } else { before },
        already: false,
        closed: looked.closed,
    };
    if records.is_empty() {
        return Ok(decided);
    }
    let number = looked.decisions.taken.last().map_or(1, |last| last.says.number + 1);
    let decision = Decision {
        format: FORMAT,
        period: period.to_owned(),
        pipeline: pipeline.name.clone(),
        number,
        action: asked.action,
        reason: asked.reason.clone(),
        run_id: looked.manifest.run_id.clone(),
        records,
    };
    decided.records = decision.len() as u64;
    decided.already = decision.take(output).await?;
    decided.number = Some(number);
    Ok(decided)
}
