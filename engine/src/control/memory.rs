//! The first recount: DataFusion SQL over the tables in memory, before a byte of them is written.
//!
//! A session of its own, so that nothing a rule registered can be seen. It also checks what only whole tables show: that
//! each invoice is the sum of its lines and that no line has the id of another. It changes nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, RecordBatch};
use arrow::datatypes::{DataType, Decimal128Type, Field, Int32Type, Int64Type, Schema, SchemaRef};
use arrow::util::display::array_value_to_string;
use datafusion::datasource::MemTable;
use datafusion::error::DataFusionError;
use datafusion::prelude::{SessionConfig, SessionContext};

use super::measures::{Aggregate, RECOUNTS, Recount, expected};
use super::rows::{Named, Subject, compare};
use super::{ControlTotals, count};
use crate::fault::{Fault, Faults, Outcome, codes};
use crate::money::Decimal;
use crate::tables::Table;

const ENGINE: &str = "DataFusion";

/// The recount of tables that are made part by part: what was counted so far, and the few columns that only whole tables
/// can be checked by.
#[derive(Debug, Default)]
pub struct MemoryCheck {
    found: Named,
    kept: BTreeMap<Table, Vec<RecordBatch>>,
    /// Whether lines are compared with their rated records.
    itemised: bool,
}

/// Columns kept of every part until the whole is there.
fn kept_columns(table: Table, itemised: bool) -> &'static [&'static str] {
    match table {
        Table::InvoiceLines if itemised => {
            &["line_id", "invoice_id", "amount_rated", "amount_list", "amount_discount", "amount_net", "record_count"]
        }
        Table::InvoiceLines => &["line_id", "invoice_id", "amount_list", "amount_discount", "amount_net"],
        Table::InvoiceTaxes => &["invoice_id", "amount"],
        Table::Invoices => &["invoice_id", "line_count", "amount_net", "amount_tax", "amount_gross"],
        Table::ControlTotals => &["scope", "source", "file", "meter", "charge", "currency", "measure", "value"],
        Table::RatedUsage => &["line_id", "amount_rated"],
        Table::UsageBuckets | Table::Suspense => &[],
    }
}

/// Recounts one part by itself, so that parts can be recounted side by side.
///
/// # Errors
/// Our bug when a query fails.
pub async fn recount_part(table: Table, part: &RecordBatch) -> Outcome<Named> {
    let session = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1));
    register(&session, table, vec![part.clone()], part.schema()).map_err(|cause| broken(&cause))?;
    let mut found = Named::new();
    for recount in RECOUNTS.iter().filter(|recount| recount.table == table) {
        recompute(&session, recount, &mut found).await?;
    }
    Ok(found)
}

impl MemoryCheck {
    /// A recount of a run that publishes rated records, or of one that does not: then lines need not be kept for them.
    #[must_use]
    pub fn new(itemised: bool) -> Self {
        Self { itemised, ..Self::default() }
    }

    /// Adds one part and its recount.
    ///
    /// # Errors
    /// `G001` when a sum is out of range.
    pub fn add(&mut self, table: Table, part: &RecordBatch, recounted: Named) -> Outcome<()> {
        for (name, value) in recounted {
            let sum = self.found.entry(name).or_default();
            *sum = sum.plus(value).ok_or_else(|| odd(table))?;
        }
        let kept: Option<Vec<usize>> =
            kept_columns(table, self.itemised).iter().map(|name| part.schema_ref().index_of(name).ok()).collect();
        let kept = kept.and_then(|kept| part.project(&kept).ok()).and_then(|kept| numbered(&kept));
        let kept = kept.ok_or_else(|| odd(table))?;
        self.kept.entry(table).or_default().push(kept);
        Ok(())
    }

