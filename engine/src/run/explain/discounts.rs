//! What discounts have taken off a line, told and taken off again.

use super::super::Job;
use super::super::discounts::{Basis, Discounting, Taken};
use super::super::pools::place_ref;
use super::model::{DiscountUse, Exact, RoundingSteps, SharedUse};
use super::words::{read_base, read_mode};
use crate::book::model::{DiscountBase, DiscountLevel, Reduction};
use crate::discount::off::Minor;
use crate::fault::{Fault, Outcome};
use crate::lines::Line;
use crate::money::Decimal;
use crate::money::split::split;

const LEVELS: [&str; 3] = ["line", "account", "invoice"];

/// The discounts of the line at position `at`, in the order in which they came off.
pub(super) fn told(job: &Job<'_>, discounting: &Discounting, at: usize, line: &Line) -> Outcome<Vec<DiscountUse>> {
    let own = |taken: &&Taken| taken.line as usize == at;
    let first = discounting.taken.partition_point(|taken| (taken.line as usize) < at);
    let (mut uses, mut left, mut rounded) = (Vec::new(), start(job, line), false);
    for taken in discounting.taken[first..].iter().take_while(own) {
        let discount = &job.book.discounts[taken.discount as usize];
        if discount.level != DiscountLevel::Line && !rounded {
            rounded = true;
            let off = uses.iter().try_fold(Decimal::ZERO, |sum, one: &DiscountUse| sum.plus(one.amount.0));
            left = off.and_then(|off| line.list.minus(off));
        }
        let before = left.ok_or_else(|| Fault::ours("what discounts leave does not fit"))?;
        let account = job.reference.subscriptions[line.subscription as usize].account;
        let account = match (taken.coupon, discount.level) {
            (Some(row), _) if discount.level != DiscountLevel::Line => {
                holder(job, taken.discount, row).unwrap_or(account)
            }
            (_, DiscountLevel::Invoice) => job.reference.accounts[account as usize].bill_to,
            _ => account,
        };
        let (kind, value) = match &discount.reduction {
            Reduction::Percent(_) => {
                ("percent", job.discounts.percent(taken.discount as usize, account).unwrap_or_default())
            }
            Reduction::Amount(amount) => ("amount", *amount),
            Reduction::FreeUnits(units) => ("free_units", *units),
            Reduction::FixedPrice(price) => ("fixed_price", *price),
        };
        let basis = taken.basis.map(|(basis, own)| (&discounting.bases[basis as usize], own as usize));
        let shared = |(basis, own): (&Basis, usize)| match basis {
            Basis::Shared(shared) => Some(SharedUse {
                whole: Exact(shared.whole),
                weights: shared.weights.iter().copied().map(Exact).collect(),
                own,
            }),
            Basis::Units(_) => None,
        };
        let units =
            |(basis, _): (&Basis, usize)| if let Basis::Units(units) = basis { Some(Exact(*units)) } else { None };
        uses.push(DiscountUse {
            id: discount.id.clone(),
            place: place_ref(&discount.place),
            coupon: taken.coupon.map(|row| job.reference.coupons[row as usize].id.clone()),
            level: LEVELS[discount.level as usize].to_owned(),
            kind: kind.to_owned(),
            value: Exact(value),
            of: if discount.of_original { "original" } else { "rest" }.to_owned(),
            cap: discount.cap.map(Exact),
            before: Exact(before),
            off: Exact(taken.off),
            amount: Exact(taken.amount),
            units: basis.and_then(units),
            shared: basis.and_then(shared),
        });
        left = before.minus(taken.off);
    }
    Ok(uses)
}

/// What the discounts of a line begin with.
fn start(job: &Job<'_>, line: &Line) -> Option<Decimal> {
    Some(if job.book.rounding.discount_base == DiscountBase::Rounded { line.list } else { line.rated })
}

/// The account that holds a coupon.
fn holder(job: &Job<'_>, discount: u32, row: u32) -> Option<u32> {
    let coupons = job.discounts.coupons(discount as usize)?;
    coupons.iter().find(|coupon| coupon.row == row).map(|coupon| coupon.account)
}

/// List, discount and net of a line again: rated, of `quantity` units at `unit_price`.
pub(super) fn again(
    uses: &[DiscountUse],
    steps: &RoundingSteps,
    (rated, quantity, unit_price): (Decimal, Decimal, Option<Decimal>),
) -> Option<(Decimal, Decimal, Decimal)> {
    let (mode, base) = (read_mode(&steps.mode)?, read_base(&steps.discount_base)?);
    let minor = Minor { digits: steps.digits, mode, base };
    let list = rated.rounded(steps.digits, mode)?;
    let start = if base == DiscountBase::Rounded { list } else { rated };
    let (of_line, of_others): (Vec<&DiscountUse>, Vec<&DiscountUse>) =
        uses.iter().partition(|one| one.level == LEVELS[0]);
    let mut left = start;
    for one in of_line {
        let off = match (&one.shared, one.kind.as_str()) {
            (Some(shared), _) => minor.exactly(left, part(shared, steps.digits)?)?,
            (None, "percent") => one.value.0.percent_of(if one.of == "original" { start } else { left })?,
            (None, "free_units") => one.units.as_ref()?.0.times(unit_price?)?,
            (None, "fixed_price") => left.minus(quantity.times(one.value.0)?)?,
            _ => return None,
        };
        let off = if base == DiscountBase::Rounded { off.rounded(steps.digits, mode)? } else { off };
        let off = if left.is_negative() { off.max(left).min(Decimal::ZERO) } else { off.min(left) };
        left = left.minus(off)?;
    }
    let mut net = left.rounded(steps.digits, mode)?;
    for one in of_others {
        net = net.minus(part(one.shared.as_ref()?, steps.digits)?)?;
    }
    Some((list, list.minus(net)?, net))
}

fn part(shared: &SharedUse, digits: u32) -> Option<Decimal> {
    let weights: Vec<Decimal> = shared.weights.iter().map(|weight| weight.0).collect();
    split(shared.whole.0, &weights, digits)?.get(shared.own).copied()
}
