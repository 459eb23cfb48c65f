//! Damaged books.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::build;
use super::super::files::{self, Files};
use super::RICH;
use crate::book::Sound;
use crate::fault::Place;
use crate::yaml;

proptest! {
    /// Whatever a user breaks in a sound book, the answer is a book or faults with places, never a fault of ours.
    #[test]
    fn a_damaged_book_is_never_our_fault(at in 0..RICH.len(), length in 0_usize..12, instead in "[a-z0-9:,{}\\[\\] \n~\"'-]{0,4}") {
        let mut text = RICH.to_owned();
        text.replace_range(at..(at + length).min(RICH.len()), &instead);
        let source = yaml::source("b.yaml", text.as_bytes()).unwrap();
        let (root, mut faults) = yaml::parse(&source);
        if let Some(root) = root {
            let document = files::Document { place: Place::at(&source, 0, 0), name: "b.yaml".to_owned(), root };
            let files = Files { documents: vec![document], tables: BTreeMap::new(), digest: String::new(), whole: true };
            let book = build(files, &mut Sound::default(), &mut faults);
            prop_assert!(book.is_some() || !faults.0.is_empty());
        }
        prop_assert!(faults.0.iter().all(|fault| fault.code.id != "X001" && fault.place.is_some()), "{faults}");
    }
}