    /// Compares everything that was added with the totals of the run, and checks the tables against each other.
    ///
    /// # Errors
    /// `G001` for every difference; nothing may be committed then.
    pub async fn finish(self, totals: &ControlTotals) -> Outcome<()> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let session = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(threads));
        for table in Table::ALL {
            let parts = self.kept.get(&table).cloned().unwrap_or_default();
            let nothing = || numbered(&table.empty()).map_or_else(|| table.schema(), |empty| empty.schema());
            let schema = parts.first().map_or_else(nothing, RecordBatch::schema);
            register(&session, table, parts, schema).map_err(|cause| broken(&cause))?;
        }
        let mut faults = Faults::default();
        faults.keep(compare(ENGINE, &expected(totals), &self.found));
        faults.keep(compare(ENGINE, &totals.named(), &published(&session).await?));
        let lines = self.kept.get(&Table::InvoiceLines).map_or(&[][..], Vec::as_slice);
        let repeated = repeated_ids(lines).ok_or_else(|| odd(Table::InvoiceLines))?;
        if repeated > 0 {
            faults.push(Fault::new(&codes::G001, format!("{repeated} invoice lines with the id of another line")));
        }
        for (sql, meaning) in VIOLATIONS.iter().chain(self.itemised.then_some(RECORD_VIOLATION)) {
            let rows = select(&session, sql).await?;
            let number = rows.first().filter(|batch| batch.num_rows() > 0).map(|batch| number(batch.column(0), 0));
            if number.flatten() != Some(count(0)) {
                let rows = number.flatten().map_or_else(|| "an unknown number of".to_owned(), |rows| rows.to_string());
                faults.push(Fault::new(&codes::G001, format!("{rows} {meaning}")));
            }
        }
        faults.or(())
    }
}

/// The columns with `invoice_id` as a 128-bit number: grouping numbers costs a fraction of grouping texts.
fn numbered(kept: &RecordBatch) -> Option<RecordBatch> {
    let Ok(at) = kept.schema_ref().index_of("invoice_id") else { return Some(kept.clone()) };
    let number = |id: &str| u128::from_str_radix(id, 16).ok().map(u128::cast_signed);
    let numbers: Option<Vec<i128>> = match kept.column(at).as_dictionary_opt::<Int32Type>() {
        Some(ids) => {
            let pool = ids.values().as_string_opt::<i32>()?;
            let pool: Vec<i128> = pool.iter().map(|id| number(id?)).collect::<Option<_>>()?;
            ids.keys().values().iter().map(|key| pool.get(usize::try_from(*key).ok()?).copied()).collect()
        }
        None => kept.column(at).as_string_opt::<i32>()?.iter().map(|id| number(id?)).collect(),
    };
    let mut columns = kept.columns().to_vec();
    columns[at] = Arc::new(Decimal128Array::from(numbers?).with_data_type(DataType::Decimal128(38, 0)));
    let fields = kept
        .schema_ref()
        .fields()
        .iter()
        .zip(&columns)
        .map(|(field, column)| Field::new(field.name(), column.data_type().clone(), field.is_nullable()));
    RecordBatch::try_new(Arc::new(Schema::new(fields.collect::<Vec<_>>())), columns).ok()
}

/// Queries that count rows which must not exist.
const VIOLATIONS: &[(&str, &str)] = &[
    (
        "SELECT count(*) FROM invoice_lines WHERE amount_list - amount_discount <> amount_net",
        "invoice lines whose net is not list less discount",
    ),
    (
        "SELECT count(*) FROM invoices WHERE amount_net + amount_tax <> amount_gross",
        "invoices whose gross is not net and tax",
    ),
    (
        "SELECT count(*) FROM (SELECT invoice_id, count(*) AS n, sum(amount_net) AS net FROM invoice_lines GROUP BY invoice_id) AS l \
         FULL JOIN invoices AS i ON l.invoice_id = i.invoice_id \
         WHERE (l.n IS DISTINCT FROM i.line_count) OR (l.net IS DISTINCT FROM i.amount_net)",
        "invoices that are not the sum of their lines",
    ),
    (
        "SELECT count(*) FROM (SELECT invoice_id, sum(amount) AS tax FROM invoice_taxes GROUP BY invoice_id) AS t \
         FULL JOIN invoices AS i ON t.invoice_id = i.invoice_id \
         WHERE i.invoice_id IS NULL OR coalesce(t.tax, 0) <> i.amount_tax",
        "invoices whose tax is not the sum of their tax rows",
    ),
];

/// The same where rated records are published.
const RECORD_VIOLATION: &(&str, &str) = &(
    "SELECT count(*) FROM (SELECT line_id, count(*) AS n, sum(amount_rated) AS rated FROM rated_usage GROUP BY line_id) AS r \
     LEFT JOIN invoice_lines AS l ON r.line_id = l.line_id \
     WHERE (r.n IS DISTINCT FROM l.record_count) OR (r.rated IS DISTINCT FROM l.amount_rated)",
    "invoice lines that are not the sum of their rated records",
);

