//! Named places where a test can kill the process, to show that a crash leaves a whole run or nothing, or hold it, to
//! show what becomes of a race.
//!
//! Always compiled in, so that what is killed is what users run: it costs one look at the environment.

/// Every name that [`failpoint`] is called with, in the order a run comes by, and what is in the store then.
pub const NAMES: [&str; 7] = [
    // The plan and nothing else of the run.
    "after_plan",
    // One file of the run's tables, or a few more: workers go on until the process is gone.
    "after_first_part",
    // All files that every run writes.
    "before_verify",
    // Of incremental pipelines: a file of what is kept for the next night.
    "after_first_kept_part",
    // Of incremental pipelines: all files, but not the note of what usage files look like in the store.
    "before_stamps",
    // All but the manifest.
    "before_manifest",
    // The whole run; nobody has been told.
    "after_manifest",
];

/// Ends the process on the spot, without any clean-up, when `RATEMILL_FAILPOINT` is `name`; or holds it until there is a
/// file of the name that `RATEMILL_FAILPOINT_UNTIL` says. A process that is held leaves a file `NAME.PID` beside that one.
pub fn failpoint(name: &str) {
    if std::env::var_os("RATEMILL_FAILPOINT").is_none_or(|wanted| wanted != name) {
        return;
    }
    let Some(until) = std::env::var_os("RATEMILL_FAILPOINT_UNTIL") else { std::process::abort() };
    let until = std::path::PathBuf::from(until);
    // Whoever waits for the file waits in vain when it cannot be written, and says so.
    let _ = std::fs::write(until.with_extension(std::process::id().to_string()), name);
    while !until.exists() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}
