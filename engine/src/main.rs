//! The `ratemill` binary: words typed in, an exit code out (DESIGN section 7). Everything else is the library's.

use std::process::ExitCode;

fn main() -> ExitCode {
    ratemill::cli::main()
}
