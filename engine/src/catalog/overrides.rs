//! Account overrides laid over the prices they meet: those that subscriptions of the account, or of accounts below it,
//! would have without it.
//!
//! One override can meet several prices (the account has two plans, or sites with plans of their own), and becomes a price
//! for each of them. What nobody subscribes to costs nothing here. It never looks at usage.

use hashbrown::HashMap;

use super::{Catalog, NO_OFFER, nearest};
use crate::book::model::{AccountOverride, Price, PriceBook};
use crate::book::resolve_override;
use crate::fault::{Fault, Faults, Outcome, codes};
use crate::reference::model::{Index, Reference};

/// The overrides of a catalog.
#[derive(Debug, Default)]
pub(super) struct Overrides {
    /// Number of the override by the account that holds it and the charge.
    number_of: HashMap<(Index, usize), usize>,
    /// By account: the nearest account, itself or one above it, that holds an override of any charge.
    holders: Vec<Option<Index>>,
    /// Price number by override and underlying price; `None` where the override does not fit that price.
    resolved: HashMap<(usize, u32), Option<u32>>,
}

impl Overrides {
    /// Lays `rows` over the prices in use; the prices made go to `catalog`.
    pub(super) fn new(
        catalog: &mut Catalog,
        book: &PriceBook,
        reference: &Reference,
        rows: &[AccountOverride],
        faults: &mut Faults,
    ) -> Self {
        let mut own = Self::default();
        let mut holds = vec![false; reference.accounts.len()];
        for (number, row) in rows.iter().enumerate() {
            match reference.account_index(&row.account) {
                Some(account) => {
                    own.number_of.insert((account, row.charge), number);
                    holds[account as usize] = true;
                }
                None => faults.push(unknown_account(row, reference, faults)),
            }
        }
        if own.number_of.is_empty() {
            return own;
        }
        own.holders = holders(reference, &holds);
        let mut fits: Vec<Fit> = rows.iter().map(|_| Fit::default()).collect();
        for (subscription, offer) in reference.subscriptions.iter().zip(&catalog.offer_of) {
            let Some(first) = own.holders[subscription.account as usize].filter(|_| *offer != NO_OFFER) else {
                continue;
            };
            let offer = &catalog.offers[*offer as usize];
            for (charge, base) in offer.charges.iter().zip(&offer.prices) {
                let mut holder = Some(first);
                while let Some(account) = holder {
                    if let Some(number) = own.number_of.get(&(account, *charge)).copied() {
                        let (row, fit) = (&rows[number], &mut fits[number]);
                        let resolved = own.resolved.entry((number, *base));
                        resolved.or_insert_with(|| {
                            fit.price(row, *base, (&mut catalog.prices, &mut catalog.charge_of), faults)
                        });
                    }
                    holder = above(reference, &own.holders, account);
                }
            }
        }
        for (row, fit) in rows.iter().zip(fits) {
            if !fit.fits && reference.account_index(&row.account).is_some() {
                faults.0.extend(fit.refused.or_else(|| unused(row, book)).into_iter().flat_map(|faults| faults.0));
            }
        }
        own
    }

    /// The price that the nearest override of `charge` at or above `account` makes of `base`; an override that does not
    /// fit `base` leaves it to the next one.
    pub(super) fn over(&self, reference: &Reference, account: Index, charge: usize, base: u32) -> Option<u32> {
        let mut holder = self.holders.get(account as usize).copied().flatten();
        while let Some(account) = holder {
            if let Some(row) = self.number_of.get(&(account, charge))
                && let Some(Some(price)) = self.resolved.get(&(*row, base))
            {
                return Some(*price);
            }
            holder = above(reference, &self.holders, account);
        }
        None
    }
}

/// The accounts of overrides that do not exist.
///
/// # Errors
/// `B003` for each of them.
pub fn check_accounts(rows: &[AccountOverride], reference: &Reference) -> Outcome<()> {
    let mut faults = Faults::default();
    for row in rows.iter().filter(|row| reference.account_index(&row.account).is_none()) {
        faults.push(unknown_account(row, reference, &faults));
    }
    faults.or(())
}

