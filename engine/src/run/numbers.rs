//! Invoice numbers: where a seller's sequence stands in the output, and that no period takes numbers of another.
//!
//! The sequence has no gaps: a period begins where the newest line set of the latest earlier period ends. A rerun of a period
//! begins where its predecessor began, so invoices in the same order have the same numbers.

use super::Prepared;
use super::rating::Billing;
use crate::fault::{Fault, Outcome, codes};
use crate::lineset::commit::periods;
use crate::lineset::current;
use crate::lineset::manifest::{Manifest, Numbers};
use crate::store::Location;

/// The number of the period's first invoice; `None` when invoices are not numbered.
///
/// # Errors
/// Manifests that cannot be read.
pub(super) async fn first(prepared: &Prepared, output: &Location) -> Outcome<Option<u64>> {
    let Some(numbering) = &prepared.pipeline.numbering else { return Ok(None) };
    let label = prepared.period.label.as_str();
    for earlier in periods(output).await?.iter().rev().filter(|period| period.as_str() < label) {
        let manifest = current(output, earlier).await?;
        let numbers = manifest.and_then(|(_, manifest)| manifest.invoice_numbers.get(&numbering.seller).copied());
        if let Some(numbers) = numbers {
            return Ok(Some(numbers.next));
        }
    }
    Ok(Some(1))
}

/// The number of the first invoice of a committed line set.
pub(super) fn first_of(prepared: &Prepared, manifest: &Manifest) -> Option<u64> {
    let numbering = prepared.pipeline.numbering.as_ref()?;
    manifest.invoice_numbers.get(&numbering.seller).map(|numbers| numbers.first)
}

/// The numbers that the invoices take, when later periods begin where they end.
///
/// # Errors
/// `O010` when a later period begins elsewhere, `O002` when an earlier one was committed meanwhile.
pub(super) async fn taken(
    prepared: &Prepared,
    output: &Location,
    first: Option<u64>,
    billing: &Billing,
) -> Outcome<Option<(String, Numbers)>> {
    let (Some(numbering), Some(from)) = (&prepared.pipeline.numbering, first) else { return Ok(None) };
    let label = prepared.period.label.as_str();
    if self::first(prepared, output).await? != first {
        let message =
            format!("an earlier period was committed while {label} was rated: its invoices begin elsewhere now");
        return Err(Fault::new(&codes::O002, message).hint("run again").into());
    }
    let next = from + u64::try_from(billing.invoices.len()).unwrap_or(u64::MAX);
    for later in periods(output).await?.iter().filter(|period| period.as_str() > label) {
        let Some((_, manifest)) = current(output, later).await? else { continue };
        let Some(numbers) = manifest.invoice_numbers.get(&numbering.seller) else { continue };
        if numbers.first != next {
            let message = format!(
                "{label} would take the invoice numbers {from} up to before {next} of `{}`, but those of {later} begin with {}",
                numbering.seller, numbers.first
            );
            let hint = "numbers that were given stay: bill the difference in a period without a successor";
            return Err(Fault::new(&codes::O010, message).hint(hint).into());
        }
        break;
    }
    Ok(Some((numbering.seller.clone(), Numbers { first: from, next })))
}
