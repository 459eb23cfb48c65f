//! Who holds which commitments, and whose lines count towards them: known before anything is used.

use std::collections::BTreeSet;

use chrono::{Months, NaiveDate};
use hashbrown::{HashMap, HashSet};

use crate::book::model::{Commitment, Over, PriceBook};
use crate::catalog::Catalog;
use crate::commitment::Term;
use crate::fault::{Fault, Faults, Outcome, codes};
use crate::period::{Period, days_together};
use crate::reference::model::{CommitmentBalance, Index, Reference, Subscription};
use crate::yaml::did_you_mean;

/// One commitment of one customer.
#[derive(Debug)]
pub(crate) struct Group {
    /// Index of the commitment.
    pub(super) commitment: usize,
    /// Subscriptions that name the contract, ascending.
    pub(super) members: Vec<u32>,
    /// The account that stands for the customer.
    anchor: Index,
    /// The first of them that holds the contract in the period; over a subtree, of its topmost account if there is one.
    pub(super) holder: Option<u32>,
    /// The term that the period belongs to; `None` for a commitment of each period.
    pub(super) term: Option<Term>,
    /// Rows of the balances that count, by their position, each with the version of its subscription that it is of.
    pub(super) balances: Vec<(usize, Index)>,
}

/// All commitments of all customers.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    pub(super) all: Vec<Group>,
    /// By commitment and account that stands for the customer.
    place: HashMap<(usize, Index), u32>,
    /// By contract: its commitments.
    of_contract: Vec<Vec<usize>>,
    /// By commitment: whether it is over the contract's own subscriptions.
    over_contract: Vec<bool>,
    /// By account: the commitments that all of its lines count towards.
    of_account: HashMap<Index, Vec<u32>>,
    /// By account: those that its lines and all below it count towards.
    of_subtree: HashMap<Index, Vec<u32>>,
}

/// What groups are made from.
#[derive(Clone, Copy)]
struct Facts<'f> {
    book: &'f PriceBook,
    reference: &'f Reference,
    catalog: &'f Catalog,
    period: &'f Period,
}

impl Groups {
    /// Of the contracts that subscriptions name.
    ///
    /// # Errors
    /// `B010` for a commitment over accounts of several currencies, `B003` and `B005` for balances of commitments that are
    /// not there or have no term.
    pub(crate) fn new(book: &PriceBook, reference: &Reference, catalog: &Catalog, period: &Period) -> Outcome<Self> {
        let facts = Facts { book, reference, catalog, period };
        let mut groups = Self { of_contract: vec![Vec::new(); book.contracts.len()], ..Self::default() };
        for (number, commitment) in book.commitments.iter().enumerate() {
            groups.of_contract[commitment.contract].push(number);
            groups.over_contract.push(commitment.over == Over::Contract);
        }
        let mut faults = Faults::default();
        if !book.commitments.is_empty() {
            groups.gather(facts);
            groups.check_currencies(facts, &mut faults);
        }
        groups.take_balances(facts, &mut faults);
        faults.or(groups)
    }

