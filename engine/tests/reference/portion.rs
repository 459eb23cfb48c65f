//! The usage of a charge: portions (subscription, price and line group), what is included, and the model over the rest.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::bill::{Draft, holders, name, theirs};
use super::conditions::active;
use super::exact::{Exact, Mode};
use super::features;
use super::levels::Span;
use super::measure::{self, Prices, Use};
use super::model::{self, Part, Thing};
use super::pool::{Pool, take_all};
use super::pools::{Draw, Grant, drawn_on, payer};
use super::price::{Stretch, period};
use super::records;
use super::tiers;
use super::totals;
use super::words::{Case, Days, Meter, Read};

/// The usage of one subscription at one price, for one line group.
pub(crate) struct Portion<'a> {
    pub(crate) subscription: usize,
    pub(crate) stretch: &'a Stretch,
    /// All prices of the subscription for the charge over the period, as one text.
    prices: String,
    group: BTreeMap<String, String>,
    uses: Vec<Use<'a>>,
    /// What the model is applied to: quantities left, and their records.
    pub(crate) things: Vec<Left<'a>>,
    included: Exact,
    free: Exact,
    /// What it drew on each grant.
    drawn: BTreeMap<usize, Exact>,
}

impl Left<'_> {
    /// Its records.
    pub(crate) fn records(&self) -> usize {
        self.uses.len()
    }
}

/// Day, part of the day, and instant of a record.
type Since = (Option<NaiveDate>, i64, i64);

/// What is left of something that a model is applied to.
pub(crate) struct Left<'a> {
    pub(crate) quantity: Exact,
    /// The quantity after what is included, in the units of the meter.
    pub(crate) left: Exact,
    /// When it begins: a record, or the day or window it stands for.
    since: Since,
    uses: Vec<Use<'a>>,
    /// What of it is included, and what is free.
    included: Exact,
    free: Exact,
    /// What of it is free of a percentage, and whether it owes the fee of a record.
    pub(crate) terms: (Exact, bool),
}

