//! Tiers, written out or from a table: ascending, and open at the end.

use super::lists::Lists;
use super::model::Tier;
use super::table::Rows;
use crate::fault::{Fault, Faults, Place, codes};
use crate::money::Decimal;
use crate::yaml::Node;

/// Tiers a price may have: lines name them by a number of 16 bits.
const MOST: usize = 65_535;

/// The columns of a table of tiers.
const COLUMNS: [&str; 7] = ["up_to", "below", "unit_price", "per", "flat_fee", "percent", "increment"];

/// What the tiers of a model hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Holding {
    /// Prices of units.
    Prices,
    /// Flat fees alone.
    Fees,
    /// Percentages.
    Percentages,
}

/// What becomes of a quantity past the last tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Past {
    /// The last tier must be open.
    Refused,
    /// It costs nothing.
    Free,
    /// Its records are set aside.
    Unpriced,
}

impl Past {
    /// What `beyond` says.
    pub(super) fn of(beyond: &str) -> Self {
        match beyond {
            "free" => Self::Free,
            "unpriced" => Self::Unpriced,
            _ => Self::Refused,
        }
    }
}

impl Holding {
    /// The model's tiers.
    pub(super) fn of(model: &str) -> Self {
        match model {
            "stairstep" => Self::Fees,
            "graduated_percentage" => Self::Percentages,
            _ => Self::Prices,
        }
    }

    /// The keys a tier may have, besides its bounds; one of the first two must be there.
    fn takes(self) -> &'static [&'static str] {
        match self {
            Self::Prices => &["unit_price", "flat_fee", "per", "increment"],
            Self::Fees => &["flat_fee"],
            Self::Percentages => &["percent", "flat_fee"],
        }
    }
}

/// One tier as written: the text and place of each key.
struct Written<'a> {
    values: Vec<(&'a str, &'a str, &'a Place)>,
    place: &'a Place,
    /// Whether it stands in YAML, whose numbers have been checked already.
    checked: bool,
}

impl Written<'_> {
    fn number(&self, key: &str, faults: &mut Faults) -> Option<Decimal> {
        let (_, text, place) = self.values.iter().find(|(name, ..)| *name == key)?;
        if self.checked { Decimal::parse(text).ok() } else { number(text, key, place, faults) }
    }

    fn place_of(&self, keys: &[&str]) -> &Place {
        self.values.iter().find(|(name, ..)| keys.contains(name)).map_or(self.place, |(.., place)| place)
    }

    fn has(&self, key: &str) -> bool {
        self.values.iter().any(|(name, ..)| *name == key)
    }
}

/// The tiers `node` holds or names; `None` when a fault was reported. Unless `past` is refused, the last may be bounded: a
/// tier that stands for what is past it follows.
pub(super) fn tiers(
    node: &Node,
    holding: Holding,
    past: Past,
    lists: &Lists,
    faults: &mut Faults,
) -> Option<Vec<Tier>> {
    let before = faults.0.len();
    let rows: Vec<(Tier, Place)> = match node.get("table") {
        Some(table) => from_table(table, lists.rows(table)?, holding, faults)?,
        // A table without its name has been reported.
        None if !node.entries().is_empty() => return None,
        None => {
            let mut previous = None;
            let tier = |node: &Node| from_node(node, holding, &mut previous, faults);
            let tiers: Vec<Option<(Tier, Place)>> = node.list().iter().map(tier).collect();
            tiers.into_iter().collect::<Option<_>>()?
        }
    };
    let open_end = past != Past::Refused;
    check_order(&rows, open_end, &node.place, faults);
    let mut tiers: Vec<Tier> = rows.into_iter().map(|(tier, _)| tier).collect();
    if open_end && tiers.last().is_some_and(|tier| tier.up_to.is_some()) {
        let unpriced = past == Past::Unpriced;
        tiers.push(Tier { beyond: true, unpriced, ..Tier::new(None, Decimal::ZERO) });
    }
    (faults.0.len() == before).then_some(tiers)
}

/// The number in a cell of a table; a fault at `place` when it is none.
pub(super) fn number(text: &str, column: &str, place: &Place, faults: &mut Faults) -> Option<Decimal> {
    let fault = |cause| Fault::new(&codes::B001, format!("`{text}` in `{column}`: {cause}")).at(place);
    faults.keep(Decimal::parse(text).map_err(|cause| fault(cause).into()))
}

fn from_node(
    node: &Node,
    holding: Holding,
    previous: &mut Option<Decimal>,
    faults: &mut Faults,
) -> Option<(Tier, Place)> {
    let entries = node.entries().iter().filter(|(_, value)| !value.is_null());
    let values = entries.filter_map(|(key, value)| Some((key.text.as_str(), value.text()?, &value.place))).collect();
    let written = Written { values, place: &node.place, checked: true };
    check_ranges(&written, *previous, faults);
    let tier = tier(&written, holding, faults)?;
    *previous = tier.up_to;
    Some((tier, written.place_of(&["up_to", "below", "to"]).clone()))
}

