//! Makes the sample of Ptarmigan, an invented video-conferencing provider, for October 2026, in flow order:
//! [`customers`] are who buys, [`provider`] the books, [`bridge`], [`media`] and [`recording`] the usage, [`mishaps`]
//! what goes wrong on the way, [`ledger`] what a right engine must count, [`files`] and [`reference`] what is written.
//! It is apart from the engine and shares nothing with it, so that its counts are a second opinion.

pub(crate) mod agreements;
pub(crate) mod bridge;
pub(crate) mod clock;
pub(crate) mod customers;
pub(crate) mod dice;
pub(crate) mod files;
pub(crate) mod ledger;
pub(crate) mod media;
pub(crate) mod mishaps;
pub(crate) mod provider;
pub(crate) mod recording;
pub(crate) mod reference;
pub(crate) mod spots;

use std::io;
use std::path::Path;

use bridge::Leg;
use ledger::{Expected, settle};
use media::Measurement;
use mishaps::{Record, Row};
use provider::Provider;
use recording::Event;

/// Writes the whole sample below `out` and says what is in it.
pub(crate) fn write_sample(out: &Path, seed: u64) -> io::Result<String> {
    let provider = Provider::build(seed);
    let usage = out.join("usage");
    files::empty_folder(&usage)?;
    files::empty_folder(&out.join("reference"))?;
    reference::write(&provider, seed, &out.join("reference"))?;

    let legs = by_file(bridge::legs(&provider, seed), bridge::path);
    let measurements = by_file(media::measurements(&provider, seed), media::path);
    let events = by_file(recording::events(&provider, seed), recording::path);
    for (path, rows) in &legs {
        files::write_gzip(&usage.join(path), &bridge::csv_text(rows))?;
    }
    for (path, rows) in &measurements {
        files::write_file(&usage.join(path), &media::parquet_bytes(rows)?)?;
    }
    for (path, rows) in &events {
        files::write_zstd(&usage.join(path), &recording::ndjson_text(rows))?;
    }
    let expected = Expected {
        seed,
        sources: vec![
            ("bridge", settle::<Leg>(&provider, &legs)),
            ("media", settle::<Measurement>(&provider, &measurements)),
            ("recording", settle::<Event>(&provider, &events)),
        ],
    };
    files::write_file(&out.join("expected.json"), expected.json().as_bytes())?;
    Ok(expected.summary())
}

/// Rows put into their files, files in path order, rows in the order in which they were delivered.
fn by_file<R: Record>(mut rows: Vec<Row<R>>, path: fn(i64) -> String) -> Vec<(String, Vec<Row<R>>)> {
    rows.sort_by_key(|row| (row.day, row.delivered));
    let mut filed: Vec<(String, Vec<Row<R>>)> = Vec::new();
    for row in rows {
        let name = path(row.day);
        match filed.last_mut() {
            Some((last, held)) if *last == name => held.push(row),
            _ => filed.push((name, vec![row])),
        }
    }
    filed
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::write_sample;

    fn committed() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../sample-data")
    }

    fn every_file(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        let mut open = vec![folder.to_owned()];
        while let Some(next) = open.pop() {
            for entry in fs::read_dir(next).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    let bytes = fs::read(&path).unwrap();
                    found.push((path.strip_prefix(folder).unwrap().to_owned(), bytes));
                }
            }
        }
        found.sort();
        found
    }

    #[test]
    fn the_committed_sample_is_what_the_generator_writes() {
        let made = std::env::temp_dir().join(format!("ratemill-sample-{}", std::process::id()));
        write_sample(&made, 42).unwrap();
        let (made_files, mut kept) = (every_file(&made), every_file(&committed()));
        kept.retain(|(path, _)| path != Path::new("README.md"));
        fs::remove_dir_all(&made).unwrap();
        let names = |files: &[(PathBuf, Vec<u8>)]| files.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>();
        assert_eq!(names(&made_files), names(&kept));
        for ((path, new), (_, old)) in made_files.iter().zip(&kept) {
            assert!(new == old, "{} differs: run `cargo run -p ratemill-benches --bin sample-data`", path.display());
        }
        let size: usize = kept.iter().map(|(_, bytes)| bytes.len()).sum();
        assert!(size < 6_000_000, "the sample is {size} bytes");
    }
}
