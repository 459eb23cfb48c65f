//! Everything that is printed goes through here: results to stdout, talk to stderr.

use std::io::Write;

use tracing_subscriber::EnvFilter;

use super::arguments::LogFormat;
use crate::fault::{Fault, Outcome, codes};

/// Prints a result on stdout.
///
/// # Errors
/// `O001` when stdout is closed or full.
pub(super) fn result(text: &str) -> Outcome<()> {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|cause| Fault::new(&codes::O001, format!("cannot print: {cause}")).into())
}

/// Prints a value as JSON on stdout.
///
/// # Errors
/// `O001` when stdout is closed or full.
pub(super) fn json(value: &impl serde::Serialize) -> Outcome<()> {
    let text = serde_json::to_string_pretty(value).map_err(|cause| Fault::ours(format!("no JSON: {cause}")))?;
    result(&format!("{text}\n"))
}

/// Says something on stderr. Nothing can be done when that is closed.
pub(super) fn say(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Starts the log on stderr.
pub(super) fn start_log(format: LogFormat) {
    let level = std::env::var("RATEMILL_LOG").unwrap_or_default();
    let default = if format == LogFormat::Json { "ratemill=info" } else { "ratemill=warn" };
    let asked = EnvFilter::try_new(if level.is_empty() { default } else { &level });
    let understood = asked.is_ok();
    let filter = asked.unwrap_or_else(|_| EnvFilter::new(default));
    // A full or closed stderr must not end a run: by itself, the log would panic about what it cannot say.
    let log = tracing_subscriber::fmt().log_internal_errors(false).with_env_filter(filter).with_writer(std::io::stderr);
    // A second start (in tests) keeps the first log.
    let _ = match format {
        LogFormat::Json => log.json().flatten_event(true).try_init(),
        LogFormat::Text => log.try_init(),
    };
    if !understood {
        tracing::warn!("RATEMILL_LOG is `{level}`, which is not understood: logging as if it were not set");
    }
}
