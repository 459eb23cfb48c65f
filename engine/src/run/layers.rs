//! For whom the layers and the bounds of accounts of a book hold.

use super::conditions::{Known, Subjects, condition_names};
use super::prepare::ids;
use crate::book::model::PriceBook;
use crate::catalog::Applies;
use crate::fault::{Faults, Located, Outcome};
use crate::period::Period;
use crate::reference::model::Reference;
use crate::rules::{Rules, Want};

/// By layer: the subscriptions for which it holds.
///
/// # Errors
/// All faults of the conditions; `E007` where one cannot be computed.
pub(super) fn applies(book: &PriceBook, reference: &Reference, period: &Period) -> Outcome<Applies> {
    let conditions = book.layers.iter().map(|layer| (format!("layer `{}`", layer.id), layer.when.as_ref()));
    all((book, reference, period), conditions)
}

/// By bound of accounts: the subscriptions for which it holds.
///
/// # Errors
/// As [`applies`].
pub(super) fn account_bounds(book: &PriceBook, reference: &Reference, period: &Period) -> Outcome<Applies> {
    let bounds = book.account_bounds.iter();
    let conditions = bounds.map(|bound| (format!("bound `{}`", bound.id), bound.when.as_ref()));
    all((book, reference, period), conditions)
}

/// For which subscriptions each of these holds.
fn all<'w>(
    (book, reference, period): (&PriceBook, &Reference, &Period),
    conditions: impl Iterator<Item = (String, Option<&'w Located>)>,
) -> Outcome<Applies> {
    let mut faults = Faults::default();
    let rules = Rules::new()?;
    let names = condition_names(reference, ids(book), Known::Products);
    let subjects = Subjects { book, reference, period, cube: None, lines: &[] };
    let mut applies = Vec::new();
    for (what, when) in conditions {
        let condition = when.map(|when| {
            let expression = rules.subject_expression(when, &names, Want::Predicate)?;
            subjects.truths(&expression, &what, when)
        });
        applies.push(condition.and_then(|condition| faults.keep(condition)));
    }
    faults.or(applies)
}
