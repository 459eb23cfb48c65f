//! The SQL of a book as it stands in the files, with the names it may use: it can be checked even when the book has
//! faults elsewhere, so that all of them are told in one go.

use super::fields::Fields;
use super::index::Index;
use super::sections::Sections;
use crate::fault::Located;
use crate::yaml::Node;

/// The SQL of prices and conditions, and what it may ask for.
#[derive(Clone, Debug, Default)]
pub struct Spoken {
    /// Ids of all meters declared.
    pub meters: Vec<String>,
    /// Ids of all charges declared, `product/charge`.
    pub charges: Vec<String>,
    /// Ids of all products declared.
    pub products: Vec<String>,
    /// Formulas, with the charge they stand in.
    pub formulas: Vec<(String, Located)>,
    /// Queries, with the dimensions of the meter they read.
    pub queries: Vec<(Vec<String>, Located)>,
    /// Conditions of layers.
    pub conditions: Vec<Located>,
    /// Conditions of discounts.
    pub discounts: Vec<Located>,
    /// Conditions of recurring and one-time amounts.
    pub fees: Vec<Located>,
}

impl Spoken {
    /// What `sections` say.
    pub(super) fn of(sections: &Sections<'_>, index: &Index<'_>) -> Self {
        let mut spoken = Self {
            meters: index.meters.keys().map(ToString::to_string).collect(),
            // Amounts of what is made of other lines are not known yet when a formula asks.
            charges: index.charges.iter().filter(|one| one.derived.is_none()).map(|one| one.id.clone()).collect(),
            products: index.products.keys().map(ToString::to_string).collect(),
            ..Self::default()
        };
        let sql = |fields: &Fields<'_>, key: &str| fields.get(key).and_then(Node::located);
        for charge in &index.charges {
            spoken.formulas.extend(sql(&charge.fields, "formula").map(|formula| (charge.id.clone(), formula)));
            spoken.fees.extend(sql(&charge.fields, "when"));
            if let Some(meter) = index.meter_of(charge) {
                spoken.queries.extend(sql(&charge.fields, "sql").map(|query| (meter.dimensions.clone(), query)));
            }
        }
        let conditional = sections.layers.iter().chain(&sections.account_bounds);
        spoken.conditions.extend(conditional.filter_map(|node| node.get("when")?.located()));
        spoken.conditions.extend(sections.layers.iter().filter_map(|layer| layer.get("when")?.located()));
        spoken.discounts.extend(sections.discounts.iter().filter_map(|discount| discount.get("when")?.located()));
        spoken
    }
}
