//! What allowances have to do with a line: the grants that its usage draws on, and everybody's draws on them.

use std::collections::BTreeSet;

use super::super::pools::place_ref;
use super::super::witness::Seen;
use super::model::{AllowanceTerms, AllowanceUse, AmountUse, Draw, Exact};
use super::own::View;
use super::rerate::told;
use super::words::scope_word;
use crate::allowance::Covered;
use crate::catalog::{Payer, Source};
use crate::lines::{Band, Portion};

/// A draw as it was seen.
struct SeenDraw<'v> {
    sources: &'v [Source],
    payer: Payer,
    portions: &'v [Portion],
    covered: &'v Covered,
}

impl View<'_> {
    /// What allowances have covered of the charge, for everybody whose draws bear on the line's.
    pub(super) fn allowances(&self) -> Option<AllowanceUse> {
        let (all, grants) = self.draws();
        let grants: Vec<u32> = grants.into_iter().collect();
        let mut payers: Vec<Payer> = Vec::new();
        let (mut draws, mut own) = (Vec::new(), None);
        for seen in all {
            if let Some(at) = seen.covered.parts.iter().position(|part| self.is_line(seen.portions, part)) {
                own = own.or(Some((draws.len(), at)));
            }
            let payer = payers.iter().position(|payer| *payer == seen.payer).unwrap_or_else(|| {
                payers.push(seen.payer);
                payers.len() - 1
            });
            let price = &self.job.catalog.prices[self.line.price as usize].model;
            draws.push(Draw {
                from: seen.sources.iter().filter_map(|source| grants.binary_search(&source.grant).ok()).collect(),
                pays_with: payer,
                portions: seen.portions.iter().map(|portion| self.portion(portion, price)).collect(),
                covered: seen.covered.parts.iter().map(|part| told(part, price)).collect(),
            });
        }
        let allowances: Vec<AllowanceTerms> = grants.iter().map(|grant| self.granted(*grant)).collect();
        (!draws.is_empty()).then_some(AllowanceUse { allowances, draws, own })
    }

    /// The draws of the charge that bear on those of the line's subscription, in order, and the grants they draw on: those
    /// it draws on itself, those that others draw on beside them, and so on.
    fn draws(&self) -> (Vec<SeenDraw<'_>>, BTreeSet<u32>) {
        let of_charge = self.seen.iter().filter_map(|seen| match seen {
            Seen::Drawn { charge, sources, payer, portions, covered } if *charge == self.line.charge as usize => {
                Some(SeenDraw { sources, payer: *payer, portions, covered })
            }
            _ => None,
        });
        let mut all: Vec<SeenDraw<'_>> = of_charge.collect();
        let is_own = |seen: &SeenDraw<'_>| seen.portions.iter().any(|one| one.subscription == self.line.subscription);
        let grants = |seen: &SeenDraw<'_>| seen.sources.iter().map(|source| source.grant).collect::<Vec<_>>();
        let mut met: BTreeSet<u32> = all.iter().filter(|seen| is_own(seen)).flat_map(grants).collect();
        let bears = |seen: &SeenDraw<'_>, met: &BTreeSet<u32>| seen.sources.iter().any(|one| met.contains(&one.grant));
        loop {
            let more: BTreeSet<u32> = all.iter().filter(|seen| bears(seen, &met)).flat_map(grants).collect();
            if more.len() == met.len() {
                break;
            }
            met = more;
        }
        all.retain(|seen| bears(seen, &met));
        (all, met)
    }

    /// A grant in the words of the explanation.
    fn granted(&self, number: u32) -> AllowanceTerms {
        let grants = &self.job.catalog.grants;
        let (grant, pool) = (&grants.grants[number as usize], grants.pool_of(number));
        let allowance = grants.allowance(pool);
        AllowanceTerms {
            allowance: allowance.id.clone(),
            granted_period: grant.month.to_string(),
            quantity: Exact(grant.granted),
            shared_over: scope_word(allowance.shared_over).to_owned(),
            holder: self.job.reference.subscriptions[pool.holder as usize].id.clone(),
            place: place_ref(&allowance.place),
        }
    }

    /// The amounts that were included, when the line is what they cover of another line.
    pub(super) fn amounts(&self) -> Option<AmountUse> {
        let Band::Amount(number) = self.line.band else { return None };
        let of = (self.line.subscription, self.line.charge);
        let covered = self.billed.covered.iter().find(|covered| (covered.subscription, covered.charge) == of)?;
        let terms = |source: &Source| (self.granted(source.grant), Exact(source.granted));
        let (allowances, left) = covered.sources.iter().map(terms).unzip();
        let amounts = covered.amounts.iter().copied().map(Exact).collect();
        Some(AmountUse { allowances, left, amounts, own: usize::try_from(number).ok()?, records: self.line.records })
    }
}
