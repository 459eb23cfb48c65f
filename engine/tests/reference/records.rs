//! Models that look at every record alone, in order of time: percentages with terms for each record, and increments.

use std::collections::BTreeMap;

use super::exact::{Exact, Mode};
use super::model::{Part, Thing};
use super::portion::{Portion, scope};
use super::words::{Case, Fields, Read};

const TERMS: &[&str] = &["record_fee", "free_records", "free_amount", "record_minimum", "record_maximum"];

/// Whether a percentage looks at single records.
pub(crate) fn has_terms(price: &Fields) -> bool {
    price.one("model") == Some("percentage") && TERMS.iter().any(|term| price.contains_key(*term))
}

fn share(price: &Fields, amount: &Exact) -> Exact {
    amount.times(&price.number("percent").unwrap()).over(&Exact::whole(100)).kept()
}

pub(crate) fn percentage(price: &Fields, thing: &Thing<'_>) -> Vec<Part> {
    let amount = limited(price, &thing.quantity, share(price, &thing.quantity));
    vec![Part::new("", thing.quantity.clone(), Some(share(price, &Exact::whole(1))), amount)]
}

/// Minimum and maximum of a line hold for sales, not for what is given back.
fn limited(price: &Fields, quantity: &Exact, amount: Exact) -> Exact {
    if quantity.is_positive() { bounded(amount, price.number("minimum"), price.number("maximum")) } else { amount }
}

