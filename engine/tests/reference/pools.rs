//! Allowances: who has them, who draws on them, and in which order.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};

use super::conditions::active;
use super::exact::Exact;
use super::price::{lineage, period};
use super::words::{Allowance, Case, Days, Read, Row, row};

/// An allowance as somebody has it: what was granted in one period.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    /// `plan:PLAN/ID` or `contract:CONTRACT/ID`.
    pub(crate) id: String,
    pub(crate) meter: usize,
    /// Whether it is of money.
    pub(crate) money: bool,
    pub(crate) units: Exact,
    /// The subscription that has it; of several the lowest id at the account that has it.
    holder: usize,
    account: usize,
    reach: Reach,
    /// Months since the year 0: of the period it was granted in, and of the last in which it can be used.
    granted: i32,
    pub(crate) expires: i32,
    priority: i64,
    /// Place in the list of its plan or contract.
    declared: usize,
    on: Vec<String>,
    cap: Option<Exact>,
    /// Whether nobody can draw on it.
    lost: bool,
}

#[derive(Clone, Debug)]
enum Reach {
    /// All versions of a subscription with the plan.
    Subscription(String, Source),
    /// Those of an account with the plan.
    Account(usize, Source),
    Subtree(usize),
}

/// A plan or a contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Plan(usize),
    Contract(usize),
}

impl Source {
    fn name(self, case: &Case, id: &str) -> String {
        match self {
            Self::Plan(plan) => format!("plan:{}/{id}", case.plans[plan].id),
            Self::Contract(contract) => format!("contract:{}/{id}", case.contracts[contract].id),
        }
    }

    fn of(self, case: &Case, whose: usize) -> bool {
        match self {
            Self::Plan(plan) => case.subscriptions[whose].plan == Some(plan),
            Self::Contract(contract) => case.subscriptions[whose].contract == Some(contract),
        }
    }
}

/// What one line drew on one grant.
#[derive(Clone, Debug)]
pub(crate) struct Draw {
    pub(crate) line: String,
    pub(crate) grant: usize,
    pub(crate) who: usize,
    pub(crate) charge: usize,
    pub(crate) quantity: Exact,
    pub(crate) amount: Exact,
}

impl Draw {
    pub(crate) fn row(&self, case: &Case, grants: &[Grant]) -> Row {
        let grant = &grants[self.grant];
        row([
            ("line", self.line.clone()),
            ("subscription_id", case.subscriptions[self.who].id.clone()),
            ("holder_subscription_id", case.subscriptions[grant.holder].id.clone()),
            ("charge", case.charges[self.charge].id.clone()),
            ("allowance", grant.id.clone()),
            ("meter", case.meters[grant.meter].id.clone()),
            ("granted_period", month_name(grant.granted)),
            ("quantity", self.quantity.to_string()),
            ("amount", self.amount.to_string()),
        ])
    }
}

fn month(day: NaiveDate) -> i32 {
    day.year() * 12 + day.month0().cast_signed()
}

fn month_name(month: i32) -> String {
    format!("{:04}-{:02}", month.div_euclid(12), month.rem_euclid(12) + 1)
}

/// All grants that can be drawn on in the period.
pub(crate) fn grants(case: &Case) -> Vec<Grant> {
    let mut sources: Vec<(Source, usize, &Allowance)> = Vec::new();
    for (at, plan) in case.plans.iter().enumerate() {
        let theirs = plan.allowances.iter().enumerate();
        sources.extend(theirs.map(|(place, allowance)| (Source::Plan(at), place, allowance)));
    }
    for (at, contract) in case.contracts.iter().enumerate() {
        let theirs = contract.allowances.iter().enumerate();
        sources.extend(theirs.map(|(place, allowance)| (Source::Contract(at), place, allowance)));
    }
    let mut all = Vec::new();
    for (source, declared, allowance) in sources {
        let holders = holders(case, source, allowance);
        let mut left = left(case, source, allowance, &holders);
        for (key, holders) in &holders {
            let grant = grant(case, declared, source, allowance, holders);
            let now = grant.granted;
            let carried = left.remove(&Some(key.clone())).unwrap_or_default().into_iter();
            all.extend(carried.map(|((.., granted), units)| {
                let expires = granted + rollover(allowance).0;
                Grant { units, granted, expires, lost: expires < now, ..grant.clone() }
            }));
            if holders.iter().any(|whose| days(case, allowance, *whose) > 0) {
                all.push(grant);
            }
        }
        for ((holder, account, granted), units) in left.remove(&None).into_iter().flatten() {
            let grant = grant(case, declared, source, allowance, &[holder]);
            let expires = granted + rollover(allowance).0;
            all.push(Grant { account, units, granted, expires, lost: true, ..grant });
        }
    }
    all
}

