//! Which pieces of a price book the lines of tests have touched, and which of the others are in use.
//!
//! A line names its charge, price layer, place, tier and dimension values, and a row of `line_discounts` its discount; that
//! is all this goes by.

use std::collections::BTreeMap;

use serde::Serialize;

use super::cells::Row;
use super::pieces::{Kind, Piece, Pieces, PriceAt, canonical};
use super::survey::Survey;
use crate::money::Decimal;
use crate::tables::Table;
use crate::tables::columns::Column;

pub use super::pieces::{Kind as PieceKind, Piece as BookPiece};

/// The columns of lines that touch something.
const NAMED: [&str; 9] =
    ["plan", "product", "charge", "line_kind", "meter", "dimensions", "tier", "amount_list", "amount_discount"];

/// The columns of lines that say where a price comes from.
const ORIGIN: [&str; 2] = ["price_layer", "price_ref"];

/// The columns of `line_discounts` that a tally looks at.
pub(super) fn discount_columns() -> Vec<Column> {
    Table::LineDiscounts.columns().iter().filter(|column| column.name == DISCOUNT).copied().collect()
}

/// The column of `line_discounts` that says which discount it is.
const DISCOUNT: &str = "discount";

/// The columns of `invoice_lines` that a tally looks at.
pub(super) fn columns() -> Vec<Column> {
    let wanted = |column: &&Column| NAMED.contains(&column.name) || ORIGIN.contains(&column.name);
    Table::InvoiceLines.columns().iter().filter(wanted).copied().collect()
}

/// What was touched of one book.
#[derive(Clone, Debug, Serialize)]
pub struct Coverage {
    /// The book, as the user would write it.
    pub book: String,
    /// By kind: how many there are, and how many were touched.
    pub totals: BTreeMap<Kind, Total>,
    /// What no test has touched.
    pub untouched: Vec<Piece>,
    #[serde(skip)]
    pieces: Vec<Piece>,
}

impl Coverage {
    /// Leaves the prices of `product`, and what they are made of.
    pub fn limit(&mut self, product: &str) {
        self.untouched.retain(|piece| piece.is_of(product));
        self.totals = totals(self.pieces.iter().filter(|piece| piece.is_of(product)));
    }
}

/// How many pieces of a kind there are.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Total {
    /// All of them.
    pub all: usize,
    /// Those that a test has touched.
    pub touched: usize,
}

/// The pieces of a book while lines are looked at.
#[derive(Debug)]
pub(super) struct Tally {
    book: String,
    pieces: Pieces,
}

impl Tally {
    /// Nothing touched yet.
    pub(super) fn new(book: &str, survey: &Survey) -> Self {
        Self { book: book.to_owned(), pieces: Pieces::of(survey) }
    }

    /// Looks at a line of a test.
    pub(super) fn touch(&mut self, line: &Row) {
        for hit in self.hits(line) {
            self.pieces.all[hit].touched += 1;
        }
    }

    /// Looks at a discount of a line of a test.
    pub(super) fn touch_discount(&mut self, row: &Row) {
        for hit in self.discount_hits(row) {
            self.pieces.all[hit].touched += 1;
        }
    }

    /// From now on, lines in use are looked at.
    pub(super) fn begin_use(&mut self) {
        self.pieces.all.iter_mut().for_each(|piece| piece.used = Some(0));
    }

    /// Looks at a line in use.
    pub(super) fn used(&mut self, line: &Row) {
        self.add_use(&self.hits(line));
    }

    /// Looks at a discount of a line in use.
    pub(super) fn used_discount(&mut self, row: &Row) {
        self.add_use(&self.discount_hits(row));
    }

    fn add_use(&mut self, hits: &[usize]) {
        for hit in hits {
            let used = &mut self.pieces.all[*hit].used;
            *used = used.map(|lines| lines + 1);
        }
    }

    /// What was found.
    pub(super) fn coverage(self) -> Coverage {
        let pieces = self.pieces.all;
        let mut untouched: Vec<Piece> = pieces.iter().filter(|piece| piece.touched == 0).cloned().collect();
        untouched.sort_by(|a, b| (&a.file, a.line, a.kind).cmp(&(&b.file, b.line, b.kind)));
        Coverage { book: self.book, totals: totals(pieces.iter()), untouched, pieces }
    }

