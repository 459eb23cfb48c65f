//! Mediation: usage records of one source become uniform records, or are set aside.
//!
//! It runs the source's SELECT and its suspend rules over a batch. It does not know accounts, meters or duplicates, and
//! reads no file.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, SchemaRef, TimeUnit, TimestampMicrosecondType};

use crate::columns::Texts;
use crate::fault::{Fault, Faults, Outcome, codes};
use crate::pipeline::model::Source;
use crate::rules::{Expression, Mediation, Rules, Want};

/// Columns every mediation SELECT must return.
pub const REQUIRED: [&str; 4] = ["record_id", "record_type", "identifier", "record_time"];

/// The compiled mediation of one source.
#[derive(Debug)]
pub struct Mediator {
    mediation: Mediation,
    suspend: Vec<(Arc<str>, Expression)>,
    schema: SchemaRef,
}

/// What mediation says of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It goes on.
    Kept,
    /// The WHERE left it out.
    Filtered,
    /// A required column is null: index into [`REQUIRED`].
    Missing(u8),
    /// A suspend rule holds: its position.
    Rule(u16),
    /// The SELECT fails on it.
    Failed,
}

/// A mediated batch: row for row the input batch.
#[derive(Debug)]
pub struct Mediated {
    /// Mediated columns; rows that are not [`Fate::Kept`] may hold nulls.
    pub records: RecordBatch,
    /// Record times in UTC microseconds; 0 where there is none.
    pub times: Vec<i64>,
    /// What becomes of each row.
    pub fates: Vec<Fate>,
}

impl Mediator {
    /// Compiles the rules of `source`, whose files have the columns `input`.
    ///
    /// # Errors
    /// `E…` faults of the SELECT and every suspend rule, `E006` for each required column it lacks.
    pub fn new(rules: &Rules, source: &Source, input: &SchemaRef) -> Outcome<Self> {
        let mut faults = Faults::default();
        let mediation = rules.mediation(&source.mediate, input)?;
        let schema = Arc::clone(mediation.schema());
        for name in REQUIRED {
            let wanted = if name == "record_time" { "a timestamp" } else { "text" };
            let place = &source.mediate.place;
            let Ok(field) = schema.field_with_name(name) else {
                let message = format!("source `{}`: the mediation SELECT returns no column `{name}`", source.name);
                faults.push(Fault::new(&codes::E006, message).at(place).hint(format!("add `… AS {name}` ({wanted})")));
                continue;
            };
            if is_time(field.data_type()) != (name == "record_time")
                || !(is_time(field.data_type()) || is_text(field.data_type()))
            {
                let message = format!("source `{}`: `{name}` is {}, not {wanted}", source.name, field.data_type());
                faults.push(Fault::new(&codes::E005, message).at(place));
            }
        }
        let mut suspend = Vec::new();
        for rule in &source.suspend {
            if let Some(when) = faults.keep(rules.expression(&rule.when, &schema, Want::Predicate)) {
                suspend.push((Arc::from(rule.code.as_str()), when));
            }
        }
        faults.or(Self { mediation, suspend, schema })
    }

    /// The mediated columns.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The reason and field of a record with this fate, when it is set aside.
    #[must_use]
    pub fn reason(&self, fate: Fate) -> Option<(Arc<str>, Option<&'static str>)> {
        match fate {
            Fate::Kept | Fate::Filtered => None,
            Fate::Missing(at) => Some((Arc::from("missing_required"), REQUIRED.get(usize::from(at)).copied())),
            Fate::Rule(at) => self.suspend.get(usize::from(at)).map(|(code, _)| (Arc::clone(code), None)),
            Fate::Failed => Some((Arc::from("mediation_failed"), None)),
        }
    }

    /// Mediates one batch.
    ///
    /// # Errors
    /// Only our own bugs: a record on which the SELECT fails gets [`Fate::Failed`].
    pub fn mediate(&self, input: &RecordBatch) -> Outcome<Mediated> {
        match self.whole(input) {
            Ok(mediated) => Ok(mediated),
            Err(_) if input.num_rows() > 1 => self.halves(input),
            Err(_) => self.failed(input.num_rows()),
        }
    }

