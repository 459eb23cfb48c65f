//! The manifest of a run: the one small object that makes its tables the line set of their period.
//!
//! Pretty JSON with a stable order, so that the same run has the same bytes. There is no clock in it. Amounts and counts
//! of money are texts: JSON readers turn numbers into floats.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::Written;
use crate::control::{ControlTotals, SuspenseTotals};
use crate::fault::{Fault, Outcome, codes};
use crate::money::Decimal;

/// The version of this layout.
pub const FORMAT: u32 = 1;

/// A manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the layout, [`FORMAT`].
    pub format: u32,
    /// Hash of the facts of the run, 32 hex digits.
    pub run_id: String,
    /// The period, `YYYY-MM`.
    pub period: String,
    /// Version of the engine.
    pub engine_version: String,
    /// Name of the pipeline.
    pub pipeline: String,
    /// Digest of what the pipeline says.
    pub pipeline_digest: String,
    /// Digest of the price book.
    pub book_digest: String,
    /// Digest of the reference tables.
    pub reference_digest: String,
    /// The usage files, in the order of their sources and names.
    pub inputs: Vec<Input>,
    /// The parts of every table, by its name.
    pub tables: BTreeMap<String, Vec<Part>>,
    /// By seller: the numbers its invoices have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub invoice_numbers: BTreeMap<String, Numbers>,
    /// Digest of the answers of the tax service, when one was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax_answers: Option<String>,
    /// What the next night may go on from; only of incremental pipelines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nights: Option<Nights>,
    /// Digests of the decisions on suspense that it was rated by, in the order they were taken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decisions: Vec<String>,
    /// How the period was closed; left out while it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Closed>,
    /// By closed period: the digests of the parts of `adjustments` that are billed here.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub adjusts: BTreeMap<String, Vec<String>>,
    /// Of a closed period: what it would come to by what has become known since; its tables are not the period's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rerated: Option<Box<Self>>,
    /// What a person looks at first.
    pub totals: Totals,
}

/// How a period was closed: nothing of its tables changes any more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// The checks that did not hold, by name, with what was wrong.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub failed: BTreeMap<String, String>,
    /// Why it was closed all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub despite: Option<String>,
}

/// By what the usage of a run was taken in: as long as it is the same, what was taken in holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nights {
    /// Digest of what decides how a record is read, guided and measured.
    pub taken_in: String,
    /// Digest of what decides whether there is a price for it.
    pub priced: String,
}

/// A stretch of a seller's sequence of invoice numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbers {
    /// The first.
    pub first: u64,
    /// The first that is free after them.
    pub next: u64,
}

/// A usage file of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Its source.
    pub source: String,
    /// Its name below the fixed part of the source's path.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// Digest of its bytes.
    pub digest: String,
    /// Of a file that joined a period when that was closed: records before this instant, in UTC microseconds, came too late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late_before: Option<i64>,
}

impl Input {
    /// Whether it is the same file, whenever its records came.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        (&self.source, &self.name, &self.digest) == (&other.source, &other.name, &other.digest)
    }
}

/// A part of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its path below the output.
    pub path: String,
    /// Rows.
    pub rows: u64,
    /// Bytes.
    pub bytes: u64,
    /// BLAKE3 of its bytes, hex.
    pub digest: String,
}

/// Totals of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Where the records went.
    pub records: Records,
    /// Amounts by currency.
    pub currencies: BTreeMap<String, Amounts>,
    /// Lines that were billed without a tax although they should have one.
    #[serde(default)]
    pub lines_without_tax: u64,
    /// What has become of suspense, where something was decided of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspense: Option<SuspenseTotals>,
}

/// Where the records of a run went: the first is the sum of the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Records {
    /// Records in the files.
    pub read: u64,
    /// Rated.
    pub rated: u64,
    /// Set aside.
    pub suspended: u64,
    /// Of those: written off.
    #[serde(default, skip_serializing_if = "none")]
    pub written_off: u64,
    /// Further copies of a record.
    pub duplicate: u64,
    /// Of another period.
    pub out_of_window: u64,
    /// Left out by the mediation.
    pub filtered: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn none(count: &u64) -> bool {
    *count == 0
}

