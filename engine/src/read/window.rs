//! A sliding window over a text file: the part of it that the batch at hand needs, and no more. Formats look for the
//! next row in it and ask for more when the row goes on; a batch takes the text of its rows away with it.

use bytes::{Bytes, BytesMut};

use super::unpack::Unpacked;
use crate::fault::Outcome;

/// Bytes asked for at a time.
const PIECE: usize = 256 * 1024;

/// Text from the start of the batch at hand to as far as the file was read.
pub(super) struct Window {
    file: Unpacked,
    /// What was read and not taken away yet.
    pub(super) text: BytesMut,
    /// Where the next row starts.
    pub(super) at: usize,
    /// The file has no more bytes than `text`.
    pub(super) ended: bool,
}

impl Window {
    /// The start of `file`, a byte order mark skipped.
    pub(super) fn open(file: Unpacked) -> Outcome<Self> {
        let mut window = Self { file, text: BytesMut::new(), at: 0, ended: false };
        window.grow()?;
        if window.text.starts_with(b"\xEF\xBB\xBF") {
            window.at = 3;
        }
        Ok(window)
    }

    /// Reads on.
    pub(super) fn grow(&mut self) -> Outcome<()> {
        self.ended = self.file.append(&mut self.text, PIECE)? < PIECE;
        Ok(())
    }

    /// What is read of the rows to come.
    pub(super) fn ahead(&self) -> &[u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The text up to the next row, which leaves the window; nothing is copied.
    pub(super) fn take(&mut self) -> Bytes {
        let taken = self.text.split_to(self.at).freeze();
        self.at = 0;
        taken
    }

    /// Cuts out the line at hand, however long it is, and goes to the next: its first `limit` bytes.
    pub(super) fn cut_line(&mut self, limit: usize) -> Outcome<Vec<u8>> {
        let start = self.at;
        let mut head = Vec::new();
        loop {
            let newline = self.ahead().iter().position(|byte| *byte == b'\n');
            let end = newline.map_or(self.text.len(), |newline| start + newline);
            let room = limit.saturating_sub(head.len());
            let line = self.text.get(start..end).unwrap_or_default();
            head.extend_from_slice(line.get(..room).unwrap_or(line));
            if newline.is_some() {
                self.at = end + 1;
                return Ok(head);
            }
            self.text.truncate(start);
            if self.ended {
                return Ok(head);
            }
            self.grow()?;
        }
    }
}
