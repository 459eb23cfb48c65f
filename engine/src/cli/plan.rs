//! `ratemill plan`.

use super::arguments::{Format, RunArguments};
use super::run::options;
use super::{Ending, talk};
use crate::fault::Outcome;
use crate::run::{Outlook, plan, prepare};

/// Shows what a run would read and write.
///
/// # Errors
/// All faults found.
pub(super) async fn carry_out(arguments: &RunArguments, format: Format) -> Outcome<Ending> {
    let prepared = prepare(&arguments.pipeline, &arguments.period, &|name| std::env::var(name).ok()).await?;
    let outlook = plan(&prepared, &options(arguments, &prepared)).await?;
    match format {
        Format::Json => talk::json(&outlook)?,
        Format::Text => talk::result(&described(&outlook))?,
    }
    Ok(Ending::Done)
}

fn described(outlook: &Outlook) -> String {
    let mut lines = vec![
        format!("Period {}: {} to {}", outlook.period, outlook.period_start, outlook.period_end),
        format!("Run {}", outlook.run_id),
        String::new(),
        "Would read".to_owned(),
    ];
    lines.extend(
        outlook
            .sources
            .iter()
            .map(|own| format!("  {:<16} {:>6} files {:>14} bytes  {}", own.source, own.files, own.bytes, own.path)),
    );
    let counted = |counts: &std::collections::BTreeMap<&str, usize>| {
        counts.iter().map(|(name, count)| format!("{count} {name}")).collect::<Vec<_>>().join(", ")
    };
    lines.push(format!("  reference: {}", counted(&outlook.reference)));
    lines.push(format!("  book: {}", counted(&outlook.book)));
    lines.push(String::new());
    if outlook.already_done {
        lines.push(format!("Would write nothing: already done, see {}", outlook.manifest));
        return lines.join("\n") + "\n";
    }
    lines.push("Would write".to_owned());
    lines.extend(outlook.writes.iter().map(|folder| format!("  {folder}")));
    lines.push(format!("  {}", outlook.manifest));
    if let Some(run_id) = &outlook.supersedes {
        lines.push(format!("  (the line set of run {run_id} is superseded; its files stay until `ratemill gc`)"));
    }
    lines.join("\n") + "\n"
}
