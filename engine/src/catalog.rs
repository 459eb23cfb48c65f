//! The catalog: the price book joined with the reference data. It answers who is sold what (offers) and at which price.
//!
//! Prices are data: every distinct price, and every distinct course of prices through the period, exists once and is named
//! by a number, so that a hundred thousand accounts cost a hundred thousand small integers. It never looks at usage.

use std::ops::Range;

use hashbrown::HashMap;
use rayon::prelude::*;

use crate::book::model::{AccountOverride, Price, PriceBook, ZeroUsage};
use crate::fault::{Faults, Outcome};
use crate::period::Period;
use crate::reference::model::{Index, Reference, Subscription};
use crate::yaml::did_you_mean;
use offers::{NO_CONTRACT, NO_OFFER};
use resolve::Resolver;
use stack::{Stacks, Standing};

mod derived;
mod earlier;
mod grants;
mod levels;
mod offers;
mod overrides;
mod resolve;
mod stack;
mod tried;
#[cfg(test)]
mod tests;

pub use grants::{Drawer, Grant, Grants, Payer, Pool, Source};
pub use levels::Opening;
pub use offers::Offer;
pub use overrides::check_accounts;
pub use tried::{Asked, Tried};

/// A stretch of the period with one price.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stretch {
    /// Local days of the period, from 0.
    pub days: Range<u16>,
    /// Number of the price in [`Catalog::prices`].
    pub price: u32,
}

/// By layer of the book: the subscriptions for which its condition holds; `None` for a layer without one.
pub type Applies = Vec<Option<Vec<bool>>>;

/// The book joined with the reference data.
#[derive(Debug)]
pub struct Catalog {
    /// Every distinct price in use.
    pub prices: Vec<Price>,
    /// Charge index of each price.
    pub charge_of: Vec<usize>,
    /// Every distinct list of stretches: ascending, without gaps, over the whole period.
    pub terms: Vec<Vec<Stretch>>,
    /// By meter: whether it or some price must see its single records.
    pub by_record: Vec<bool>,
    /// Opening levels, sorted by subscription, meter and dimension values.
    pub openings: Vec<Opening>,
    /// Who has which allowances.
    pub grants: Grants,
    /// By meter: whether some price may have no price for its usage.
    pub gaps: Vec<bool>,
    /// By charge: whether some price says what is due without usage.
    pub zero_usage: Vec<bool>,
    /// By charge: whether some price publishes its rated records.
    pub itemised: Vec<bool>,
    /// By charge: whether some price has a least or greatest amount.
    pub bounded: Vec<bool>,
    /// By commitment of the book: number of the price of its lines.
    pub commitment_prices: Vec<u32>,
    /// By bound of accounts: number of the price of its lines.
    pub account_bound_prices: Vec<u32>,
    /// By subscription: index of its contract.
    pub contract_of: Vec<Option<u32>>,
    /// Every offer: the plans in order, then the products in order.
    pub offers: Vec<Offer>,
    /// Offer number of each subscription.
    pub offer_of: Vec<u32>,
    /// Where the terms of each subscription begin in `rows`.
    row_of: Vec<usize>,
    /// Numbers of terms: one for each charge of an offer, for everybody who has the same.
    rows: Vec<u32>,
    /// For whom the layers hold.
    applies: Applies,
    /// All overrides, of the book and of the table.
    overrides: Vec<AccountOverride>,
    /// Prices at which earlier runs have billed a subscription's charge.
    earlier: HashMap<(Index, usize), u32>,
}

impl Catalog {
    /// Joins `book` and `reference` for `period`; `applies` says for whom the layers of the book hold.
    ///
    /// # Errors
    /// Unknown plans, products, contracts, charges and accounts (`B003`), currencies that do not fit (`B010`), patches that
    /// do not fit the prices they lie over.
    pub fn new(book: &PriceBook, reference: &Reference, period: &Period, applies: &Applies) -> Outcome<Self> {
        Self::of(book, reference, period, (applies, true))
    }

    /// The prices of an earlier period alone: levels and balances are those of the period that is billed.
    ///
    /// # Errors
    /// As [`Catalog::new`].
    pub fn earlier(book: &PriceBook, reference: &Reference, then: &Period, applies: &Applies) -> Outcome<Self> {
        Self::of(book, reference, then, (applies, false))
    }