pub(crate) fn usage(
    case: &Case,
    prices: &Prices,
    uses: &[Use<'_>],
    (charge, meter): (usize, usize),
    grants: &[Grant],
    draws: &mut Vec<Draw>,
) -> Vec<Draft> {
    let mut portions = portions(case, prices, uses, charge, meter);
    let (mut pools, mut paid) = (BTreeMap::new(), BTreeMap::new());
    let mut free = BTreeMap::new();
    let mut totals = BTreeMap::new();
    let order = order(&portions);
    let mut turns = order.clone();
    turns.sort_by_key(|(portion, _)| portions[*portion].subscription);
    // Who shares an allowance draws subscription after subscription.
    for (portion, thing) in &turns {
        include(case, &mut portions[*portion], *thing, (charge, grants), (&mut pools, &mut paid));
    }
    for (portion, thing) in &order {
        let portion = &mut portions[*portion];
        convert(case, portion, *thing, &mut totals);
        give_free(case, portion, *thing, &mut free);
    }
    records::give_terms(case, &mut portions, &order);
    let mut drafts = zero_usage(case, prices, &portions, charge);
    let mut scopes = Scopes::of(case, &portions);
    for portion in &portions {
        let covered = |thing: &&Left<'_>| !thing.included.is_zero();
        let freed = |thing: &&Left<'_>| !thing.free.is_zero();
        let included = (&portion.included, portion.things.iter().filter(covered).map(Left::records).sum::<usize>());
        let free = (&portion.free, portion.things.iter().filter(freed).map(Left::records).sum::<usize>());
        for (quantity, records) in [included, free] {
            if !quantity.is_zero() {
                let part = Part::new("included", quantity.clone(), Some(Exact::zero()), Exact::zero());
                let owing = one_by_one(portion.stretch).then_some(records);
                drafts.push(draft(portion, charge, "allowance", &Part { owing, ..part }));
            }
        }
        for (grant, quantity) in portion.drawn.iter().filter(|(_, quantity)| !quantity.is_zero()) {
            let part = Part::new("included", quantity.clone(), Some(Exact::zero()), Exact::zero());
            let line = name(case, &draft(portion, charge, "allowance", &part));
            let (who, quantity) = (portion.subscription, quantity.clone());
            draws.push(Draw { line, grant: *grant, who, charge, quantity, amount: Exact::zero() });
        }
        for part in priced(case, portion, &mut scopes) {
            drafts.push(draft(portion, charge, "usage", &part));
        }
    }
    drafts
}

fn draft(portion: &Portion<'_>, charge: usize, kind: &'static str, part: &Part) -> Draft {
    let mut windows = portion.stretch.price.rows("windows").iter();
    Draft {
        subscription: portion.subscription,
        charge,
        kind,
        model: if kind == "allowance" { kind } else { portion.stretch.model() }.to_owned(),
        layer: portion.stretch.layer.clone(),
        days: portion.stretch.days,
        group: portion.group.clone(),
        tier: part.tier.clone(),
        window: windows.position(|window| window.one("name") == Some(&part.tier)).unwrap_or(0),
        quantity: part.quantity.clone(),
        unit_price: part.unit_price.clone(),
        amount: part.amount.clone(),
        records: part.owing.unwrap_or(portion.uses.len()),
    }
}

/// In the order in which they fill tiers: stretches of time, then subscriptions by id, then the values of the line group.
fn portions<'a>(case: &'a Case, prices: &'a Prices, uses: &[Use<'a>], charge: usize, meter: usize) -> Vec<Portion<'a>> {
    let mut found = Vec::new();
    for whose in holders(prices, charge) {
        let all = &prices[&(whose, charge)];
        for stretch in all {
            let prices = &stretch.course;
            let by = if stretch.model() == "matrix" { "by" } else { "lines_by" };
            let mut names = stretch.price.many(by).to_vec();
            // Groups follow each other by their dimensions in alphabetical order, whatever the order they are declared in.
            names.sort();
            let mut groups: BTreeMap<Vec<String>, Vec<Use<'a>>> = BTreeMap::new();
            // A level that begins under an earlier price is still there.
            let levels = ["weighted_sum", "prorated_sum"].contains(&case.meters[meter].aggregate);
            let days = if levels { Days { from: None, ..stretch.days } } else { stretch.days };
            for used in theirs(case, uses, whose, meter, days) {
                groups
                    .entry(names.iter().map(|name| used.record.marks[name].clone()).collect())
                    .or_default()
                    .push(used);
            }
            for (values, uses) in groups {
                let group = names.iter().cloned().zip(values).collect();
                let things = things(case, whose, &case.meters[meter], stretch, &uses);
                let (included, free) = (Exact::zero(), Exact::zero());
                let (prices, drawn) = (prices.clone(), BTreeMap::new());
                found.push(Portion {
                    subscription: whose,
                    stretch,
                    prices,
                    group,
                    uses,
                    things,
                    included,
                    free,
                    drawn,
                });
            }
        }
    }
    // Prices that hold earlier fill the tiers first.
    found.sort_by_key(|portion: &Portion<'_>| portion.stretch.since);
    found
}

/// Whether the model itself looks at every record alone.
fn by_record(stretch: &Stretch) -> bool {
    ["increments", "prefix", "calendar"].contains(&stretch.model()) || records::has_terms(&stretch.price)
}

/// Whether records, days or windows are priced one by one.
fn one_by_one(stretch: &Stretch) -> bool {
    by_record(stretch) || stretch.price.word("each", "period") != "period"
}

fn things<'a>(case: &Case, whose: usize, meter: &Meter, stretch: &Stretch, uses: &[Use<'a>]) -> Vec<Left<'a>> {
    let (first, after) = period(&case.settings);
    let ends = [case.subscriptions[whose].days.to, stretch.days.to];
    let until = ends.into_iter().flatten().fold(after, Ord::min);
    let since = stretch.days.from.map_or(first, |from| from.max(first));
    let until = until.max(since);
    let span = Span {
        since: (measure::midnight(&case.settings, since), since),
        until: (measure::midnight(&case.settings, until), until),
        days: (first, after),
        instants: (measure::midnight(&case.settings, first), measure::midnight(&case.settings, after)),
    };
    let each = if by_record(stretch) { "record" } else { stretch.price.word("each", "period") };
    let parts: Vec<(Since, Vec<Use<'a>>)> = match each {
        "period" => vec![((None, 0, 0), uses.to_vec())],
        "record" => uses.iter().map(|used| ((None, 0, used.record.time.timestamp_micros()), vec![*used])).collect(),
        "day" => {
            let mut days: BTreeMap<Since, Vec<Use<'a>>> = BTreeMap::new();
            uses.iter().for_each(|used| days.entry((Some(used.day), 0, 0)).or_default().push(*used));
            days.into_iter().collect()
        }
        "window" => {
            let windows = measure::windows(&case.settings, meter, uses);
            windows.into_iter().map(|((day, part, clock), uses)| ((Some(day), part, clock.into()), uses)).collect()
        }
        other => panic!("no each: {other}"),
    };
    let whole = |(since, uses): (Since, Vec<Use<'a>>)| {
        let quantity = measure::aggregate(&case.settings, meter, &uses, span);
        let left = quantity.clone();
        Left { quantity, left, since, uses, included: Exact::zero(), free: Exact::zero(), terms: (Exact::zero(), true) }
    };
    parts.into_iter().map(whole).collect()
}

