//! Every price that could have applied to a subscription's charge, in the order of resolution, with why it did or did
//! not. It repeats nothing of how prices are made: it names what stands there, and what the price at hand came from.

use chrono::NaiveDate;

use super::Catalog;
use crate::book::model::{Patch, PriceBook, Validity};
use crate::fault::Place;
use crate::reference::model::{Index, Reference};

/// A price that could have applied.
#[derive(Clone, Debug)]
pub struct Tried {
    /// `list`, `layer:<id>`, `contract:<id>`, `plan:<id>` or `override:<account>`.
    pub layer: String,
    /// Where it stands; `None` when there is none.
    pub place: Option<Place>,
    /// Whether it decides the price.
    pub applied: bool,
    /// Why, or why not.
    pub why: String,
}

/// Whose price is asked about, and on which day.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The book.
    pub book: &'a PriceBook,
    /// The reference data.
    pub reference: &'a Reference,
    /// Subscription index.
    pub subscription: Index,
    /// Charge index.
    pub charge: usize,
    /// The first day of the line.
    pub day: NaiveDate,
}

/// A price that stands somewhere, before it is known which of them applies.
struct Candidate {
    layer: String,
    place: Option<Place>,
    /// Why it cannot apply.
    unfit: Option<String>,
}

impl Catalog {
    /// The prices that were tried, the first that could win first; `price` is the number of the one that holds.
    #[must_use]
    pub fn tried(&self, asked: &Asked<'_>, price: u32) -> Vec<Tried> {
        let mut candidates = Vec::new();
        let account = asked.reference.subscriptions[asked.subscription as usize].account;
        candidates.extend(self.overrides_of(asked, account));
        candidates.extend(self.sold(asked, asked.subscription));
        let parent = |at: &Index| asked.reference.accounts[*at as usize].parent;
        for above in std::iter::successors(parent(&account), parent) {
            candidates.extend(self.overrides_of(asked, above));
            for other in &asked.reference.subscriptions_of[above as usize] {
                let own = self.sold(asked, *other);
                candidates.extend(own.into_iter().filter(|candidate| candidate.place.is_some()));
            }
        }
        for (number, layer) in asked.book.layers.iter().enumerate().rev() {
            let holds = self.applies.get(number).and_then(Option::as_ref);
            let holds = holds.is_none_or(|holds| holds.get(asked.subscription as usize).copied().unwrap_or(false));
            let unfit = (!holds).then(|| "its condition does not hold for the subscription".to_owned());
            let own = candidates_of(asked, &layer.prices, &format!("layer:{}", layer.id));
            candidates.extend(own.into_iter().map(|own| Candidate { unfit: unfit.clone().or(own.unfit), ..own }));
        }
        let charge = &asked.book.charges[asked.charge];
        for listed in &charge.listed {
            let place = Some(listed.layered.price.place.clone());
            let unfit = when_not(listed.valid, asked.day);
            candidates.push(Candidate { layer: "list".to_owned(), place, unfit });
        }
        self.judged(candidates, price)
    }

    fn overrides_of(&self, asked: &Asked<'_>, account: Index) -> Vec<Candidate> {
        let id = &asked.reference.accounts[account as usize].id;
        let layer = format!("override:{id}");
        let own: Vec<&Patch> = self.overrides.iter().filter(|row| row.account == *id).map(|row| &row.patch).collect();
        let mut found = candidates_of(asked, own, &layer);
        if found.is_empty() {
            let unfit = Some(format!("{id} has no price of its own for it"));
            found.push(Candidate { layer, place: None, unfit });
        }
        found
    }

    /// The prices of the plan and the contract of a subscription.
    fn sold(&self, asked: &Asked<'_>, subscription: Index) -> Vec<Candidate> {
        let row = &asked.reference.subscriptions[subscription as usize];
        let mut found = Vec::new();
        match self.offer(subscription).plan.and_then(|plan| asked.book.plans.get(plan)) {
            Some(plan) => {
                let layer = format!("plan:{}", plan.id);
                let own = candidates_of(asked, &plan.prices, &layer);
                let none = || vec![none(layer.clone(), "the plan does not change this price")];
                found.extend(if own.is_empty() { none() } else { own });
            }
            None => found.push(none("plan".to_owned(), "it has no plan")),
        }
        match asked.book.contracts.iter().find(|contract| contract.id == row.contract) {
            Some(contract) => {
                let layer = format!("contract:{}", contract.id);
                let own = candidates_of(asked, &contract.prices, &layer);
                let none = || vec![none(layer.clone(), "the contract does not change this price")];
                found.extend(if own.is_empty() { none() } else { own });
            }
            None => found.push(none("contract".to_owned(), "it has no contract")),
        }
        found
    }

    /// Which of the candidates has made `price`, and why the others have not.
    fn judged(&self, candidates: Vec<Candidate>, price: u32) -> Vec<Tried> {
        let price = &self.prices[price as usize];
        let mut winner: Option<String> = None;
        let mut tried = Vec::new();
        for Candidate { layer, place, unfit } in candidates {
            let wins = winner.is_none() && layer == price.layer && place.as_ref() == Some(&price.place);
            let why = match (unfit, &winner) {
                (_, _) if wins => "it applies".to_owned(),
                (Some(unfit), _) => unfit,
                (None, Some(winner)) => format!("{winner} comes first; what that leaves out may be taken from here"),
                (None, None) => "it does not fit the charge model of the price below it".to_owned(),
            };
            if wins {
                winner = Some(layer.clone());
            }
            tried.push(Tried { layer, place, applied: wins, why });
        }
        tried
    }
}

fn none(layer: String, why: &str) -> Candidate {
    Candidate { layer, place: None, unfit: Some(why.to_owned()) }
}

/// The candidates among `patches`.
fn candidates_of<'p>(asked: &Asked<'_>, patches: impl IntoIterator<Item = &'p Patch>, layer: &str) -> Vec<Candidate> {
    let own = patches.into_iter().filter(|patch| patch.charge == asked.charge);
    own.map(|patch| Candidate {
        layer: layer.to_owned(),
        place: Some(patch.place.clone()),
        unfit: when_not(patch.valid, asked.day),
    })
    .collect()
}

/// Why something does not hold on a day, if it does not.
fn when_not(valid: Validity, day: NaiveDate) -> Option<String> {
    match (valid.from.filter(|from| day < *from), valid.to.filter(|to| *to <= day)) {
        (Some(from), _) => Some(format!("it holds from {from} on")),
        (None, Some(to)) => Some(format!("it ended before {to}")),
        (None, None) => None,
    }
}
