//! Quantities before a model sees them: converted, less what is free.
//!
//! Converted quantities of usage that is priced together add up to the conversion of the whole: each portion has what the
//! running total grows by.

use crate::book::model::{Each, Model, Price};
use crate::lines::{Band, Part, Portion};
use crate::money::{Decimal, Rounding};

/// Portions as a model sees them.
pub(super) struct Quantities {
    /// The portions, with the quantity left to be priced.
    pub(super) priced: Vec<Portion>,
    /// What was free of each of them.
    pub(super) free: Vec<Part>,
}

/// The quantities that `portions` have to pay; `None` when one does not fit.
pub(super) fn priced(prices: &[&Price], portions: &[Portion]) -> Option<Quantities> {
    let mut priced = portions.to_vec();
    let plain = |price: &&Price| price.convert.is_none() && price.free_units.is_zero();
    if prices.iter().all(plain) {
        return Some(Quantities { priced, free: Vec::new() });
    }
    let (mut exact, mut given) = (Decimal::ZERO, Decimal::ZERO);
    let (mut used, mut paid, mut conversion) = (Decimal::ZERO, Decimal::ZERO, None);
    let mut free = Vec::new();
    for (at, portion) in priced.iter_mut().enumerate() {
        let price = prices.get(usize::from(portion.stretch))?;
        if let Some(convert) = price.convert {
            let alone = price.each != Each::Period || price.by_record();
            // Another conversion begins with a new total: totals of different units do not add up.
            if alone || conversion != Some(convert) {
                (exact, given) = (Decimal::ZERO, Decimal::ZERO);
            }
            exact = exact.plus(portion.quantity)?;
            let whole = convert.apply(exact)?;
            portion.quantity = whole.minus(given)?;
            given = whole;
        }
        conversion = price.convert;
        let taken = if portion.quantity.is_negative() {
            // What is taken back was used last: it gives back what was paid first, then what was free.
            portion.quantity.plus(paid.max(Decimal::ZERO))?.min(Decimal::ZERO).max(Decimal::ZERO.minus(used)?)
        } else {
            // Units taken back before they were used have been paid back: as many are paid now.
            portion.quantity.plus(paid.min(Decimal::ZERO))?.min(price.free_units.minus(used)?).max(Decimal::ZERO)
        };
        paid = paid.plus(portion.quantity.minus(taken)?)?;
        if !taken.is_zero() {
            used = used.plus(taken)?;
            portion.quantity = portion.quantity.minus(taken)?;
            begin_later(price, portion, taken)?;
            free.push(super::part(at, portion, Band::Free, taken, Decimal::ZERO, Decimal::ZERO));
        }
    }
    Some(Quantities { priced, free })
}

/// What is free of a record whose quantity is a time is its beginning: the rest is priced where it really lies.
pub(super) fn begin_later(price: &Price, portion: &mut Portion, taken: Decimal) -> Option<()> {
    let Model::Calendar(calendar) = &price.model else { return Some(()) };
    if let Some(unit) = calendar.spans.micros() {
        let micros = taken.times(Decimal::whole(unit))?.rounded(0, Rounding::HalfUp)?;
        portion.time = portion.time.checked_add(i64::try_from(micros.units() / Decimal::ONE.units()).ok()?)?;
    }
    Some(())
}
