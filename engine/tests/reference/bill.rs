//! The reference rater: a case in, its lines, taxes, invoices and suspense out, one record after the other.

use std::collections::BTreeMap;

use super::exact::Exact;
use super::fixed;
use super::measure::{self, Prices, Use};
use super::portion;
use super::price::{self, lineage};
use super::totals;
use super::words::{Case, Days, Rated, Row};

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
    pub(crate) quantity: Exact,
    pub(crate) unit_price: Option<Exact>,
    pub(crate) amount: Exact,
    pub(crate) records: usize,
}

/// Rates a case.
pub(crate) fn rate(case: &Case) -> Rated {
    let prices = measure::prices(case);
    let (uses, suspense) = measure::settle(case, &prices);
    let mut drafts = Vec::new();
    for (at, charge) in case.charges.iter().enumerate() {
        drafts.extend(match charge.meter {
            Some(meter) => portion::usage(case, &prices, &uses, at, meter),
            None => fixed::fixed(case, &prices, at),
        });
    }
    let mut rated = Rated { suspense, ..Rated::default() };
    let mut invoices = totals::Invoices::default();
    for draft in &drafts {
        let money = totals::settled(case, draft);
        let taxes = totals::taxes(case, draft, &money);
        invoices.add(case, draft, &money, &taxes);
        rated.lines.push(line(case, draft, &money));
        rated.taxes.extend(taxes.into_iter().map(|(_, row)| row));
    }
    rated.invoices = invoices.rows();
    for rows in [&mut rated.lines, &mut rated.taxes, &mut rated.invoices, &mut rated.suspense] {
        rows.sort();
    }
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

fn line(case: &Case, draft: &Draft, money: &totals::Money) -> Row {
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
        ("amount_list", money.list.to_string()),
        ("amount_discount", money.discount.to_string()),
        ("amount_net", money.net.to_string()),
        ("currency", account.currency.clone()),
        ("price_layer", draft.layer.clone()),
        ("record_count", draft.records.to_string()),
        ("service_start", instant(case, draft.days.from.unwrap_or(first))),
        ("service_end", instant(case, draft.days.to.unwrap_or(after))),
    ];
    cells.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}
