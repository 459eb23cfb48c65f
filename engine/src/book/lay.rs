//! Laying patches over prices: one mechanism for versions, layers, contracts, plans and overrides, in the book and in the
//! price_overrides table.
//!
//! What holds without a patch is below it: fields replace fields, another model drops the old model's numbers, and the
//! whole is checked as if it had been written so. Who is given which patches is not known here.

use std::collections::BTreeMap;

use super::fields::Written;
use super::index::Counted;
use super::keys::of_overrides_table;
use super::lists::Lists;
use super::model::{AccountOverride, Layered, Patch, PriceBook, Validity};
use super::price::{Origin, is_metered, price};
use crate::fault::{Fault, Faults, Located, Outcome, Place, codes};
use crate::yaml::{self, Node, Value, closest};

/// What prices are made from.
#[derive(Debug, Default)]
pub(crate) struct Material {
    /// Price tables and lists.
    pub(super) lists: Lists,
    /// By charge: what its meter counts.
    pub(super) counted: Vec<Option<Counted>>,
    /// By charge: what a patch may come to lie over, one price for each model that something in the book gives it.
    pub(super) bases: Vec<Vec<Written>>,
}

impl Material {
    /// `patch` laid over `base`.
    ///
    /// # Errors
    /// What is wrong with the price that comes out; empty where the check of the file's shape has said it.
    pub(super) fn lay(&self, base: &Written, patch: &Patch) -> Outcome<Layered> {
        let mut faults = Faults::default();
        let mut fields = base.under(&patch.fields);
        // Of a matrix, the one price of a unit is that of every other cell.
        if fields.model() == Some("matrix") && patch.fields.get("unit_price").is_some() {
            fields = base.under(&patch.fields.renamed("unit_price", "default_unit_price"));
        }
        if let (Some(old), Some(new)) = (base.model(), patch.fields.get("model"))
            && let Some(name) = new.text()
            && is_metered(old) != is_metered(name)
        {
            let message = format!("a `{old}` charge cannot become `{name}`: only one of them prices usage");
            return Err(Fault::new(&codes::B005, message).at(&new.place).into());
        }
        let meter = self.counted.get(patch.charge).and_then(Option::as_ref);
        let origin = Origin { layer: &patch.layer, place: &patch.place, meter, lists: &self.lists };
        let made = price(&fields.fields(), &origin, &mut faults);
        match made.filter(|_| faults.0.is_empty()) {
            Some(price) => Ok(Layered { price, fields }),
            None => Err(faults),
        }
    }

    /// What `patch` makes of the first of the prices it may come to lie over that it fits.
    ///
    /// # Errors
    /// Why it does not fit the first of them, when it fits none.
    pub(super) fn fit(&self, patch: &Patch) -> Outcome<Layered> {
        let mut first = None;
        for base in self.bases.get(patch.charge).into_iter().flatten() {
            match self.lay(base, patch) {
                Ok(layered) => return Ok(layered),
                Err(faults) => drop(first.get_or_insert(faults)),
            }
        }
        Err(first.unwrap_or_default())
    }

    /// Checks `patch`, and lets later ones lie over what it makes.
    pub(super) fn check(&mut self, patch: &Patch, faults: &mut Faults) {
        let Some(layered) = faults.keep(self.fit(patch)) else { return };
        if let Some(bases) = self.bases.get_mut(patch.charge)
            && bases.iter().all(|base| base.model() != layered.fields.model())
        {
            bases.push(layered.fields);
        }
    }
}

/// The SQL of a price.
#[derive(Clone, Debug)]
pub struct SqlOfPrice {
    /// Index of the charge.
    pub charge: usize,
    /// Whether it is a SELECT; otherwise it is the formula of an amount.
    pub is_query: bool,
    /// The SQL.
    pub sql: Located,
}

impl PriceBook {
    /// `patch` laid over `base`.
    ///
    /// # Errors
    /// `B005` when the model of `base` does not take it, others when it makes no sense there.
    pub fn lay(&self, base: &Layered, patch: &Patch) -> Outcome<Layered> {
        self.material.lay(&base.fields, patch)
    }

    /// Every formula and query that something in the book gives a price, whether somebody has that price or not.
    pub fn sql_of_prices(&self) -> impl Iterator<Item = SqlOfPrice> {
        let listed = self
            .charges
            .iter()
            .enumerate()
            .flat_map(|(charge, one)| one.listed.iter().map(move |listed| (charge, &listed.layered.fields)));
        let of_layers = self.layers.iter().flat_map(|layer| &layer.prices);
        let of_contracts = self.contracts.iter().flat_map(|contract| &contract.prices);
        let of_plans = self.plans.iter().flat_map(|plan| &plan.prices);
        let patches = of_layers.chain(of_contracts).chain(of_plans);
        let patches = patches.chain(self.overrides.iter().map(|own| &own.patch));
        let all = listed.chain(patches.map(|patch| (patch.charge, &patch.fields)));
        all.flat_map(|(charge, fields)| {
            let sql = move |key: &str| Some((charge, fields.get(key)?.located()?));
            let formula = sql("formula").map(|(charge, sql)| SqlOfPrice { charge, is_query: false, sql });
            let query = sql("sql").map(|(charge, sql)| SqlOfPrice { charge, is_query: true, sql });
            formula.into_iter().chain(query)
        })
    }

    /// Checks that `patch` fits something that the book may give its charge.
    ///
    /// # Errors
    /// Why it does not fit the list price.
    pub fn check_fit(&self, patch: &Patch) -> Outcome<()> {
        self.material.fit(patch).map(drop)
    }
}

/// The override in a row of the price_overrides table, its fields given by column name. Columns that are no field are the
/// user's own unless their name looks like a slip.
///
/// # Errors
/// `Y006` and `B001` for values of another kind, `B005` for a misspelt column or a row that replaces nothing.
pub fn override_of_row(
    (account, charge): (&str, usize),
    texts: &BTreeMap<String, String>,
    valid: Validity,
    place: &Place,
) -> Outcome<AccountOverride> {
    let mut faults = Faults::default();
    let mut entries = Vec::new();
    for (column, text) in texts.iter().filter(|(_, text)| !text.trim().is_empty()) {
        let text = text.trim().to_owned();
        if let Some(key) = of_overrides_table().find(|key| key.name == column) {
            let before = faults.0.len();
            let node = Node { place: place.clone(), value: Value::Scalar { text, quoted: false } };
            yaml::check(&node, &key.kind, place, &mut faults);
            for fault in &mut faults.0[before..] {
                fault.message = format!("`{column}`: {}", fault.message);
            }
            entries.push((Located { text: column.clone(), place: place.clone() }, node));
        } else if let Some(meant) = closest(column, of_overrides_table().map(|key| key.name)) {
            let fault = Fault::new(&codes::B005, format!("an override has no field `{column}`")).at(place);
            faults.push(fault.hint(format!("did you mean `{meant}`?")));
        }
    }
    if faults.0.is_empty() && entries.is_empty() {
        faults.push(nothing_replaced(place));
    }
    let layer = format!("override:{account}").into();
    let patch = Patch { charge, layer, valid, place: place.clone(), fields: entries.into_iter().collect() };
    faults.or(AccountOverride { account: account.to_owned(), patch })
}

/// An override without any field.
pub(super) fn nothing_replaced(place: &Place) -> Fault {
    let fault = Fault::new(&codes::B005, "the override replaces nothing").at(place);
    fault.hint(
        "name one of model, unit_price, amount, percent, minimum, maximum, size, price, or another field of a charge",
    )
}
