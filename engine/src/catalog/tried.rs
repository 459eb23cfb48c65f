//! Every price that could have applied to a subscription's charge, in the order of resolution, with why it did or did
//! not. It asks the catalog what holds and repeats nothing of how prices are made.

use super::Catalog;
use crate::book::model::PriceBook;
use crate::fault::Place;
use crate::period::Period;
use crate::reference::model::{Index, Reference};

/// A price that could have applied.
#[derive(Clone, Debug)]
pub struct Tried {
    /// `list`, `plan:<id>` or `override:<account>`.
    pub layer: String,
    /// Where it stands; `None` when there is none.
    pub place: Option<Place>,
    /// Whether it decides the price.
    pub applied: bool,
    /// Why, or why not.
    pub why: String,
}

/// A price that stands somewhere, before it is known which of them applies.
struct Candidate {
    layer: String,
    place: Option<Place>,
    /// Why it cannot apply.
    unfit: Option<String>,
}

impl Catalog {
    /// The prices that were tried for position `nth` of `subscription`'s offer, the first that could win first.
    #[must_use]
    pub fn tried(
        &self,
        (book, reference, period): (&PriceBook, &Reference, &Period),
        subscription: Index,
        nth: usize,
        price: u32,
    ) -> Vec<Tried> {
        let offer = self.offer(subscription);
        let charge = offer.charges[nth];
        let mut candidates = Vec::new();
        let mut account = Some(reference.subscriptions[subscription as usize].account);
        while let Some(at) = account {
            candidates.extend(overrides_of((book, reference, period), at, charge));
            account = reference.accounts[at as usize].parent;
        }
        candidates.push(match offer.plan {
            None => Candidate { layer: "plan".to_owned(), place: None, unfit: Some("it has no plan".to_owned()) },
            Some(plan) => {
                let own = book.plans[plan].prices.iter().find(|(own, _)| *own == charge).map(|(_, price)| price);
                let unfit = own.is_none().then(|| "the plan does not change this price".to_owned());
                let place = own.map(|price| price.place.clone());
                Candidate { layer: format!("plan:{}", book.plans[plan].id), place, unfit }
            }
        });
        let listed = &book.charges[charge].price;
        candidates.push(Candidate { layer: "list".to_owned(), place: Some(listed.place.clone()), unfit: None });
        self.judged(candidates, price)
    }

    /// Which of the candidates has made `price`, and why the others have not.
    fn judged(&self, candidates: Vec<Candidate>, price: u32) -> Vec<Tried> {
        let price = &self.prices[price as usize];
        let mut winner: Option<String> = None;
        let mut tried = Vec::new();
        for Candidate { layer, place, unfit } in candidates {
            let wins = winner.is_none() && layer == price.layer && place.as_ref() == Some(&price.place);
            let why = match (unfit, &winner) {
                (Some(unfit), _) => unfit,
                (None, _) if wins => "it applies".to_owned(),
                (None, Some(winner)) if winner.starts_with("override:") => {
                    format!("{winner} comes first; what that does not say is taken from the price below it")
                }
                (None, Some(winner)) => format!("{winner} comes first"),
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

/// The overrides of `charge` that `account` holds, in the book or in the reference table.
fn overrides_of(
    (book, reference, period): (&PriceBook, &Reference, &Period),
    account: Index,
    charge: usize,
) -> Vec<Candidate> {
    let id = &reference.accounts[account as usize].id;
    let layer = format!("override:{id}");
    let of_book = book.overrides.iter().filter(|row| row.account == *id && row.charge == charge);
    let mut own: Vec<Candidate> =
        of_book.map(|row| Candidate { layer: layer.clone(), place: Some(row.place.clone()), unfit: None }).collect();
    let charge = &book.charges[charge].id;
    for row in reference.overrides.iter().filter(|row| row.account == *id && row.charge == *charge) {
        let late = row.valid_from.is_some_and(|from| from > period.first_day);
        let ended = row.valid_to.is_some_and(|to| to <= period.first_day);
        let unfit = (late || ended).then(|| format!("it does not hold in {}", period.label));
        own.push(Candidate { layer: layer.clone(), place: Some(row.place.clone()), unfit });
    }
    if own.is_empty() {
        own.push(Candidate { layer, place: None, unfit: Some(format!("{id} has no price of its own for it")) });
    }
    own
}
