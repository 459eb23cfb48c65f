//! The price book: what a seller charges for, as checked values. YAML never leaves this room.
//!
//! The files are read, held against the table of keys, laid side by side and then given a meaning; every fault of all
//! of them is reported in one go. The SQL in a book is kept as text: another room knows what it may say.

use std::sync::Arc;

use crate::fault::{Fault, Faults, Located, Outcome, codes};
use crate::money::currency::{is_without_minor_unit, minor_digits};
use crate::yaml::keys::{Kind, Record};
use crate::yaml::reference::{Example, examples};
use crate::yaml::{self, Node, did_you_mean};
use fields::Fields;
use files::Files;
use index::{Declared, Index};
use lay::Material;
use lists::Lists;
use model::{
    AccountOverride, Charge, Commitment, Contract, DiscountBase, DiscountOrder, LineRounding, Listed, Meter,
    MissingTax, Plan, Price, PriceBook, Product, TaxRules,
};
use plans::Shelf;
use sections::Sections;
pub use spoken::Spoken;

mod allowances;
mod bounds;
mod cells;
mod clock;
mod commitments;
mod destinations;
mod discounts;
mod exchange;
mod fields;
mod files;
mod index;
mod keys;
mod lay;
mod listed;
mod lists;
mod meters;
pub mod model;
mod patches;
mod plans;
mod price;
mod recurring;
mod sections;
mod spoken;
mod table;
#[cfg(test)]
mod tests;
mod tiers;

pub use keys::override_columns;
pub use lay::{SqlOfPrice, override_of_row};

/// Reads and checks the book at `path`: a folder with YAML files anywhere below it, or one file.
///
/// # Errors
/// All faults of all its files (`Y…`, `B…`), in the order of files and lines.
pub async fn load(path: &Located) -> Outcome<PriceBook> {
    draft(path).await.book
}

/// A book as far as it could be read.
#[derive(Debug)]
pub struct Draft {
    /// The whole book, or all its faults.
    pub book: Outcome<PriceBook>,
    /// The meters that are in order by themselves: their SQL can be checked even when the book has faults elsewhere.
    pub meters: Vec<Meter>,
    /// The account overrides whose charges exist: their accounts can be looked for even then.
    pub overrides: Vec<AccountOverride>,
    /// The SQL of prices and conditions, as it stands in the files.
    pub spoken: Spoken,
}

/// Reads the book at `path` as far as it goes.
pub async fn draft(path: &Located) -> Draft {
    let mut faults = Faults::default();
    let mut sound = Sound::default();
    let book = match files::read(path, &mut faults).await {
        Some(files) => build(files, &mut sound, &mut faults),
        None => None,
    };
    // A list price is looked at again for every plan that lies over it: its faults are the same then.
    faults.sort();
    let book = match book {
        Some(book) => faults.or(book),
        None if faults.0.is_empty() => Err(Fault::ours("a price book was refused without a reason").into()),
        None => Err(faults),
    };
    Draft { book, meters: sound.meters, overrides: sound.overrides, spoken: sound.spoken }
}

/// The JSON Schema of a book's files, for editors.
#[must_use]
pub fn schema() -> serde_json::Value {
    yaml::json_schema(&keys::BOOK, "Ratemill price book")
}

/// The table of keys of a book's files, and examples of each kind of mapping in them.
#[must_use]
pub fn key_table() -> (&'static Record, Vec<Example>) {
    (&keys::BOOK, examples(include_str!("book/examples.md")))
}

/// What is in order by itself, even in a book that is not.
#[derive(Default)]
struct Sound {
    meters: Vec<Meter>,
    overrides: Vec<AccountOverride>,
    spoken: Spoken,
}

fn build(files: Files, sound: &mut Sound, faults: &mut Faults) -> Option<PriceBook> {
    for document in &files.documents {
        yaml::check(&document.root, &Kind::Record(&keys::BOOK), &document.place, faults);
    }
    if !files.whole {
        return None;
    }
    let Files { documents, tables, digest, .. } = files;
    let sections = Sections::of(&documents, faults);
    let index = Index::of(&sections, faults);
    let meters: Vec<Option<Meter>> = sections.meters.iter().map(|entry| meters::meter(*entry, faults)).collect();
    sound.meters.extend(meters.iter().flatten().cloned());
    sound.spoken = Spoken::of(&sections, &index);
    let counted = index.charges.iter().map(|charge| index.meter_of(charge).cloned()).collect();
    let lists = Lists { tables, ..Lists::default() };
    let mut material = Material { lists, counted, bases: Vec::new() };
    let mut listed = Vec::with_capacity(index.charges.len());
    for (number, charge) in index.charges.iter().enumerate() {
        listed.push(listed::listed(charge, number, &mut material, faults));
    }
    let layers = patches::layers(&sections.layers, &index, faults);
    let shelf = Shelf { index: &index, meters: &meters };
    let (contracts, commitments) = contracts(&sections, &shelf, faults);
    let plans: Vec<Plan> = sections.plans.iter().map(|entry| plans::plan(*entry, &shelf, faults)).collect();
    let overrides = patches::overrides(&sections.overrides, &index, faults);
    let of_layers = layers.iter().flat_map(|layer| &layer.prices);
    let of_contracts = contracts.iter().flat_map(|contract| &contract.prices);
    let patches = of_layers.chain(of_contracts).chain(plans.iter().flat_map(|plan| &plan.prices));
    // From the bottom to the top, so that each finds below it what it may come to lie over.
    for patch in patches.chain(overrides.iter().map(|own| &own.patch)) {
        material.check(patch, faults);
    }
    sound.overrides.clone_from(&overrides);
    let discounts = discounts::discounts(&sections.discounts, &index, faults);
    let account_bounds = bounds::account_bounds(&sections.account_bounds, &index, faults);
    let thresholds = bounds::thresholds(&sections.thresholds, &index, faults);
    let currency = sections.currency.filter(|node| node.text() != Some(keys::CURRENCY_OF_ACCOUNT));
    let currency = currency.and_then(|node| currency_code(node, faults));
    let fx = sections.fx.map(|node| exchange::exchange(node, faults));
    let name = sections.book.and_then(Node::text);
    if sections.book.is_none() {
        let place = documents.first().map(|document| &document.place)?;
        let fault = Fault::new(&codes::Y005, "no file of the book says its name").at(place);
        faults.push(fault.hint("write `book: NAME` into one of them"));
    }
    let meters: Vec<Meter> = meters.into_iter().collect::<Option<_>>()?;
    let priced = index.charges.iter().zip(listed);
    let charges = priced.map(|(declared, listed)| charge(declared, listed?, &meters)).collect::<Option<_>>()?;
    Some(PriceBook {
        name: name?.to_owned(),
        currency,
        fx: fx.flatten(),
        rounding: sections.rounding.map(line_rounding).unwrap_or_default(),
        tax: tax_rules(&sections),
        meters,
        products: sections.products.iter().map(|(key, node)| product(key, node)).collect(),
        charges,
        plans,
        contracts,
        commitments,
        account_bounds,
        thresholds,
        layers,
        discounts,
        overrides,
        material: Arc::new(material),
        digest,
    })
}

