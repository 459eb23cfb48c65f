//! The reference rater: a case in, its lines, taxes, invoices and suspense out, one record after the other.

use std::collections::BTreeMap;

use super::conditions::Facts;
use super::exact::Exact;
use super::features::{Feature, on};
use super::fixed;
use super::measure::{self, Prices, Use};
use super::pools;
use super::portion;
use super::price::{self, lineage};
use super::promises;
use super::stages::{self, Line};
use super::totals;
use super::versions;
use super::words::{Case, Days, Rated, Row, row};

/// A line before it is rounded.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) subscription: usize,
    pub(crate) charge: usize,
    pub(crate) kind: &'static str,
    pub(crate) model: String,
    pub(crate) layer: String,
    pub(crate) days: Days,
    pub(crate) group: BTreeMap<String, String>,
    pub(crate) tier: String,
    /// Position of its window among those of its price.
    pub(crate) window: usize,
    pub(crate) quantity: Exact,
    pub(crate) unit_price: Option<Exact>,
    pub(crate) amount: Exact,
    pub(crate) records: usize,
}

/// Rates a case.
pub(crate) fn rate(case: &Case) -> Rated {
    let mut whole = case.clone();
    versions::expand(&mut whole);
    let prices = measure::prices(&whole);
    // These charges have no price: what becomes of them is decided after everything else.
    let charges = whole.charges.len();
    promises::expand(&mut whole);
    let case = &whole;
    let (uses, suspense) = measure::settle(case, &prices);
    let grants = pools::grants(case);
    let facts = Facts::new(case, &prices, &uses);
    let (mut drafts, mut draws) = (Vec::new(), Vec::new());
    for (at, charge) in case.charges.iter().enumerate().take(charges) {
        drafts.extend(match charge.meter {
            Some(meter) => portion::usage(case, &prices, &uses, (at, meter), &grants, &mut draws),
            None => fixed::fixed(case, &facts, at),
        });
    }
    let settled = stages::settle(case, drafts, &grants, draws, &facts);
    let taxes = |line: &Line| line.taxes.iter().map(|tax| tax.row(case, line)).collect::<Vec<Row>>();
    let mut rated = Rated {
        lines: settled.lines.iter().map(|known| line(case, known)).collect(),
        taxes: settled.lines.iter().flat_map(taxes).collect(),
        invoices: settled.invoices,
        suspense,
        more: settled.more,
    };
    rated.sort();
    rated
}

/// Uses of a charge by a subscription, inside these days.
pub(crate) fn theirs<'a>(case: &Case, uses: &[Use<'a>], whose: usize, meter: usize, days: Days) -> Vec<Use<'a>> {
    let fits = |used: &&Use<'a>| {
        used.subscription == whose && used.record.kind == case.meters[meter].kind && days.hold(used.day)
    };
    uses.iter().filter(fits).copied().collect()
}

/// Subscriptions that have a charge, in order.
pub(crate) fn holders(prices: &Prices, charge: usize) -> impl Iterator<Item = usize> {
    prices.keys().filter(move |(_, known)| *known == charge).map(|(whose, _)| *whose)
}

/// What names a line among those of its case.
pub(crate) fn name(case: &Case, draft: &Draft) -> String {
    let parts = [
        case.subscriptions[draft.subscription].id.clone(),
        case.charges[draft.charge].id.clone(),
        draft.kind.to_owned(),
        draft.tier.clone(),
        dimensions(&draft.group),
        draft.days.from.map(|day| instant(case, day)).unwrap_or_default(),
    ];
    parts.join("|")
}

fn dimensions(group: &BTreeMap<String, String>) -> String {
    let pairs: Vec<String> = group.iter().map(|(key, value)| format!("{key}={value}")).collect();
    pairs.join(";")
}

fn instant(case: &Case, day: chrono::NaiveDate) -> String {
    measure::midnight(&case.settings, day).format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn line(case: &Case, line: &Line) -> Row {
    let draft = &line.draft;
    let subscription = &case.subscriptions[draft.subscription];
    let account = &case.accounts[subscription.account];
    let charge = &case.charges[draft.charge];
    let mut path: Vec<&str> =
        lineage(case, subscription.account).iter().map(|at| case.accounts[*at].id.as_str()).collect();
    path.reverse();
    let (first, after) = price::period(&case.settings);
    let cells = [
        ("subscription_id", subscription.id.clone()),
        ("account_id", account.id.clone()),
        ("account_path", path.join("/")),
        ("bill_to_account_id", case.accounts[totals::bill_to(case, subscription.account)].id.clone()),
        ("charge", charge.id.clone()),
        ("line_kind", draft.kind.to_owned()),
        ("model", draft.model.clone()),
        ("meter", charge.meter.map(|meter| case.meters[meter].id.clone()).unwrap_or_default()),
        ("dimensions", dimensions(&draft.group)),
        ("tier", draft.tier.clone()),
        ("quantity", draft.quantity.to_string()),
        ("unit_price", draft.unit_price.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("amount_rated", draft.amount.to_string()),
        ("amount_list", line.list.to_string()),
        ("amount_discount", line.discount.to_string()),
        ("amount_net", line.net.to_string()),
        ("currency", account.currency.clone()),
        ("price_layer", draft.layer.clone()),
        ("record_count", draft.records.to_string()),
        ("service_start", instant(case, draft.days.from.unwrap_or(first))),
        ("service_end", instant(case, draft.days.to.unwrap_or(after))),
    ];
    let mut cells = row(cells);
    if on(Feature::TaxTerms) {
        cells.insert("amount_tax_included".to_owned(), line.tax_included.to_string());
    }
    if on(Feature::Fx) {
        let price = case.settings.fx.as_ref().filter(|_| line.rate.is_some());
        cells.insert("price_currency".to_owned(), price.map(|price| price.0.clone()).unwrap_or_default());
        cells.insert("fx_rate".to_owned(), line.rate.as_ref().map(ToString::to_string).unwrap_or_default());
    }
    cells
}
