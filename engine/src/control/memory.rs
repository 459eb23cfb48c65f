//! The first recount: DataFusion SQL over the tables in memory, before a byte of them is written.
//!
//! A session of its own, so that nothing a rule registered can be seen. It also checks what only whole tables show: that
//! each invoice is the sum of its lines and that no line has the id of another. It changes nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Decimal128Array, Int32Array, RecordBatch, RecordBatchOptions, StringArray,
};
use arrow::datatypes::{DataType, Decimal128Type, Field, Int32Type, Int64Type, Schema, SchemaRef};
use arrow::util::display::array_value_to_string;
use datafusion::datasource::MemTable;
use datafusion::error::DataFusionError;
use datafusion::prelude::{SessionConfig, SessionContext};
use hashbrown::HashMap;
use rayon::prelude::*;

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
    compared: Compared,
}

/// What lines are compared with: only then is more kept of them than every run needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// With their rated records.
    pub itemised: bool,
    /// With their draws on allowances.
    pub drawn: bool,
}

/// Columns kept of every part until the whole is there.
fn kept_columns(table: Table, compared: Compared) -> &'static [&'static str] {
    match table {
        Table::InvoiceLines if compared != Compared::default() => {
            const ITEMISED: &[&str] = &[
                "line_id",
                "invoice_id",
                "quantity",
                "amount_rated",
                "amount_list",
                "amount_discount",
                "amount_tax_included",
                "amount_net",
                "record_count",
            ];
            ITEMISED
        }
        Table::InvoiceLines => {
            &["line_id", "invoice_id", "amount_list", "amount_discount", "amount_tax_included", "amount_net"]
        }
        Table::InvoiceTaxes => &["invoice_id", "amount", "amount_included"],
        Table::Invoices => {
            const INVOICES: &[&str] = &[
                "invoice_id",
                "line_count",
                "amount_tax_included",
                "amount_net",
                "amount_tax",
                "amount_gross",
                "amount_credit",
                "amount_payable",
            ];
            INVOICES
        }
        Table::InvoiceSubtotals => &["invoice_id", "line_count", "amount_net_own", "amount_tax_own"],
        Table::CreditDraws => &["credit_id", "invoice_id", "amount"],
        Table::CreditBalances => &["credit_id", "opening", "drawn", "expired", "left"],
        Table::LineDiscounts => &["line_id", "amount"],
        Table::ControlTotals => {
            &["scope", "source", "file", "meter", "charge", "allowance", "currency", "measure", "value"]
        }
        Table::AllowanceDraws => &["line_id", "quantity"],
        Table::RatedUsage => &["line_id", "amount_rated"],
        Table::CommitmentShares => &["line_id", "amount_covered"],
        Table::UsageBuckets
        | Table::Levels
        | Table::Suspense
        | Table::AllowanceBalances
        | Table::CommitmentBalances
        | Table::Notices
        | Table::Adjustments
        | Table::AdjustmentTaxes
        | Table::UsageFiles
        | Table::UsageRecords => &[],
    }
}

/// Recounts one part by itself, so that parts can be recounted side by side.
///
/// As much of lines is kept as is needed for what they are `compared` with.
///
/// # Errors
/// Our bug when a query fails.
pub async fn recount_part(table: Table, part: &RecordBatch, compared: Compared) -> Outcome<RecountedPart> {
    let kept = kept(table, part, compared).ok_or_else(|| odd(table))?;
    let session = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1));
    let recounts = || RECOUNTS.iter().filter(|recount| recount.table == table);
    let (part, texts) = coded(part, recounts().flat_map(|recount| recount.by)).ok_or_else(|| odd(table))?;
    let schema = part.schema();
    register(&session, table, vec![part], schema).map_err(|cause| broken(&cause))?;
    let mut found = Named::new();
    for recount in recounts() {
        recompute(&session, recount, &texts, &mut found).await?;
    }
    Ok(RecountedPart { table, found, kept })
}

/// One part: what was counted in it, and its columns that the check of the whole needs.
#[derive(Debug)]
pub struct RecountedPart {
    table: Table,
    found: Named,
    kept: RecordBatch,
}

fn kept(table: Table, part: &RecordBatch, compared: Compared) -> Option<RecordBatch> {
    let kept: Option<Vec<usize>> =
        kept_columns(table, compared).iter().map(|name| part.schema_ref().index_of(name).ok()).collect();
    numbered(&part.project(&kept?).ok()?)
}

/// The texts of columns that are grouped by number.
type Texts = BTreeMap<&'static str, StringArray>;

