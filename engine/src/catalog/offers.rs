//! What subscriptions are for: plans and products, and the contracts they name.

use hashbrown::HashMap;

use super::nearest;
use crate::book::model::PriceBook;
use crate::fault::{Fault, Faults, codes};
use crate::reference::model::{Reference, Subscription};

/// What a subscription can be for: a plan or a single product.
#[derive(Clone, Debug)]
pub struct Offer {
    /// Plan index, when it is a plan.
    pub plan: Option<usize>,
    /// Charge indices, ascending.
    pub charges: Vec<usize>,
}

/// Stands for the offer of a subscription that names an unknown one; there is a fault then.
pub(super) const NO_OFFER: u32 = u32::MAX;

/// Every offer: the plans in order, then the products in order.
pub(super) fn offers(book: &PriceBook) -> Vec<Offer> {
    let mut by_product: Vec<Vec<usize>> = vec![Vec::new(); book.products.len()];
    let sold = |(_, charge): &(usize, &crate::book::model::Charge)| !charge.price.model.is_derived();
    for (number, charge) in book.charges.iter().enumerate().filter(sold) {
        by_product[charge.product].push(number);
    }
    let of_plan = |(number, plan): (usize, &crate::book::model::Plan)| {
        let mut charges: Vec<usize> = plan.includes.iter().flat_map(|product| by_product[*product].clone()).collect();
        charges.sort_unstable();
        Offer { plan: Some(number), charges }
    };
    let plans = book.plans.iter().enumerate().map(of_plan);
    let products = by_product.iter().map(|charges| Offer { plan: None, charges: charges.clone() });
    plans.chain(products).collect()
}

/// The offer of each subscription.
pub(super) fn offers_of(book: &PriceBook, reference: &Reference, faults: &mut Faults) -> Vec<u32> {
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
            let known = if kind == "plan" { &plans } else { &products };
            faults.push(unknown(subscription, kind, id, known.keys().copied(), faults));
            offers.push(NO_OFFER);
            continue;
        };
        let account = &reference.accounts[subscription.account as usize];
        let plan_currency = book.plans.get(*offer).and_then(|plan| plan.currency.as_ref());
        let other = plan_currency.or(book.currency.as_ref()).filter(|own| **own != account.currency);
        if let Some(currency) = other.filter(|_| book.fx.is_none()) {
            let message = format!(
                "subscription `{}`: {kind} `{id}` is priced in {currency}, account `{}` is billed in {}",
                subscription.id, account.id, account.currency
            );
            let fault = Fault::new(&codes::B010, message).at(&subscription.place);
            faults.push(fault.hint("give the account a plan in its own currency, or let the book exchange: `fx: {}`"));
        }
        offers.push(u32::try_from(*offer).unwrap_or(u32::MAX));
    }
    offers
}

/// Stands for no contract.
pub(super) const NO_CONTRACT: u32 = u32::MAX;

/// The contract of each subscription. In a book without contracts their ids are the user's own.
pub(super) fn contracts_of(book: &PriceBook, reference: &Reference, faults: &mut Faults) -> Vec<u32> {
    if book.contracts.is_empty() {
        return vec![NO_CONTRACT; reference.subscriptions.len()];
    }
    let mut contracts = Vec::with_capacity(reference.subscriptions.len());
    for subscription in &reference.subscriptions {
        let id = &subscription.contract;
        let found = book.contracts.binary_search_by(|contract| contract.id.cmp(id)).ok();
        if found.is_none() && !id.is_empty() {
            let known = book.contracts.iter().map(|contract| contract.id.as_str());
            faults.push(unknown(subscription, "contract", id, known, faults));
        }
        contracts.push(found.and_then(|at| u32::try_from(at).ok()).unwrap_or(NO_CONTRACT));
    }
    contracts
}

fn unknown<'k>(
    subscription: &Subscription,
    kind: &str,
    id: &str,
    known: impl Iterator<Item = &'k str>,
    faults: &Faults,
) -> Fault {
    let what = if kind == "contract" { "names" } else { "is for" };
    let message = format!("subscription `{}` {what} the unknown {kind} `{id}`", subscription.id);
    let fault = Fault::new(&codes::B003, message).at(&subscription.place);
    Fault { hint: nearest(id, known, faults), ..fault }
}
