//! Compressed bytes -> a bounded stream of plain bytes. The ending of the file's name says how it is packed (`.gz`,
//! `.zst`, else not at all); several gzip members or zstd frames in a row are one stream. A stream that breaks off is
//! `U002`, one that grows past the limit is `U004`: a bomb never fills the memory.

use std::io::{ErrorKind, Read};

use bytes::{Buf, Bytes, BytesMut};
use flate2::bufread::MultiGzDecoder;

use crate::fault::{Fault, Outcome, Place, codes};
use crate::pipeline::model::Limits;

/// A usage file's plain bytes, read piece by piece.
pub(super) struct Unpacked {
    name: String,
    stream: Box<dyn Read + Send>,
    /// Bytes the file may still unpack to; `None` when it is not packed.
    left: Option<u64>,
    limit: u64,
}

impl Unpacked {
    /// The stream of `bytes`, packed as `name` says.
    pub(super) fn new(name: &str, bytes: Bytes, limits: &Limits) -> Outcome<Self> {
        let packing = packing(name);
        if packing.is_some() && bytes.is_empty() {
            return Err(unreadable(name, "it has no bytes at all").into());
        }
        let stream: Box<dyn Read + Send> = match packing {
            Some(Packing::Gzip) => Box::new(MultiGzDecoder::new(bytes.reader())),
            Some(Packing::Zstd) => {
                let decoder = zstd::stream::read::Decoder::with_buffer(bytes.reader());
                Box::new(decoder.map_err(|cause| unreadable(name, &cause.to_string()))?)
            }
            None => Box::new(bytes.reader()),
        };
        let limit = limits.decompressed_file;
        Ok(Self { name: name.to_owned(), stream, left: packing.map(|_| limit), limit })
    }

    /// Appends up to `length` bytes to `text`; fewer only at the end of the file.
    pub(super) fn append(&mut self, text: &mut BytesMut, length: usize) -> Outcome<usize> {
        let start = text.len();
        text.resize(start + length, 0);
        let mut read = 0;
        while let Some(room) = text.get_mut(start + read..).filter(|room| !room.is_empty()) {
            match self.stream.read(room) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(cause) if cause.kind() == ErrorKind::Interrupted => {}
                Err(cause) => return Err(unreadable(&self.name, &cause.to_string()).into()),
            }
        }
        text.truncate(start + read);
        if let Some(left) = self.left {
            let left = left.checked_sub(u64::try_from(read).unwrap_or(u64::MAX));
            self.left = Some(left.ok_or_else(|| too_large(&self.name, self.limit))?);
        }
        Ok(read)
    }

    /// The whole file at once, for formats that cannot be read in order; nothing is copied when it is not packed.
    pub(super) fn whole(name: &str, bytes: Bytes, limits: &Limits) -> Outcome<Bytes> {
        const PIECE: usize = 1 << 20;
        let mut file = Self::new(name, bytes.clone(), limits)?;
        if file.left.is_none() {
            return Ok(bytes);
        }
        let mut text = BytesMut::new();
        while file.append(&mut text, PIECE)? == PIECE {}
        Ok(text.freeze())
    }
}

/// How a file is packed.
enum Packing {
    Gzip,
    Zstd,
}

fn packing(name: &str) -> Option<Packing> {
    match name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase().as_str() {
        "gz" => Some(Packing::Gzip),
        "zst" => Some(Packing::Zstd),
        _ => None,
    }
}

/// Whether the file's name says that it is packed.
pub(super) fn is_packed(name: &str) -> bool {
    packing(name).is_some()
}

/// `U002`: the file breaks off or is damaged.
pub(super) fn unreadable(name: &str, cause: &str) -> Fault {
    Fault::new(&codes::U002, format!("the file cannot be read to its end: {cause}"))
        .at(&Place::file(name))
        .hint("the upload may have broken off: deliver the file again; nothing of this run was rated")
}

/// `U004`: the file unpacks to more than the limit.
pub(super) fn too_large(name: &str, limit: u64) -> Fault {
    Fault::new(&codes::U004, format!("the file unpacks to more than {limit} bytes"))
        .at(&Place::file(name))
        .hint("split the file, or raise `limits: { decompressed_file: … }` in the pipeline")
}