/// All things in the order in which they draw on what is included: single records, days and windows of a subscription in
/// order of time, whatever their line group; whole periods group by group. Prices that hold earlier come first.
fn order(portions: &[Portion<'_>]) -> Vec<(usize, usize)> {
    let mut all = Vec::new();
    for (at, portion) in portions.iter().enumerate() {
        for (number, thing) in portion.things.iter().enumerate() {
            all.push(((portion.stretch.since, portion.subscription, thing.since, at, number), (at, number)));
        }
    }
    all.sort();
    all.into_iter().map(|(_, place)| place).collect()
}

/// Takes off what plans and contracts include.
fn include(
    case: &Case,
    portion: &mut Portion<'_>,
    thing: usize,
    (charge, grants): (usize, &[Grant]),
    (pools, paid): (&mut BTreeMap<usize, Pool>, &mut BTreeMap<String, Exact>),
) {
    let order = drawn_on(case, grants, portion.subscription, charge, false);
    // What has nothing to draw on, as before the contract of a subscription began, pays and takes back by itself.
    if order.is_empty() {
        portion.things[thing].left = portion.things[thing].quantity.clone();
        return;
    }
    let units: Vec<Exact> = order.iter().map(|at| grants[*at].units.clone()).collect();
    let mut theirs: Vec<Pool> = order.iter().map(|at| pools.remove(at).unwrap_or_default()).collect();
    let payer = payer(case, grants, portion.subscription, charge);
    let paid = paid.entry(payer).or_insert_with(Exact::zero);
    let covered = take_all(&mut theirs, paid, &units, &portion.things[thing].quantity);
    for ((at, pool), taken) in order.into_iter().zip(theirs).zip(covered) {
        pools.insert(at, pool);
        let left = &mut portion.things[thing];
        left.quantity = left.quantity.less(&taken);
        left.included = left.included.plus(&taken);
        portion.included = portion.included.plus(&taken);
        let drawn = portion.drawn.entry(at).or_insert_with(Exact::zero);
        *drawn = drawn.plus(&taken);
    }
    portion.things[thing].left = portion.things[thing].quantity.clone();
}

/// Divides and rounds. Of a whole period each part is what it adds to the converted total of those before it, so that the
/// parts add up to the whole.
fn convert(case: &Case, portion: &mut Portion<'_>, thing: usize, totals: &mut BTreeMap<String, Exact>) {
    let Some(convert) = portion.stretch.price.map("convert") else { return };
    let divide = convert.number("divide").unwrap_or_else(|| Exact::whole(1));
    let step = convert.number("step").unwrap_or_else(|| Exact::whole(1));
    let mode = convert.one("round").map(Mode::named);
    // Divided and rounded to the step in one go, so that a quotient cut to 18 digits starts no step of its own.
    let converted = |quantity: &Exact| match mode {
        Some(mode) => quantity.over(&divide).over(&step).round(0, mode).times(&step).kept(),
        None => quantity.over(&divide).kept(),
    };
    let whole = !one_by_one(portion.stretch);
    // Totals of different units do not add up.
    let total = totals.entry(format!("{} {divide} {step} {mode:?}", scope(case, portion))).or_insert_with(Exact::zero);
    let before = if whole { total.clone() } else { Exact::zero() };
    let quantity = &mut portion.things[thing].quantity;
    let after = before.plus(quantity);
    *quantity = converted(&after).less(&converted(&before));
    *total = after;
}

/// Takes off the free units of the charge, which all of a scope share.
fn give_free(case: &Case, portion: &mut Portion<'_>, thing: usize, free: &mut BTreeMap<String, Pool>) {
    let units = portion.stretch.price.number("free_units").unwrap_or_else(Exact::zero);
    let given = free.entry(scope(case, portion)).or_default();
    let quantity = &mut portion.things[thing].quantity;
    let taken = given.take(&units, quantity);
    *quantity = quantity.less(&taken);
    portion.free = portion.free.plus(&taken);
    portion.things[thing].free = taken;
}

/// Whose usage comes together with that of a portion.
pub(crate) fn scope(case: &Case, portion: &Portion<'_>) -> String {
    let kind = portion.stretch.price.word("scope", "subscription");
    let whose = sharers(case, portion.subscription, kind);
    // Versions of one subscription share what the same plan or product sells.
    let alone = kind == "subscription";
    let sold = if alone { sold(case, portion.subscription) } else { String::new() };
    let restart = portion.stretch.price.one("groups") == Some("restart");
    let group = if restart { format!("{:?}", portion.group) } else { String::new() };
    let price = if features::SCOPE_BY_PRICE { portion.prices.as_str() } else { "" };
    format!("{kind} {whose} {sold} {group} {price}")
}

/// What a version of a subscription is of.
fn sold(case: &Case, whose: usize) -> String {
    let subscription = &case.subscriptions[whose];
    format!("{:?} {:?}", subscription.plan, subscription.product)
}

/// Those who share a scope with a subscription, as a name.
pub(crate) fn sharers(case: &Case, whose: usize, kind: &str) -> String {
    let subscription = &case.subscriptions[whose];
    let account = subscription.account;
    match kind {
        // What moves to another account begins again there.
        "subscription" => format!("{} {account}", subscription.id),
        "package" => format!("{account} {:?} {:?}", subscription.plan, subscription.product),
        "account" => account.to_string(),
        "subtree" => super::price::lineage(case, account).last().unwrap().to_string(),
        "invoice" => format!("{} {}", totals::bill_to(case, account), case.accounts[account].currency),
        other => panic!("no scope {other}"),
    }
}

/// How far each scope has come.
struct Scopes {
    all: BTreeMap<String, Scope>,
}

struct Scope {
    before: Exact,
    highest: Exact,
    total: Exact,
    begun: bool,
    /// Amounts of each tier so far, for prices that round them.
    amounts: BTreeMap<String, Exact>,
}

impl Scopes {
    fn of(case: &Case, portions: &[Portion<'_>]) -> Self {
        let mut all: BTreeMap<String, Scope> = BTreeMap::new();
        for portion in portions {
            let nothing = || Scope {
                before: Exact::zero(),
                highest: Exact::zero(),
                total: Exact::zero(),
                begun: false,
                amounts: BTreeMap::new(),
            };
            let scope = all.entry(scope(case, portion)).or_insert_with(nothing);
            for thing in &portion.things {
                scope.total = scope.total.plus(&thing.quantity);
            }
        }
        Self { all }
    }
}

/// The parts of a portion's lines: those of one tier and price together.
fn priced(case: &Case, portion: &Portion<'_>, scopes: &mut Scopes) -> Vec<Part> {
    let price = &portion.stretch.price;
    let scope = scopes.all.get_mut(&scope(case, portion)).unwrap();
    if records::has_terms(price) {
        scope.before = portion.things.iter().fold(scope.before.clone(), |sum, thing| sum.plus(&thing.quantity));
        return records::with_terms(portion);
    }
    let together = !one_by_one(portion.stretch);
    let mut lines: Vec<Part> = Vec::new();
    for Left { quantity, uses, included, .. } in portion.things.iter().filter(|thing| !thing.quantity.is_zero()) {
        let mut thing = Thing {
            quantity: quantity.clone(),
            before: Exact::zero(),
            highest: Exact::zero(),
            total: quantity.clone(),
            first: true,
            uses: uses.clone(),
            included: included.clone(),
        };
        if together {
            thing.before = scope.before.clone();
            thing.highest = scope.highest.clone();
            thing.total = scope.total.clone();
            thing.first = !scope.begun;
            // Fees are due once in a period, but what had no fees before the price changed has paid none.
            match portion.stretch.model() {
                "volume" | "stairstep" | "graduated" | "graduated_percentage" => {
                    let after = scope.before.plus(quantity);
                    scope.begun |= !portion.stretch.model().starts_with("graduated") || after.is_positive();
                    scope.highest = scope.highest.clone().most(after);
                }
                _ => {}
            }
        }
        scope.before = scope.before.plus(quantity);
        let mut alone = Exact::zero();
        let mut own: Vec<Part> = Vec::new();
        for mut part in model::apply(&case.settings, portion.stretch, &thing) {
            if let Some(round) = price.map("round_amount") {
                // What is rated together is rounded together: the parts add up to the rounded whole.
                let digits = round.one("digits").unwrap().parse().unwrap();
                let mode = Mode::named(round.word("mode", "half_up"));
                let all = scope.amounts.entry(portion.stretch.since.to_string()).or_insert_with(Exact::zero);
                let before = if together { all } else { &mut alone };
                let start = before.clone();
                let after = start.plus(&part.amount);
                part.amount = after.round(digits, mode).less(&start.round(digits, mode));
                *before = after;
            }
            join(if together { &mut lines } else { &mut own }, part);
        }
        // A record that comes back to a window is one record there.
        // A fee that is rounded to nothing is none.
        for part in own.into_iter().filter(|part| !part.quantity.is_zero() || !part.amount.is_zero()) {
            let owing = part.owing.or(Some(uses.len()));
            join(&mut lines, Part { owing, ..part });
        }
    }
    lines.retain(|part| !part.quantity.is_zero() || !part.amount.is_zero());
    lines
}

fn join(lines: &mut Vec<Part>, part: Part) {
    // Fees are one line, whatever each record owes.
    let same = |line: &&mut Part| line.tier == part.tier && (line.unit_price == part.unit_price || part.tier == "fee");
    match lines.iter_mut().find(same) {
        Some(line) => {
            line.unit_price = line.unit_price.take().filter(|price| part.unit_price.as_ref() == Some(price));
            line.quantity = line.quantity.plus(&part.quantity);
            line.amount = line.amount.plus(&part.amount);
            line.owing = line.owing.zip(part.owing).map(|(one, other)| one + other);
        }
        None => lines.push(part),
    }
}

/// Lines of subscriptions that have the charge and no usage, where the charge asks for them.
fn zero_usage(case: &Case, prices: &Prices, portions: &[Portion<'_>], charge: usize) -> Vec<Draft> {
    let mut drafts = Vec::new();
    // Versions that share tiers have one line, on the last of them.
    let mut versions: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for whose in holders(prices, charge).filter(|whose| active(case, *whose)) {
        let course = &prices[&(whose, charge)][0].course;
        let key = format!("{} {} {course}", sharers(case, whose, "subscription"), sold(case, whose));
        versions.entry(key).or_default().push(whose);
    }
    for versions in versions.into_values() {
        let whose = *versions.last().unwrap();
        let mut used = portions.iter().filter(|portion| versions.contains(&portion.subscription));
        let used = used.any(|portion| {
            portion.things.iter().any(|thing| !thing.quantity.is_zero())
                || !(portion.included.is_zero() && portion.free.is_zero())
        });
        let days = case.subscriptions[whose].days;
        // Of the last price of its days.
        let held = |stretch: &&Stretch| {
            days.from.is_none_or(|from| stretch.days.to.is_none_or(|to| from < to))
                && days.to.is_none_or(|to| stretch.days.from.is_none_or(|from| from < to))
        };
        let Some(stretch) = prices[&(whose, charge)].iter().rev().find(held) else { continue };
        let asked = stretch.price.word("zero_usage", "none");
        let tiered = stretch.price.contains_key("tiers");
        let fee = if asked == "fee" && tiered { tiers::first_fee(&stretch.price) } else { None };
        if used || (asked != "line" && fee.is_none()) {
            continue;
        }
        let (group, uses, things) = (BTreeMap::new(), Vec::new(), Vec::new());
        let (included, free) = (Exact::zero(), Exact::zero());
        let (prices, drawn) = (String::new(), BTreeMap::new());
        let portion = Portion { subscription: whose, stretch, prices, group, uses, things, included, free, drawn };
        let tier = if tiered { "1" } else { "" };
        let part = Part::new(tier, Exact::zero(), None, fee.unwrap_or_else(Exact::zero));
        drafts.push(draft(&portion, charge, "usage", &part));
    }
    drafts
}