    fn of(
        book: &PriceBook,
        reference: &Reference,
        period: &Period,
        (applies, whole): (&Applies, bool),
    ) -> Outcome<Self> {
        let mut faults = Faults::default();
        let offers = offers::offers(book);
        let offer_of = offers::offers_of(book, reference, &mut faults);
        let contract_of = offers::contracts_of(book, reference, &mut faults);
        let overrides = overrides::overrides(book, reference, &mut faults);
        faults.keep(check_accounts(&overrides, reference));
        let offered = (offers.as_slice(), offer_of.as_slice(), contract_of.as_slice());
        let mut stacks = Stacks::new(book, reference, period, &overrides, offered);
        let mut resolver = Resolver::new(book, &stacks);
        let mut rows: Vec<u32> = Vec::new();
        let mut row_of = Vec::with_capacity(reference.subscriptions.len());
        let mut known: HashMap<Standing, usize> = HashMap::new();
        for standing in standings(&mut stacks, book, reference, applies, &offer_of) {
            let Some(standing) = standing else {
                row_of.push(usize::MAX);
                continue;
            };
            row_of.push(*known.entry(standing).or_insert_with_key(|standing| {
                let (offer, start) = (&offers[standing.offer as usize], rows.len());
                for charge in &offer.charges {
                    let stack = stacks.stack(standing, offer.plan, *charge);
                    rows.push(resolver.terms(*charge, stack, &stacks, &mut faults));
                }
                start
            }));
        }
        resolver.check_fits(&stacks, &mut faults);
        let mut prices = resolver.used.iter().map(|(number, _)| resolver.price(*number).price.clone()).collect();
        let mut charge_of = resolver.used.iter().map(|(_, charge)| *charge).collect();
        let (commitment_prices, account_bound_prices) = derived::add(book, &mut prices, &mut charge_of);
        let contracts = contract_of.iter().map(|number| Some(*number).filter(|one| *one != NO_CONTRACT)).collect();
        let mut catalog = Self {
            prices,
            charge_of,
            terms: resolver.terms,
            by_record: book.meters.iter().map(|meter| meter.aggregate.by_record()).collect(),
            openings: if whole { levels::openings(book, reference, period, &mut faults) } else { Vec::new() },
            grants: if whole {
                grants::grants(book, reference, period, (&offers, &offer_of, &contract_of), &mut faults)
            } else {
                Grants::default()
            },
            gaps: vec![false; book.meters.len()],
            zero_usage: vec![false; book.charges.len()],
            itemised: vec![false; book.charges.len()],
            bounded: vec![false; book.charges.len()],
            commitment_prices,
            account_bound_prices,
            contract_of: contracts,
            offers,
            offer_of,
            row_of,
            rows,
            applies: applies.clone(),
            overrides: overrides.clone(),
            earlier: HashMap::new(),
        };
        catalog.mark(book);
        faults.sort();
        faults.or(catalog)
    }

    /// The number in [`Catalog::terms`] of what holds for position `nth` of `subscription`'s offer in this period.
    #[must_use]
    pub fn terms_of(&self, subscription: Index, nth: usize) -> u32 {
        self.rows[self.row_of[subscription as usize] + nth]
    }

    /// The price on a local day of the period.
    #[must_use]
    pub fn price_on(&self, terms: u32, day: u16) -> Option<u32> {
        let stretches = self.terms.get(terms as usize)?;
        stretches.iter().find(|stretch| stretch.days.contains(&day)).map(|stretch| stretch.price)
    }

    /// Notes what the prices ask of meters and charges.
    fn mark(&mut self, book: &PriceBook) {
        for (price, charge) in self.prices.iter().zip(&self.charge_of) {
            self.itemised[*charge] |= price.itemise;
            self.bounded[*charge] |= price.bounds.any();
            self.zero_usage[*charge] |= price.zero_usage != ZeroUsage::None;
            if let Some(meter) = book.charges[*charge].meter {
                self.by_record[meter] |= price.by_record();
                self.gaps[meter] |= price.has_gaps();
            }
        }
    }

    /// The offer of `subscription`.
    #[must_use]
    pub fn offer(&self, subscription: Index) -> &Offer {
        &self.offers[self.offer_of[subscription as usize] as usize]
    }
}

/// By subscription: what decides its stacks; `None` for one without an offer.
fn standings(
    stacks: &mut Stacks<'_>,
    book: &PriceBook,
    reference: &Reference,
    applies: &Applies,
    offer_of: &[u32],
) -> Vec<Option<Standing>> {
    let rows = &reference.subscriptions;
    let sets: Vec<u32> = if applies.iter().all(Option::is_none) {
        vec![stacks.set(layers_of(book, applies, 0)); rows.len()]
    } else {
        (0..rows.len()).map(|number| stacks.set(layers_of(book, applies, number))).collect()
    };
    let stacks = &*stacks;
    let standing = |(number, subscription): (usize, &Subscription)| {
        let offer = Some(offer_of[number]).filter(|offer| *offer != NO_OFFER)?;
        Some(stacks.standing(subscription, number, offer, sets[number]))
    };
    rows.par_iter().enumerate().map(standing).collect()
}

/// The layers that hold for a subscription, as declared.
fn layers_of(book: &PriceBook, applies: &Applies, subscription: usize) -> Vec<u32> {
    let holds = |layer: &usize| {
        let holds = applies.get(*layer).and_then(Option::as_ref);
        holds.is_none_or(|holds| holds.get(subscription).copied().unwrap_or(false))
    };
    (0..book.layers.len()).filter(holds).filter_map(|layer| u32::try_from(layer).ok()).collect()
}

/// Faults with a hint that takes a search through everything known; the user has enough to do with those.
const SUGGESTIONS: usize = 50;

/// What `word` may have meant, unless many faults say so already.
fn nearest<'k>(word: &str, known: impl Iterator<Item = &'k str>, faults: &Faults) -> Option<String> {
    if faults.0.len() >= SUGGESTIONS {
        return None;
    }
    let mut known: Vec<&str> = known.collect();
    known.sort_unstable();
    did_you_mean(word, known)
}
