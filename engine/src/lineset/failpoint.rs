//! Named places where a test can kill the process, to show that a crash leaves a whole run or nothing.
//!
//! Always compiled in, so that what is killed is what users run: it costs one look at the environment.

/// Every name that [`failpoint`] is called with.
pub const NAMES: [&str; 4] = ["after_first_part", "before_verify", "before_manifest", "after_manifest"];

/// Ends the process on the spot, without any clean-up, when `RATEMILL_FAILPOINT` is `name`.
pub fn failpoint(name: &str) {
    if std::env::var_os("RATEMILL_FAILPOINT").is_some_and(|wanted| wanted == name) {
        std::process::abort();
    }
}
