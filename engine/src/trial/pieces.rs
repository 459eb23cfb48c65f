//! The pieces of a price book that lines can show to be in use: prices, their tiers and cells, allowances, discounts, and
//! both ways a `when` can go.

use std::collections::BTreeMap;

use serde::Serialize;

use super::survey::{Survey, TableRow};
use crate::fault::{Located, Place};
use crate::money::Decimal;
use crate::yaml::{Node, Value};

/// A piece of a book.
#[derive(Clone, Debug, Serialize)]
pub struct Piece {
    /// What it is.
    pub kind: Kind,
    /// Where the price comes from, as lines say it: `list`, `plan:team`; empty for discounts.
    pub layer: String,
    /// The charge, as product/charge; empty for what is not of one charge.
    pub charge: String,
    /// Which part of the price, or which discount or allowance; empty for a price as a whole.
    pub part: String,
    /// Of a price and its parts: which price it is, by number.
    #[serde(skip)]
    pub price: Option<usize>,
    /// Its file.
    pub file: String,
    /// Its line.
    pub line: usize,
    /// Lines of tests that show it.
    pub touched: u64,
    /// Lines of the line set in use that show it; `None` when none was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used: Option<u64>,
}

impl Piece {
    /// Whether it is a price of `product`, or part of one.
    pub(super) fn is_of(&self, product: &str) -> bool {
        self.charge.split('/').next() == Some(product)
    }
}

/// What a piece is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A price: a list price, or what a plan, layer, contract or override lays over it.
    Price,
    /// A tier, window or prefix of a price.
    Tier,
    /// A cell of a matrix, or its default.
    Cell,
    /// An allowance of a plan.
    Allowance,
    /// A discount.
    Discount,
    /// One way a `when` can go.
    When,
}

/// A price with what finds its parts.
#[derive(Clone, Debug)]
pub(super) struct PriceAt {
    /// Its piece.
    pub(super) piece: usize,
    /// File and line, as lines say it.
    pub(super) reference: String,
    /// Pieces by the tier that lines show.
    pub(super) tiers: BTreeMap<String, usize>,
    /// Dimensions of its cells.
    pub(super) by: Vec<String>,
    /// Pieces by the values of `by`.
    pub(super) cells: BTreeMap<Vec<String>, usize>,
    /// Piece of the default.
    pub(super) default: Option<usize>,
}

/// A discount with what finds it.
#[derive(Clone, Debug)]
pub(super) struct DiscountAt {
    pub(super) piece: usize,
    pub(super) id: String,
    /// Products, charges and plans; empty for all.
    pub(super) on: Vec<String>,
    /// Pieces of its `when`: holds, does not hold.
    pub(super) when: Option<(usize, usize)>,
}

/// A layer with a `when`.
#[derive(Clone, Debug)]
pub(super) struct LayerAt {
    pub(super) layer: String,
    pub(super) charges: Vec<String>,
    /// Layers that give way to it.
    pub(super) below: Vec<String>,
    /// Pieces: holds, does not hold.
    pub(super) when: (usize, usize),
}

/// All pieces of a book, and what finds them.
#[derive(Clone, Debug, Default)]
pub(super) struct Pieces {
    pub(super) all: Vec<Piece>,
    /// By charge and layer.
    pub(super) prices: BTreeMap<(String, String), Vec<PriceAt>>,
    /// By plan and meter; blank where lines do not show them.
    pub(super) allowances: BTreeMap<(String, String), Vec<usize>>,
    pub(super) discounts: Vec<DiscountAt>,
    pub(super) layers: Vec<LayerAt>,
}

/// Columns of a cell that are not dimensions.
const NUMBERS: [&str; 6] = ["unit_price", "per", "increment", "flat_fee", "percent", "price"];

impl Pieces {
    /// The pieces of the book of `survey`.
    pub(super) fn of(survey: &Survey) -> Self {
        let mut pieces = Self::default();
        for (product, node) in survey.entries("products") {
            for (charge, node) in node.get("charges").map(Node::entries).unwrap_or_default() {
                let id = format!("{}/{}", product.text, charge.text);
                pieces.price("list", &id, &charge.place, node, survey);
                for version in node.get("versions").map(Node::list).unwrap_or_default() {
                    pieces.price("list", &id, &version.place, version, survey);
                }
            }
        }
        for (section, letter) in [("plans", "plan"), ("contracts", "contract")] {
            for (id, node) in survey.entries(section) {
                pieces.patches(&format!("{letter}:{}", id.text), node, survey);
                for allowance in node.get("allowances").map(Node::list).unwrap_or_default() {
                    pieces.allowance(letter, id, allowance);
                }
                pieces.commitments(&format!("{letter}:{}", id.text), id, node, survey);
            }
        }
        pieces.layers(survey);
        for node in survey.listed("overrides") {
            let Some((account, charge)) = node.get("account").and_then(Node::text).zip(node.get("charge")) else {
                continue;
            };
            let id = charge.text().unwrap_or_default();
            pieces.price(&format!("override:{account}"), id, &charge.place, node, survey);
        }
        survey.listed("account_bounds").for_each(|node| pieces.derived("list", node.get("id"), None, node, survey));
        survey.listed("discounts").for_each(|node| pieces.discount(node));
        pieces
    }

