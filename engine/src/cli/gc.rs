//! `ratemill gc`.

use std::collections::BTreeMap;

use super::arguments::{Format, GcArguments};
use super::run::{counted, grouped};
use super::stored::{now, stored};
use super::{Ending, talk};
use crate::fault::Outcome;
use crate::lineset::sweep::{Doomed, Keep, Reason, Swept, doomed, sweep};

/// Deletes what no line set needs any more.
///
/// # Errors
/// All faults found.
pub(super) async fn carry_out(arguments: &GcArguments, format: Format) -> Outcome<Ending> {
    let stored = stored(&arguments.of).await?;
    let survey = stored.survey().await?;
    stored.check_own(&survey)?;
    let keep = Keep { newest: usize::from(arguments.keep), grace: arguments.grace, now: now() };
    let found = doomed(&survey, keep);
    let swept = if arguments.dry_run { found } else { sweep(&stored.output, &survey, found).await? };
    let bytes: u64 = swept.files.iter().map(|file| file.bytes).sum();
    match format {
        Format::Json => talk::json(&serde_json::json!({
            "outcome": if arguments.dry_run { "would_delete" } else { "deleted" },
            "output": stored.output.display(),
            "bytes": bytes,
            "files": swept.files,
            "held": swept.held,
        }))?,
        Format::Text => talk::result(&told(&swept, bytes, arguments.dry_run))?,
    }
    Ok(Ending::Done)
}

fn told(swept: &Swept, bytes: u64, dry: bool) -> String {
    let mut lines = Vec::new();
    let mut by_reason: BTreeMap<Reason, Vec<&Doomed>> = BTreeMap::new();
    for file in &swept.files {
        by_reason.entry(file.reason).or_default().push(file);
    }
    for (reason, files) in by_reason {
        lines.push(format!("{} ({})", heading(reason), counted(count(files.len()), "file")));
        lines.extend(files.iter().map(|file| format!("  {:>14}  {}", grouped(&file.bytes.to_string()), file.path)));
    }
    if !swept.held.is_empty() {
        let held = counted(count(swept.held.len()), "file");
        lines.push(format!("{held} left, because a run is not finished: run it again, or `ratemill abandon` it"));
        lines.extend(swept.held.iter().map(|path| format!("  {path}")));
    }
    let verb = if dry { "would delete" } else { "deleted" };
    lines.push(format!("{verb} {}, {} bytes", counted(count(swept.files.len()), "file"), grouped(&bytes.to_string())));
    lines.join("\n") + "\n"
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

fn heading(reason: Reason) -> &'static str {
    match reason {
        Reason::Superseded => "of superseded line sets",
        Reason::Orphan => "named by no manifest and no plan",
        Reason::Staged => "left by writers that were killed",
        Reason::IdlePlan => "plans of runs that wrote nothing",
        Reason::Abandoned => "given up",
    }
}
