//! The progress bar of a run: only on a terminal, on stderr, by bytes of usage read.

use std::sync::LazyLock;

use indicatif::{ProgressBar, ProgressStyle};

// indicatif draws nothing when stderr is no terminal.
static BAR: LazyLock<ProgressBar> = LazyLock::new(|| {
    let bar = ProgressBar::new(0);
    let style = ProgressStyle::with_template("rating {bar:32} {bytes}/{total_bytes} {eta}");
    style.map_or_else(|_| bar.clone(), |style| bar.clone().with_style(style))
});

/// The bytes of all files.
pub(super) fn total(bytes: u64) {
    BAR.set_length(bytes);
}

/// One more file was read.
pub(super) fn advance(bytes: u64) {
    BAR.inc(bytes);
}

/// Takes the bar away.
pub(super) fn done() {
    BAR.finish_and_clear();
}
