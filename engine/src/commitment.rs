//! Commitments: what is missing from a committed amount or quantity, what goes beyond it, and each line's share of it. It
//! knows numbers and dates; whose lines count is not known here.

use chrono::{Datelike, Months, NaiveDate};

use crate::money::split::split;
use crate::money::{Decimal, Rounding};

/// What is held against a committed amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// The committed amount, rounded to minor units.
    pub committed: Decimal,
    /// Net amount of the earlier periods of the term.
    pub before: Decimal,
    /// Net amount of this period.
    pub net: Decimal,
    /// What goes beyond is billed times this.
    pub overage_factor: Decimal,
    /// Whether what is missing is due now.
    pub due: bool,
}

/// What a commitment to an amount comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Comes {
    /// Net amount of this period that the commitment covers.
    pub covered: Decimal,
    /// What is missing; zero when nothing is, or it is not due yet.
    pub shortfall: Decimal,
    /// What is billed on top of what goes beyond; zero when nothing does.
    pub overage: Decimal,
}

impl Held {
    /// What it comes to, the overage rounded to `digits`; `None` when it does not fit.
    #[must_use]
    pub fn comes(&self, digits: u32, mode: Rounding) -> Option<Comes> {
        let zero = Decimal::ZERO;
        let after = self.before.plus(self.net)?;
        let left = self.committed.minus(self.before)?.max(zero);
        let shortfall = if self.due { self.committed.minus(after)?.max(zero) } else { zero };
        // What went beyond it in earlier periods has been billed there.
        let beyond = after.minus(self.committed)?.max(zero).minus(self.before.minus(self.committed)?.max(zero))?;
        let overage = beyond.times(self.overage_factor.minus(Decimal::ONE)?)?.rounded(digits, mode)?;
        Some(Comes { covered: self.net.max(zero).min(left), shortfall, overage })
    }
}

/// Each line's share of what is covered, by largest remainder: the shares add up to it, and none is more than its line.
/// Lines below zero have none. `None` when it does not fit.
#[must_use]
pub fn shares(covered: Decimal, nets: &[Decimal], digits: u32) -> Option<Vec<Decimal>> {
    let weights: Vec<Decimal> = nets.iter().map(|net| (*net).max(Decimal::ZERO)).collect();
    split(covered, &weights, digits)
}

/// The term that a period belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    /// First day.
    pub from: NaiveDate,
    /// First day after it.
    pub to: NaiveDate,
    /// Whether one came before it: periods that begin before `from` belong to that one.
    pub follows: bool,
}

impl Term {
    /// The term of `months` that the period beginning on `first_day` belongs to, where the first one begins on `start`: a
    /// period belongs to the term that it sees the end of. `None` for dates beyond the calendar.
    #[must_use]
    pub fn of(start: NaiveDate, months: u32, first_day: NaiveDate) -> Option<Self> {
        // Counted from the start, so that a month without a 31st shortens one term only.
        let begin = |number: u32| start.checked_add_months(Months::new(months.checked_mul(number)?));
        let mut number = 0;
        while begin(number + 1)? <= first_day {
            number += 1;
        }
        Some(Self { from: begin(number)?, to: begin(number + 1)?, follows: number > 0 })
    }

    /// Whether the period that begins on `first_day` is one of this term, and not a later term's.
    #[must_use]
    pub fn holds(&self, first_day: NaiveDate) -> bool {
        let first = if self.follows { Some(self.from) } else { self.from.with_day(1) };
        first_day < self.to && first.is_some_and(|first| first <= first_day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dec(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    fn comes(committed: &str, before: &str, net: &str, factor: &str, due: bool) -> (String, String, String) {
        let [committed, before, net, overage_factor] = [committed, before, net, factor].map(dec);
        let comes = Held { committed, before, net, overage_factor, due }.comes(2, Rounding::HalfUp).unwrap();
        (comes.covered.to_string(), comes.shortfall.to_string(), comes.overage.to_string())
    }

    fn three(covered: &str, shortfall: &str, overage: &str) -> (String, String, String) {
        (covered.to_owned(), shortfall.to_owned(), overage.to_owned())
    }

    #[test]
    fn what_is_missing_and_what_goes_beyond() {
        assert_eq!(comes("100", "0", "70", "1", true), three("70", "30", "0"));
        assert_eq!(comes("100", "0", "70", "1", false), three("70", "0", "0"));
        assert_eq!(comes("100", "0", "130", "1.5", true), three("100", "0", "15"));
        // Two lines of 5 and 7 when 50 of 60 were billed before: 2 go beyond, at twice the price.
        assert_eq!(comes("60", "50", "12", "2", true), three("10", "0", "2"));
        // All of it goes beyond, once.
        assert_eq!(comes("60", "70", "12", "2", true), three("0", "0", "12"));
        assert_eq!(comes("60", "70", "-12", "2", true), three("0", "2", "-10"));
        assert_eq!(comes("60", "50", "-5", "1", true), three("0", "15", "0"));
    }

    #[test]
    fn shares_add_up_and_none_is_more_than_its_line() {
        let shares = |covered: &str, nets: &[&str]| {
            let nets: Vec<Decimal> = nets.iter().map(|net| dec(net)).collect();
            shares(dec(covered), &nets, 2).unwrap().iter().map(Decimal::to_string).collect::<Vec<_>>()
        };
        assert_eq!(shares("10", &["5", "7"]), ["4.17", "5.83"]);
        assert_eq!(shares("12", &["5", "-3", "10"]), ["4", "0", "8"]);
        assert_eq!(shares("0", &["-1"]), ["0"]);
    }

    #[test]
    fn a_period_belongs_to_the_term_whose_end_it_sees() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let term = |first_day: &str| Term::of(day("2026-03-15"), 12, day(first_day)).unwrap();
        assert_eq!((term("2026-03-01").from, term("2026-03-01").to), (day("2026-03-15"), day("2027-03-15")));
        assert_eq!(term("2027-03-01").from, day("2026-03-15"));
        let second = term("2027-04-01");
        assert_eq!((second.from, second.follows), (day("2027-03-15"), true));
        assert!(!second.holds(day("2027-03-01")) && second.holds(day("2027-04-01")) && second.holds(day("2028-03-01")));
        assert!(!second.holds(day("2028-04-01")));
        assert!(term("2026-03-01").holds(day("2026-03-01")) && !term("2026-03-01").holds(day("2026-02-01")));
        // Terms of one month from the 31st on end with the month, and come back to it.
        let monthly = Term::of(day("2026-01-31"), 1, day("2026-03-01")).unwrap();
        assert_eq!((monthly.from, monthly.to), (day("2026-02-28"), day("2026-03-31")));
    }
}
