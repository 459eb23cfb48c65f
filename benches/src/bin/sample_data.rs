//! `sample-data --out sample-data --seed 42`: makes the sample of an invented video-conferencing provider again.
//! The same seed gives the same bytes. It is a thin front door; the sample itself is in `benches/src/sample`.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

#[path = "../sample/mod.rs"]
mod sample;

const USAGE: &str = "usage: sample-data [--out FOLDER] [--seed NUMBER]   (default: --out sample-data --seed 42)\n";

struct Request {
    out: PathBuf,
    seed: u64,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(request) = understand(&arguments) else {
        let _ = io::stderr().write_all(USAGE.as_bytes());
        return ExitCode::from(2);
    };
    match sample::write_sample(&request.out, request.seed) {
        Ok(summary) => {
            let _ = io::stdout().write_all(summary.as_bytes());
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(io::stderr(), "cannot write the sample to {}: {error}", request.out.display());
            ExitCode::FAILURE
        }
    }
}

fn understand(arguments: &[String]) -> Option<Request> {
    let mut request = Request { out: PathBuf::from("sample-data"), seed: 42 };
    for pair in arguments.chunks(2) {
        match pair {
            [name, value] if name == "--out" => request.out = PathBuf::from(value),
            [name, value] if name == "--seed" => request.seed = value.parse().ok()?,
            _ => return None,
        }
    }
    Some(request)
}
