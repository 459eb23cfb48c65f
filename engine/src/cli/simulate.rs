//! `ratemill simulate`.

use super::arguments::{Shape, SimulateArguments};
use super::run::options;
use super::{Ending, diff, progress};
use crate::fault::Outcome;
use crate::lineset::diff::Side;
use crate::run::{prepare_with_book, simulate};

/// Says what another price book would change.
///
/// # Errors
/// All faults found.
pub(super) async fn carry_out(arguments: &SimulateArguments, shape: Shape) -> Outcome<Ending> {
    let of = &arguments.of;
    let env = |name: &str| std::env::var(name).ok();
    let prepared = prepare_with_book(&of.pipeline, &of.period, &env, Some(&arguments.book)).await?;
    let outcome = simulate(&prepared, &options(of, &prepared)).await;
    progress::done();
    let simulation = outcome?;
    let (number, committed) = &simulation.committed;
    let period = committed.period.as_str();
    let a = Side { output: &simulation.output, period, number: *number, manifest: committed };
    let b = Side { output: &simulation.memory, period, number: 0, manifest: &simulation.simulated };
    diff::show(&a, &b, (arguments.by, arguments.top), shape).await?;
    Ok(Ending::Done)
}
