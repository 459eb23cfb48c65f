//! The second recount: Polars reads the written line set back from the store and recomputes every control total.
//!
//! Separate from the first one (`control/memory.rs`) in engine, in input (bytes in the store, not tables in memory) and in
//! time (after the write, before the commit). What it finds different is never committed; it writes nothing itself.

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};

use crate::control::ControlTotals;
use crate::control::measures::expected;
use crate::control::rows::compare;
use crate::fault::{Fault, Faults, Outcome, codes};
use crate::lineset::Written;
use crate::lineset::failpoint::failpoint;
use crate::store::Location;

pub mod recount;

use recount::Found;

const ENGINE: &str = "Polars, from the written files";

/// Reads every written part back, a few at a time, and compares its bytes with what was written and its counts and sums
/// with the totals of the run.
///
/// # Errors
/// `G001` for every difference, `O001` when a part cannot be read; nothing may be committed then.
pub async fn read_back(output: &Location, written: &[Written], totals: &ControlTotals) -> Outcome<()> {
    failpoint("before_verify");
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let parts = futures::stream::iter(written).map(|part| read_part(output, part)).buffered(threads);
    let found = parts.try_fold(Found::default(), |all, part| async { all.merge(part) }).await?;
    let mut faults = Faults(found.faults);
    faults.keep(compare(ENGINE, &expected(totals), &found.recounted));
    faults.keep(compare(ENGINE, &totals.named(), &found.published));
    faults.or(())
}

async fn read_part(output: &Location, part: &Written) -> Outcome<Found> {
    let bytes = output.join(&part.path)?.read().await?;
    let part = part.clone();
    let path = part.path.clone();
    let recount = tokio::task::spawn_blocking(move || check_part(&part, bytes));
    recount.await.map_err(|cause| Fault::ours(format!("reading {path} back: {cause}")))?
}

fn check_part(part: &Written, bytes: Bytes) -> Outcome<Found> {
    let digest = blake3::hash(&bytes).to_hex();
    if digest.as_str() != part.digest {
        let message = format!("`{}` does not hold the bytes that were written", part.path);
        return Ok(Found { faults: vec![Fault::new(&codes::G001, message)], ..Found::default() });
    }
    recount::part(part.table, &part.path, part.rows, bytes)
}
