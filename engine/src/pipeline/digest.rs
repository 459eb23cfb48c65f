//! The digest of a pipeline: everything in it that shapes the result of a run, and nothing of where things lie.

use super::model::{Format, Limits, Pipeline, Source};

/// The digest in hex.
pub(super) fn digest(pipeline: &Pipeline) -> String {
    let mut canonical = Canonical(blake3::Hasher::new());
    canonical.text(pipeline.timezone.name());
    let Limits { suspense_records: _, decompressed_file, row_bytes } = pipeline.limits;
    canonical.text(&decompressed_file.to_string());
    canonical.text(&row_bytes.to_string());
    canonical.list(&pipeline.sources, Canonical::source);
    // What most pipelines do not say leaves no trace, so that their runs keep their ids.
    if pipeline.tax_exchange.is_some() {
        canonical.text("tax exchange");
    }
    if let Some(numbering) = &pipeline.numbering {
        canonical.text("invoices");
        canonical.text(&numbering.seller);
        canonical.text(&numbering.text);
    }
    if pipeline.incremental.is_some() {
        canonical.text("incremental");
    }
    canonical.0.finalize().to_hex().to_string()
}

/// Texts and lists in a form that no other sequence of texts and lists has: each is preceded by its length.
struct Canonical(blake3::Hasher);

impl Canonical {
    fn text(&mut self, text: &str) {
        self.length(text.len());
        self.0.update(text.as_bytes());
    }

    fn list<T>(&mut self, list: &[T], each: impl Fn(&mut Self, &T)) {
        self.length(list.len());
        list.iter().for_each(|entry| each(self, entry));
    }

    fn length(&mut self, length: usize) {
        self.0.update(&(length as u64).to_le_bytes());
    }

    fn source(&mut self, source: &Source) {
        self.text(&source.name);
        match source.format {
            Format::Csv { delimiter, header } => self.text(&format!("csv {delimiter} {header}")),
            Format::Ndjson => self.text("ndjson"),
            Format::Parquet => self.text("parquet"),
        }
        self.list(&source.columns, |canonical, column| {
            canonical.text(&column.name);
            canonical.text(&column.header);
            canonical.text(&format!("{:?} {} {}", column.kind, column.optional, column.float));
        });
        self.text(source.mediate.text.trim());
        self.list(&source.dedup_key, |canonical, key| canonical.text(&key.text));
        self.text(&source.dedup_window_days.to_string());
        self.list(&source.suspend, |canonical, rule| {
            canonical.text(&rule.code);
            canonical.text(rule.when.text.trim());
        });
    }
}
