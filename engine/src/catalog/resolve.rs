//! Prices out of stacks: the list price with patch after patch laid over it, for every stretch of the period.
//!
//! Every step is made once: the same patch over the same price is the same price, for whomever. What comes out the same is
//! the same price too, so that those who pay alike share tiers.

use hashbrown::HashMap;

use super::Stretch;
use super::stack::{Dated, Stacks};
use crate::book::model::{Layered, PriceBook};
use crate::fault::{Fault, Faults, codes};

/// The prices made so far.
pub(super) struct Resolver<'a> {
    book: &'a PriceBook,
    /// Every price on the way.
    made: Vec<Layered>,
    /// By charge: the list prices by their days.
    listed: Vec<Vec<(std::ops::Range<u16>, u32)>>,
    /// What a patch makes of a price; `None` where it does not fit.
    steps: HashMap<(u32, u32), Option<u32>>,
    /// What a patch has made.
    made_by: HashMap<u32, Vec<u32>>,
    /// What became of each patch of an account.
    fits: Vec<Fit>,
    /// Known stacks.
    stacks: HashMap<(usize, Vec<Dated>), u32>,
    /// Known lists of stretches.
    known: HashMap<Vec<Stretch>, u32>,
    /// Number of the prices in use, by that on the way.
    numbers: HashMap<u32, u32>,
    /// The prices in use, by their number on the way, with their charge.
    pub(super) used: Vec<(u32, usize)>,
    /// Every distinct list of stretches.
    pub(super) terms: Vec<Vec<Stretch>>,
}

/// What became of one override.
#[derive(Clone, Default)]
struct Fit {
    /// It lies over a price in use, or its fault is told.
    fits: bool,
    /// Why it does not fit the first price it did not fit.
    refused: Option<Faults>,
}

impl<'a> Resolver<'a> {
    /// Over the list prices of `book`.
    pub(super) fn new(book: &'a PriceBook, stacks: &Stacks<'_>) -> Self {
        let mut made = Vec::new();
        let mut listed = Vec::with_capacity(book.charges.len());
        for charge in &book.charges {
            let mut by_days = Vec::with_capacity(charge.listed.len());
            for one in &charge.listed {
                by_days.push((stacks.days_of(one.valid), narrow(made.len())));
                made.push(one.layered.clone());
            }
            listed.push(by_days);
        }
        let own = stacks.patches.len() - stacks.first_own as usize;
        Self {
            book,
            made,
            listed,
            steps: HashMap::new(),
            made_by: HashMap::new(),
            fits: vec![Fit::default(); own],
            stacks: HashMap::new(),
            known: HashMap::new(),
            numbers: HashMap::new(),
            used: Vec::new(),
            terms: Vec::new(),
        }
    }

    /// The number of the terms that `stack` makes of `charge`.
    pub(super) fn terms(&mut self, charge: usize, stack: Vec<Dated>, stacks: &Stacks<'_>, faults: &mut Faults) -> u32 {
        let key = (charge, stack);
        if let Some(terms) = self.stacks.get(&key) {
            return *terms;
        }
        let stretches = self.stretches(charge, &key.1, stacks, faults);
        let next = narrow(self.terms.len());
        let terms = *self.known.entry(stretches).or_insert_with_key(|stretches| {
            self.terms.push(stretches.clone());
            next
        });
        self.stacks.insert(key, terms);
        terms
    }

    /// The period cut at every day on which something begins or ends; neighbours of one price are one stretch.
    fn stretches(&mut self, charge: usize, stack: &[Dated], stacks: &Stacks<'_>, faults: &mut Faults) -> Vec<Stretch> {
        let listed = self.listed[charge].clone();
        let spans = stack.iter().map(|dated| &dated.days).chain(listed.iter().map(|(days, _)| days));
        let mut cuts: Vec<u16> = spans.flat_map(|days| [days.start, days.end]).collect();
        cuts.extend([0, stacks.length()]);
        cuts.sort_unstable();
        cuts.dedup();
        let mut stretches: Vec<Stretch> = Vec::new();
        for cut in cuts.windows(2) {
            let [from, to] = *cut else { continue };
            let list = listed.iter().rev().find(|(days, _)| days.contains(&from)).map(|(_, price)| *price);
            let Some(price) = list.and_then(|list| self.price_over(list, &in_force(stack, from), stacks, faults))
            else {
                continue;
            };
            let price = self.number(price, charge);
            match stretches.last_mut() {
                Some(last) if last.price == price => last.days.end = to,
                _ => stretches.push(Stretch { days: from..to, price }),
            }
        }
        stretches
    }

    /// The number of a price in use.
    fn number(&mut self, price: u32, charge: usize) -> u32 {
        *self.numbers.entry(price).or_insert_with(|| {
            self.used.push((price, charge));
            narrow(self.used.len() - 1)
        })
    }

