//! Splits a whole over weights so that nothing of it is lost.

use super::exact::{Exact, Mode};

/// Each part is its share settled towards zero; the units that are left go to the largest remainders, of equal ones to the
/// earlier. Weights below zero count as zero.
pub(crate) fn split(whole: &Exact, weights: &[Exact], digits: u32) -> Vec<Exact> {
    let weights: Vec<Exact> = weights.iter().map(|weight| weight.clone().most(Exact::zero())).collect();
    let total = weights.iter().fold(Exact::zero(), |sum, weight| sum.plus(weight));
    if total.is_zero() {
        return weights;
    }
    let shares: Vec<Exact> = weights.iter().map(|weight| whole.times(weight).over(&total)).collect();
    let mut parts: Vec<Exact> = shares.iter().map(|share| share.round(digits, Mode::Down)).collect();
    let mut places: Vec<usize> = (0..parts.len()).collect();
    let rest = |at: &usize| magnitude(&shares[*at].less(&shares[*at].round(digits, Mode::Down)));
    places.sort_by_key(|at| std::cmp::Reverse(rest(at)));
    let unit = Exact::read(&format!("{}1E-{digits}", if whole.is_negative() { "-" } else { "" }));
    let mut left = parts.iter().fold(whole.clone(), |left, part| left.less(part));
    for at in places {
        if magnitude(&left) < magnitude(&unit) {
            break;
        }
        parts[at] = parts[at].plus(&unit);
        left = left.less(&unit);
    }
    parts
}

/// Rounds parts so that they add up to their sum, rounded once: each is rounded down, and the units that are left go to the
/// largest remainders, of equal ones to the earlier. Where the sum is below zero, all of it is the mirror of that.
pub(crate) fn together(parts: &[Exact], digits: u32, mode: Mode) -> Vec<Exact> {
    let whole = sum(parts.iter());
    if whole.is_negative() {
        let mirrored: Vec<Exact> = parts.iter().map(Exact::negated).collect();
        return together(&mirrored, digits, mode).iter().map(Exact::negated).collect();
    }
    let floor = |part: &Exact| part.round(digits, if part.is_negative() { Mode::Up } else { Mode::Down });
    let mut found: Vec<Exact> = parts.iter().map(floor).collect();
    let unit = Exact::read(&format!("1E-{digits}"));
    let mut left = whole.round(digits, mode).less(&sum(found.iter()));
    let mut places: Vec<usize> = (0..parts.len()).collect();
    places.sort_by_key(|at| std::cmp::Reverse(parts[*at].less(&floor(&parts[*at]))));
    for at in places {
        if left < unit {
            break;
        }
        found[at] = found[at].plus(&unit);
        left = left.less(&unit);
    }
    found
}

/// The number without its sign.
pub(crate) fn magnitude(number: &Exact) -> Exact {
    number.clone().most(number.negated())
}

/// The sum of numbers.
pub(crate) fn sum<'a>(numbers: impl Iterator<Item = &'a Exact>) -> Exact {
    numbers.fold(Exact::zero(), |sum, number| sum.plus(number))
}

#[test]
fn parts_add_up_and_the_largest_remainders_get_what_is_left() {
    let split = |whole: &str, weights: &[&str], digits| {
        let weights: Vec<Exact> = weights.iter().map(|text| Exact::read(text)).collect();
        let parts: Vec<String> = split(&Exact::read(whole), &weights, digits).iter().map(ToString::to_string).collect();
        parts.join(" ")
    };
    assert_eq!(split("10", &["5", "7"], 2), "4.17 5.83");
    assert_eq!(split("1", &["1", "1", "1"], 2), "0.34 0.33 0.33");
    assert_eq!(split("-1", &["1", "1", "1"], 0), "-1 0 0");
    assert_eq!(split("0.05", &["0", "-3", "2"], 2), "0 0 0.05");
    let parts = ["0.055", "0.055", "-0.001"].map(Exact::read);
    let found: Vec<String> = together(&parts, 2, Mode::HalfUp).iter().map(ToString::to_string).collect();
    assert_eq!(found.join(" "), "0.06 0.05 0");
}
