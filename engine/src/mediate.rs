//! Mediation: usage records of one source become uniform records, or are set aside.
//!
//! It runs the source's SELECT and its suspend rules over a batch. It does not know accounts, meters or duplicates, and
//! reads no file.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, SchemaRef, TimeUnit, TimestampMicrosecondType};

use crate::columns::Texts;
use crate::fault::{Fault, Faults, Outcome, codes};
use crate::pipeline::model::Source;
use crate::rules::{Expression, Failed, Mediation, Rules, Want};
use crate::usage::reasons;

/// Columns every mediation SELECT must return.
pub const REQUIRED: [&str; 4] = ["record_id", "record_type", "identifier", "record_time"];

/// The compiled mediation of one source.
#[derive(Debug)]
pub struct Mediator {
    mediation: Mediation,
    suspend: Vec<(Arc<str>, Expression)>,
    schema: SchemaRef,
    /// Columns a record cannot do without: [`REQUIRED`], then those of the dedup key.
    required: Vec<String>,
}

/// What mediation says of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It goes on.
    Kept,
    /// The WHERE left it out.
    Filtered,
    /// A required column, or one of the dedup key, is null: its position among these.
    Missing(u16),
    /// A suspend rule holds: its position.
    Rule(u16),
    /// The SELECT or a suspend rule cannot be computed on it.
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
    /// Causes of [`Fate::Failed`], in order of rows.
    pub failed: Vec<Failed>,
}

impl Mediated {
    /// Why mediation failed on `row`, if it did.
    #[must_use]
    pub fn cause(&self, row: usize) -> Option<&str> {
        let at = self.failed.binary_search_by_key(&row, |failed| failed.row).ok()?;
        self.failed.get(at).map(|failed| &*failed.cause)
    }
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
        // Records without a key would all have the same one, and pass for copies of each other.
        let of_key = source.dedup_key.iter().map(|key| key.text.as_str());
        let of_key = of_key.filter(|name| !REQUIRED.contains(name) && schema.field_with_name(name).is_ok());
        let required = REQUIRED.into_iter().chain(of_key).map(str::to_owned).collect();
        faults.or(Self { mediation, suspend, schema, required })
    }

    /// The mediated columns.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The reason and field of a record with this fate, when it is set aside.
    #[must_use]
    pub fn reason(&self, fate: Fate) -> Option<(Arc<str>, Option<&str>)> {
        match fate {
            Fate::Kept | Fate::Filtered => None,
            Fate::Missing(at) => {
                Some((Arc::from(reasons::MISSING_REQUIRED), self.required.get(usize::from(at)).map(String::as_str)))
            }
            Fate::Rule(at) => self.suspend.get(usize::from(at)).map(|(code, _)| (Arc::clone(code), None)),
            Fate::Failed => Some((Arc::from(reasons::MEDIATION_FAILED), None)),
        }
    }

    /// Mediates one batch. What comes first decides: the WHERE, then a SELECT that fails, a missing column, the suspend
    /// rules in their order; a rule is computed on the records still kept.
    ///
    /// # Errors
    /// Only our own bugs: a record on which a rule cannot be computed gets [`Fate::Failed`].
    pub fn mediate(&self, input: &RecordBatch) -> Outcome<Mediated> {
        let applied = self.mediation.apply(input)?;
        let (records, mut failed) = (applied.records, applied.failed);
        let mut fates = vec![Fate::Kept; records.num_rows()];
        if let Some(kept) = &applied.kept {
            mark(&mut fates, Fate::Filtered, |row| !(kept.is_valid(row) && kept.value(row)));
        }
        fail(&mut fates, &failed);
        self.miss(&mut fates, &records)?;
        for (at, (code, when)) in (0_u16..).zip(&self.suspend) {
            let computed = when.evaluate(&records, |row| fates[row] == Fate::Kept)?;
            let holds: &BooleanArray =
                computed.values.as_boolean_opt().ok_or_else(|| Fault::ours("a suspend rule is not a predicate"))?;
            if holds.true_count() > 0 {
                mark(&mut fates, Fate::Rule(at), |row| holds.is_valid(row) && holds.value(row));
            }
            fail(&mut fates, &computed.failed);
            failed.extend(computed.failed.into_iter().map(|Failed { row, cause }| {
                let cause = Arc::from(format!("suspend rule `{code}`: {cause}"));
                Failed { row, cause }
            }));
        }
        failed.sort_by_key(|failed| failed.row);
        Ok(Mediated { times: times(column(&records, "record_time")?)?, records, fates, failed })
    }

    /// Marks the records that lack what they cannot do without.
    fn miss(&self, fates: &mut [Fate], records: &RecordBatch) -> Outcome<()> {
        for (at, name) in (0_u16..).zip(&self.required) {
            let column = column(records, name)?;
            if column.logical_null_count() > 0 {
                let nulls = column.logical_nulls();
                mark(fates, Fate::Missing(at), |row| nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)));
            }
        }
        if let Some(ids) = Texts::of(column(records, "record_id")?) {
            // A blank id is no id: such records must not pass for copies of each other.
            let blank = ids.map(false, str::is_empty);
            mark(fates, Fate::Missing(0), |row| blank[row]);
        }
        Ok(())
    }
}

fn fail(fates: &mut [Fate], failed: &[Failed]) {
    for Failed { row, .. } in failed {
        fates[*row] = Fate::Failed;
    }
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