/// Settles what is free of each record: the first records of the period of those who share it, in order of time, whatever
/// their line group; records that came at another price are counted too.
pub(crate) fn give_terms(case: &Case, portions: &mut [Portion<'_>], order: &[(usize, usize)]) {
    let mut begun: BTreeMap<String, (i64, Exact)> = BTreeMap::new();
    for (portion, thing) in order {
        let whose = scope(case, &portions[*portion]);
        let Portion { stretch, things, .. } = &mut portions[*portion];
        let thing = &mut things[*thing];
        // What was included altogether, and a record of nothing, is none: it uses up none of the free ones.
        if thing.left.is_zero() {
            continue;
        }
        let (count, total) = begun.entry(whose).or_insert_with(|| (0, Exact::zero()));
        if has_terms(&stretch.price) && !thing.quantity.is_zero() {
            thing.terms = Free::new(&stretch.price, *count, total).next(&thing.quantity);
        }
        *count += if thing.quantity.is_zero() { 0 } else { i64::try_from(thing.records()).unwrap() };
        *total = total.plus(&thing.quantity);
    }
}

/// A percentage of records, each with its fee, what is free of it, and its limits.
pub(crate) fn with_terms(portion: &Portion<'_>) -> Vec<Part> {
    let price = &portion.stretch.price;
    let fee = price.number("record_fee").unwrap_or_else(Exact::zero);
    let (mut amount, mut fees, mut total, mut owing) = (Exact::zero(), Exact::zero(), Exact::zero(), 0);
    let mut records = 0;
    // What a record comes to is rounded with its fee; the fee is what it adds.
    let rounded = |exact: Exact| match price.map("round_amount") {
        Some(round) => {
            exact.round(round.one("digits").unwrap().parse().unwrap(), Mode::named(round.word("mode", "half_up")))
        }
        None => exact,
    };
    for thing in portion.things.iter().filter(|thing| !thing.quantity.is_zero()) {
        let (free, owes) = &thing.terms;
        records += thing.records();
        let base = thing.quantity.less(free);
        // What is given back owes no fee and is not raised or lowered.
        let owes = *owes && !thing.quantity.is_negative();
        let due = if owes { fee.clone() } else { Exact::zero() };
        let mut whole = share(price, &base).plus(&due);
        // What is free altogether is not raised to the least amount of a record.
        if !thing.quantity.is_negative() && (owes || !base.is_zero()) {
            whole = bounded(whole, price.number("record_minimum"), price.number("record_maximum"));
        }
        let share = rounded(whole.less(&due));
        // A fee that is rounded to nothing is none.
        let owed = rounded(whole).less(&share);
        owing += usize::from(owes && (!owed.is_zero() || price.map("round_amount").is_none()));
        fees = fees.plus(&owed);
        amount = amount.plus(&share);
        total = total.plus(&thing.quantity);
    }
    // The fees count towards the minimum and the maximum of the line.
    let amount = limited(price, &total, amount.plus(&fees)).less(&fees);
    let unit_price = share(price, &Exact::whole(1));
    let mut parts = vec![Part { owing: Some(records), ..Part::new("", total, Some(unit_price), amount) }];
    if owing > 0 && !fee.is_zero() {
        parts.push(Part { amount: fees, ..Part::fee(&fee, owing) });
    }
    parts.retain(|part| !part.quantity.is_zero() || !part.amount.is_zero());
    parts
}

fn bounded(amount: Exact, least: Option<Exact>, most: Option<Exact>) -> Exact {
    let amount = least.map_or(amount.clone(), |least| amount.most(least));
    most.map_or(amount.clone(), |most| amount.least(most))
}

/// What is free, record by record.
struct Free {
    records: Option<Exact>,
    amount: Option<Exact>,
    outlasts: bool,
    count: i64,
    total: Exact,
}

impl Free {
    fn new(price: &Fields, count: i64, total: &Exact) -> Self {
        Self {
            records: price.number("free_records"),
            amount: price.number("free_amount"),
            outlasts: price.one("free_amount_outlasts") == Some("true"),
            count,
            total: total.clone(),
        }
    }

    /// What of the next record's money is free, and whether it owes the fee.
    fn next(&mut self, money: &Exact) -> (Exact, bool) {
        let by_count = self.records.as_ref().is_none_or(|most| Exact::whole(self.count) < *most);
        let before = self.total.clone();
        self.count += 1;
        self.total = self.total.plus(money);
        if self.records.is_none() && self.amount.is_none() {
            return (Exact::zero(), true);
        }
        let by_amount = self.amount.as_ref().is_none_or(|most| self.total <= *most);
        let portion = match &self.amount {
            _ if !(by_count || self.outlasts && self.amount.is_some()) => Exact::zero(),
            None => money.clone(),
            Some(most) => self.total.clone().least(most.clone()).less(&before.least(most.clone())),
        };
        (portion, !(by_count && by_amount))
    }
}

/// The units billed for a record: at least the first ones, then whole steps.
pub(crate) fn stepped(quantity: &Exact, initial: &Exact, step: &Exact) -> Exact {
    // What is given back is rounded like what it takes back.
    if quantity.is_negative() {
        return stepped(&quantity.negated(), initial, step).negated();
    }
    if quantity <= initial { initial.clone() } else { initial.plus(&quantity.less(initial).to_step(step, Mode::Up)) }
}

pub(crate) fn increments(price: &Fields, thing: &Thing<'_>) -> Vec<Part> {
    let step = price.number("increment").unwrap();
    let initial = price.number("initial").unwrap_or_else(|| step.clone());
    let unit_price = price.number("unit_price").unwrap();
    let per = price.number("per").unwrap_or_else(|| Exact::whole(1));
    let units = stepped(&thing.quantity, &initial, &step);
    let amount = units.times(&unit_price).over(&per).kept();
    let mut parts = vec![Part::new("", thing.quantity.clone(), Some(unit_price.over(&per).kept()), amount)];
    parts.extend(connected(price, &thing.quantity));
    parts
}

/// The fee of a record of a quantity above zero.
pub(crate) fn connected(price: &Fields, quantity: &Exact) -> Option<Part> {
    let fee = price.number("connect_fee").filter(|fee| !fee.is_zero() && quantity.is_positive());
    fee.map(|fee| Part::fee(&fee, 1))
}