    /// What `patches`, the weakest first, make of the price `list`.
    ///
    /// A contract or plan prices a charge as a whole, over list and layers: what was weaker does not shine through. An
    /// account's override passes over a price whose model does not take it, as it may meet several. Anything else is
    /// stronger than what it does not fit: that gives way, down to the first price that it fits.
    fn price_over(&mut self, list: u32, patches: &[u32], stacks: &Stacks<'_>, faults: &mut Faults) -> Option<u32> {
        let mut path = vec![list];
        let mut base = path.len();
        for patch in patches {
            if (stacks.first_sold..stacks.first_own).contains(patch) {
                path.truncate(base);
            }
            let top = path.last().copied()?;
            if *patch >= stacks.first_own {
                path.extend(self.step(top, *patch, stacks, faults));
                continue;
            }
            let fitting = (0..path.len()).rev().find_map(|at| Some((at, self.step(path[at], *patch, stacks, faults)?)));
            match fitting {
                Some((at, price)) => {
                    path.truncate(at + 1);
                    path.push(price);
                }
                None => self.refuse(top, *patch, stacks, faults),
            }
            if *patch < stacks.first_sold {
                base = path.len();
            }
        }
        path.last().copied()
    }

    /// What `patch` makes of `price`, if it fits.
    fn step(&mut self, price: u32, patch: u32, stacks: &Stacks<'_>, faults: &mut Faults) -> Option<u32> {
        if let Some(step) = self.steps.get(&(price, patch)) {
            return *step;
        }
        let base = &self.made[price as usize];
        let step = match self.book.lay(base, stacks.patches[patch as usize]) {
            Ok(layered) => {
                if let Some(fit) = self.fit(patch, stacks) {
                    fit.fits = true;
                }
                let known = self.made_by.entry(patch).or_default();
                let same = known.iter().copied().find(|at| self.made[*at as usize].is_same(&layered));
                Some(same.unwrap_or_else(|| {
                    self.made.push(layered);
                    let number = narrow(self.made.len() - 1);
                    known.push(number);
                    number
                }))
            }
            Err(refused) => {
                self.pass_over(price, patch, refused, stacks, faults);
                None
            }
        };
        self.steps.insert((price, patch), step);
        step
    }

    fn fit(&mut self, patch: u32, stacks: &Stacks<'_>) -> Option<&mut Fit> {
        self.fits.get_mut(patch.checked_sub(stacks.first_own)? as usize)
    }

    /// An account's override may pass over prices of other models, but makes no nonsense of one it fits.
    fn pass_over(&mut self, price: u32, patch: u32, refused: Faults, stacks: &Stacks<'_>, faults: &mut Faults) {
        let hint = self.below(price);
        let Some(fit) = self.fit(patch, stacks) else { return };
        let hinted = refused.0.into_iter().map(|fault| fault.hint(hint.clone()));
        let (nonsense, unfit): (Vec<Fault>, Vec<Fault>) = hinted.partition(|fault| fault.code == &codes::B001);
        if nonsense.is_empty() {
            fit.refused.get_or_insert(Faults(unfit));
        } else {
            fit.fits = true;
            faults.0.extend(nonsense);
        }
    }

    /// A layer, contract or plan that fits nothing below it says something that would not count: that is not passed over
    /// in silence.
    fn refuse(&self, price: u32, patch: u32, stacks: &Stacks<'_>, faults: &mut Faults) {
        let Err(refused) = self.book.lay(&self.made[price as usize], stacks.patches[patch as usize]) else { return };
        faults.0.extend(refused.0.into_iter().map(|fault| fault.hint(self.below(price))));
    }

    fn below(&self, price: u32) -> String {
        let base = &self.made[price as usize].price;
        format!("it lies over the price of {}, {}", base.layer, base.place)
    }

    /// Reports the overrides that fit none of the prices they met or, where they met none, none they ever could.
    pub(super) fn check_fits(&self, stacks: &Stacks<'_>, faults: &mut Faults) {
        let own = &stacks.patches[stacks.first_own as usize..];
        for (patch, fit) in own.iter().zip(&self.fits).filter(|(_, fit)| !fit.fits) {
            match &fit.refused {
                Some(refused) => faults.0.extend(refused.0.iter().cloned()),
                None => drop(faults.keep(self.book.check_fit(patch))),
            }
        }
    }

    /// The price made as `number`.
    pub(super) fn price(&self, number: u32) -> &Layered {
        &self.made[number as usize]
    }
}

/// The patches in force on a day, the weakest first; one that stands twice counts where it is strongest.
fn in_force(stack: &[Dated], day: u16) -> Vec<u32> {
    let mut patches: Vec<u32> = Vec::new();
    for dated in stack.iter().rev().filter(|dated| dated.days.contains(&day)) {
        if !patches.contains(&dated.patch) {
            patches.push(dated.patch);
        }
    }
    patches.reverse();
    patches
}

fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
