//! Control totals by name: one subject, one measure, one value. The shape of the `control_totals` table and of what the
//! two engines recompute, so that all of them can be compared with one `==`.

use std::collections::BTreeMap;
use std::fmt;

use arrow::array::RecordBatch;

use super::{AllowanceTotals, ControlTotals, CurrencyTotals, FileTotals, count};
use crate::fault::{Fault, Faults, Outcome, codes};
use crate::money::Decimal;
use crate::tables::{Table, build};

/// What a total is of; in the order of the table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// An allowance.
    Allowance(String),
    /// A charge.
    Charge(String),
    /// A currency.
    Currency(String),
    /// A file of a source.
    File(String, String),
    /// A meter.
    Meter(String),
    /// The whole run.
    Run,
    /// A source.
    Source(String),
}

/// Totals by subject and measure.
pub type Named = BTreeMap<(Subject, String), Decimal>;

impl Subject {
    /// The value of the `scope` column.
    #[must_use]
    pub fn scope(&self) -> &'static str {
        match self {
            Self::Allowance(_) => "allowance",
            Self::Charge(_) => "charge",
            Self::Currency(_) => "currency",
            Self::File(..) => "file",
            Self::Meter(_) => "meter",
            Self::Run => "run",
            Self::Source(_) => "source",
        }
    }

    /// The value of a naming column of the `control_totals` table.
    fn named(&self, column: &str) -> Option<&str> {
        match (self, column) {
            (Self::File(source, _) | Self::Source(source), "source") => Some(source),
            (Self::File(_, file), "file") => Some(file),
            (Self::Meter(meter), "meter") => Some(meter),
            (Self::Allowance(allowance), "allowance") => Some(allowance),
            (Self::Charge(charge), "charge") => Some(charge),
            (Self::Currency(currency), "currency") => Some(currency),
            _ => None,
        }
    }

    /// The subject a row of the `control_totals` table names by its scope and naming columns.
    #[must_use]
    pub fn read(scope: &str, named: impl Fn(&str) -> Option<String>) -> Option<Self> {
        Some(match scope {
            "allowance" => Self::Allowance(named("allowance")?),
            "charge" => Self::Charge(named("charge")?),
            "currency" => Self::Currency(named("currency")?),
            "file" => Self::File(named("source")?, named("file")?),
            "meter" => Self::Meter(named("meter")?),
            "run" => Self::Run,
            "source" => Self::Source(named("source")?),
            _ => return None,
        })
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(source, file) => write!(f, "source {source}, file {file}"),
            Self::Run => f.write_str("the run"),
            Self::Allowance(name)
            | Self::Charge(name)
            | Self::Currency(name)
            | Self::Meter(name)
            | Self::Source(name) => {
                write!(f, "{} {name}", self.scope())
            }
        }
    }
}

impl ControlTotals {
    /// Every total under its name.
    #[must_use]
    pub fn named(&self) -> Named {
        let mut named = Named::new();
        let mut sources: BTreeMap<&str, FileTotals> = BTreeMap::new();
        for file in &self.files {
            sources.entry(&file.source).or_default().add(file);
            name_records(&mut named, &Subject::File(file.source.clone(), file.file.clone()), file);
        }
        for (source, records) in sources {
            name_records(&mut named, &Subject::Source(source.to_owned()), &records);
        }
        name_records(&mut named, &Subject::Run, &self.records());
        for meter in &self.meters {
            let mut name = |measure: &str, value| put(&mut named, &Subject::Meter(meter.meter.clone()), measure, value);
            name("records_metered", count(meter.records));
            name("records_in_buckets", count(meter.bucket_records));
            name("quantity_in_buckets", meter.quantity_in_buckets);
            if let Some(metered) = meter.quantity_metered {
                name("quantity_metered", metered);
            }
        }
        for charge in &self.charges {
            let subject = Subject::Charge(charge.charge.clone());
            put(&mut named, &subject, "quantity_in_buckets", charge.quantity_in_buckets);
            put(&mut named, &subject, "quantity_on_lines", charge.quantity_on_lines);
            if let Some((records, amount)) = charge.itemised {
                put(&mut named, &subject, "records_itemised", count(records));
                put(&mut named, &subject, "amount_itemised", amount);
            }
            if let Some(included) = charge.included {
                put(&mut named, &subject, "quantity_drawn", included.quantity_drawn);
                put(&mut named, &subject, "amount_drawn", included.amount_drawn);
            }
        }
        self.allowances.iter().for_each(|allowance| name_allowance(&mut named, allowance));
        self.currencies.iter().for_each(|currency| name_amounts(&mut named, currency));
        if let Some(suspense) = self.suspense {
            for (measure, value) in [
                ("suspense_in", suspense.came_in),
                ("suspense_recycled", suspense.recycled),
                ("suspense_written_off", suspense.written_off),
                ("suspense_open", suspense.open),
            ] {
                put(&mut named, &Subject::Run, measure, count(value));
            }
        }
        if self.notices > 0 {
            put(&mut named, &Subject::Run, "notices", count(self.notices));
        }
        named
    }

