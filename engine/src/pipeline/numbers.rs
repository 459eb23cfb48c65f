//! `invoices:` of a pipeline: the pattern of invoice numbers, taken apart once.

use super::model::{NumberPart, Numbering};
use super::named;
use crate::fault::{Fault, Faults, Located, codes};
use crate::yaml::Node;

/// Digits that `{seq:0N}` may ask for.
const DIGITS: usize = 20;

/// The numbering that `node` holds; `None` when a fault was reported.
pub(super) fn numbering(node: &Node, faults: &mut Faults) -> Option<Numbering> {
    let seller = node.get("seller").and_then(Node::located);
    seller.iter().for_each(|seller| named(seller, "a seller", faults));
    let pattern = node.get("number").and_then(Node::located)?;
    match parts(&pattern.text) {
        Ok(parts) => Some(Numbering { seller: seller?.text, text: pattern.text, parts }),
        Err(why) => {
            faults.push(unusable(&pattern, &why));
            None
        }
    }
}

fn unusable(pattern: &Located, why: &str) -> Fault {
    let message = format!("`{}` is no pattern of invoice numbers: {why}", pattern.text);
    Fault::new(&codes::P005, message).at(&pattern.place).hint("write it like RM-{year}-{seq:06}")
}

/// The parts of a pattern, or what is wrong with it.
fn parts(pattern: &str) -> Result<Vec<NumberPart>, String> {
    let mut parts = Vec::new();
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').ok_or("`{` without its `}`")?;
        parts.extend((!before.is_empty()).then(|| NumberPart::Text(before.to_owned())));
        parts.push(placeholder(name)?);
        rest = after;
    }
    parts.extend((!rest.is_empty()).then(|| NumberPart::Text(rest.to_owned())));
    let has_stray = |part: &NumberPart| matches!(part, NumberPart::Text(text) if text.contains('}'));
    if parts.iter().any(has_stray) {
        return Err("`}` without its `{`".to_owned());
    }
    match parts.iter().filter(|part| matches!(part, NumberPart::Sequence(_))).count() {
        1 => Ok(parts),
        0 => Err("without {seq} all invoices have the same".to_owned()),
        _ => Err("{seq} stands in it twice".to_owned()),
    }
}

fn placeholder(name: &str) -> Result<NumberPart, String> {
    match name {
        "year" => Ok(NumberPart::Year),
        "month" => Ok(NumberPart::Month),
        "seq" => Ok(NumberPart::Sequence(1)),
        _ => {
            let digits = name.strip_prefix("seq:0").filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
            let digits =
                digits.and_then(|digits| digits.parse::<usize>().ok()).filter(|digits| (1..=DIGITS).contains(digits));
            digits.map(NumberPart::Sequence).ok_or_else(|| format!("there is no {{{name}}}"))
        }
    }
}