impl Records {
    /// Records in suspense that are not written off.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.suspended.saturating_sub(self.written_off)
    }

    /// Whether more than this share of the records read are in suspense and not written off.
    #[must_use]
    pub fn over(&self, share: Decimal) -> bool {
        let whole = |number: u64| i64::try_from(number).ok().map(Decimal::whole);
        let allowed = whole(self.read).and_then(|read| read.times(share));
        whole(self.open()).zip(allowed).is_some_and(|(suspended, allowed)| suspended > allowed)
    }
}

/// Amounts in one currency, as decimal texts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amounts {
    /// Invoices.
    pub invoices: u64,
    /// Invoice lines.
    pub lines: u64,
    /// Before discount.
    pub list: String,
    /// Discounts.
    pub discount: String,
    /// After discount, before tax.
    pub net: String,
    /// Taxes.
    pub tax: String,
    /// Net and tax.
    pub gross: String,
    /// What prepaid credits pay of it; blank in manifests from before there were any.
    #[serde(default)]
    pub credit: String,
    /// What is left to pay; blank in the same.
    #[serde(default)]
    pub payable: String,
}

impl Manifest {
    /// The paths of all its parts, below the output.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        let rerated = self.rerated.iter().flat_map(|rerated| rerated.tables.values());
        self.tables.values().chain(rerated).flatten().map(|part| part.path.as_str())
    }

    /// Whether it says that this run is done: as the line set of its period, or as what a closed one would come to.
    #[must_use]
    pub fn holds(&self, run_id: &str) -> bool {
        self.run_id == run_id || self.rerated.as_ref().is_some_and(|rerated| rerated.run_id == run_id)
    }

    /// The object's bytes.
    ///
    /// # Errors
    /// `X001` when it is no JSON.
    pub fn to_bytes(&self) -> Outcome<Bytes> {
        let mut text =
            serde_json::to_vec_pretty(self).map_err(|cause| Fault::ours(format!("the manifest: {cause}")))?;
        text.push(b'\n');
        Ok(text.into())
    }

    /// Reads the object called `name`.
    ///
    /// # Errors
    /// `O005` when it is not a manifest of this format.
    pub fn parse(name: &str, bytes: &[u8]) -> Outcome<Self> {
        let broken = |cause: String| unreadable(name, "manifest", FORMAT, &cause);
        let manifest: Self = serde_json::from_slice(bytes).map_err(|cause| broken(cause.to_string()))?;
        if manifest.format != FORMAT {
            return Err(broken(format!("it says format {}", manifest.format)).into());
        }
        Ok(manifest)
    }
}

/// `O005`: the object called `name` is not what it should be.
pub(super) fn unreadable(name: &str, what: &str, format: u32, cause: &str) -> Fault {
    Fault::new(&codes::O005, format!("`{name}` is not a {what} of format {format}: {cause}"))
        .hint("a newer version of Ratemill may have written it; nothing was changed")
}

/// The `tables` of a manifest.
#[must_use]
pub fn tables(written: &[Written]) -> BTreeMap<String, Vec<Part>> {
    let mut tables: BTreeMap<String, Vec<Part>> = BTreeMap::new();
    for part in written {
        let Written { table, path, rows, bytes, digest } = part.clone();
        tables.entry(table.name().to_owned()).or_default().push(Part { path, rows, bytes, digest });
    }
    tables
}

impl From<&ControlTotals> for Totals {
    fn from(totals: &ControlTotals) -> Self {
        let all = totals.records();
        let records = Records {
            read: all.read,
            rated: all.rated,
            suspended: all.suspended,
            written_off: all.written_off,
            duplicate: all.duplicate,
            out_of_window: all.out_of_window,
            filtered: all.filtered,
        };
        // Of a currency there may be nothing but a credit that waits.
        let billed = totals.currencies.iter().filter(|of| of.lines > 0 || of.invoices > 0);
        let amounts = billed.map(|of| {
            let amounts = Amounts {
                invoices: of.invoices,
                lines: of.lines,
                list: of.amount_list.to_string(),
                discount: of.amount_discount.to_string(),
                net: of.invoice_net.to_string(),
                tax: of.invoice_tax.to_string(),
                gross: of.invoice_gross.to_string(),
                credit: of.invoice_credit.to_string(),
                payable: of.invoice_payable.to_string(),
            };
            (of.currency.clone(), amounts)
        });
        Self { records, currencies: amounts.collect(), lines_without_tax: 0, suspense: totals.suspense }
    }
}
