//! Texts that many rows of the published tables share, each pool made once for a run.

use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use rayon::prelude::*;

use super::Job;
use super::batches::{invoice_key, line_ids};
use super::rating::Billing;
use crate::fault::{Fault, Outcome, Place};
use crate::tables::build;

/// A list of texts that rows refer to by number.
#[derive(Debug)]
pub(super) struct Pool(Arc<StringArray>);

impl Pool {
    /// The pool of these texts.
    pub(super) fn of<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Self {
        Self(Arc::new(StringArray::from_iter_values(texts)))
    }

    /// The column whose rows have the texts of these numbers.
    pub(super) fn column(&self, numbers: impl Iterator<Item = u32>) -> Outcome<ArrayRef> {
        let narrow = |number: u32| i32::try_from(number).map_err(|_| Fault::ours("more than 2^31 texts"));
        build::dictionary_of(&self.0, numbers.map(narrow).collect::<Result<_, _>>()?)
    }
}

/// All pools of a run: of accounts, subscriptions, offers, charges, prices, meters and taxes, by their index.
#[derive(Debug)]
pub(super) struct Pools {
    pub(super) run_id: String,
    /// The id of each line.
    pub(super) line_ids: Vec<u128>,
    pub(super) account_ids: Pool,
    pub(super) account_paths: Pool,
    pub(super) account_currencies: Pool,
    /// The invoice of each account: that of its bill-to account in its currency.
    pub(super) invoice_ids: Pool,
    pub(super) subscription_ids: Pool,
    pub(super) order_ids: Pool,
    pub(super) jurisdictions: Pool,
    pub(super) plans: Pool,
    pub(super) products: Pool,
    pub(super) charge_ids: Pool,
    pub(super) charge_products: Pool,
    pub(super) charge_meters: Pool,
    pub(super) charge_units: Pool,
    pub(super) charge_gl_accounts: Pool,
    pub(super) charge_tax_categories: Pool,
    /// `allowance`, `adjustment`, then the model of each price.
    pub(super) models: Pool,
    /// Blank, then the layer of each price.
    pub(super) price_layers: Pool,
    /// Blank, then the place of each price.
    pub(super) price_refs: Pool,
    pub(super) meter_ids: Pool,
    pub(super) tax_names: Pool,
    pub(super) tax_jurisdictions: Pool,
    /// Code and reason of each rate, then of each relief.
    pub(super) tax_codes: Pool,
    pub(super) tax_reasons: Pool,
}

impl Pools {
    /// The pools of `job` for what it bills.
    pub(super) fn new(job: &Job<'_>, billing: &Billing, run_id: &str) -> Self {
        let (accounts, subscriptions) = (&job.reference.accounts, &job.reference.subscriptions);
        let (charges, prices, rates) = (&job.book.charges, &job.catalog.prices, &billing.levies.rates);
        let reliefs = &billing.levies.reliefs;
        let (codes, reasons) = (rates.iter().map(|rate| &rate.category_code), rates.iter().map(|rate| &rate.reason));
        let product = |charge: &crate::book::model::Charge| &job.book.products[charge.product];
        let meter = |charge: &crate::book::model::Charge| charge.meter.map_or("", |meter| &job.book.meters[meter].id);
        // The offers are the plans in order, then the products in order.
        let (plans, products) = (&job.book.plans, &job.book.products);
        let blank = |count: usize| std::iter::repeat_n("", count);
        let invoice = |account: &crate::reference::model::Account| {
            format!("{:032x}", invoice_key(job, &accounts[account.bill_to as usize].id, &account.currency))
        };
        Self {
            run_id: run_id.to_owned(),
            line_ids: line_ids(job, &billing.lines, &billing.groups),
            account_ids: Pool::of(accounts.iter().map(|account| &account.id)),
            account_paths: Pool::of(accounts.iter().map(|account| &account.path)),
            account_currencies: Pool::of(accounts.iter().map(|account| &account.currency)),
            invoice_ids: Pool::of(accounts.par_iter().map(invoice).collect::<Vec<String>>()),
            subscription_ids: Pool::of(subscriptions.iter().map(|row| &row.id)),
            order_ids: Pool::of(subscriptions.iter().map(|row| &row.order_id)),
            jurisdictions: Pool::of(subscriptions.iter().map(|row| job.reference.tax_jurisdiction(row))),
            plans: Pool::of(plans.iter().map(|plan| plan.id.as_str()).chain(blank(products.len()))),
            products: Pool::of(blank(plans.len()).chain(products.iter().map(|product| product.id.as_str()))),
            charge_ids: Pool::of(charges.iter().map(|charge| &charge.id)),
            charge_products: Pool::of(charges.iter().map(|charge| &product(charge).id)),
            charge_meters: Pool::of(charges.iter().map(meter)),
            charge_units: Pool::of(charges.iter().map(|charge| &charge.unit)),
            charge_gl_accounts: Pool::of(charges.iter().map(|charge| &product(charge).gl_account)),
            charge_tax_categories: Pool::of(charges.iter().map(|charge| &product(charge).tax_category)),
            models: Pool::of(
                ["allowance", "adjustment"].into_iter().chain(prices.iter().map(|price| price.model.name())),
            ),
            price_layers: Pool::of(blank(1).chain(prices.iter().map(|price| price.layer.as_str()))),
            price_refs: Pool::of([String::new()].into_iter().chain(prices.iter().map(|price| place_ref(&price.place)))),
            meter_ids: Pool::of(job.book.meters.iter().map(|meter| &meter.id)),
            tax_names: Pool::of(rates.iter().map(|rate| &rate.tax)),
            tax_jurisdictions: Pool::of(rates.iter().map(|rate| &rate.jurisdiction)),
            tax_codes: Pool::of(codes.chain(reliefs.iter().map(|relief| &relief.category_code))),
            tax_reasons: Pool::of(reasons.chain(reliefs.iter().map(|relief| &relief.reason))),
        }
    }
}

/// File and line of a price, without the folder, which is not a fact of the run.
pub(super) fn place_ref(place: &Place) -> String {
    let name = place.source.name.rsplit('/').next().unwrap_or_default();
    format!("{name}:{}", place.line)
}
