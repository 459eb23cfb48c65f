//! The end of a period: what of a pool's grants is carried into the next one, and what expires.

use crate::book::model::Rollover;
use crate::catalog::Grant;
use crate::money::Decimal;
use crate::period::Month;

/// What has become of a grant in a period: granted = used + expired + left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// What has been drawn.
    pub used: Decimal,
    /// What nobody can use any more.
    pub expired: Decimal,
    /// What the next period opens with.
    pub left: Decimal,
}

/// The balances of a pool's grants (earlier ones first) at the end of `now`, by what has been `used` of each. What is over
/// the cap expires, of what expires first anyway. `None` when a sum does not fit, or more is used than there was.
#[must_use]
pub fn balances(grants: &[Grant], used: &[Decimal], rollover: Rollover, now: Month) -> Option<Vec<Balance>> {
    let mut balances = Vec::with_capacity(grants.len());
    for (grant, used) in grants.iter().zip(used) {
        let rest = grant.granted.minus(*used).filter(|rest| !rest.is_negative() && !used.is_negative())?;
        let goes_on = grant.is_usable && grant.expires_after > now;
        let (expired, left) = if goes_on { (Decimal::ZERO, rest) } else { (rest, Decimal::ZERO) };
        balances.push(Balance { used: *used, expired, left });
    }
    if let Some(cap) = rollover.cap {
        let left = balances.iter().try_fold(Decimal::ZERO, |sum, balance| sum.plus(balance.left))?;
        let mut over = left.minus(cap)?.max(Decimal::ZERO);
        for balance in &mut balances {
            let dropped = over.min(balance.left);
            (balance.left, balance.expired) = (balance.left.minus(dropped)?, balance.expired.plus(dropped)?);
            over = over.minus(dropped)?;
        }
    }
    Some(balances)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants(periods: u32) -> Vec<Grant> {
        let grant = |(text, granted): (&str, i64)| {
            let month = Month::parse(text).unwrap();
            let (expires_after, granted) = (month.later(periods), Decimal::whole(granted));
            Grant { pool: 0, month, expires_after, granted, is_usable: true }
        };
        [("2026-08", 10), ("2026-09", 20), ("2026-10", 100)].map(grant).to_vec()
    }

    fn carried(periods: u32, cap: Option<i64>) -> Vec<[String; 2]> {
        let used = [4, 0, 30].map(Decimal::whole);
        let rollover = Rollover { periods, cap: cap.map(Decimal::whole) };
        let balances = balances(&grants(periods), &used, rollover, Month::parse("2026-10").unwrap()).unwrap();
        balances.iter().map(|balance| [balance.expired.to_string(), balance.left.to_string()]).collect()
    }

    #[test]
    fn what_is_left_goes_on_until_it_expires() {
        assert_eq!(carried(2, None), [["6", "0"], ["0", "20"], ["0", "70"]]);
        assert_eq!(carried(3, None), [["0", "6"], ["0", "20"], ["0", "70"]]);
    }

    #[test]
    fn what_is_over_the_cap_is_dropped_from_what_expires_first() {
        assert_eq!(carried(3, Some(75)), [["6", "0"], ["15", "5"], ["0", "70"]]);
        assert_eq!(carried(3, Some(0)), [["6", "0"], ["20", "0"], ["70", "0"]]);
    }

    #[test]
    fn more_than_there_was_cannot_be_used() {
        let used = [11, 0, 0].map(Decimal::whole);
        assert_eq!(balances(&grants(1), &used, Rollover::default(), Month::parse("2026-10").unwrap()), None);
    }
}