/// The contracts, and the commitments of all of them.
fn contracts(sections: &Sections<'_>, shelf: &Shelf<'_>, faults: &mut Faults) -> (Vec<Contract>, Vec<Commitment>) {
    let (mut contracts, mut commitments) = (Vec::new(), Vec::new());
    for (number, entry) in sections.contracts.iter().enumerate() {
        let (contract, valid) = patches::contract(*entry, shelf, faults);
        contracts.push(contract);
        commitments.extend(commitments::commitments(*entry, number, valid, shelf.index, faults));
    }
    (contracts, commitments)
}

fn charge(declared: &Declared<'_>, listed: Vec<Listed>, meters: &[Meter]) -> Option<Charge> {
    let own = |key: &str| declared.fields.get(key).and_then(Node::text);
    let unit_of_meter = declared.meter.and_then(|meter| meters.get(meter)).map(|meter| meter.unit.as_str());
    Some(Charge {
        id: declared.id.clone(),
        product: declared.product,
        name: declared.key.text.clone(),
        label: own("name").unwrap_or(&declared.key.text).to_owned(),
        unit: own("unit").or(unit_of_meter).unwrap_or_default().to_owned(),
        meter: declared.meter,
        price: match &declared.derived {
            Some(model) => Price::listed(model.clone(), declared.key.place.clone()),
            None => listed.first()?.layered.price.clone(),
        },
        listed,
    })
}

fn product(key: &Located, node: &Node) -> Product {
    let fields = Fields::of(node);
    Product {
        id: key.text.clone(),
        name: fields.get("name").and_then(Node::text).unwrap_or(&key.text).to_owned(),
        gl_account: fields.text("gl_account", "").to_owned(),
        tax_category: fields.text("tax_category", "").to_owned(),
        place: key.place.clone(),
    }
}

fn line_rounding(node: &Node) -> LineRounding {
    let fields = Fields::of(node);
    let rounded = fields.text("discount_base", "unrounded") == "rounded";
    let discount_base = if rounded { DiscountBase::Rounded } else { DiscountBase::Unrounded };
    let percent_first = fields.text("discount_order", "declared") == "percent_first";
    let discount_order = if percent_first { DiscountOrder::PercentFirst } else { DiscountOrder::Declared };
    LineRounding { mode: meters::mode(fields.text("mode", "half_up")), discount_base, discount_order }
}

fn tax_rules(sections: &Sections<'_>) -> TaxRules {
    let said = |node: Option<&Node>, key| {
        node.and_then(|node| node.get(key)).and_then(Node::text).unwrap_or_default().to_owned()
    };
    let missing = match said(sections.tax, "missing").as_str() {
        "suspense" => MissingTax::Suspense,
        "untaxed" => MissingTax::Untaxed,
        _ => MissingTax::Fault,
    };
    TaxRules { missing, by_invoice: said(sections.rounding, "tax") == "invoice" }
}

/// The ISO 4217 code `node` holds, or a fault.
fn currency_code(node: &Node, faults: &mut Faults) -> Option<String> {
    let code = node.text()?;
    if minor_digits(code).is_none() {
        let message = match is_without_minor_unit(code) {
            true => format!("`{code}` has no minor unit that amounts could be rounded to"),
            false => format!("there is no currency `{code}`"),
        };
        let fault = Fault::new(&codes::R009, message).at(&node.place);
        let upper = code.to_uppercase();
        let hint = minor_digits(&upper).map(|_| format!("did you mean `{upper}`?"));
        let hint = hint.or_else(|| did_you_mean(code, [keys::CURRENCY_OF_ACCOUNT]));
        faults.push(Fault { hint, ..fault });
    }
    Some(code.to_owned())
}