/// Who shares an allowance: an account, or a subscription.
type Sharers = (usize, String);
/// The subscription and the account that a row of a balance names, and the period that has given it; where several rows are
/// of one pool, the period alone.
type Left = BTreeMap<(usize, usize, i32), Exact>;

/// What is left of an allowance since earlier periods, by those who share it; by none what nobody can use.
fn left(
    case: &Case,
    source: Source,
    allowance: &Allowance,
    holders: &BTreeMap<Sharers, Vec<usize>>,
) -> BTreeMap<Option<Sharers>, Left> {
    let id = source.name(case, allowance.fields.one("id").unwrap_or(&case.meters[allowance.meter].id));
    let all: Vec<usize> = holders.values().flatten().copied().collect();
    let mut found: BTreeMap<Option<Sharers>, Left> = BTreeMap::new();
    for row in open_rows(case).filter(|row| row["allowance"] == id) {
        let day: NaiveDate = format!("{}-01", row["granted_period"]).parse().unwrap();
        let whose = at_first(case, &row["subscription_id"]);
        let named = case.accounts.iter().position(|account| row.get("account_id") == Some(&account.id));
        let account = named.unwrap_or(case.subscriptions[whose].account);
        let key = sharers(case, allowance, &all, whose, account);
        let (place, key) = match key.filter(|key| holders.contains_key(key)) {
            Some(key) => ((0, 0, month(day)), Some(key)),
            None => ((whose, account, month(day)), None),
        };
        let sum = found.entry(key).or_default().entry(place).or_insert_with(Exact::zero);
        *sum = sum.plus(&Exact::read(&row["left"]));
    }
    found
}

/// A subscription as it is when the period begins; one that begins later as it is at first, one that has ended as it was at
/// last.
fn at_first(case: &Case, id: &str) -> usize {
    let (first, _) = period(&case.settings);
    let versions = || (0..case.subscriptions.len()).filter(|at| case.subscriptions[*at].id == id);
    let still = |at: &usize| case.subscriptions[*at].days.to.is_none_or(|to| to > first);
    versions().find(still).or(versions().next_back()).unwrap()
}

/// Those who share an allowance that a subscription has at an account: those of one subscription, or of one account; where
/// each holder adds to a pool for all below an account, those below the topmost account that has one.
fn sharers(case: &Case, allowance: &Allowance, all: &[usize], whose: usize, account: usize) -> Option<Sharers> {
    let holds = |account: &usize| all.iter().any(|other| case.subscriptions[*other].account == *account);
    match allowance.fields.word("shared_over", "subscription") {
        "subscription" => Some((0, case.subscriptions[whose].id.clone())),
        "subtree" if allowance.fields.word("multiply_by", "none") == "holders" => {
            let topmost = lineage(case, account).into_iter().rfind(holds)?;
            Some((topmost, String::new()))
        }
        _ => Some((account, String::new())),
    }
}

/// Subscriptions that have an allowance together.
fn holders(case: &Case, source: Source, allowance: &Allowance) -> BTreeMap<Sharers, Vec<usize>> {
    let has = |whose: &usize| source.of(case, *whose) && active(case, *whose);
    let all: Vec<usize> = (0..case.subscriptions.len()).filter(has).collect();
    let mut found: BTreeMap<Sharers, Vec<usize>> = BTreeMap::new();
    for whose in &all {
        let key = sharers(case, allowance, &all, *whose, case.subscriptions[*whose].account);
        found.entry(key.unwrap()).or_default().push(*whose);
    }
    found
}

fn grant(case: &Case, declared: usize, source: Source, allowance: &Allowance, holders: &[usize]) -> Grant {
    let fields = &allowance.fields;
    let (first, _) = period(&case.settings);
    // A subscription that moves has it where it is at first in the period.
    let own = fields.word("shared_over", "subscription") == "subscription";
    let account = if own { case.subscriptions[holders[0]].account } else { top(case, holders) };
    let holder = *holders.iter().find(|whose| case.subscriptions[**whose].account == account).unwrap();
    let money = fields.contains_key("amount");
    let mut units = fields.number(if money { "amount" } else { "quantity" }).unwrap();
    units = units.times(&times(case, allowance, holders)).kept();
    let now = month(first);
    let (periods, cap) = rollover(allowance);
    Grant {
        id: source.name(case, fields.one("id").unwrap_or(&case.meters[allowance.meter].id)),
        meter: allowance.meter,
        money,
        units,
        holder,
        account,
        reach: match fields.word("shared_over", "subscription") {
            "subscription" => Reach::Subscription(case.subscriptions[holder].id.clone(), source),
            "account" => Reach::Account(account, source),
            _ => Reach::Subtree(account),
        },
        granted: now,
        expires: now + periods,
        priority: fields.one("priority").map_or(0, |text| text.parse().unwrap()),
        declared,
        on: fields.many("on").to_vec(),
        cap,
        lost: false,
    }
}

