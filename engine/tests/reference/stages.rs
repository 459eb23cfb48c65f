//! From rated amounts to invoices, stage by stage, in the order of DESIGN: allowances of money, conversion, bounds, discounts
//! of lines, rounding, commitments, bounds and discounts of accounts, taxes, invoices, credits.

use std::collections::BTreeMap;

use super::bill::Draft;
use super::bounds::{self, Place};
use super::conditions::Facts;
use super::credits;
use super::discounts;
use super::exact::Exact;
use super::features::{Feature, on};
use super::fx;
use super::money_allowances;
use super::pools::{Draw, Grant};
use super::promises;
use super::taxes::{self, Tax};
use super::totals;
use super::words::{Case, Row};

/// Something a discount takes off a line.
#[derive(Clone, Debug)]
pub(crate) struct Off {
    pub(crate) discount: String,
    /// The coupon it was redeemed by, or a blank.
    pub(crate) coupon: String,
    /// Before the line is rounded.
    pub(crate) exact: Exact,
    /// Its part of the discount of the line.
    pub(crate) amount: Exact,
}

/// A line on its way through the stages.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) draft: Draft,
    /// The rate it was converted by.
    pub(crate) rate: Option<Exact>,
    pub(crate) off: Vec<Off>,
    pub(crate) list: Exact,
    pub(crate) discount: Exact,
    pub(crate) net: Exact,
    /// Whether an exclusive discount has closed it to further ones.
    pub(crate) closed: bool,
    pub(crate) taxes: Vec<Tax>,
    /// Taxes that its price includes, by name.
    pub(crate) included: BTreeMap<String, Exact>,
    pub(crate) tax_included: Exact,
}

impl Line {
    pub(crate) fn new(draft: Draft) -> Self {
        let (off, taxes) = (Vec::new(), Vec::new());
        let zero = Exact::zero;
        let (list, discount, net, included) = (zero(), zero(), zero(), BTreeMap::new());
        Self { draft, rate: None, off, list, discount, net, closed: false, taxes, included, tax_included: zero() }
    }

    /// A line of an amount that is rounded already.
    pub(crate) fn settled(draft: Draft) -> Self {
        let amount = draft.amount.clone();
        Self { list: amount.clone(), net: amount, ..Self::new(draft) }
    }

    pub(crate) fn account(&self, case: &Case) -> usize {
        case.subscriptions[self.draft.subscription].account
    }

    /// What is left of the unrounded amount; where discounts are taken of the rounded amount, of that.
    pub(crate) fn left(&self, case: &Case) -> Exact {
        let whole = discounts::whole(case, self);
        self.off.iter().fold(whole, |left, off| left.less(&off.exact))
    }

    pub(crate) fn tax(&self) -> Exact {
        self.taxes.iter().fold(Exact::zero(), |sum, tax| sum.plus(&tax.amount))
    }
}

/// All that the stages make.
pub(crate) struct Settled {
    pub(crate) lines: Vec<Line>,
    pub(crate) more: BTreeMap<&'static str, Vec<Row>>,
    pub(crate) invoices: Vec<Row>,
}

pub(crate) fn settle(
    case: &Case,
    drafts: Vec<Draft>,
    grants: &[Grant],
    draws: Vec<Draw>,
    facts: &Facts<'_>,
) -> Settled {
    let mut lines: Vec<Line> = drafts.into_iter().map(Line::new).collect();
    let mut more: BTreeMap<&'static str, Vec<Row>> = BTreeMap::new();
    let mut draws = draws;
    sort(case, &mut lines);
    money_allowances::cover(case, grants, &mut lines, &mut draws);
    for line in &mut lines {
        fx::convert(case, line);
    }
    bounds::of_charges(case, facts.prices, &mut lines, Place::BeforeDiscounts);
    sort(case, &mut lines);
    discounts::of_lines(case, facts, &mut lines);
    for line in &mut lines {
        totals::round(case, line);
    }
    bounds::of_charges(case, facts.prices, &mut lines, Place::AfterDiscounts);
    sort(case, &mut lines);
    let shares = promises::apply(case, facts, &mut lines);
    bounds::of_accounts(case, facts, &mut lines);
    sort(case, &mut lines);
    discounts::of_accounts(case, facts, &mut lines);
    taxes::apply(case, &mut lines);
    let mut put = |feature: bool, table: &'static str, rows: Vec<Row>| {
        if feature {
            more.insert(table, rows);
        }
    };
    let pools = on(Feature::Pools) || on(Feature::Rollover) || on(Feature::MoneyAllowances);
    put(pools, "allowance_draws", draws.iter().map(|draw| draw.row(case, grants)).collect());
    put(pools, "allowance_balances", super::pools::balances(case, grants, &draws));
    put(on(Feature::Commitments), "commitment_shares", shares.rows);
    put(on(Feature::Terms), "commitment_balances", shares.balances);
    put(on(Feature::Discounts), "line_discounts", discounts::rows(case, &lines));
    put(on(Feature::Thresholds), "notices", bounds::notices(case, facts, &lines));
    put(on(Feature::Subtotals), "invoice_subtotals", totals::subtotals(case, &lines));
    let drawn = credits::draw(case, &lines);
    put(on(Feature::Credits), "credit_draws", drawn.draws);
    put(on(Feature::Credits), "credit_balances", drawn.balances);
    let invoices = totals::invoices(case, &lines, &drawn.by_invoice);
    Settled { lines, more, invoices }
}

/// In the order of the published table: of equal remainders the earlier line has more. Within a charge usage comes before
/// what is included, then the values of the line group, days, and tiers.
fn sort(case: &Case, lines: &mut [Line]) {
    const KINDS: [&str; 6] = ["usage", "recurring", "one_time", "allowance", "commitment", "credit"];
    lines.sort_by_cached_key(|line| {
        let draft = &line.draft;
        let subscription = &case.subscriptions[draft.subscription];
        let kind = KINDS.iter().position(|kind| *kind == draft.kind);
        // Charges of commitments and bounds are named with what stands for the name of the case, which begins with a `c`.
        let charge = case.charges[draft.charge].id.replace("/~", "/c");
        let names = (case.accounts[subscription.account].id.clone(), subscription.id.clone(), charge);
        let group: Vec<(String, String)> = draft.group.clone().into_iter().collect();
        (names, kind, group, draft.days.from, rank(draft))
    });
}

/// Tiers as they follow each other, windows as they are declared and destinations by name, then fees and bounds.
fn rank(draft: &Draft) -> (usize, usize, String) {
    let tier = draft.tier.as_str();
    let (class, number) = match (tier, tier.parse::<usize>()) {
        ("", _) => (0, 0),
        ("included", _) => (1, 0),
        // A prefix without a destination has its digits for a name.
        (_, Ok(number)) if draft.model != "prefix" => (2, number),
        ("beyond", _) => (3, 0),
        ("fee", _) => (5, 0),
        ("minimum", _) => (6, 0),
        ("maximum", _) => (7, 0),
        ("overage", _) => (8, 0),
        _ => (4, draft.window),
    };
    (class, number, tier.to_owned())
}
