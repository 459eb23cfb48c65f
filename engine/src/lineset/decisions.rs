//! Decisions on records in suspense: which records are recycled, or written off and for what reason.
//!
//! A decision is a small file beside the manifests of its period, numbered and put if absent, that names every record it
//! is about; it is never changed or deleted. Runs read all decisions of their period as facts. There is no clock in it: the
//! same decision has the same bytes, so of two that are taken at once there is one.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::commit::{Claimed, claim, folder, numbered};
use super::failpoint::failpoint;
use super::manifest::unreadable;
use crate::fault::{Fault, Outcome, codes};
use crate::store::Location;

/// The version of this layout.
pub const FORMAT: u32 = 1;

/// A decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Version of the layout, [`FORMAT`].
    pub format: u32,
    /// The period, `YYYY-MM`.
    pub period: String,
    /// Name of the pipeline.
    pub pipeline: String,
    /// Its number among the decisions of the period, from 1.
    pub number: u32,
    /// What is to become of the records.
    pub action: Action,
    /// Why; blank when nobody has said.
    pub reason: String,
    /// The run whose suspense was looked at.
    pub run_id: String,
    /// The records, in the order of their sources, files and reason codes.
    pub records: Vec<Named>,
}

/// What is to become of records in suspense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// They are read again, by the rules, prices and reference tables of then.
    Recycle,
    /// They are never rated.
    WriteOff,
}

/// Records of one file that were set aside for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// Their source.
    pub source: String,
    /// Their file, as the source names it.
    pub file: String,
    /// Digest of its bytes: a corrected file has other records.
    pub digest: String,
    /// The reason code they were set aside with.
    pub code: String,
    /// Their numbers in the file, ascending.
    pub rows: Vec<u32>,
}

/// A decision that was taken, with the digest of its bytes.
#[derive(Clone, Debug)]
pub struct Taken {
    /// What it says.
    pub says: Decision,
    /// BLAKE3 of its bytes, hex.
    pub digest: String,
}

impl Decision {
    /// How many records it names.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.iter().map(|named| named.rows.len()).sum()
    }

    /// Whether it names none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes the decision. Whether the same one was taken before, by whomever.
    ///
    /// # Errors
    /// `O017` when another decision has its number, `O003` when the store refuses for good, `O008` when it did not answer.
    pub async fn take(&self, output: &Location) -> Outcome<bool> {
        let bytes = Bytes::from(serde_json::to_vec(self).map_err(|cause| Fault::ours(format!("a decision: {cause}")))?);
        let object = output.join(&path(&self.period, self.number))?;
        failpoint("before_decision");
        let standing = || async {
            match object.read_if_there().await? {
                None => Ok(None),
                Some(found) if found == bytes => Ok(Some(())),
                Some(_) => {
                    let (number, period) = (self.number, &self.period);
                    let message =
                        format!("another decision on suspense of {period} was taken meanwhile, number {number}");
                    let hint = "look at `ratemill suspense list`, then decide again";
                    Err(Fault::new(&codes::O017, message).hint(hint).into())
                }
            }
        };
        let claimed = claim(&object, &bytes, standing).await?;
        failpoint("after_decision");
        Ok(matches!(claimed, Claimed::Before(())))
    }

    fn parse(name: &str, bytes: &[u8]) -> Outcome<Self> {
        let broken = |cause: String| unreadable(name, "decision", FORMAT, &cause);
        let decision: Self = serde_json::from_slice(bytes).map_err(|cause| broken(cause.to_string()))?;
        if decision.format != FORMAT {
            return Err(broken(format!("it says format {}", decision.format)).into());
        }
        Ok(decision)
    }
}

/// Every decision of the period, in the order they were taken.
///
/// # Errors
/// `O001` when the store does not answer, `O005` for a decision that cannot be read.
pub async fn taken(output: &Location, period: &str) -> Outcome<Vec<Taken>> {
    let found = output.join(&below(period))?.list_below().await?;
    let mut numbers: Vec<u32> = found.iter().filter_map(|object| numbered(&object.name)).collect();
    numbers.sort_unstable();
    let mut taken = Vec::with_capacity(numbers.len());
    for number in numbers {
        let path = path(period, number);
        let bytes = output.join(&path)?.read().await?;
        let says = Decision::parse(&path, &bytes)?;
        taken.push(Taken { says, digest: blake3::hash(&bytes).to_hex().to_string() });
    }
    Ok(taken)
}

fn below(period: &str) -> String {
    format!("{}/decisions", folder(period))
}

/// The decision's path below the output.
#[must_use]
pub fn path(period: &str, number: u32) -> String {
    format!("{}/{number:04}.json", below(period))
}