/// Days of the period on which a subscription has an allowance.
fn days(case: &Case, allowance: &Allowance, whose: usize) -> i64 {
    let (first, after) = period(&case.settings);
    let held = |day: &NaiveDate| case.subscriptions[whose].days.hold(*day) && valid(allowance).hold(*day);
    i64::try_from(first.iter_days().take_while(|day| *day < after).filter(held).count()).unwrap()
}

/// The days on which an allowance holds.
fn valid(allowance: &Allowance) -> Days {
    let day = |key: &str| allowance.fields.one(key).map(|text| text.parse().unwrap());
    Days { from: day("valid_from"), to: day("valid_to") }
}

/// How many times an allowance is given to its holders, each by the days on which it has it.
fn times(case: &Case, allowance: &Allowance, holders: &[usize]) -> Exact {
    let (first, after) = period(&case.settings);
    let whole = (after - first).num_days();
    let prorated = allowance.fields.word("prorate", "none") == "by_day";
    let share = |days: i64| if prorated { Exact::whole(days).over(&Exact::whole(whole)) } else { Exact::whole(1) };
    let holders: Vec<usize> = holders.iter().copied().filter(|whose| days(case, allowance, *whose) > 0).collect();
    // What is not given by the day is given once to a subscription that changes: by its last terms.
    let id = |whose: usize| &case.subscriptions[whose].id;
    let is_last = |at: usize| holders[at + 1..].iter().all(|later| id(*later) != id(holders[at]));
    let each = |count: &dyn Fn(usize) -> Exact| {
        let counting = (0..holders.len()).filter(|at| prorated || is_last(*at)).map(|at| holders[at]);
        let parts = counting.map(|whose| count(whose).times(&share(days(case, allowance, whose))));
        parts.fold(Exact::zero(), |sum, part| sum.plus(&part))
    };
    match allowance.fields.word("multiply_by", "none") {
        "quantity" => each(&|whose| {
            let text = &case.subscriptions[whose].quantity;
            if text.is_empty() { Exact::whole(1) } else { Exact::read(text) }
        }),
        "holders" => each(&|_| Exact::whole(1)),
        _ => {
            let held = |day: &NaiveDate| {
                let somebody = holders.iter().any(|whose| case.subscriptions[*whose].days.hold(*day));
                somebody && valid(allowance).hold(*day)
            };
            share(i64::try_from(first.iter_days().take_while(|day| *day < after).filter(held).count()).unwrap())
        }
    }
}

/// The account of the holders; of several the topmost.
fn top(case: &Case, holders: &[usize]) -> usize {
    let accounts = holders.iter().map(|whose| case.subscriptions[*whose].account);
    accounts.min_by_key(|account| lineage(case, *account).len()).unwrap()
}

/// How many periods what is left is carried, and how much of it at most.
fn rollover(allowance: &Allowance) -> (i32, Option<Exact>) {
    if let Some(text) = allowance.fields.one("rollover") {
        return (text.parse().unwrap(), None);
    }
    let Some(terms) = allowance.fields.map("rollover") else { return (0, None) };
    (terms.one("periods").map_or(1, |text| text.parse().unwrap()), terms.number("cap"))
}

/// The rows of earlier periods with something left.
fn open_rows(case: &Case) -> impl Iterator<Item = &Row> {
    case.table("allowance_balances").iter().filter(|row| Exact::read(&row["left"]).is_positive())
}

/// The grants that usage of a subscription draws on, each with how far away it is: 0 of the subscription, 1 of its account.
fn within_reach(case: &Case, grants: &[Grant], whose: usize, charge: usize, money: bool) -> Vec<(usize, usize)> {
    let meter = case.charges[charge].meter;
    let above = lineage(case, case.subscriptions[whose].account);
    let distance = |grant: &Grant| match &grant.reach {
        Reach::Subscription(id, source) => (*id == case.subscriptions[whose].id && source.of(case, whose)).then_some(0),
        Reach::Account(account, source) => {
            (*account == case.subscriptions[whose].account && source.of(case, whose)).then_some(1)
        }
        Reach::Subtree(account) => above.iter().position(|at| at == account).map(|far| far + 1),
    };
    let id = &case.charges[charge].id;
    let meant = |grant: &Grant| {
        let on = grant.on.is_empty() || grant.on.contains(id);
        Some(grant.meter) == meter && grant.money == money && !grant.lost && on
    };
    let all = grants.iter().enumerate().filter(|(_, grant)| meant(grant));
    all.filter_map(|(at, grant)| Some((distance(grant)?, at))).collect()
}