    /// The rows of the `control_totals` table, sorted.
    ///
    /// # Errors
    /// `X001` when the table cannot be built.
    pub fn to_batch(&self, run_id: &str) -> Outcome<RecordBatch> {
        let named = self.named();
        let mut rows: Vec<(&Subject, &str, Decimal)> =
            named.iter().map(|((subject, measure), value)| (subject, measure.as_str(), *value)).collect();
        const NAMING: [&str; 6] = ["source", "file", "meter", "charge", "allowance", "currency"];
        rows.sort_by_key(|(subject, measure, _)| {
            (subject.scope(), NAMING.map(|column| subject.named(column)), *measure)
        });
        let scopes: Vec<&str> = rows.iter().map(|(subject, ..)| subject.scope()).collect();
        let measures: Vec<&str> = rows.iter().map(|(_, measure, _)| *measure).collect();
        let mut columns = vec![build::constant(run_id, rows.len()), build::text(&scopes)];
        for column in NAMING {
            let names: Vec<Option<&str>> = rows.iter().map(|(subject, ..)| subject.named(column)).collect();
            columns.push(build::text_or_null(&names));
        }
        columns.push(build::text(&measures));
        columns.push(build::decimal38(rows.iter().map(|(.., value)| value.units()).collect()));
        Table::ControlTotals.batch(columns)
    }
}

fn put(named: &mut Named, subject: &Subject, measure: &str, value: Decimal) {
    named.insert((subject.clone(), measure.to_owned()), value);
}

fn name_records(named: &mut Named, subject: &Subject, records: &FileTotals) {
    for (measure, value) in [
        ("records_read", records.read),
        ("records_rated", records.rated),
        ("records_suspended", records.suspended),
        ("records_duplicate", records.duplicate),
        ("records_out_of_window", records.out_of_window),
        ("records_filtered", records.filtered),
    ] {
        put(named, subject, measure, count(value));
    }
    // Files of which nothing is written off do not speak of it.
    if records.written_off > 0 {
        put(named, subject, "records_written_off", count(records.written_off));
    }
}

fn name_allowance(named: &mut Named, totals: &AllowanceTotals) {
    for (measure, value) in [
        ("granted", totals.granted),
        ("used", totals.used),
        ("expired", totals.expired),
        ("left", totals.left),
        ("quantity_drawn", totals.quantity_drawn),
        ("amount_drawn", totals.amount_drawn),
    ] {
        put(named, &Subject::Allowance(totals.allowance.clone()), measure, value);
    }
}

fn name_amounts(named: &mut Named, totals: &CurrencyTotals) {
    for (measure, value) in [
        ("lines", count(totals.lines)),
        ("amount_list", totals.amount_list),
        ("amount_discount", totals.amount_discount),
        ("amount_tax_included", totals.amount_tax_included),
        ("amount_net", totals.amount_net),
        ("line_discounts", count(totals.line_discounts)),
        ("amount_line_discounts", totals.amount_line_discounts),
        ("amount_tax", totals.amount_tax),
        ("tax_included", totals.tax_included),
        ("invoices", count(totals.invoices)),
        ("invoice_lines", count(totals.invoice_lines)),
        ("invoice_net", totals.invoice_net),
        ("invoice_tax", totals.invoice_tax),
        ("invoice_gross", totals.invoice_gross),
        ("subtotal_net", totals.subtotal_net),
        ("subtotal_tax", totals.subtotal_tax),
        ("invoice_credit", totals.invoice_credit),
        ("invoice_payable", totals.invoice_payable),
    ] {
        put(named, &Subject::Currency(totals.currency.clone()), measure, value);
    }
    // Runs without credits do not speak of them.
    for (measure, value) in [
        ("credits_paid", totals.credits_paid),
        ("credits_opening", totals.credits_opening),
        ("credits_drawn", totals.credits_drawn),
        ("credits_expired", totals.credits_expired),
        ("credits_left", totals.credits_left),
    ] {
        if !value.is_zero() {
            put(named, &Subject::Currency(totals.currency.clone()), measure, value);
        }
    }
    // Runs without commitments have no totals of them.
    for (rows, sum, (count_of, amount)) in [
        ("commitment_shares", "amount_covered", totals.shares),
        ("commitment_balances", "commitment_billed", totals.balances),
    ] {
        if count_of > 0 {
            put(named, &Subject::Currency(totals.currency.clone()), rows, count(count_of));
            put(named, &Subject::Currency(totals.currency.clone()), sum, amount);
        }
    }
}

/// Compares what an engine recomputed with what the run says; a total that is missing on one side is zero there.
///
/// # Errors
/// One `G001` for each difference, with both numbers.
pub fn compare(engine: &str, expected: &Named, found: &Named) -> Outcome<()> {
    let mut faults = Faults::default();
    let mut differ = |key: &(Subject, String), says: Decimal, finds: Decimal| {
        if says != finds {
            let (subject, measure) = key;
            let message = format!("{subject}: {measure} is {says} in the run, but {finds} by {engine}");
            faults.push(Fault::new(&codes::G001, message));
        }
    };
    for (key, value) in expected {
        differ(key, *value, found.get(key).copied().unwrap_or_default());
    }
    for (key, value) in found.iter().filter(|(key, _)| !expected.contains_key(*key)) {
        differ(key, Decimal::ZERO, *value);
    }
    faults.or(())
}