    /// The commitments of a contract, one or a list.
    fn commitments(&mut self, layer: &str, contract: &Located, node: &Node, survey: &Survey) {
        let Some(node) = node.get("commitment") else { return };
        let all = if node.list().is_empty() { std::slice::from_ref(node) } else { node.list() };
        all.iter().for_each(|one| self.derived(layer, one.get("id"), Some(&contract.text), one, survey));
    }

    /// What bills by a charge of its own: named by its id, or as this.
    fn derived(&mut self, layer: &str, id: Option<&Node>, or: Option<&str>, node: &Node, survey: &Survey) {
        let name = id.and_then(Node::text).or(or);
        let Some((name, product)) = name.zip(node.get("product").and_then(Node::text)) else { return };
        let place = id.map_or(&node.place, |id| &id.place);
        self.price(layer, &format!("{product}/{name}"), place, node, survey);
    }

    fn add(&mut self, kind: Kind, layer: &str, charge: &str, part: &str, place: &Place) -> usize {
        self.all.push(Piece {
            kind,
            layer: layer.to_owned(),
            charge: charge.to_owned(),
            part: part.to_owned(),
            price: None,
            file: place.source.name.clone(),
            line: place.line,
            touched: 0,
            used: None,
        });
        self.all.len() - 1
    }

    fn patches(&mut self, layer: &str, node: &Node, survey: &Survey) -> Vec<String> {
        let mut charges = Vec::new();
        for (charge, patch) in node.get("prices").map(Node::entries).unwrap_or_default() {
            charges.push(charge.text.clone());
            match &patch.value {
                Value::List(list) => {
                    list.iter().for_each(|one| self.price(layer, &charge.text, &one.place, one, survey));
                }
                _ => self.price(layer, &charge.text, &charge.place, patch, survey),
            }
        }
        charges
    }

    fn layers(&mut self, survey: &Survey) {
        let mut below = vec!["list".to_owned()];
        for node in survey.listed("layers") {
            let Some(id) = node.get("id") else { continue };
            let layer = format!("layer:{}", id.text().unwrap_or_default());
            let charges = self.patches(&layer, node, survey);
            if let Some(when) = node.get("when") {
                let when = self.branches(&layer, id.text().unwrap_or_default(), &when.place);
                self.layers.push(LayerAt { layer: layer.clone(), charges, below: below.clone(), when });
            }
            below.push(layer);
        }
    }

    fn branches(&mut self, layer: &str, id: &str, place: &Place) -> (usize, usize) {
        let holds = self.add(Kind::When, layer, "", &format!("`when` of {id} holds"), place);
        (holds, self.add(Kind::When, layer, "", &format!("`when` of {id} does not hold"), place))
    }

    /// An allowance of a plan (`letter`) or contract, by the plan and meter of the lines it covers. Lines that draw on a
    /// contract, on a pool of an account above, or on an amount for several meters do not say so: it is under no plan, or
    /// no meter.
    fn allowance(&mut self, letter: &str, owner: &Located, node: &Node) {
        let text = |key: &str| node.get(key).and_then(Node::text).unwrap_or_default();
        let (meter, named) = (text("meter"), if text("id").is_empty() { text("meter") } else { text("id") });
        let piece = self.add(Kind::Allowance, &format!("{letter}:{}", owner.text), "", named, &node.place);
        let own = letter == "plan" && text("shared_over") != "subtree";
        let plan = if own { owner.text.clone() } else { String::new() };
        self.allowances.entry((plan, meter.to_owned())).or_default().push(piece);
    }

    fn discount(&mut self, node: &Node) {
        let Some(id) = node.get("id") else { return };
        let name = id.text().unwrap_or_default();
        let piece = self.add(Kind::Discount, "", "", name, &id.place);
        let when = node.get("when").map(|when| self.branches("", name, &when.place));
        self.discounts.push(DiscountAt {
            piece,
            id: name.to_owned(),
            on: node.get("on").into_iter().flat_map(Node::texts).map(|on| on.text).collect(),
            when,
        });
    }