/// Ranges of whole numbers follow one another: 0-10, 11-20; or meet: 0-0.5, 0.5-1.
fn check_ranges(written: &Written<'_>, previous: Option<Decimal>, faults: &mut Faults) {
    let Some(from) = written.has("from").then(|| written.number("from", &mut Faults::default())).flatten() else {
        return;
    };
    let begin = previous.unwrap_or(Decimal::ZERO);
    if from != begin && Some(from) != begin.plus(Decimal::ONE) {
        let what = if from < begin { "overlaps the tier before it" } else { "leaves a gap after the tier before it" };
        let fault = Fault::new(&codes::B004, format!("`from` {from} {what}, which ends at {begin}"));
        faults
            .push(fault.at(written.place_of(&["from"])).hint("ranges meet, or follow one another by one: 0-10, 11-20"));
    }
}

fn tier(written: &Written<'_>, holding: Holding, faults: &mut Faults) -> Option<Tier> {
    let before = faults.0.len();
    let takes = holding.takes();
    // Keys that no tier has are reported by the check of the file.
    let others =
        ["unit_price", "per", "flat_fee", "percent", "increment"].into_iter().filter(|key| !takes.contains(key));
    let others: Vec<&str> = others.collect();
    for (key, _, place) in written.values.iter().filter(|(key, ..)| others.contains(key)) {
        let fault = Fault::new(&codes::B005, format!("a tier of this model does not take `{key}`")).at(place);
        faults.push(fault.hint(format!("it takes {}", takes.join(", "))));
    }
    let needed = &takes[..takes.len().min(2)];
    if !needed.iter().any(|key| written.has(key)) {
        let fault = Fault::new(&codes::Y005, format!("a tier needs the key `{}`", needed[0])).at(written.place);
        faults.push(fault.hint(format!("name one of {}", needed.join(", "))));
    }
    let bounded: Vec<&&str> = ["up_to", "below", "to"].iter().filter(|key| written.has(key)).collect();
    if bounded.len() > 1 {
        let fault = Fault::new(&codes::B005, "a tier has one upper bound: `up_to`, `below`, or `to`");
        faults.push(fault.at(written.place_of(&["below", "to"])));
    }
    let up_to = bounded.first().and_then(|key| written.number(key, faults));
    if bounded.len() == 1 && up_to.is_none() {
        return None;
    }
    let percent = written.number("percent", faults);
    let hundred = (holding == Holding::Percentages).then(|| Decimal::whole(100));
    let mut positive = |key: &str| {
        let number = written.number(key, faults)?;
        if number <= Decimal::ZERO {
            let fault = Fault::new(&codes::B001, format!("`{key}` {number} is not above zero"));
            faults.push(fault.at(written.place_of(&[key])));
        }
        Some(number)
    };
    let (per, increment) = (positive("per"), positive("increment"));
    let tier = Tier {
        up_to,
        exclusive: written.has("below"),
        unit_price: percent.or_else(|| written.number("unit_price", faults)).unwrap_or(Decimal::ZERO),
        per: hundred.or(per).unwrap_or(Decimal::ONE),
        flat_fee: written.number("flat_fee", faults).unwrap_or(Decimal::ZERO),
        increment,
        beyond: false,
        unpriced: false,
    };
    (faults.0.len() == before).then_some(tier)
}

fn from_table(table: &Node, rows: &Rows, holding: Holding, faults: &mut Faults) -> Option<Vec<(Tier, Place)>> {
    let optional = ["below", "unit_price", "per", "flat_fee", "percent", "increment"];
    let rows = faults.keep(rows.select(&COLUMNS, &optional, &table.place))?;
    let before = faults.0.len();
    let mut tiers = Vec::with_capacity(rows.len());
    for (texts, place) in rows {
        let values = COLUMNS.iter().zip(texts).filter(|(_, text)| !text.is_empty());
        let values = values.map(|(key, text)| (*key, text, &place)).collect();
        let written = Written { values, place: &place, checked: false };
        if let Some(tier) = tier(&written, holding, faults) {
            tiers.push((tier, place));
        }
    }
    (faults.0.len() == before).then_some(tiers)
}

fn check_order(rows: &[(Tier, Place)], open_end: bool, place: &Place, faults: &mut Faults) {
    let mut previous = Decimal::ZERO;
    for (index, (tier, place)) in rows.iter().enumerate() {
        let last = index + 1 == rows.len();
        match tier.up_to {
            Some(bound) if bound <= previous => {
                let key = if tier.exclusive { "below" } else { "up_to" };
                let fault = Fault::new(&codes::B004, format!("`{key}` {bound} is not above {previous}")).at(place);
                faults.push(fault.hint("tiers stand in ascending order; each one starts where the one before it ends"));
            }
            None if !last => {
                let fault = Fault::new(&codes::B004, "only the last tier may be without `up_to`").at(place);
                faults.push(fault.hint("tiers stand in ascending order"));
            }
            Some(_) if last && !open_end => {
                let fault = Fault::new(&codes::B004, "the last tier must be open").at(place);
                faults.push(
                    fault.hint(
                        "leave out its `up_to`: quantities past the last tier need a price (or say `beyond: free` or `unpriced`)",
                    ),
                );
            }
            _ => {}
        }
        previous = tier.up_to.unwrap_or(previous);
    }
    if let Some((_, place)) = rows.get(MOST) {
        let fault = Fault::new(&codes::B004, format!("there are {} tiers, more than {MOST}", rows.len())).at(place);
        faults.push(fault.hint("prices per cell of dimension values are a matrix, prices per unit need one tier"));
    }
    if rows.is_empty() {
        faults.push(
            Fault::new(&codes::B004, "there is no tier").at(place).hint("one tier `{ unit_price: … }` is enough"),
        );
    }
}
