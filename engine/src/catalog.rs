//! The catalog: the price book joined with the reference data. It answers who is sold what (offers) and at which price.
//!
//! Prices are data: every distinct price exists once and is named by a number, so that a hundred thousand accounts cost
//! a hundred thousand small integers. It never looks at usage.

use std::ops::Range;

use hashbrown::HashMap;

use crate::book::model::{AccountOverride, Price, PriceBook, ZeroUsage};
use crate::book::override_fields;
use crate::fault::{Fault, Faults, Outcome, codes};
use crate::period::Period;
use crate::reference::model::{Index, OverrideRow, Reference};
use crate::yaml::did_you_mean;
use overrides::Overrides;

mod overrides;
mod tried;
#[cfg(test)]
mod tests;

pub use overrides::check_accounts;
pub use tried::Tried;

/// What a subscription can be for: a plan or a single product.
#[derive(Clone, Debug)]
pub struct Offer {
    /// Plan index, when it is a plan.
    pub plan: Option<usize>,
    /// Charge indices, ascending.
    pub charges: Vec<usize>,
    /// Number in [`Catalog::prices`] of each of `charges`.
    pub prices: Vec<u32>,
}

/// A stretch of the period with one price.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stretch {
    /// Local days of the period, from 0.
    pub days: Range<u16>,
    /// Number of the price in [`Catalog::prices`].
    pub price: u32,
}

/// The book joined with the reference data.
#[derive(Debug)]
pub struct Catalog {
    /// Every distinct price.
    pub prices: Vec<Price>,
    /// Charge index of each price.
    pub charge_of: Vec<usize>,
    /// Every distinct list of stretches: ascending, without gaps, over the whole period.
    pub terms: Vec<Vec<Stretch>>,
    /// By meter: whether some price must see its single records.
    pub by_record: Vec<bool>,
    /// By meter: whether some price may have no price for its usage.
    pub gaps: Vec<bool>,
    /// By charge: whether some price says what is due without usage.
    pub zero_usage: Vec<bool>,
    /// By charge: whether some price publishes its rated records.
    pub itemised: Vec<bool>,
    /// Every offer: the plans in order, then the products in order.
    pub offers: Vec<Offer>,
    /// Offer number of each subscription.
    pub offer_of: Vec<u32>,
    overrides: Overrides,
}

impl Catalog {
    /// Joins `book` and `reference` for `period`.
    ///
    /// # Errors
    /// Unknown plans, products, charges and accounts (`B003`), currencies that do not fit (`B010`), overrides that fit
    /// none of the prices they lie over.
    pub fn new(book: &PriceBook, reference: &Reference, period: &Period) -> Outcome<Self> {
        let mut faults = Faults::default();
        let mut prices: Vec<Price> = book.charges.iter().map(|charge| charge.price.clone()).collect();
        let mut charge_of: Vec<usize> = (0..prices.len()).collect();
        let offers = offers(book, &mut prices, &mut charge_of);
        let offer_of = offers_of(book, reference, &mut faults);
        let rows = rows_of(book, reference, period, &mut faults);
        let mut catalog = Self {
            prices,
            charge_of,
            terms: Vec::new(),
            by_record: vec![false; book.meters.len()],
            gaps: vec![false; book.meters.len()],
            zero_usage: vec![false; book.charges.len()],
            itemised: vec![false; book.charges.len()],
            offers,
            offer_of,
            overrides: Overrides::default(),
        };
        let overrides = Overrides::new(&mut catalog, book, reference, &rows, &mut faults);
        catalog.overrides = overrides;
        let days = u16::try_from(period.days()).unwrap_or(u16::MAX);
        catalog.terms = (0..).take(catalog.prices.len()).map(|price| vec![Stretch { days: 0..days, price }]).collect();
        catalog.mark(book);
        faults.sort();
        faults.or(catalog)
    }

    /// The price number of position `nth` of `subscription`'s offer: its account's own override of the charge, the
    /// nearest ancestor's, or what the plan or product says.
    #[must_use]
    pub fn price_of(&self, reference: &Reference, subscription: Index, nth: usize) -> u32 {
        let offer = self.offer(subscription);
        let (charge, base) = (offer.charges[nth], offer.prices[nth]);
        let account = reference.subscriptions[subscription as usize].account;
        self.overrides.over(reference, account, charge, base).unwrap_or(base)
    }

