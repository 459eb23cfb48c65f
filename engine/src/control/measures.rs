//! How every control total is recomputed from the published tables: written once as data, computed by two engines that
//! share nothing else.

use super::ControlTotals;
use super::rows::{Named, Subject};
use crate::money::Decimal;
use crate::tables::Table;

/// One grouped query over one table.
#[derive(Debug, PartialEq, Eq)]
pub struct Recount {
    /// The table.
    pub table: Table,
    /// The columns it is grouped by; they name the subject.
    pub by: &'static [&'static str],
    /// Only rows whose column holds one of these texts.
    pub only: Option<(&'static str, &'static [&'static str])>,
    /// The measures.
    pub measures: &'static [(&'static str, Aggregate)],
}

/// One aggregate of a [`Recount`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregate {
    /// Number of rows.
    Rows,
    /// Exact sum of a column.
    Sum(&'static str),
}

use Aggregate::{Rows, Sum};

/// Everything both engines recompute, but for the `control_totals` table itself, which is compared row by row.
pub const RECOUNTS: &[Recount] = &[
    Recount { table: Table::Suspense, by: &["source", "file"], only: None, measures: &[("records_suspended", Rows)] },
    Recount {
        table: Table::Suspense,
        by: &["source", "file"],
        only: Some(("state", &["written_off"])),
        measures: &[("records_written_off", Rows)],
    },
    Recount {
        table: Table::UsageBuckets,
        by: &["meter"],
        only: None,
        measures: &[("records_in_buckets", Sum("record_count")), ("quantity_in_buckets", Sum("quantity"))],
    },
    Recount {
        table: Table::InvoiceLines,
        by: &["charge"],
        only: Some(("line_kind", &["usage", "allowance"])),
        measures: &[("quantity_on_lines", Sum("quantity"))],
    },
    Recount {
        table: Table::InvoiceLines,
        by: &["currency"],
        only: None,
        measures: &[
            ("lines", Rows),
            ("amount_list", Sum("amount_list")),
            ("amount_discount", Sum("amount_discount")),
            ("amount_tax_included", Sum("amount_tax_included")),
            ("amount_net", Sum("amount_net")),
        ],
    },
    Recount {
        table: Table::RatedUsage,
        by: &["charge"],
        only: None,
        measures: &[("records_itemised", Rows), ("amount_itemised", Sum("amount_rated"))],
    },
    Recount {
        table: Table::AllowanceDraws,
        by: &["charge"],
        only: None,
        measures: &[("quantity_drawn", Sum("quantity")), ("amount_drawn", Sum("amount"))],
    },
    Recount {
        table: Table::AllowanceDraws,
        by: &["allowance"],
        only: None,
        measures: &[("quantity_drawn", Sum("quantity")), ("amount_drawn", Sum("amount"))],
    },
    Recount {
        table: Table::AllowanceBalances,
        by: &["allowance"],
        only: None,
        measures: &[
            ("granted", Sum("granted")),
            ("used", Sum("used")),
            ("expired", Sum("expired")),
            ("left", Sum("left")),
        ],
    },
    Recount {
        table: Table::InvoiceTaxes,
        by: &["currency"],
        only: None,
        measures: &[("amount_tax", Sum("amount")), ("tax_included", Sum("amount_included"))],
    },
    Recount {
        table: Table::CommitmentShares,
        by: &["currency"],
        only: None,
        measures: &[("commitment_shares", Rows), ("amount_covered", Sum("amount_covered"))],
    },
    Recount {
        table: Table::CommitmentBalances,
        by: &["currency"],
        only: None,
        measures: &[("commitment_balances", Rows), ("commitment_billed", Sum("billed"))],
    },
    Recount {
        table: Table::LineDiscounts,
        by: &["currency"],
        only: None,
        measures: &[("line_discounts", Rows), ("amount_line_discounts", Sum("amount"))],
    },
    Recount { table: Table::Notices, by: &["run_id"], only: None, measures: &[("notices", Rows)] },
    Recount {
        table: Table::Invoices,
        by: &["currency"],
        only: None,
        measures: &[
            ("invoices", Rows),
            ("invoice_lines", Sum("line_count")),
            ("invoice_net", Sum("amount_net")),
            ("invoice_tax", Sum("amount_tax")),
            ("invoice_gross", Sum("amount_gross")),
            ("invoice_credit", Sum("amount_credit")),
            ("invoice_payable", Sum("amount_payable")),
        ],
    },
    Recount { table: Table::CreditDraws, by: &["currency"], only: None, measures: &[("credits_paid", Sum("amount"))] },
    Recount {
        table: Table::CreditBalances,
        by: &["currency"],
        only: None,
        measures: &[
            ("credits_opening", Sum("opening")),
            ("credits_drawn", Sum("drawn")),
            ("credits_expired", Sum("expired")),
            ("credits_left", Sum("left")),
        ],
    },
    Recount {
        table: Table::InvoiceSubtotals,
        by: &["currency"],
        only: None,
        measures: &[("subtotal_net", Sum("amount_net_own")), ("subtotal_tax", Sum("amount_tax_own"))],
    },
];

impl Recount {
    /// The subject of a group, by its texts in the order of `by`.
    #[must_use]
    pub fn subject(&self, group: &[String]) -> Option<Subject> {
        let named =
            |column: &str| self.by.iter().zip(group).find(|(by, _)| **by == column).map(|(_, text)| text.clone());
        Subject::read(self.scope(), named)
    }

    fn scope(&self) -> &'static str {
        match self.by.last() {
            Some(&"run_id") | None => "run",
            Some(by) => by,
        }
    }

    /// Adds a recomputed value to what was found; `None` when the sum is out of range.
    #[must_use]
    pub fn add(&self, found: &mut Named, subject: &Subject, measure: &str, value: Decimal) -> Option<()> {
        let sum = found.entry((subject.clone(), measure.to_owned())).or_default();
        *sum = sum.plus(value)?;
        Some(())
    }
}

/// The totals that [`RECOUNTS`] recompute.
#[must_use]
pub fn expected(totals: &ControlTotals) -> Named {
    let recomputed = |subject: &Subject, measure: &str| {
        let of = |recount: &&Recount| recount.scope() == subject.scope();
        RECOUNTS.iter().filter(of).any(|recount| recount.measures.iter().any(|(name, _)| *name == measure))
    };
    let mut named = totals.named();
    named.retain(|(subject, measure), _| recomputed(subject, measure));
    named
}