    /// The pieces that `line` shows.
    fn hits(&self, line: &Row) -> Vec<usize> {
        let (charge, layer) = (text(line, "charge"), text(line, "price_layer"));
        let key = (charge.to_owned(), layer.to_owned());
        let prices = self.pieces.prices.get(&key).map(Vec::as_slice).unwrap_or_default();
        let price = match prices {
            [only] => Some(only),
            several => several.iter().find(|price| price.reference == text(line, "price_ref")),
        };
        let mut hits = Vec::new();
        if text(line, "line_kind") == "allowance" {
            let key = (text(line, "plan").to_owned(), text(line, "meter").to_owned());
            hits.extend(price.filter(|price| price.tiers.contains_key("included")).map(|price| price.piece));
            hits.extend(self.part(charge, price, "included"));
            // Units that a charge gives away are no allowance.
            if hits.is_empty() {
                let (plan, meter) = key;
                let keys = [(plan.clone(), meter.clone()), (String::new(), meter), (plan, String::new())];
                let keys = keys.into_iter().chain([(String::new(), String::new())]);
                hits.extend(keys.filter_map(|key| self.pieces.allowances.get(&key)).flatten());
            }
            return hits;
        }
        if let Some(price) = price {
            hits.push(price.piece);
            hits.extend(self.part(charge, Some(price), text(line, "tier")));
            hits.extend(cell(price, line));
        }
        for of in self.pieces.layers.iter().filter(|of| of.charges.iter().any(|own| own == charge)) {
            if of.layer == layer {
                hits.push(of.when.0);
            } else if of.below.iter().any(|below| below == layer) {
                hits.push(of.when.1);
            }
        }
        hits.extend(self.undiscounted(line));
        hits
    }

    /// The tier that a line of `price` shows: its own, or that of the list price, which it leaves as it is.
    fn part(&self, charge: &str, price: Option<&PriceAt>, tier: &str) -> Option<usize> {
        let listed = self.pieces.prices.get(&(charge.to_owned(), "list".to_owned()));
        let base = listed.and_then(|prices| prices.first());
        price.into_iter().chain(base).find_map(|price| price.tiers.get(tier)).copied()
    }

    /// Conditions of discounts that have not held for a line without any.
    fn undiscounted(&self, line: &Row) -> Vec<usize> {
        if number(line, "amount_list").is_zero() || !number(line, "amount_discount").is_zero() {
            return Vec::new();
        }
        let (charge, product, plan) = (text(line, "charge"), text(line, "product"), text(line, "plan"));
        let named = |on: &String| on == charge || on == product || on.strip_prefix("plan:") == Some(plan);
        let here = self.pieces.discounts.iter().filter(|of| of.on.is_empty() || of.on.iter().any(named));
        here.filter_map(|of| Some(of.when?.1)).collect()
    }

    /// The pieces that a row of `line_discounts` shows.
    fn discount_hits(&self, row: &Row) -> Vec<usize> {
        let of = self.pieces.discounts.iter().find(|of| of.id == text(row, DISCOUNT));
        of.into_iter().flat_map(|of| [Some(of.piece), of.when.map(|when| when.0)]).flatten().collect()
    }
}

fn totals<'p>(pieces: impl Iterator<Item = &'p Piece>) -> BTreeMap<Kind, Total> {
    let mut totals: BTreeMap<Kind, Total> = BTreeMap::new();
    for piece in pieces {
        let total = totals.entry(piece.kind).or_default();
        total.all += 1;
        total.touched += usize::from(piece.touched > 0);
    }
    totals
}

fn text<'r>(row: &'r Row, column: &str) -> &'r str {
    row.get(column).map_or("", String::as_str)
}

fn number(row: &Row, column: &str) -> Decimal {
    Decimal::parse(text(row, column)).unwrap_or(Decimal::ZERO)
}

/// The cell of `price`, or its default, that `line` shows.
fn cell(price: &PriceAt, line: &Row) -> Option<usize> {
    let values: Option<Vec<String>> =
        price.by.iter().map(|by| line.get(&format!("dimensions.{by}")).map(|text| canonical(text))).collect();
    let values = values.filter(|values| !values.is_empty())?;
    price.cells.get(&values).copied().or(price.default)
}