    fn price(&mut self, layer: &str, charge: &str, place: &Place, node: &Node, survey: &Survey) {
        let base = place.source.name.rsplit('/').next().unwrap_or_default();
        let mut price = PriceAt {
            piece: self.add(Kind::Price, layer, charge, "", place),
            reference: format!("{base}:{}", place.line),
            tiers: BTreeMap::new(),
            by: Vec::new(),
            cells: BTreeMap::new(),
            default: None,
        };
        for (at, row) in listed(node.get("tiers"), survey).iter().enumerate() {
            let tier = (at + 1).to_string();
            price.tiers.insert(tier, self.add(Kind::Tier, layer, charge, &format!("tier {}", at + 1), &row.place));
        }
        for (key, names) in [("windows", &["name"][..]), ("prefixes", &["destination", "prefix"][..])] {
            for row in listed(node.get(key), survey) {
                let named = names.iter().find_map(|name| row.get(name).filter(|text| !text.is_empty()));
                let Some(tier) = named.filter(|tier| !price.tiers.contains_key(*tier)) else { continue };
                price.tiers.insert(tier.to_owned(), self.add(Kind::Tier, layer, charge, tier, &row.place));
            }
        }
        let others = [("beyond", "beyond"), ("free_units", "included"), ("connect_fee", "fee"), ("record_fee", "fee")];
        let added = [("minimum", "minimum"), ("maximum", "maximum"), ("overage_factor", "overage")];
        // Bounds of a percentage show in the amounts of its lines only.
        let own_lines = node.get("product").is_some()
            || node.get("model").and_then(Node::text).is_some_and(|model| model != "percentage");
        for (key, tier) in others.into_iter().chain(added.into_iter().filter(|_| own_lines)) {
            // Only what costs nothing past the last tier has a line.
            let has_line = |value: &&Node| key != "beyond" || value.text() == Some("free");
            if let Some(value) = node.get(key).filter(has_line) {
                price.tiers.insert(tier.to_owned(), self.add(Kind::Tier, layer, charge, key, &value.place));
            }
        }
        self.cells(&mut price, node, survey);
        let own = price.piece;
        self.all[own..].iter_mut().for_each(|piece| piece.price = Some(own));
        self.prices.entry((charge.to_owned(), layer.to_owned())).or_default().push(price);
    }

    fn cells(&mut self, price: &mut PriceAt, node: &Node, survey: &Survey) {
        let Piece { layer, charge, .. } = self.all[price.piece].clone();
        for row in listed(node.get("cells"), survey) {
            let cells: Vec<&(String, String)> =
                row.cells.iter().filter(|(name, _)| !NUMBERS.contains(&name.as_str())).collect();
            if price.by.is_empty() {
                price.by = cells.iter().map(|(name, _)| name.clone()).collect();
            }
            let values = price.by.iter().map(|name| canonical(row.get(name).unwrap_or_default())).collect();
            let part: Vec<String> = cells.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let piece = self.add(Kind::Cell, &layer, &charge, &part.join(" "), &row.place);
            price.cells.insert(values, piece);
        }
        if let Some(default) = node.get("default_unit_price") {
            price.default = Some(self.add(Kind::Cell, &layer, &charge, "default", &default.place));
            if price.by.is_empty() {
                price.by = node.get("by").into_iter().flat_map(Node::texts).map(|by| by.text).collect();
            }
        }
    }
}

impl TableRow {
    fn get(&self, column: &str) -> Option<&str> {
        self.cells.iter().find(|(name, _)| name == column).map(|(_, text)| text.as_str())
    }
}

/// The rows of a list of mappings, or of the table it names.
fn listed(node: Option<&Node>, survey: &Survey) -> Vec<TableRow> {
    let Some(node) = node else { return Vec::new() };
    if let Some(rows) = survey.table(node) {
        return rows.to_vec();
    }
    let row = |node: &Node| {
        let cells = node.entries().iter().filter_map(|(name, node)| Some((name.text.clone(), node.text()?.to_owned())));
        TableRow { place: node.place.clone(), cells: cells.collect() }
    };
    node.list().iter().map(row).collect()
}

/// A value of a dimension as lines show it: numbers without trailing zeros.
pub(super) fn canonical(text: &str) -> String {
    Decimal::parse(text).map_or_else(|_| text.to_owned(), |number| number.to_string())
}
