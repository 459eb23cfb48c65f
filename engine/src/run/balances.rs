//! What has become of every grant at the end of the period, its control totals, and the tables `allowance_draws` and
//! `allowance_balances`.

use std::collections::BTreeMap;
use std::ops::Range;

use arrow::array::RecordBatch;
use hashbrown::HashMap;

use super::Job;
use super::draws::DrawRow;
use super::pools::{Pool, Pools};
use super::rating::Billing;
use crate::allowance::carry::{self, Balance};
use crate::control::{AllowanceTotals, ChargeTotals, Included};
use crate::fault::{Fault, Outcome, codes};
use crate::lines::{Band, Line};
use crate::money::Decimal;
use crate::period::Month;
use crate::reference::model::Account;
use crate::tables::{Table, build};

/// What has become of a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BalanceRow {
    pub(super) grant: u32,
    pub(super) balance: Balance,
}

/// The balances of all grants, in order of accounts, subscriptions, allowances and the periods that gave them.
pub(super) fn balances(job: &Job<'_>, lines: &[Line], draws: &[DrawRow]) -> Outcome<Vec<BalanceRow>> {
    let (grants, now) = (&job.catalog.grants, Month::of(job.period.first_day));
    let used = used(job, lines, draws)?;
    let mut rows = Vec::with_capacity(grants.grants.len());
    for pool in &grants.pools {
        let range = pool.grants.start as usize..pool.grants.end as usize;
        let rollover = grants.allowance(pool).rollover;
        let own = carry::balances(&grants.grants[range.clone()], &used[range], rollover, now);
        let own = own.ok_or_else(|| Fault::ours("more of an allowance is used than there was"))?;
        rows.extend(pool.grants.clone().zip(own).map(|(grant, balance)| BalanceRow { grant, balance }));
    }
    rows.sort_by_key(|row| {
        let (grant, pool) = (&grants.grants[row.grant as usize], grants.pool_of(row.grant));
        (pool.account, pool.holder, grants.allowance(pool).id.as_str(), grant.month)
    });
    Ok(rows)
}

/// By grant: what was used of it. Every charge has the whole of a quantity: the one that has drawn most says what was used.
fn used(job: &Job<'_>, lines: &[Line], draws: &[DrawRow]) -> Outcome<Vec<Decimal>> {
    let grants = &job.catalog.grants;
    let mut by_charge: HashMap<(u32, u32), Decimal> = HashMap::new();
    for draw in draws {
        let sum = by_charge.entry((draw.grant, lines[draw.line as usize].charge)).or_default();
        *sum = plus(*sum, plus(draw.quantity, draw.amount)?)?;
    }
    let mut sums: Vec<((u32, u32), Decimal)> = by_charge.into_iter().collect();
    sums.sort_unstable();
    let mut used = vec![Decimal::ZERO; grants.grants.len()];
    for ((grant, _), sum) in sums {
        let all = &mut used[grant as usize];
        let is_amount = grants.allowance(grants.pool_of(grant)).included.is_amount();
        *all = if is_amount { plus(*all, sum)? } else { (*all).max(sum) };
    }
    Ok(used)
}

fn plus(a: Decimal, b: Decimal) -> Outcome<Decimal> {
    a.plus(b).ok_or_else(|| Fault::new(&codes::G002, "a total of allowances has more than 20 digits").into())
}

/// Adds what allowances have covered of each charge, by its lines and by the draws.
pub(super) fn add_included(
    job: &Job<'_>,
    lines: &[Line],
    draws: &[DrawRow],
    totals: &mut [ChargeTotals],
) -> Outcome<()> {
    let mut sums: Vec<Option<Included>> = vec![None; job.book.charges.len()];
    for line in lines.iter().filter(|line| line.band == Band::Included) {
        let sum = sums[line.charge as usize].get_or_insert_default();
        sum.quantity_covered = plus(sum.quantity_covered, line.quantity)?;
    }
    for draw in draws {
        let sum = sums[lines[draw.line as usize].charge as usize].get_or_insert_default();
        sum.quantity_drawn = plus(sum.quantity_drawn, draw.quantity)?;
        sum.amount_drawn = plus(sum.amount_drawn, draw.amount)?;
    }
    let sums: HashMap<&str, Option<Included>> =
        job.book.charges.iter().map(|charge| charge.id.as_str()).zip(sums).collect();
    for total in totals {
        total.included = sums.get(total.charge.as_str()).copied().flatten();
    }
    Ok(())
}

/// What has become of every allowance, over all who have it.
pub(super) fn totals(job: &Job<'_>, billing: &Billing) -> Outcome<Vec<AllowanceTotals>> {
    let grants = &job.catalog.grants;
    let mut totals: BTreeMap<&str, AllowanceTotals> = BTreeMap::new();
    let name = |grant: u32| grants.allowance(grants.pool_of(grant)).id.as_str();
    for BalanceRow { grant, balance } in &billing.balances {
        let total = totals.entry(name(*grant)).or_default();
        total.granted = plus(total.granted, grants.grants[*grant as usize].granted)?;
        total.used = plus(total.used, balance.used)?;
        total.expired = plus(total.expired, balance.expired)?;
        total.left = plus(total.left, balance.left)?;
    }
    for draw in &billing.draws {
        let total = totals.entry(name(draw.grant)).or_default();
        total.quantity_drawn = plus(total.quantity_drawn, draw.quantity)?;
        total.amount_drawn = plus(total.amount_drawn, draw.amount)?;
    }
    let named = |(name, total): (&str, AllowanceTotals)| AllowanceTotals { allowance: name.to_owned(), ..total };
    Ok(totals.into_iter().map(named).collect())
}