    fn whole(&self, input: &RecordBatch) -> Outcome<Mediated> {
        let applied = self.mediation.apply(input)?;
        let records = applied.records;
        let mut fates = vec![Fate::Kept; records.num_rows()];
        for (at, name) in (0_u8..).zip(REQUIRED) {
            let column = column(&records, name)?;
            if column.logical_null_count() > 0 {
                let nulls = column.logical_nulls();
                mark(&mut fates, Fate::Missing(at), |row| nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)));
            }
        }
        if let Some(ids) = Texts::of(column(&records, "record_id")?) {
            // A blank id is no id: such records must not pass for copies of each other.
            let blank = ids.map(false, str::is_empty);
            mark(&mut fates, Fate::Missing(0), |row| blank[row]);
        }
        for (at, (_, when)) in (0_u16..).zip(&self.suspend) {
            let holds = when.evaluate(&records)?;
            let holds: &BooleanArray =
                holds.as_boolean_opt().ok_or_else(|| Fault::ours("a suspend rule is not a predicate"))?;
            if holds.true_count() > 0 {
                mark(&mut fates, Fate::Rule(at), |row| holds.is_valid(row) && holds.value(row));
            }
        }
        if let Some(kept) = &applied.kept {
            // A record the WHERE leaves out is filtered whatever else is wrong with it.
            for (row, fate) in fates.iter_mut().enumerate() {
                if !(kept.is_valid(row) && kept.value(row)) {
                    *fate = Fate::Filtered;
                }
            }
        }
        Ok(Mediated { times: times(column(&records, "record_time")?)?, records, fates })
    }

    /// Narrows a failure down to the records that cause it.
    fn halves(&self, input: &RecordBatch) -> Outcome<Mediated> {
        let middle = input.num_rows() / 2;
        let mut first = self.mediate(&input.slice(0, middle))?;
        let second = self.mediate(&input.slice(middle, input.num_rows() - middle))?;
        first.records = concat_batches(&self.schema, [&first.records, &second.records])
            .map_err(|cause| Fault::ours(format!("mediated halves do not fit: {cause}")))?;
        first.times.extend(second.times);
        first.fates.extend(second.fates);
        Ok(first)
    }

    fn failed(&self, rows: usize) -> Outcome<Mediated> {
        let columns = self.schema.fields().iter().map(|field| arrow::array::new_null_array(field.data_type(), rows));
        let schema = nullable(&self.schema);
        let records = RecordBatch::try_new(schema, columns.collect())
            .map_err(|cause| Fault::ours(format!("no empty mediated record: {cause}")))?;
        Ok(Mediated { records, times: vec![0; rows], fates: vec![Fate::Failed; rows] })
    }
}

fn nullable(schema: &SchemaRef) -> SchemaRef {
    let fields: Vec<_> = schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true)).collect();
    Arc::new(arrow::datatypes::Schema::new(fields))
}

fn mark(fates: &mut [Fate], fate: Fate, holds: impl Fn(usize) -> bool) {
    for (row, slot) in fates.iter_mut().enumerate() {
        if *slot == Fate::Kept && holds(row) {
            *slot = fate;
        }
    }
}

fn column<'a>(records: &'a RecordBatch, name: &str) -> Outcome<&'a ArrayRef> {
    records.column_by_name(name).ok_or_else(|| Fault::ours(format!("no mediated column `{name}`")).into())
}

fn times(column: &ArrayRef) -> Outcome<Vec<i64>> {
    let micros = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let column = cast(column, &micros).map_err(|cause| Fault::ours(format!("record_time: {cause}")))?;
    let times = column.as_primitive::<TimestampMicrosecondType>();
    Ok(times.iter().map(Option::unwrap_or_default).collect())
}

fn is_time(kind: &DataType) -> bool {
    matches!(kind, DataType::Timestamp(..))
}

fn is_text(kind: &DataType) -> bool {
    let inner = if let DataType::Dictionary(_, inner) = kind { inner } else { kind };
    matches!(inner, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

/// The text of `row` in mediated column `name`, when there is one.
#[must_use]
pub fn text_at(records: &RecordBatch, name: &str, row: usize) -> Option<String> {
    Texts::of(records.column_by_name(name)?)?.get(row).map(str::to_owned)
}
