//! The `ratemill` binary: words typed in, an exit code out (DESIGN section 7). Everything else is the library's.

use std::process::ExitCode;

/// Stages hand large tables on and free them on other threads; this allocator gives their pages back, where the system's
/// keeps them and a run would hold the sum of its stages.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ratemill::cli::main()
}