    fn gather(&mut self, facts: Facts<'_>) {
        let holders: HashSet<(usize, Index)> =
            contracts(facts).map(|(_, contract, account)| (contract, account)).collect();
        for (subscription, contract, account) in contracts(facts) {
            for number in self.of_contract[contract].clone() {
                let commitment = &facts.book.commitments[number];
                let anchor = anchor(facts, commitment, account, &holders);
                let next = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
                let at = *self.place.entry((number, anchor)).or_insert(next);
                if at == next {
                    self.all.push(Group {
                        commitment: number,
                        members: Vec::new(),
                        anchor,
                        holder: None,
                        term: None,
                        balances: Vec::new(),
                    });
                    match commitment.over {
                        Over::Contract => {}
                        Over::Account => self.of_account.entry(anchor).or_default().push(at),
                        Over::Subtree => self.of_subtree.entry(anchor).or_default().push(at),
                    }
                }
                self.all[at as usize].members.push(subscription);
            }
        }
        let (from, to) = (facts.period.first_day, facts.period.end_day());
        for group in &mut self.all {
            let rows =
                || group.members.iter().map(|number| (*number, &facts.reference.subscriptions[*number as usize]));
            let commitment = &facts.book.commitments[group.commitment];
            let first = rows().map(|(_, row)| row.start).min().max(commitment.valid.from);
            let there = rows().filter(|(_, row)| days_together(&[held(commitment, row)], from, to) > 0);
            let below = |row: &Subscription| commitment.over == Over::Subtree && row.account != group.anchor;
            group.holder = there.min_by_key(|(_, row)| below(row)).map(|(number, _)| number);
            group.term = commitment
                .term_months
                .zip(first)
                .and_then(|(months, first)| Term::of(first, months, facts.period.first_day));
        }
    }

    /// The groups that the lines of a subscription count towards, whatever their charge.
    pub(super) fn covering(&self, reference: &Reference, catalog: &Catalog, subscription: u32, into: &mut Vec<u32>) {
        into.clear();
        let account = reference.subscriptions[subscription as usize].account;
        if let Some(contract) = catalog.contract_of[subscription as usize] {
            let top = topmost(reference, account);
            let whole = self.of_contract[contract as usize].iter().filter(|number| self.over_contract[**number]);
            into.extend(whole.filter_map(|number| self.place.get(&(*number, top))));
        }
        into.extend(self.of_account.get(&account).into_iter().flatten());
        if !self.of_subtree.is_empty() {
            let parent = |at: &Index| reference.accounts[*at as usize].parent;
            for at in std::iter::successors(Some(account), parent) {
                into.extend(self.of_subtree.get(&at).into_iter().flatten());
            }
        }
        into.sort_unstable();
        into.dedup();
    }

    /// A sum over several currencies is no sum.
    fn check_currencies(&self, facts: Facts<'_>, faults: &mut Faults) {
        let mut told: BTreeSet<u32> = BTreeSet::new();
        let mut covering = Vec::new();
        let account = |number: u32| {
            let account = facts.reference.subscriptions[number as usize].account;
            &facts.reference.accounts[account as usize]
        };
        for number in (0..).take(facts.reference.subscriptions.len()) {
            self.covering(facts.reference, facts.catalog, number, &mut covering);
            for at in &covering {
                let group = &self.all[*at as usize];
                let Some(first) = group.members.first().map(|first| account(*first)) else { continue };
                let other = account(number);
                if first.currency == other.currency || !told.insert(*at) {
                    continue;
                }
                let commitment = &facts.book.commitments[group.commitment];
                let message = format!(
                    "the commitment `{}` of contract `{}` is over account `{}` in {} and account `{}` in {}",
                    commitment.id,
                    facts.book.contracts[commitment.contract].id,
                    first.id,
                    first.currency,
                    other.id,
                    other.currency
                );
                let fault = Fault::new(&codes::B010, message).at(&commitment.place);
                faults.push(fault.hint("commit over accounts of one currency, or by a contract for each"));
            }
        }
    }

    /// The rows of the balances that belong to the term of the period.
    fn take_balances(&mut self, facts: Facts<'_>, faults: &mut Faults) {
        let holders: HashSet<(usize, Index)> =
            contracts(facts).map(|(_, contract, account)| (contract, account)).collect();
        for (at, balance) in facts.reference.commitment_balances.iter().enumerate() {
            let Some((number, version)) = self.balanced(facts, balance, faults) else { continue };
            let account = facts.reference.subscriptions[version as usize].account;
            let anchor = anchor(facts, &facts.book.commitments[number], account, &holders);
            let Some(group) = self.place.get(&(number, anchor)).and_then(|at| self.all.get_mut(*at as usize)) else {
                continue;
            };
            let counts = group.term.is_some_and(|term| term.holds(balance.period));
            if counts && balance.period < facts.period.first_day {
                group.balances.push((at, version));
            }
        }
    }

