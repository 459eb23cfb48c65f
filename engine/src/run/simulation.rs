//! What another price book would bill for usage that a run has taken in already: no usage file is opened, and nothing is
//! left behind.

use super::nights;
use super::{Decisions, Place, Prepared, RunOptions, numbers, rated};
use crate::fault::{Fault, Outcome, codes};
use crate::lineset::Manifest;
use crate::lineset::current;
use crate::store::Location;

/// Two line sets of a period: what is committed, and what would be.
#[derive(Debug)]
pub struct Simulation {
    /// Where the committed one lies.
    pub output: Location,
    /// The committed one, with its number.
    pub committed: (u32, Manifest),
    /// Where the tables of the other one are, in memory.
    pub memory: Location,
    /// The other one.
    pub simulated: Manifest,
}

/// Rates the kept usage of the period's newest line set with `prepared`, whose price book may be another one.
///
/// # Errors
/// `O014` when no usage is kept, or when it would be taken in otherwise now; those of a run.
pub async fn simulate(prepared: &Prepared, options: &RunOptions) -> Outcome<Simulation> {
    let output = Location::parse(&options.output)?;
    output.check_folder()?;
    let label = &prepared.period.label;
    let Some(committed) = current(&output, label).await? else {
        let message = format!("nothing is committed for {label} in `{}`", output.display());
        return Err(Fault::new(&codes::O014, message).hint("run the period first, or name its --output").into());
    };
    if prepared.pipeline.tax_exchange.is_some() {
        let message = "taxes are worked out by a service, which is not asked for what is only supposed";
        return Err(Fault::new(&codes::O014, message).hint("simulate with `tax_rates`").into());
    }
    let before = &committed.1;
    let found = nights::kept(prepared, before)?;
    let guide = super::Guide::new(&prepared.book, &prepared.reference, &prepared.catalog, &prepared.asked_meters())?;
    let decisions = Decisions::of(&output, label).await?.only(&before.decisions);
    let now = nights::facts(prepared, &guide, &decisions);
    if before.nights.as_ref().map(|nights| &nights.taken_in) != now.as_ref().map(|nights| &nights.taken_in) {
        let message = format!("usage of {label} would be read, guided or measured otherwise than it was");
        let hint = "meters, the products that are on them, subscriptions, identifiers or the pipeline have changed: \
                    run the period with them instead, into another --output, and compare with `ratemill diff`";
        return Err(Fault::new(&codes::O014, message).hint(hint).into());
    }
    let first_number = numbers::first_of(prepared, before);
    let run_id = prepared.run_id(&found.files, first_number, [], &decisions);
    let memory = Location::parse("memory://simulation")?;
    let place = Place {
        output: &memory,
        kept_in: &output,
        run_id: &run_id,
        first_number,
        standing: None,
        keeps: false,
        bills: None,
        decisions: &decisions,
    };
    let (simulated, _) = rated(prepared, options, &place, found, Some(before)).await?;
    Ok(Simulation { output, committed, memory, simulated })
}