/// The grants that usage of a subscription draws on, in order: lower priority, earlier expiry, earlier declared, nearer
/// holder, lower id.
pub(crate) fn drawn_on(case: &Case, grants: &[Grant], whose: usize, charge: usize, money: bool) -> Vec<usize> {
    let mut all = within_reach(case, grants, whose, charge, money);
    all.sort_by_cached_key(|(far, at)| {
        let grant = &grants[*at];
        let holder = case.subscriptions[grant.holder].id.clone();
        (grant.priority, grant.expires, grant.declared, *far, holder)
    });
    all.into_iter().map(|(_, at)| at).collect()
}

/// Who pays together for what is not covered: those who share the widest pool, of several the one declared first.
pub(crate) fn payer(case: &Case, grants: &[Grant], whose: usize, charge: usize) -> String {
    let shared = within_reach(case, grants, whose, charge, false).into_iter().filter(|(far, _)| *far > 0);
    match shared.max_by_key(|(far, at)| (*far, std::cmp::Reverse(*at))) {
        Some((_, at)) => {
            let (grant, account) = (&grants[at], &case.accounts[grants[at].account].id);
            format!("{} {account} {}", grant.id, case.subscriptions[grant.holder].id)
        }
        None => case.subscriptions[whose].id.clone(),
    }
}

/// What was drawn on a grant: of money by all charges together, of a quantity by the charge that drew most.
fn used(grant: &Grant, at: usize, draws: &[Draw]) -> Exact {
    let mut by_charge: BTreeMap<usize, Exact> = BTreeMap::new();
    for draw in draws.iter().filter(|draw| draw.grant == at) {
        let (key, more) = if grant.money { (0, &draw.amount) } else { (draw.charge, &draw.quantity) };
        let sum = by_charge.entry(key).or_insert_with(Exact::zero);
        *sum = sum.plus(more);
    }
    by_charge.into_values().fold(Exact::zero(), Exact::most)
}

/// What is kept of each grant for the next period: nothing of what expires, and no more than the cap of all that is left
/// of an allowance; what expires first is dropped first.
fn kept(case: &Case, grants: &[Grant], rest: &[Exact]) -> Vec<Exact> {
    let now = month(period(&case.settings).0);
    let lasts = |at: &usize| grants[*at].expires > now && !grants[*at].lost;
    let mut kept: Vec<Exact> =
        (0..grants.len()).map(|at| if lasts(&at) { rest[at].clone() } else { Exact::zero() }).collect();
    for (at, grant) in grants.iter().enumerate() {
        let Some(cap) = &grant.cap else { continue };
        let pool = |at: usize| (&grants[at].id, grants[at].holder, grants[at].account);
        // Once for each pool, whether this period gives something to it or not.
        if (0..at).any(|earlier| pool(earlier) == pool(at)) {
            continue;
        }
        let same = |other: &&usize| pool(**other) == pool(at);
        let mut all: Vec<usize> = (0..grants.len()).collect::<Vec<_>>().iter().filter(same).copied().collect();
        all.sort_by_key(|other| std::cmp::Reverse(grants[*other].expires));
        let mut room = cap.clone();
        for other in all {
            kept[other] = kept[other].clone().least(room.clone());
            room = room.less(&kept[other]);
        }
        debug_assert!(kept[at] <= *cap);
    }
    kept
}

/// What is left of every grant at the end of the period, and how long it can be used.
pub(crate) fn balances(case: &Case, grants: &[Grant], draws: &[Draw]) -> Vec<Row> {
    let used: Vec<Exact> = grants.iter().enumerate().map(|(at, grant)| used(grant, at, draws)).collect();
    let rest: Vec<Exact> = grants.iter().zip(&used).map(|(grant, used)| grant.units.less(used)).collect();
    let kept = kept(case, grants, &rest);
    let balance = |(at, grant): (usize, &Grant)| {
        row([
            ("account_id", case.accounts[grant.account].id.clone()),
            ("subscription_id", case.subscriptions[grant.holder].id.clone()),
            ("allowance", grant.id.clone()),
            ("meter", case.meters[grant.meter].id.clone()),
            ("granted_period", month_name(grant.granted)),
            ("granted", grant.units.to_string()),
            ("used", used[at].to_string()),
            ("expired", rest[at].less(&kept[at]).to_string()),
            ("left", kept[at].to_string()),
            ("expires_after", month_name(grant.expires)),
        ])
    };
    grants.iter().enumerate().map(balance).collect()
}
