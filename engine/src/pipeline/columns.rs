//! The declared columns of a source, and the time zones that stand in types and in `timezone:`.

use chrono_tz::{TZ_VARIANTS, Tz};

use super::model::{Column, ColumnKind, Format};
use crate::fault::{Fault, Faults, Located, codes};
use crate::money::PRECISION;
use crate::yaml::{Node, closest, did_you_mean};

/// Digits after the point of a usage decimal.
const SCALE_MAX: u8 = 18;

const TYPES: &[&str] = &["string", "int", "decimal(18,6)", "bool", "date", "timestamp", "timestamp(Europe/Berlin)"];

/// The columns of `schema:`; the broken ones are reported and left out.
pub(super) fn columns(schema: &Node, format: Option<Format>, faults: &mut Faults) -> Vec<Column> {
    if schema.entries().is_empty() {
        let fault = Fault::new(&codes::P004, "the schema has no column").at(&schema.place);
        faults.push(fault.hint("declare the columns the SQL uses, such as `room: string`"));
    }
    schema.entries().iter().filter_map(|(name, node)| column(name, node, format, faults)).collect()
}

/// The time zone of that IANA name.
pub(super) fn timezone(name: &Located, faults: &mut Faults) -> Option<Tz> {
    let zone = name.text.trim().parse::<Tz>().ok();
    if zone.is_none() {
        let fault = Fault::new(&codes::P002, format!("there is no time zone `{}`", name.text)).at(&name.place);
        let hint = closest(&name.text, TZ_VARIANTS.iter().map(|zone| zone.name()));
        let hint = hint.map_or_else(
            || "use an IANA name such as Europe/Berlin".to_owned(),
            |zone| format!("did you mean `{zone}`?"),
        );
        faults.push(fault.hint(hint));
    }
    zone
}

fn column(name: &Located, node: &Node, format: Option<Format>, faults: &mut Faults) -> Option<Column> {
    let letters = name.text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    if !letters || name.text.starts_with(|letter: char| letter.is_ascii_digit()) {
        let fault = Fault::new(&codes::P004, format!("`{}` cannot be a column name in SQL", name.text)).at(&name.place);
        faults.push(fault.hint(format!("write `some_name: {{ column: \"{}\", type: … }}`", name.text)));
    }
    let header = node.get("column").and_then(Node::text).unwrap_or(&name.text);
    let written = node.located().or_else(|| node.get("type").and_then(Node::located))?;
    let kind = kind(&written, faults)?;
    let truth = |key: &str| node.get(key).and_then(Node::text) == Some("true");
    let float = truth("float");
    let exact = matches!(kind, ColumnKind::Decimal(..)) && format.is_none_or(|format| format == Format::Parquet);
    if float && !exact {
        let fault = Fault::new(&codes::P004, "`float: true` goes with a decimal column of a Parquet source only");
        faults.push(fault.at(&node.get("float")?.place).hint("text formats are read exactly without it"));
    }
    Some(Column { name: name.text.clone(), header: header.to_owned(), kind, optional: truth("optional"), float })
}

fn kind(written: &Located, faults: &mut Faults) -> Option<ColumnKind> {
    let text = written.text.trim();
    let (word, inside) = match text.split_once('(') {
        Some((word, rest)) => (word.trim(), rest.strip_suffix(')').map(str::trim)),
        None => (text, None),
    };
    let kind = match (word, inside) {
        ("string", None) => Some(ColumnKind::Text),
        ("int", None) => Some(ColumnKind::Int),
        ("bool", None) => Some(ColumnKind::Bool),
        ("date", None) => Some(ColumnKind::Date),
        ("timestamp", None) if !text.contains('(') => Some(ColumnKind::Timestamp(Tz::UTC)),
        ("timestamp", Some(zone)) => {
            let zone = Located { text: zone.to_owned(), place: written.place.clone() };
            return timezone(&zone, faults).map(ColumnKind::Timestamp);
        }
        ("decimal", Some(inside)) => return decimal(inside, written, faults),
        _ => None,
    };
    if kind.is_none() {
        let fault = Fault::new(&codes::P004, format!("there is no column type `{text}`")).at(&written.place);
        let hint = if word == "decimal" {
            Some("write decimal(18,6)".to_owned())
        } else {
            did_you_mean(text, TYPES.iter().copied())
        };
        faults.push(Fault { hint, ..fault });
    }
    kind
}

fn decimal(inside: &str, written: &Located, faults: &mut Faults) -> Option<ColumnKind> {
    let digits = inside.split_once(',');
    let digits = digits.and_then(|(p, s)| Some((p.trim().parse::<u8>().ok()?, s.trim().parse::<u8>().ok()?)));
    let fits = |(p, s): &(u8, u8)| *p >= 1 && u32::from(*p) <= PRECISION && s <= p && *s <= SCALE_MAX;
    if digits.as_ref().is_none_or(|digits| !fits(digits)) {
        let fault = Fault::new(&codes::P004, format!("`{}` is no decimal type", written.text)).at(&written.place);
        faults.push(fault.hint("decimal(p,s): p digits in all (1 to 38), s of them after the point (0 to 18)"));
        return None;
    }
    digits.map(|(precision, scale)| ColumnKind::Decimal(precision, scale))
}