/// `part` with the columns `by` as numbers, where they hold texts by number already: grouping numbers costs a fraction of
/// grouping texts. Equal texts have the same number: that of the first of them.
fn coded<'b>(part: &RecordBatch, by: impl Iterator<Item = &'b &'static str>) -> Option<(RecordBatch, Texts)> {
    let (mut columns, mut texts) = (part.columns().to_vec(), Texts::new());
    for name in by {
        let at = part.schema_ref().index_of(name).ok()?;
        let Some(column) = part.column(at).as_dictionary_opt::<Int32Type>().filter(|one| one.null_count() == 0) else {
            continue;
        };
        let pool = column.values().as_string_opt::<i32>()?;
        let mut first: HashMap<&str, i32> = HashMap::new();
        let mut numbers: Vec<Option<i32>> = vec![None; pool.len()];
        let number = |key: &i32| {
            let number = numbers.get_mut(usize::try_from(*key).ok()?)?;
            let text = pool.value(usize::try_from(*key).ok()?);
            Some(*number.get_or_insert_with(|| *first.entry(text).or_insert(*key)))
        };
        let codes: Option<Vec<i32>> = column.keys().values().iter().map(number).collect();
        columns[at] = Arc::new(Int32Array::from(codes?));
        texts.insert(*name, pool.clone());
    }
    Some((retyped(part, columns)?, texts))
}

/// `batch` with other columns of the same names.
fn retyped(batch: &RecordBatch, columns: Vec<ArrayRef>) -> Option<RecordBatch> {
    let fields = batch.schema_ref().fields().iter().zip(&columns);
    let fields =
        fields.map(|(field, column)| Field::new(field.name(), column.data_type().clone(), field.is_nullable()));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(schema, columns, &options).ok()
}

impl MemoryCheck {
    /// A recount of a run whose lines are `compared` with rated records or draws; else they need not be kept for them.
    #[must_use]
    pub fn new(compared: Compared) -> Self {
        Self { compared, ..Self::default() }
    }

