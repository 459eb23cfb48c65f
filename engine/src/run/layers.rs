//! For whom the layers of a book hold.

use super::conditions::{Known, Subjects, condition_names};
use super::prepare::ids;
use crate::book::model::PriceBook;
use crate::catalog::Applies;
use crate::fault::{Faults, Outcome};
use crate::period::Period;
use crate::reference::model::Reference;
use crate::rules::{Rules, Want};

/// By layer: the subscriptions for which it holds.
///
/// # Errors
/// All faults of the conditions; `E007` where one cannot be computed.
pub(super) fn applies(book: &PriceBook, reference: &Reference, period: &Period) -> Outcome<Applies> {
    let mut faults = Faults::default();
    let rules = Rules::new()?;
    let names = condition_names(reference, ids(book), Known::Products);
    let subjects = Subjects { book, reference, period, cube: None, lines: &[] };
    let mut applies = Vec::with_capacity(book.layers.len());
    for layer in &book.layers {
        let condition = layer.when.as_ref().map(|when| {
            let expression = rules.subject_expression(when, &names, Want::Predicate)?;
            subjects.truths(&expression, &format!("layer `{}`", layer.id), when)
        });
        applies.push(condition.and_then(|condition| faults.keep(condition)));
    }
    faults.or(applies)
}
