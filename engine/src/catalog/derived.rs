//! Prices of lines that are made of other lines: those of commitments and of bounds of accounts. Nobody subscribes to them,
//! but such a line names its price like any other.

use crate::book::model::{Model, Price, PriceBook};
use crate::fault::Place;

/// Adds a price for each commitment and each bound of accounts; their numbers.
pub(super) fn add(book: &PriceBook, prices: &mut Vec<Price>, charge_of: &mut Vec<usize>) -> (Vec<u32>, Vec<u32>) {
    let mut add = |model: Model, place: &Place, layer: String, charge: usize| {
        prices.push(Price { layer, ..Price::listed(model, place.clone()) });
        charge_of.push(charge);
        u32::try_from(prices.len() - 1).unwrap_or(u32::MAX)
    };
    let mut commitments = Vec::with_capacity(book.commitments.len());
    for one in &book.commitments {
        let layer = format!("contract:{}", book.contracts[one.contract].id);
        commitments.push(add(Model::Commitment, &one.place, layer, one.charge));
    }
    let bounds = book.account_bounds.iter();
    let bounds = bounds.map(|one| add(Model::AccountBound, &one.place, "list".to_owned(), one.charge)).collect();
    (commitments, bounds)
}
