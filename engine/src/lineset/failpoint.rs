//! Named places where a test can kill the process, to show that a crash leaves a whole run or nothing, or hold it, to
//! show what becomes of a race.
//!
//! Always compiled in, so that what is killed is what users run: it costs one look at the environment.

/// Every name that [`failpoint`] is called with.
pub const NAMES: [&str; 5] = ["after_plan", "after_first_part", "before_verify", "before_manifest", "after_manifest"];

/// Ends the process on the spot, without any clean-up, when `RATEMILL_FAILPOINT` is `name`; or holds it until there is a
/// file of the name that `RATEMILL_FAILPOINT_UNTIL` says.
pub fn failpoint(name: &str) {
    if std::env::var_os("RATEMILL_FAILPOINT").is_none_or(|wanted| wanted != name) {
        return;
    }
    let Some(until) = std::env::var_os("RATEMILL_FAILPOINT_UNTIL") else { std::process::abort() };
    while !std::path::Path::new(&until).exists() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}