    /// Adds one part.
    ///
    /// # Errors
    /// `G001` when a sum is out of range.
    pub fn add(&mut self, part: RecountedPart) -> Outcome<()> {
        for (name, value) in part.found {
            let sum = self.found.entry(name).or_default();
            *sum = sum.plus(value).ok_or_else(|| odd(part.table))?;
        }
        self.kept.entry(part.table).or_default().push(part.kept);
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
        let Compared { itemised, drawn } = self.compared;
        let own = itemised.then_some(RECORD_VIOLATION).into_iter().chain(drawn.then_some(DRAW_VIOLATION));
        for (sql, meaning) in VIOLATIONS.iter().chain(own) {
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

/// The columns with ids as 128-bit numbers: grouping and sorting numbers costs a fraction of doing so with texts.
fn numbered(kept: &RecordBatch) -> Option<RecordBatch> {
    let mut columns = kept.columns().to_vec();
    for name in ["line_id", "invoice_id"] {
        let Ok(at) = kept.schema_ref().index_of(name) else { continue };
        let numbers: Option<Vec<i128>> = match kept.column(at).as_dictionary_opt::<Int32Type>() {
            Some(ids) => {
                let pool = ids.values().as_string_opt::<i32>()?;
                let mut numbers: Vec<Option<i128>> = vec![None; pool.len()];
                let number = |key: &i32| {
                    let at = usize::try_from(*key).ok()?;
                    let number = numbers.get_mut(at)?;
                    *number = number.or_else(|| id_number(pool.value(at)));
                    *number
                };
                ids.keys().values().iter().map(number).collect()
            }
            None => kept.column(at).as_string_opt::<i32>()?.iter().map(|id| id_number(id?)).collect(),
        };
        columns[at] = Arc::new(Decimal128Array::from(numbers?).with_data_type(DataType::Decimal128(38, 0)));
    }
    retyped(kept, columns)
}

/// The number of an id of hex digits.
fn id_number(id: &str) -> Option<i128> {
    let half = |digits: &[u8]| {
        // What is no digit leaves a mark above the four bits of one.
        let read = |(number, odd): (u64, u8), digit: &u8| {
            let value = HEX[usize::from(*digit)];
            (number << 4 | u64::from(value & 15), odd | value)
        };
        let (number, odd) = digits.iter().fold((0, 0), read);
        (odd < 16).then_some(number)
    };
    let digits = id.as_bytes();
    let (high, low) = digits.split_at_checked(digits.len().checked_sub(16)?)?;
    let high = if high.len() > 16 { None } else { half(high) };
    Some((u128::from(high?) << 64 | u128::from(half(low)?)).cast_signed())
}

/// By byte: the value of a hex digit; 16 of anything else.
const HEX: [u8; 256] = {
    let mut values = [16; 256];
    let mut digit = 0;
    while digit < 16 {
        values[b"0123456789abcdef"[digit as usize] as usize] = digit;
        digit += 1;
    }
    values
};

/// Queries that count rows which must not exist.
const VIOLATIONS: &[(&str, &str)] = &[
    (
        "SELECT count(*) FROM invoice_lines WHERE amount_list - amount_discount - amount_tax_included <> amount_net",
        "invoice lines whose net is not list less discount and included tax",
    ),
    (
        "SELECT count(*) FROM (SELECT line_id, sum(amount) AS off FROM line_discounts GROUP BY line_id) AS d \
         FULL JOIN (SELECT line_id, amount_discount FROM invoice_lines WHERE amount_discount <> 0) AS l ON d.line_id = l.line_id \
         WHERE coalesce(d.off, 0) <> coalesce(l.amount_discount, 0)",
        "invoice lines whose discount is not the sum of their rows in line_discounts",
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
        "SELECT count(*) FROM (SELECT invoice_id, sum(amount) AS tax, sum(amount_included) AS included FROM invoice_taxes GROUP BY invoice_id) AS t \
         FULL JOIN invoices AS i ON t.invoice_id = i.invoice_id \
         WHERE i.invoice_id IS NULL OR coalesce(t.tax, 0) <> i.amount_tax OR coalesce(t.included, 0) <> i.amount_tax_included",
        "invoices whose tax is not the sum of their tax rows",
    ),
    (
        "SELECT count(*) FROM (SELECT invoice_id, sum(line_count) AS n, sum(amount_net_own) AS net, sum(amount_tax_own) AS tax \
         FROM invoice_subtotals GROUP BY invoice_id) AS s FULL JOIN invoices AS i ON s.invoice_id = i.invoice_id \
         WHERE (s.n IS DISTINCT FROM i.line_count) OR (s.net IS DISTINCT FROM i.amount_net) OR (s.tax IS DISTINCT FROM i.amount_tax)",
        "invoices that are not the sum of their sub-totals",
    ),
    (
        "SELECT count(*) FROM invoices WHERE amount_gross - amount_credit <> amount_payable",
        "invoices whose payable amount is not gross less credit",
    ),
    (
        "SELECT count(*) FROM (SELECT invoice_id, sum(amount) AS credit FROM credit_draws GROUP BY invoice_id) AS d \
         FULL JOIN invoices AS i ON d.invoice_id = i.invoice_id \
         WHERE i.invoice_id IS NULL OR coalesce(d.credit, 0) <> i.amount_credit",
        "invoices whose credit is not the sum of what is drawn for them",
    ),
    (
        "SELECT count(*) FROM (SELECT credit_id, sum(amount) AS drawn FROM credit_draws GROUP BY credit_id) AS d \
         FULL JOIN credit_balances AS b ON d.credit_id = b.credit_id \
         WHERE b.credit_id IS NULL OR coalesce(d.drawn, 0) <> b.drawn OR b.opening <> b.drawn + b.expired + b.\"left\"",
        "credits whose balance is not what is drawn from them",
    ),
    (
        "SELECT count(*) FROM commitment_shares AS s LEFT JOIN invoice_lines AS l ON s.line_id = l.line_id \
         WHERE l.line_id IS NULL",
        "shares of commitments without a line",
    ),
];

/// The same where rated records are published.
const RECORD_VIOLATION: &(&str, &str) = &(
    "SELECT count(*) FROM (SELECT line_id, count(*) AS n, sum(amount_rated) AS rated FROM rated_usage GROUP BY line_id) AS r \
     LEFT JOIN invoice_lines AS l ON r.line_id = l.line_id \
     WHERE (r.n IS DISTINCT FROM l.record_count) OR (r.rated IS DISTINCT FROM l.amount_rated)",
    "invoice lines that are not the sum of their rated records",
);

/// The same where lines draw on allowances.
const DRAW_VIOLATION: &(&str, &str) = &(
    "SELECT count(*) FROM (SELECT line_id, sum(quantity) AS drawn FROM allowance_draws GROUP BY line_id) AS d \
     LEFT JOIN invoice_lines AS l ON d.line_id = l.line_id WHERE d.drawn IS DISTINCT FROM l.quantity",
    "allowance lines whose quantity is not the sum of their draws",
);

/// How many lines have the id of another: sorted numbers need a tenth of the memory of a set.
fn repeated_ids(lines: &[RecordBatch]) -> Option<usize> {
    let mut ids: Vec<i128> = Vec::with_capacity(lines.iter().map(RecordBatch::num_rows).sum());
    for part in lines {
        ids.extend_from_slice(part.column_by_name("line_id")?.as_primitive_opt::<Decimal128Type>()?.values());
    }
    ids.par_sort_unstable();
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

async fn recompute(session: &SessionContext, recount: &Recount, texts: &Texts, found: &mut Named) -> Outcome<()> {
    let groups = recount.by.len();
    let named = |by: &str, column: &ArrayRef, row: usize| match texts.get(by) {
        Some(pool) => {
            let number = column.as_primitive_opt::<Int32Type>()?.value(row);
            Some(pool.value(usize::try_from(number).ok()?).to_owned())
        }
        None => text(column, row),
    };
    for batch in select(session, &sql(recount)).await? {
        for row in 0..batch.num_rows() {
            let columns = recount.by.iter().zip(batch.columns());
            let group: Option<Vec<String>> = columns.map(|(by, column)| named(by, column, row)).collect();
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
        // A name such as `left` is a word of SQL.
        Aggregate::Sum(column) => format!("sum(\"{column}\")"),
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