fn unknown_account(row: &AccountOverride, reference: &Reference, faults: &Faults) -> Fault {
    let fault = Fault::new(&codes::B003, format!("there is no account `{}`", row.account)).at(&row.place);
    let hint = nearest(&row.account, reference.accounts.iter().map(|account| account.id.as_str()), faults);
    fault.hint(hint.unwrap_or_else(|| "add it to the accounts table, or remove the override".to_owned()))
}

/// What became of one override.
#[derive(Default)]
struct Fit {
    /// It fits a price in use.
    fits: bool,
    /// Why it does not fit the first price it did not fit.
    refused: Option<Faults>,
    /// The prices made of it.
    made: Vec<u32>,
}

impl Fit {
    /// The number of the price that `row` makes of `base`, a new one or one that is the same.
    fn price(
        &mut self,
        row: &AccountOverride,
        base: u32,
        (prices, charge_of): (&mut Vec<Price>, &mut Vec<usize>),
        faults: &mut Faults,
    ) -> Option<u32> {
        let price = match resolve(row, &prices[base as usize]) {
            Ok(price) => price,
            Err(refused) => {
                self.refuse(refused, &prices[base as usize], faults);
                return None;
            }
        };
        self.fits = true;
        let same = |number: &&u32| prices[**number as usize].same_terms(&price);
        if let Some(number) = self.made.iter().find(same) {
            return Some(*number);
        }
        let number =
            faults.keep(u32::try_from(prices.len()).map_err(|_| Fault::ours("more than 2^32 prices").into()))?;
        prices.push(price);
        charge_of.push(row.charge);
        self.made.push(number);
        Some(number)
    }

    /// An override may pass over prices of other models, but not make nonsense of one it fits.
    fn refuse(&mut self, refused: Faults, base: &Price, faults: &mut Faults) {
        let hint = format!("it lies over the price of {}, {}", base.layer, base.place);
        let hinted = refused.0.into_iter().map(|fault| fault.hint(hint.clone()));
        let (nonsense, unfit): (Vec<Fault>, Vec<Fault>) = hinted.partition(|fault| fault.code == &codes::B001);
        if nonsense.is_empty() {
            self.refused.get_or_insert(Faults(unfit));
        } else {
            self.fits = true;
            faults.0.extend(nonsense);
        }
    }
}

fn resolve(row: &AccountOverride, base: &Price) -> Outcome<Price> {
    resolve_override(base, &row.fields, format!("override:{}", row.account), &row.place)
}

/// Why an override that lies over no price in use could never fit one: like those of the book, it must fit the list
/// price or that of some plan.
fn unused(row: &AccountOverride, book: &PriceBook) -> Option<Faults> {
    let unfit = resolve(row, &book.charges[row.charge].price).err()?;
    let of_plan = |plan: &crate::book::model::Plan| {
        let at = plan.prices.binary_search_by_key(&row.charge, |(charge, _)| *charge).ok()?;
        resolve(row, &plan.prices[at].1).ok()
    };
    if book.plans.iter().any(|plan| of_plan(plan).is_some()) { None } else { Some(unfit) }
}

/// By account: the nearest account, itself or one above it, that holds a row.
fn holders(reference: &Reference, holds: &[bool]) -> Vec<Option<Index>> {
    let accounts = &reference.accounts;
    let nearest = |account: Index| {
        let mut walk = std::iter::successors(Some(account), |at| accounts[*at as usize].parent);
        walk.find(|at| holds[*at as usize])
    };
    (0..).take(accounts.len()).map(nearest).collect()
}

/// The next holder above `account`.
fn above(reference: &Reference, holders: &[Option<Index>], account: Index) -> Option<Index> {
    reference.accounts[account as usize].parent.and_then(|parent| holders[parent as usize])
}
