//! Holds a tree against the table of keys: unknown keys, missing keys, values of another kind, inexact numbers.
//!
//! It reports shape only. What a value refers to or means together with others is for the room whose file it is.

use super::keys::{Kind, Record};
use super::{Node, Value, did_you_mean};
use crate::fault::{Fault, Faults, Place, codes};
use crate::money::{Decimal, NumberFault};

/// Reports all that is wrong with the shape of `node`, which stands under the key (or in the list) at `holder`.
pub fn check(node: &Node, kind: &Kind, holder: &Place, faults: &mut Faults) {
    if matches!(node.value, Value::Refused) {
        return;
    }
    if !fits(node, kind) {
        let found = match &node.value {
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
            Value::Null => "nothing",
            _ => "a single value",
        };
        let place = if matches!(node.value, Value::Scalar { .. }) { &node.place } else { holder };
        faults.push(Fault::new(&codes::Y006, format!("{} is needed here, not {found}", kind.expected())).at(place));
        return;
    }
    match (kind, &node.value) {
        (Kind::List(of), Value::List(list)) => list.iter().for_each(|node| check(node, of, &node.place, faults)),
        (Kind::Texts, Value::List(list)) => list.iter().for_each(|node| check(node, &Kind::Text, &node.place, faults)),
        (Kind::Map(of), Value::Map(entries)) => {
            for (key, node) in entries {
                check_id(&key.text, &key.place, faults);
                check(node, of, &key.place, faults);
            }
        }
        (Kind::Record(record), _) => check_record(node, record, holder, faults),
        (Kind::Either(one, other), _) => check(node, if fits(node, one) { one } else { other }, holder, faults),
        (_, Value::Scalar { text, quoted }) => check_scalar(text, *quoted, kind, &node.place, faults),
        _ => {}
    }
}

/// Whether `node` has the outer shape of `kind`. A mapping may be left empty.
fn fits(node: &Node, kind: &Kind) -> bool {
    match kind {
        Kind::List(_) => matches!(node.value, Value::List(_)),
        Kind::Map(_) | Kind::Record(_) => matches!(node.value, Value::Map(_) | Value::Null),
        Kind::Texts => matches!(node.value, Value::List(_) | Value::Scalar { .. }),
        Kind::Either(one, other) => fits(node, one) || fits(node, other),
        _ => matches!(node.value, Value::Scalar { .. }),
    }
}

fn check_record(node: &Node, record: &Record, holder: &Place, faults: &mut Faults) {
    for (key, value) in node.entries() {
        match record.all().find(|known| known.name == key.text) {
            // A key with nothing behind it is as good as left out.
            Some(_) if value.is_null() => {}
            Some(known) => check(value, &known.kind, &key.place, faults),
            None => {
                let fault = Fault::new(&codes::Y004, format!("{} has no key `{}`", record.title, key.text));
                // `0,004` in braces is two entries: `0` and a key without a value.
                let digits = value.is_null() && key.text.chars().all(|letter| letter.is_ascii_digit());
                let comma = digits.then(|| "a decimal comma? Write a point: 0.5 for 0,5".to_owned());
                let hint = comma.or_else(|| did_you_mean(&key.text, record.all().map(|known| known.name)));
                faults.push(Fault { hint, ..fault.at(&key.place) });
            }
        }
    }
    for missing in record.all().filter(|key| key.required) {
        let there = node.entries().iter().any(|(key, value)| key.text == missing.name && !value.is_null());
        if !there {
            let fault = Fault::new(&codes::Y005, format!("{} needs the key `{}`", record.title, missing.name));
            faults.push(fault.at(holder).hint(format!("`{}`: {}", missing.name, missing.about)));
        }
    }
}

fn check_id(id: &str, place: &Place, faults: &mut Faults) {
    if id.trim().is_empty() || id.trim() != id || id.chars().any(char::is_control) {
        faults.push(Fault::new(&codes::Y006, "a name that is empty or has blanks around it").at(place));
    }
}

fn check_scalar(text: &str, quoted: bool, kind: &Kind, place: &Place, faults: &mut Faults) {
    let wrong = |hint: Option<String>| {
        let fault = Fault::new(&codes::Y006, format!("`{text}` is not {}", kind.expected()));
        Fault { hint, ..fault.at(place) }
    };
    match kind {
        Kind::OneOf(words) if !words.contains(&text) => faults.push(wrong(did_you_mean(text, words.iter().copied()))),
        Kind::Truth if quoted || !matches!(text, "true" | "false") => faults.push(wrong(None)),
        Kind::Whole if text.parse::<u64>().is_err() => faults.push(wrong(Some("write it in plain digits".to_owned()))),
        Kind::Number => {
            if let Err(cause) = Decimal::parse(text) {
                let hint = match cause {
                    NumberFault::Malformed if text.contains(',') => "a decimal comma? Write it with a point: 1234.56",
                    NumberFault::Malformed => "write it as 1234.56 or 9.052E-7",
                    _ => "numbers are exact: up to 20 digits before the decimal point and 18 after it",
                };
                faults.push(Fault::new(&codes::B001, format!("`{text}`: {cause}")).at(place).hint(hint));
            }
        }
        _ => {}
    }
}