/// The columns that both tables have of a grant: allowance, meter and the period that gave it.
struct Granted {
    allowances: Pool,
    meters: Pool,
}

impl Granted {
    fn new(job: &Job<'_>) -> Self {
        let allowances = &job.catalog.grants.allowances;
        let meter = |meter: Option<usize>| meter.map_or("", |meter| job.book.meters[meter].id.as_str());
        Self {
            allowances: Pool::of(allowances.iter().map(|allowance| &allowance.id)),
            meters: Pool::of(allowances.iter().map(|allowance| meter(allowance.meter))),
        }
    }
}

/// A part of `allowance_draws`.
pub(super) fn allowance_draws(
    job: &Job<'_>,
    pools: &Pools,
    billing: &Billing,
    range: Range<usize>,
) -> Outcome<RecordBatch> {
    let (draws, grants, names) = (&billing.draws[range], &job.catalog.grants, Granted::new(job));
    let line = |draw: &DrawRow| &billing.lines[draw.line as usize];
    let account = |draw: &DrawRow| job.reference.subscriptions[line(draw).subscription as usize].account;
    let ids: Vec<u128> = draws.iter().map(|draw| pools.line_ids[draw.line as usize]).collect();
    let months: Vec<String> = draws.iter().map(|draw| grants.grants[draw.grant as usize].month.to_string()).collect();
    let allowance = |draw: &DrawRow| grants.pool_of(draw.grant).allowance;
    Table::AllowanceDraws.batch(vec![
        build::hex_ids(&ids)?,
        build::constant(&pools.run_id, draws.len()),
        pools.account_ids.column(draws.iter().map(account))?,
        pools.subscription_ids.column(draws.iter().map(|draw| line(draw).subscription))?,
        pools.subscription_ids.column(draws.iter().map(|draw| grants.pool_of(draw.grant).holder))?,
        pools.charge_ids.column(draws.iter().map(|draw| line(draw).charge))?,
        names.allowances.column(draws.iter().map(allowance))?,
        names.meters.column(draws.iter().map(allowance))?,
        build::text(&months),
        build::decimal38(draws.iter().map(|draw| draw.quantity.units()).collect()),
        build::decimal38(draws.iter().map(|draw| draw.amount.units()).collect()),
    ])
}

/// A part of `allowance_balances`.
pub(super) fn allowance_balances(
    job: &Job<'_>,
    pools: &Pools,
    billing: &Billing,
    range: Range<usize>,
) -> Outcome<RecordBatch> {
    let (rows, grants, names) = (&billing.balances[range], &job.catalog.grants, Granted::new(job));
    let grant = |row: &BalanceRow| &grants.grants[row.grant as usize];
    let allowance = |row: &BalanceRow| grants.pool_of(row.grant).allowance;
    let months =
        |of: &dyn Fn(&BalanceRow) -> Month| -> Vec<String> { rows.iter().map(|row| of(row).to_string()).collect() };
    let exact =
        |of: &dyn Fn(&BalanceRow) -> Decimal| build::decimal38(rows.iter().map(|row| of(row).units()).collect());
    let currencies: Vec<&str> = rows.iter().map(|row| currency(job, row.grant)).collect();
    Table::AllowanceBalances.batch(vec![
        build::constant(&pools.run_id, rows.len()),
        pools.account_ids.column(rows.iter().map(|row| grants.pool_of(row.grant).account))?,
        pools.subscription_ids.column(rows.iter().map(|row| grants.pool_of(row.grant).holder))?,
        names.allowances.column(rows.iter().map(allowance))?,
        names.meters.column(rows.iter().map(allowance))?,
        build::text(&months(&|row| grant(row).month)),
        exact(&|row| grant(row).granted),
        exact(&|row| row.balance.used),
        exact(&|row| row.balance.expired),
        exact(&|row| row.balance.left),
        build::text(&months(&|row| grant(row).expires_after)),
        build::text(&currencies),
    ])
}

/// The currency of a granted amount: that of the prices; blank for a quantity.
fn currency<'j>(job: &'j Job<'_>, grant: u32) -> &'j str {
    let pool = job.catalog.grants.pool_of(grant);
    if !job.catalog.grants.allowance(pool).included.is_amount() {
        return "";
    }
    let plan = job.catalog.offer(pool.holder).plan.and_then(|plan| job.book.plans[plan].currency.as_deref());
    let account: &Account = &job.reference.accounts[pool.account as usize];
    plan.or(job.book.currency.as_deref()).unwrap_or(&account.currency)
}
