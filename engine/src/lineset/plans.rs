//! Plans: what a run is about to do, put before its first file and kept beside the manifests of its period.
//!
//! A plan whose run stands in no manifest is a run that was not finished. It says whose the files are that no manifest
//! names, and `gc` leaves them alone: they may still be written. A plan holds facts only, so a run that is begun again
//! puts the same bytes.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::commit::folder;
use super::failpoint::failpoint;
use super::manifest::{Input, unreadable};
use crate::fault::{Fault, Outcome};
use crate::store::Location;

/// The version of this layout.
pub const FORMAT: u32 = 1;

/// A plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
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
    /// The line set that stood when the run was begun; none for the first of its period.
    pub supersedes: Option<Standing>,
}

/// A committed line set, named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Number of its manifest.
    pub number: u32,
    /// Its run.
    pub run_id: String,
}

impl Plan {
    /// Puts the plan: from now on, the run's files are somebody's.
    ///
    /// # Errors
    /// `O001` when the store refuses, `X001` when it is no JSON.
    pub async fn put(&self, output: &Location) -> Outcome<()> {
        let mut text = serde_json::to_vec_pretty(self).map_err(|cause| Fault::ours(format!("the plan: {cause}")))?;
        text.push(b'\n');
        output.join(&path(&self.period, &self.run_id))?.put(Bytes::from(text)).await?;
        failpoint("after_plan");
        Ok(())
    }

    /// Reads the object called `name`.
    ///
    /// # Errors
    /// `O005` when it is not a plan of this format.
    pub fn parse(name: &str, bytes: &[u8]) -> Outcome<Self> {
        let broken = |cause: String| unreadable(name, "plan", FORMAT, &cause);
        let plan: Self = serde_json::from_slice(bytes).map_err(|cause| broken(cause.to_string()))?;
        if plan.format != FORMAT {
            return Err(broken(format!("it says format {}", plan.format)).into());
        }
        Ok(plan)
    }
}

/// The plan's path below the output.
#[must_use]
pub fn path(period: &str, run_id: &str) -> String {
    format!("{}/plans/{run_id}.json", folder(period))
}