/// How many lines have the id of another. Ids are 128 bits: sorted numbers need a tenth of the memory of a set of texts.
fn repeated_ids(lines: &[RecordBatch]) -> Option<usize> {
    let mut ids: Vec<u128> = Vec::with_capacity(lines.iter().map(RecordBatch::num_rows).sum());
    for part in lines {
        for id in part.column_by_name("line_id")?.as_string_opt::<i32>()? {
            ids.push(u128::from_str_radix(id?, 16).ok()?);
        }
    }
    ids.sort_unstable();
    Some(ids.windows(2).filter(|pair| pair[0] == pair[1]).count())
}

fn register(
    session: &SessionContext,
    table: Table,
    parts: Vec<RecordBatch>,
    schema: SchemaRef,
) -> Result<(), DataFusionError> {
    // Parts of one table may hold texts as dictionaries or plain; each part is its own partition of one schema.
    let partitions =
        if parts.is_empty() { vec![Vec::new()] } else { parts.into_iter().map(|part| vec![part]).collect() };
    session.register_table(table.name(), Arc::new(MemTable::try_new(schema, partitions)?))?;
    Ok(())
}

async fn recompute(session: &SessionContext, recount: &Recount, found: &mut Named) -> Outcome<()> {
    let groups = recount.by.len();
    for batch in select(session, &sql(recount)).await? {
        for row in 0..batch.num_rows() {
            let group: Option<Vec<String>> = batch.columns()[..groups].iter().map(|column| text(column, row)).collect();
            let subject = group.and_then(|group| recount.subject(&group)).ok_or_else(|| odd(recount.table))?;
            for ((measure, _), column) in recount.measures.iter().zip(&batch.columns()[groups..]) {
                let value = number(column, row).ok_or_else(|| odd(recount.table))?;
                recount.add(found, &subject, measure, value).ok_or_else(|| odd(recount.table))?;
            }
        }
    }
    Ok(())
}

/// The query of a recount.
fn sql(recount: &Recount) -> String {
    let measures = recount.measures.iter().map(|(_, aggregate)| match aggregate {
        Aggregate::Rows => "count(*)".to_owned(),
        Aggregate::Sum(column) => format!("sum({column})"),
    });
    let columns: Vec<String> = recount.by.iter().map(|by| (*by).to_owned()).chain(measures).collect();
    let only = recount.only.map(|(column, texts)| format!("WHERE {column} IN ('{}')", texts.join("', '")));
    let (columns, only, by) = (columns.join(", "), only.unwrap_or_default(), recount.by.join(", "));
    format!("SELECT {columns} FROM {} {only} GROUP BY {by}", recount.table.name())
}

/// The `control_totals` table as it will be published.
async fn published(session: &SessionContext) -> Outcome<Named> {
    let mut found = Named::new();
    let table = Table::ControlTotals;
    for batch in select(session, &format!("SELECT * FROM {}", table.name())).await? {
        let columns: BTreeMap<&str, &ArrayRef> =
            batch.schema_ref().fields().iter().map(|field| field.name().as_str()).zip(batch.columns()).collect();
        for row in 0..batch.num_rows() {
            let of = |name: &str| columns.get(name).and_then(|column| text(column, row));
            let subject = of("scope").and_then(|scope| Subject::read(&scope, of));
            let value = columns.get("value").and_then(|column| number(column, row));
            let (Some(subject), Some(measure), Some(value)) = (subject, of("measure"), value) else {
                return Err(odd(table).into());
            };
            if found.insert((subject, measure), value).is_some() {
                return Err(odd(table).into());
            }
        }
    }
    Ok(found)
}

async fn select(session: &SessionContext, sql: &str) -> Outcome<Vec<RecordBatch>> {
    let frame = session.sql(sql).await.map_err(|cause| broken(&cause))?;
    frame.collect().await.map_err(|cause| broken(&cause).into())
}

fn text(column: &ArrayRef, row: usize) -> Option<String> {
    column.is_valid(row).then(|| array_value_to_string(column, row).ok()).flatten()
}

fn number(column: &ArrayRef, row: usize) -> Option<Decimal> {
    match column.data_type() {
        _ if column.is_null(row) => None,
        DataType::Int64 => Some(Decimal::whole(column.as_primitive::<Int64Type>().value(row))),
        DataType::Decimal128(_, scale) => {
            Decimal::rescaled(column.as_primitive::<Decimal128Type>().value(row), u32::try_from(*scale).ok()?)
        }
        _ => None,
    }
}

fn odd(table: Table) -> Fault {
    Fault::ours(format!("table {} cannot be recounted: a group without a name, or a sum out of range", table.name()))
}

fn broken(cause: &DataFusionError) -> Fault {
    Fault::ours(format!("the recount in memory failed: {cause}"))
}
