//! Writes files so that the same content is always the same bytes: no time and no name in a gzip header, fixed levels.
//! It is apart so that nothing else touches the disk. It removes only folders that hold generated files.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use flate2::{Compression, GzBuilder};

/// Removes what an earlier run left in a folder of generated files.
pub(crate) fn empty_folder(folder: &Path) -> io::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)
}

/// Writes a file and the folders above it.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, bytes)
}

/// Writes a text as gzip.
pub(crate) fn write_gzip(path: &Path, text: &str) -> io::Result<()> {
    let mut writer = GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), Compression::new(9));
    writer.write_all(text.as_bytes())?;
    write_file(path, &writer.finish()?)
}

/// Writes a text as zstd.
pub(crate) fn write_zstd(path: &Path, text: &str) -> io::Result<()> {
    write_file(path, &zstd::encode_all(text.as_bytes(), 19)?)
}