    /// The commitment that a row of the balances is of, and the version of the subscription that had it then, which says for
    /// which customer; or a fault.
    fn balanced(&self, facts: Facts<'_>, balance: &CommitmentBalance, faults: &mut Faults) -> Option<(usize, Index)> {
        let rows = &facts.reference.subscriptions;
        let subscription = &rows[balance.subscription as usize];
        let of_version = |at: Index| {
            let contract = facts.catalog.contract_of[at as usize];
            contract.map(|contract| self.of_contract[contract as usize].as_slice()).unwrap_or_default()
        };
        let named = |at: Index| {
            let mut own = of_version(at).iter().copied();
            own.find(|number| facts.book.commitments[*number].id == balance.commitment).map(|number| (number, at))
        };
        let versions = || (subscription.first..=subscription.last).rev();
        let after = balance.period.checked_add_months(Months::new(1)).unwrap_or(NaiveDate::MAX);
        let begun = || versions().filter(|at| rows[*at as usize].start < after);
        let there = |at: &Index| balance.account.is_none_or(|account| rows[*at as usize].account == account);
        let found = begun().filter(there).find_map(named).or_else(|| begun().find_map(named));
        let Some((number, version)) = found.or_else(|| versions().find_map(named)) else {
            let own = of_version(balance.subscription);
            let (id, name) = (&subscription.id, &balance.commitment);
            let fault = Fault::new(&codes::B003, format!("subscription `{id}` has no commitment `{name}`"));
            let known = own.iter().map(|number| facts.book.commitments[*number].id.as_str());
            let hint =
                did_you_mean(name, known).or(Some("name a commitment of its contract, or drop the row".to_owned()));
            faults.push(Fault { hint, ..fault.at(&balance.place) });
            return None;
        };
        if facts.book.commitments[number].term_months.is_none() {
            let message = format!("the commitment `{}` has no term: each period is by itself", balance.commitment);
            let fault = Fault::new(&codes::B005, message).at(&balance.place);
            faults.push(fault.hint("drop the row, or give the commitment `per: term` and `term_months`"));
            return None;
        }
        Some((number, version))
    }
}

/// Every subscription that has a contract: itself, the contract, its account.
fn contracts(facts: Facts<'_>) -> impl Iterator<Item = (u32, usize, Index)> {
    let rows = (0_u32..).zip(&facts.reference.subscriptions).zip(&facts.catalog.contract_of);
    rows.filter_map(|((number, row), contract)| Some((number, (*contract)? as usize, row.account)))
}

/// The account that stands for the customer: the topmost one; the account itself; the topmost one that has the contract.
fn anchor(facts: Facts<'_>, commitment: &Commitment, account: Index, holders: &HashSet<(usize, Index)>) -> Index {
    let parent = |at: &Index| facts.reference.accounts[*at as usize].parent;
    match commitment.over {
        Over::Contract => topmost(facts.reference, account),
        Over::Account => account,
        Over::Subtree => {
            let above = std::iter::successors(Some(account), parent);
            above.filter(|at| holders.contains(&(commitment.contract, *at))).last().unwrap_or(account)
        }
    }
}

/// The days on which a subscription holds the contract of a commitment: none before it is valid, none after.
pub(super) fn held(commitment: &Commitment, row: &Subscription) -> (NaiveDate, Option<NaiveDate>) {
    let end = row.end.into_iter().chain(commitment.valid.to).min();
    (commitment.valid.from.map_or(row.start, |from| from.max(row.start)), end)
}

fn topmost(reference: &Reference, account: Index) -> Index {
    let parent = |at: &Index| reference.accounts[*at as usize].parent;
    std::iter::successors(Some(account), parent).last().unwrap_or(account)
}
