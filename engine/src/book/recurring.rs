//! The schedule of a recurring amount, as it is written.

use super::fields::Fields;
use super::model::{Anchor, Every, Prorate, Schedule};
use crate::fault::{Fault, Faults, codes};

/// Days and months an interval may have at most.
const DAYS: u16 = 3_660;
const MONTHS: u16 = 1_200;

/// The schedule that `fields` say; `None` when a fault was reported.
pub(super) fn schedule(fields: &Fields<'_>, faults: &mut Faults) -> Option<Schedule> {
    let every = match fields.get("every") {
        None => Every::Months(1),
        Some(node) => {
            let text = node.text()?;
            let every = every(text);
            if every.is_none() {
                let fault = Fault::new(&codes::B001, format!("`{text}` is no interval")).at(&node.place);
                let most = format!("at most {DAYS} days or {MONTHS} months");
                faults.push(fault.hint(format!(
                    "write day, week, month, quarter, year, or a number of days or months such as `30 days`: {most}"
                )));
            }
            every?
        }
    };
    let week = fields.get("every").and_then(|node| node.text()) == Some("week");
    let anchor = match fields.get("anchor").and_then(|node| node.text()) {
        Some("calendar") => Anchor::Calendar,
        Some("cycle") => Anchor::Cycle,
        Some("start") => Anchor::Start,
        // Days have no place in the calendar.
        _ if matches!(every, Every::Days(_)) && !week => Anchor::Start,
        _ => Anchor::Calendar,
    };
    let prorate = match fields.text("prorate", "by_day") {
        "by_second" => Prorate::BySecond,
        "thirty_day" => Prorate::ThirtyDay,
        "both_ends" => Prorate::BothEnds,
        "none" => Prorate::None,
        _ => Prorate::ByDay,
    };
    check(fields, (every, week), anchor, prorate, faults);
    Some(Schedule {
        every,
        anchor,
        advance: fields.text("bill", "advance") == "advance",
        prorate,
        billed_in_trial: fields.text("in_trial", "free") == "billed",
        credit_unused: fields.text("credit_unused", "true") == "true",
    })
}

/// The interval of that name.
pub(crate) fn every(text: &str) -> Option<Every> {
    let number = |words: [&str; 2], most: u16| {
        let number = words.iter().find_map(|word| text.strip_suffix(word))?;
        let plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let number: u16 = plain.then(|| number.parse().ok()).flatten()?;
        (1..=most).contains(&number).then_some(number)
    };
    Some(match text {
        "day" => Every::Days(1),
        "week" => Every::Days(7),
        "month" => Every::Months(1),
        "quarter" => Every::Months(3),
        "year" => Every::Months(12),
        _ => match number([" days", " day"], DAYS) {
            Some(days) => Every::Days(days),
            None => Every::Months(number([" months", " month"], MONTHS)?),
        },
    })
}

/// Reports keys that make no sense together.
fn check(fields: &Fields<'_>, (every, week): (Every, bool), anchor: Anchor, prorate: Prorate, faults: &mut Faults) {
    let of_days = matches!(every, Every::Days(_));
    let mut refuse = |key: &str, why: &str, hint: &str| {
        if let Some(node) = fields.get(key) {
            faults.push(Fault::new(&codes::B005, why).at(&node.place).hint(hint));
        }
    };
    if of_days && !week && anchor != Anchor::Start {
        refuse("anchor", "intervals of days are counted from the start of the subscription", "leave `anchor` out");
    } else if week && anchor == Anchor::Cycle {
        let hint = "`calendar` counts weeks from Monday, `start` from the first day of the subscription";
        refuse("anchor", "a week does not go with `anchor: cycle`, which is a day of the month", hint);
    }
    if of_days && prorate == Prorate::ThirtyDay {
        let hint = "take `by_day`, or an interval of months";
        refuse("prorate", "`thirty_day` goes with intervals of months, quarters or years", hint);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_named_or_counted() {
        for (text, expected) in [
            ("day", Some(Every::Days(1))),
            ("week", Some(Every::Days(7))),
            ("month", Some(Every::Months(1))),
            ("quarter", Some(Every::Months(3))),
            ("year", Some(Every::Months(12))),
            ("30 days", Some(Every::Days(30))),
            ("1 day", Some(Every::Days(1))),
            ("2 months", Some(Every::Months(2))),
            ("0 days", None),
            ("1201 months", None),
            ("99999 days", None),
            ("+3 days", None),
            (" days", None),
            ("-1 days", None),
            ("fortnight", None),
            ("monthly", None),
        ] {
            assert_eq!(every(text), expected, "{text}");
        }
    }
}
