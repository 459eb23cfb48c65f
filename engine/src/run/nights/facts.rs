//! By what usage is taken in: digests that tell whether what an earlier night has taken in still holds.

use super::super::{Decisions, Prepared};
use crate::catalog::Catalog;
use crate::fault::Located;
use crate::guide::Guide;
use crate::lineset::decisions::Action;
use crate::lineset::manifest::Nights;
use crate::usage::reasons;

/// The digests of this run; `None` when the pipeline is not incremental.
pub(in crate::run) fn facts(prepared: &Prepared, guide: &Guide<'_>, decisions: &Decisions) -> Option<Nights> {
    prepared.pipeline.incremental.as_ref()?;
    let mut taken_in = Texts::default();
    taken_in.add(env!("CARGO_PKG_VERSION"));
    taken_in.add(&prepared.pipeline.digest);
    taken_in.add(&prepared.period.label);
    for meter in &prepared.book.meters {
        taken_in.add(&meter.id);
        meter.record_types.iter().for_each(|name| taken_in.add(name));
        taken_in.add(meter.expression.as_ref().map_or("", |Located { text, .. }| text));
        taken_in.add(&format!("{:?} {:?}", meter.round_each, meter.aggregate));
        meter.dimensions.iter().for_each(|name| taken_in.add(name));
        taken_in.add("attributes");
        meter.attributes.iter().for_each(|name| taken_in.add(name));
    }
    // What came too late was not measured: once it is recycled, it must be read again.
    for decision in decisions.taken.iter().filter(|decision| decision.says.action == Action::Recycle) {
        if decision.says.records.iter().any(|named| named.code == reasons::TOO_LATE) {
            taken_in.add(&decision.digest);
        }
    }
    guide.digest(&prepared.book, |text| taken_in.add(text));
    let mut priced = Texts::default();
    // Prices with gaps decide which records are set aside.
    if ends(&prepared.catalog) || prepared.catalog.gaps.contains(&true) {
        priced.add(&prepared.book.digest);
        priced.add(&prepared.reference.digest);
    }
    // What is written off, or is not any more, decides it too.
    decisions.digests().for_each(|digest| priced.add(digest));
    Some(Nights { taken_in: taken_in.digest(), priced: priced.digest() })
}

/// Whether some price ends before all usage has: then every day depends on the days before it.
pub(super) fn ends(catalog: &Catalog) -> bool {
    catalog.prices.iter().any(|price| price.end().is_some())
}

#[derive(Default)]
struct Texts(blake3::Hasher);

impl Texts {
    fn add(&mut self, text: &str) {
        self.0.update(&(text.len() as u64).to_le_bytes());
        self.0.update(text.as_bytes());
    }

    fn digest(&self) -> String {
        self.0.finalize().to_hex().to_string()
    }
}
