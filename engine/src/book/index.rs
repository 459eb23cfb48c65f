//! Everything a book declares, by id: what references are looked up in, and the numbers that stand for it afterwards.
//!
//! Ids count as declared even when what they stand for is broken, so that one mistake is reported once.

use std::collections::BTreeMap;

use super::commitments::derived;
use super::fields::{Entry, Fields};
use super::model::Model;
use super::sections::{Sections, by_id, twice};
use crate::fault::{Fault, Faults, Located, codes};
use crate::yaml::{Node, did_you_mean};

/// A charge as declared.
pub(super) struct Declared<'a> {
    /// `product/charge`.
    pub(super) id: String,
    /// Index of its product.
    pub(super) product: usize,
    /// Its own id.
    pub(super) key: Located,
    /// Its fields.
    pub(super) fields: Fields<'a>,
    /// The whole of it.
    pub(super) node: &'a Node,
    /// Index of its meter, when it names one that exists.
    pub(super) meter: Option<usize>,
    /// Its model when its lines are made of other lines.
    pub(super) derived: Option<Model>,
}

/// What can be referred to.
pub(super) struct Index<'a> {
    pub(super) meters: BTreeMap<&'a str, usize>,
    pub(super) products: BTreeMap<&'a str, usize>,
    pub(super) plans: BTreeMap<&'a str, usize>,
    /// In order of (product, charge).
    pub(super) charges: Vec<Declared<'a>>,
    charge_ids: BTreeMap<String, usize>,
    derived_ids: BTreeMap<(usize, String), usize>,
    /// What every meter counts.
    counted: Vec<Counted>,
}

/// What charges must know of a meter, even of one that is broken elsewhere.
#[derive(Clone, Debug)]
pub(super) struct Counted {
    /// Its dimensions.
    pub(super) dimensions: Vec<String>,
    /// Its attributes.
    pub(super) attributes: Vec<String>,
    /// The name of its aggregate.
    pub(super) aggregate: String,
    /// Its unit; empty when it does not say.
    pub(super) unit: String,
}

impl Counted {
    fn of(node: &Node) -> Self {
        let texts = |key: &str| node.get(key).map(Node::texts).unwrap_or_default();
        let names = |key: &str| texts(key).into_iter().map(|text| text.text).collect();
        let aggregate = node.get("aggregate").and_then(Node::text).unwrap_or("sum").to_owned();
        let unit = node.get("unit").and_then(Node::text).unwrap_or_default().to_owned();
        Self { dimensions: names("dimensions"), attributes: names("attributes"), aggregate, unit }
    }

    /// Dimensions and attributes.
    pub(super) fn named(&self) -> Vec<String> {
        self.dimensions.iter().chain(&self.attributes).cloned().collect()
    }
}

impl<'a> Index<'a> {
    /// Everything `sections` declare.
    pub(super) fn of(sections: &Sections<'a>, faults: &mut Faults) -> Self {
        let meters = positions(&sections.meters);
        let products = positions(&sections.products);
        let counted = sections.meters.iter().map(|(_, node)| Counted::of(node)).collect();
        let mut charges = Vec::new();
        for (product, (name, node)) in sections.products.iter().enumerate() {
            for (key, node) in by_id(node.get("charges").into_iter(), "charge", faults) {
                let fields = Fields::of(node);
                let meter = fields.get("meter").and_then(|meter| find(&meters, meter, "meter", faults));
                let (id, key) = (format!("{}/{}", name.text, key.text), key.clone());
                charges.push(Declared { id, product, key, fields, node, meter, derived: None });
            }
        }
        charges.extend(derived(sections, &products, faults));
        charges.sort_by(|a, b| (a.product, &a.key.text).cmp(&(b.product, &b.key.text)));
        for pair in charges.windows(2) {
            if let [first, second] = pair
                && (first.product, &first.key.text) == (second.product, &second.key.text)
            {
                faults.push(twice(&format!("the charge `{}`", second.id), &second.key.place, &first.key.place));
            }
        }
        // Nobody lays a price or discount over what is made of other lines.
        let (mut charge_ids, mut derived_ids) = (BTreeMap::new(), BTreeMap::new());
        for (index, charge) in charges.iter().enumerate() {
            match charge.derived {
                None => drop(charge_ids.insert(charge.id.clone(), index)),
                Some(_) => drop(derived_ids.insert((charge.product, charge.key.text.clone()), index)),
            }
        }
        let plans = positions(&sections.plans);
        Self { meters, products, plans, charges, charge_ids, derived_ids, counted }
    }

    /// The index of the charge called `id`, or a fault.
    pub(super) fn charge(&self, id: &Located, faults: &mut Faults) -> Option<usize> {
        let found = self.charge_ids.get(&id.text).copied();
        if found.is_none() {
            faults.push(unknown(id, "charge", self.charge_ids.keys().map(String::as_str)));
        }
        found
    }

    /// The index of the charge of this product and id whose lines are made of other lines.
    pub(super) fn derived(&self, product: usize, id: &str) -> Option<usize> {
        self.derived_ids.get(&(product, id.to_owned())).copied()
    }

    /// The charges a product or `product/charge` means.
    pub(super) fn named(&self, named: &Located, faults: &mut Faults) -> Vec<usize> {
        if named.text.contains('/') {
            return self.charge(named, faults).into_iter().collect();
        }
        match self.products.get(named.text.as_str()) {
            Some(product) => {
                let charges = self.charges.iter().enumerate().filter(|(_, charge)| charge.product == *product);
                charges.map(|(position, _)| position).collect()
            }
            None => {
                faults.push(unknown(named, "product", self.products.keys().copied()));
                Vec::new()
            }
        }
    }

    /// What a charge's meter counts.
    pub(super) fn meter_of(&self, charge: &Declared<'_>) -> Option<&Counted> {
        charge.meter.and_then(|meter| self.counted.get(meter))
    }
}

/// The index `node` refers to in `known`, or a fault.
pub(super) fn find(known: &BTreeMap<&str, usize>, node: &Node, what: &str, faults: &mut Faults) -> Option<usize> {
    let id = node.located()?;
    let found = known.get(id.text.as_str()).copied();
    if found.is_none() {
        faults.push(unknown(&id, what, known.keys().copied()));
    }
    found
}

/// The charges that a list of products and `product/charge` means, sorted.
pub(super) fn charges_of(on: &Node, index: &Index<'_>, faults: &mut Faults) -> Vec<usize> {
    let mut charges: Vec<usize> = on.texts().iter().flat_map(|named| index.named(named, faults)).collect();
    charges.sort_unstable();
    charges.dedup();
    charges
}

/// A reference to something that does not exist.
pub(super) fn unknown<'k>(id: &Located, what: &str, known: impl IntoIterator<Item = &'k str>) -> Fault {
    let fault = Fault::new(&codes::B003, format!("there is no {what} `{}`", id.text)).at(&id.place);
    Fault { hint: did_you_mean(&id.text, known), ..fault }
}

fn positions<'a>(entries: &[Entry<'a>]) -> BTreeMap<&'a str, usize> {
    entries.iter().enumerate().map(|(index, (key, _))| (key.text.as_str(), index)).collect()
}