    /// The number in [`Catalog::terms`] of what holds for position `nth` of `subscription`'s offer in this period.
    #[must_use]
    pub fn terms_of(&self, reference: &Reference, subscription: Index, nth: usize) -> u32 {
        self.price_of(reference, subscription, nth)
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

fn offers(book: &PriceBook, prices: &mut Vec<Price>, charge_of: &mut Vec<usize>) -> Vec<Offer> {
    let mut offers = Vec::with_capacity(book.plans.len() + book.products.len());
    let charges_of = |products: &[usize]| -> Vec<usize> {
        (0..book.charges.len()).filter(|charge| products.contains(&book.charges[*charge].product)).collect()
    };
    let by_product: Vec<Vec<usize>> = (0..book.products.len()).map(|product| charges_of(&[product])).collect();
    for (index, plan) in book.plans.iter().enumerate() {
        let mut charges: Vec<usize> = plan.includes.iter().flat_map(|product| by_product[*product].clone()).collect();
        charges.sort_unstable();
        let mut numbers = Vec::with_capacity(charges.len());
        for charge in &charges {
            let own = plan.prices.binary_search_by_key(charge, |(own, _)| *own);
            numbers.push(own.map_or(*charge, |at| {
                prices.push(plan.prices[at].1.clone());
                charge_of.push(*charge);
                prices.len() - 1
            }));
        }
        offers.push(Offer { plan: Some(index), charges, prices: narrow(&numbers) });
    }
    for charges in by_product {
        let prices = narrow(&charges);
        offers.push(Offer { plan: None, charges, prices });
    }
    offers
}

fn narrow(numbers: &[usize]) -> Vec<u32> {
    numbers.iter().map(|number| u32::try_from(*number).unwrap_or(u32::MAX)).collect()
}

/// Stands for the offer of a subscription that names an unknown one; there is a fault then.
const NO_OFFER: u32 = u32::MAX;

/// The offer of each subscription; the product offers follow the plan offers.
fn offers_of(book: &PriceBook, reference: &Reference, faults: &mut Faults) -> Vec<u32> {
    let plans: HashMap<&str, usize> = book.plans.iter().enumerate().map(|(i, plan)| (plan.id.as_str(), i)).collect();
    let products: HashMap<&str, usize> =
        book.products.iter().enumerate().map(|(i, product)| (product.id.as_str(), i + book.plans.len())).collect();
    let mut offers = Vec::with_capacity(reference.subscriptions.len());
    for subscription in &reference.subscriptions {
        let (kind, id, found) = if subscription.plan.is_empty() {
            ("product", &subscription.product, products.get(subscription.product.as_str()))
        } else {
            ("plan", &subscription.plan, plans.get(subscription.plan.as_str()))
        };
        let Some(offer) = found else {
            let message = format!("subscription `{}` is for the unknown {kind} `{id}`", subscription.id);
            let fault = Fault::new(&codes::B003, message).at(&subscription.place);
            let known = if kind == "plan" { &plans } else { &products };
            faults.push(Fault { hint: nearest(id, known.keys().copied(), faults), ..fault });
            offers.push(NO_OFFER);
            continue;
        };
        let account = &reference.accounts[subscription.account as usize];
        let plan_currency = book.plans.get(*offer).and_then(|plan| plan.currency.as_ref());
        if let Some(currency) = plan_currency.or(book.currency.as_ref()).filter(|own| **own != account.currency) {
            let message = format!(
                "subscription `{}`: {kind} `{id}` is priced in {currency}, account `{}` is billed in {}",
                subscription.id, account.id, account.currency
            );
            let fault = Fault::new(&codes::B010, message).at(&subscription.place);
            faults.push(fault.hint("give the account a plan in its own currency"));
        }
        offers.push(u32::try_from(*offer).unwrap_or(u32::MAX));
    }
    offers
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

/// The overrides of the book and of the reference table that hold in `period`, one for each account and charge.
fn rows_of(book: &PriceBook, reference: &Reference, period: &Period, faults: &mut Faults) -> Vec<AccountOverride> {
    let mut rows = book.overrides.clone();
    let charges: HashMap<&str, usize> =
        book.charges.iter().enumerate().map(|(i, charge)| (charge.id.as_str(), i)).collect();
    for row in &reference.overrides {
        let Some(holds) = faults.keep(holds_all_period(row, period)) else { continue };
        let Some(charge) = charges.get(row.charge.as_str()) else {
            let fault = Fault::new(&codes::B003, format!("there is no charge `{}`", row.charge)).at(&row.place);
            faults.push(Fault {
                hint: nearest(&row.charge, book.charges.iter().map(|charge| charge.id.as_str()), faults),
                ..fault
            });
            continue;
        };
        let fields = faults.keep(override_fields(&row.fields, &row.place));
        if let (true, Some(fields)) = (holds, fields) {
            let place = row.place.clone();
            rows.push(AccountOverride { account: row.account.clone(), charge: *charge, fields, place });
        }
    }
    let mut seen: HashMap<(String, usize), crate::fault::Place> = HashMap::new();
    rows.retain(|row| match seen.get(&(row.account.clone(), row.charge)) {
        Some(earlier) => {
            let charge = &book.charges[row.charge].id;
            let message = format!("account `{}` has this override of `{charge}` twice", row.account);
            let fault = Fault::new(&codes::B002, message).at(&row.place);
            faults.push(fault.hint(format!("the other stands at {earlier}")));
            false
        }
        None => {
            seen.insert((row.account.clone(), row.charge), row.place.clone());
            true
        }
    });
    rows
}

/// Whether an override holds in `period`. One that begins or ends inside it would have to split the period's usage,
/// which this version does not do: it is refused, not guessed.
fn holds_all_period(row: &OverrideRow, period: &Period) -> Outcome<bool> {
    let last = period.end_day();
    let begins_late = row.valid_from.is_some_and(|from| from > period.first_day);
    let ends_early = row.valid_to.is_some_and(|to| to < last);
    let outside =
        row.valid_from.is_some_and(|from| from >= last) || row.valid_to.is_some_and(|to| to <= period.first_day);
    if !outside && (begins_late || ends_early) {
        let message = format!("the override of `{}` for `{}` changes inside {}", row.charge, row.account, period.label);
        let fault = Fault::new(&codes::B012, message).at(&row.place);
        return Err(fault.hint("let it begin and end with a period; splitting a period is not supported yet").into());
    }
    Ok(!outside)
}
