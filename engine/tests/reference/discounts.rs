//! Discounts: on lines before they are rounded, and on accounts and invoices after it; each on what the earlier ones left.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};

use super::bill::name;
use super::conditions::Facts;
use super::exact::{Exact, Mode};
use super::features::{self, Feature, on};
use super::price::{lineage, period};
use super::split::{split, sum};
use super::stages::{Line, Off};
use super::totals::{invoice, minor, to_money};
use super::words::{Case, Days, Fields, Read, Row, row};

/// What the discounts of a line are taken of: the unrounded amount or, where the book says so, the rounded one.
pub(crate) fn whole(case: &Case, line: &Line) -> Exact {
    let amount = &line.draft.amount;
    if case.settings.rounded_base { to_money(case, line.account(case), amount) } else { amount.clone() }
}

/// In the order in which they apply.
fn ordered(case: &Case) -> Vec<&Fields> {
    let mut all: Vec<&Fields> = case.discounts.iter().collect();
    if case.settings.percent_first {
        all.sort_by_key(|discount| !(discount.contains_key("percent") || discount.contains_key("percent_column")));
    }
    all
}

/// What a discount is taken for, one after the other: each coupon that is redeemed for it, or everybody.
fn passes<'a>(case: &'a Case, discount: &Fields) -> Vec<Option<&'a Row>> {
    if discount.one("coupon") != Some("true") {
        return vec![None];
    }
    let fits = |coupon: &&Row| Some(coupon["discount"].as_str()) == discount.one("id");
    let mut all: Vec<&Row> = case.table("coupons").iter().filter(fits).collect();
    all.sort_by_key(|coupon| coupon["coupon_id"].clone());
    all.into_iter().map(Some).collect()
}

fn applies(case: &Case, facts: &Facts<'_>, discount: &Fields, coupon: Option<&Row>, line: &Line) -> bool {
    let charge = &case.charges[line.draft.charge];
    let whose = line.draft.subscription;
    let subscription = &case.subscriptions[whose];
    let product = &case.products[charge.product].id;
    let plan = subscription.plan.map(|plan| format!("plan:{}", case.plans[plan].id)).unwrap_or_default();
    let names = discount.many("on");
    let currency = discount.one("currency").is_none_or(|currency| currency == case.currency(whose));
    let meant = names.is_empty() || names.iter().any(|name| [&charge.id, product, &plan].contains(&name));
    meant
        && currency
        && !line.closed
        && valid(case, discount, line)
        && facts.hold(case, whose, discount.one("when"))
        && match coupon {
            Some(coupon) => covers(case, discount, coupon, line),
            None => early(case, discount, subscription.start),
        }
}

/// Whether a discount holds on the last day that a line bills.
fn valid(case: &Case, discount: &Fields, line: &Line) -> bool {
    let day = |key: &str| discount.one(key).map(|text| text.parse::<NaiveDate>().unwrap());
    Days { from: day("valid_from"), to: day("valid_to") }.hold(last_day(case, line))
}

fn last_day(case: &Case, line: &Line) -> NaiveDate {
    line.draft.days.to.unwrap_or(period(&case.settings).1).pred_opt().unwrap()
}

/// Whether the period is one of the first from a day on.
fn early(case: &Case, discount: &Fields, start: Option<NaiveDate>) -> bool {
    let months = |day: NaiveDate| day.year() * 12 + day.month0().cast_signed();
    let since = start.map_or(0, |start| months(period(&case.settings).0) - months(start));
    discount.one("periods").is_none_or(|periods| since < periods.parse::<i32>().unwrap())
}

/// Whether a coupon is that of a subscription, of its account or of one above it, and holds.
fn covers(case: &Case, discount: &Fields, coupon: &Row, line: &Line) -> bool {
    let subscription = &case.subscriptions[line.draft.subscription];
    let above = lineage(case, subscription.account);
    let day = |key: &str| coupon[key].parse::<NaiveDate>().ok();
    let theirs = coupon["subscription_id"] == subscription.id
        || above.iter().any(|at| case.accounts[*at].id == coupon["account_id"]);
    theirs
        && Days { from: day("redeemed_from"), to: day("valid_to") }.hold(last_day(case, line))
        && early(case, discount, day("redeemed_from"))
}

fn coupon_id(coupon: Option<&Row>) -> String {
    coupon.map(|coupon| coupon["coupon_id"].clone()).unwrap_or_default()
}

/// Who has a discount together: what a coupon covers, else an account or an invoice.
fn together(case: &Case, discount: &Fields, coupon: Option<&Row>, line: &Line) -> String {
    match (coupon, discount.word("level", "line")) {
        (Some(_), _) => case.currency(line.draft.subscription).to_owned(),
        (_, "invoice") => format!("{:?}", invoice(case, line)),
        _ => format!("{:09}", line.account(case)),
    }
}

/// The percentage of a discount for an account: its own, or the one agreed with the account or the nearest above it.
fn percent(case: &Case, discount: &Fields, account: usize) -> Option<Exact> {
    let agreed = || {
        discount.one("percent_column")?;
        let mut all = lineage(case, account).into_iter().map(|at| case.accounts[at].agreed.clone());
        all.find(|text| !text.is_empty()).map(|text| Exact::read(&text))
    };
    let found = discount.number("percent").or_else(agreed)?;
    let counts = !found.is_zero() || features::ZERO_PERCENT_IS_A_DISCOUNT;
    counts.then(|| found.over(&Exact::whole(100)))
}

/// Lines that are discounted together, by what they share.
fn groups(lines: &[Line], fits: impl Fn(&Line) -> bool, key: impl Fn(&Line) -> String) -> Vec<Vec<usize>> {
    let mut all: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| fits(line)) {
        all.entry(key(line)).or_default().push(at);
    }
    all.into_values().collect()
}

/// Discounts of lines, before they are rounded.
pub(crate) fn of_lines(case: &Case, facts: &Facts<'_>, lines: &mut [Line]) {
    let of_lines = ordered(case).into_iter().filter(|discount| discount.word("level", "line") == "line");
    for (discount, coupon) in of_lines.flat_map(|known| passes(case, known).into_iter().map(move |pass| (known, pass)))
    {
        let fits = |line: &Line| applies(case, facts, discount, coupon, line);
        for places in groups(lines, fits, |line| together(case, discount, coupon, line)) {
            let wanted: Vec<Option<Exact>> = if discount.contains_key("amount") {
                share(case, discount, lines, &places).into_iter().map(Some).collect()
            } else if let Some(units) = discount.number("free_units") {
                give(case, &units, lines, &places)
            } else {
                places.iter().map(|at| off(case, discount, &lines[*at])).collect()
            };
            let wanted = capped(case, discount, lines, &places, wanted);
            for (at, exact) in places.into_iter().zip(wanted) {
                let Some(exact) = exact else { continue };
                let id = discount.one("id").unwrap().to_owned();
                lines[at].off.push(Off { discount: id, coupon: coupon_id(coupon), exact, amount: Exact::zero() });
                lines[at].closed |= discount.one("exclusive") == Some("true") || !on(Feature::Discounts);
            }
        }
    }
}

/// As discounts of lines are kept: 18 digits or, where they are taken of rounded amounts, money.
fn kept(case: &Case, line: &Line, amount: &Exact) -> Exact {
    if case.settings.rounded_base {
        return to_money(case, line.account(case), amount);
    }
    if features::DISCOUNT_THROUGH_18 { amount.kept() } else { amount.clone() }
}

/// What a discount that looks at one line takes off it.
fn off(case: &Case, discount: &Fields, line: &Line) -> Option<Exact> {
    let left = line.left(case);
    let exact = if let Some(fixed) = discount.number("fixed_price") {
        unit_price(line).filter(|_| !left.is_negative())?;
        left.less(&line.draft.quantity.times(&fixed).kept()).most(Exact::zero())
    } else {
        let base = if discount.word("of", "rest") == "original" { whole(case, line) } else { left.clone() };
        base.times(&percent(case, discount, line.account(case))?)
    };
    Some(off_at_most(kept(case, line, &exact), left))
}

/// What a unit of a line costs in the currency of its account; a block is no unit, nor is a fee of one.
fn unit_price(line: &Line) -> Option<Exact> {
    let draft = &line.draft;
    let of_units = ["usage", "recurring"].contains(&draft.kind) && draft.model != "package" && draft.tier != "fee";
    let own = draft.unit_price.clone().filter(|_| of_units)?;
    Some(line.rate.as_ref().map_or(own.clone(), |rate| own.times(rate).kept()))
}

/// Never more than is left, whichever side of zero that is.
fn off_at_most(exact: Exact, left: Exact) -> Exact {
    if left.is_negative() { exact.most(left) } else { exact.least(left) }
}

/// The price of the first units of each subscription's charge.
fn give(case: &Case, units: &Exact, lines: &[Line], places: &[usize]) -> Vec<Option<Exact>> {
    let mut given: BTreeMap<(String, usize), Exact> = BTreeMap::new();
    let give = |at: &usize| {
        let line = &lines[*at];
        // What is credited has no units that could be free.
        let unit_price = unit_price(line).filter(|_| !line.left(case).is_negative())?;
        let key = (case.subscriptions[line.draft.subscription].id.clone(), line.draft.charge);
        let left = given.entry(key).or_insert_with(|| units.clone());
        let part = line.draft.quantity.clone().least(left.clone()).most(Exact::zero());
        *left = left.less(&part);
        Some(off_at_most(kept(case, line, &part.times(&unit_price)), line.left(case)))
    };
    places.iter().map(give).collect()
}

/// An amount over the lines of an account, in proportion to what is left of them; in whole minor units.
fn share(case: &Case, discount: &Fields, lines: &[Line], places: &[usize]) -> Vec<Exact> {
    let left = |at: &usize| to_money(case, lines[*at].account(case), &lines[*at].left(case));
    let left: Vec<Exact> = places.iter().map(left).collect();
    let digits = digits(case, lines, places);
    let most = sum(left.iter()).most(Exact::zero());
    let whole = discount.number("amount").unwrap().round(digits, Mode::Down).least(most);
    let parts = split(&whole, &left, digits);
    places.iter().zip(parts).map(|(at, part)| exactly(case, &lines[*at], part)).collect()
}

/// What must come off a line so that it is smaller by a part of money once it is rounded.
fn exactly(case: &Case, line: &Line, part: Exact) -> Exact {
    if part.is_zero() {
        return part;
    }
    let (left, money) = (line.left(case), |amount: &Exact| to_money(case, line.account(case), amount));
    let rest = money(&left).less(&part);
    let off = if money(&left.less(&part)) == rest { part } else { left.less(&rest) };
    off.least(left)
}

fn digits(case: &Case, lines: &[Line], places: &[usize]) -> u32 {
    minor(case.currency(lines[places[0]].draft.subscription))
}

/// Not more than `cap` in sum, counted in what the rounded lines lose.
fn capped(
    case: &Case,
    discount: &Fields,
    lines: &[Line],
    places: &[usize],
    wanted: Vec<Option<Exact>>,
) -> Vec<Option<Exact>> {
    let Some(cap) = discount.number("cap") else { return wanted };
    let lost = |(at, wanted): (&usize, &Option<Exact>)| {
        let Some(wanted) = wanted else { return Exact::zero() };
        let (line, left) = (&lines[*at], lines[*at].left(case));
        let money = |amount: &Exact| to_money(case, line.account(case), amount);
        money(&left).less(&money(&left.less(wanted)))
    };
    let all: Vec<Exact> = places.iter().zip(&wanted).map(lost).collect();
    if sum(all.iter()) <= cap {
        return wanted;
    }
    // What lines below zero get back makes room for more on the others: the cap is of the sum.
    let digits = digits(case, lines, places);
    let gains: Vec<Exact> = all.iter().map(|lost| lost.clone().most(Exact::zero())).collect();
    let back = sum(all.iter()).less(&sum(gains.iter()));
    let whole = cap.round(digits, Mode::Down).less(&back).least(sum(gains.iter())).most(Exact::zero());
    let parts = split(&whole, &gains, digits);
    let part = |((at, wanted), (lost, part)): ((&usize, &Option<Exact>), (&Exact, Exact))| {
        let wanted = wanted.as_ref()?;
        Some(if lost.is_negative() { wanted.clone() } else { exactly(case, &lines[*at], part) })
    };
    places.iter().zip(&wanted).zip(all.iter().zip(parts)).map(part).collect()
}

/// Discounts of accounts and invoices, over the rounded lines.
pub(crate) fn of_accounts(case: &Case, facts: &Facts<'_>, lines: &mut [Line]) {
    let of_accounts = ordered(case).into_iter().filter(|discount| discount.word("level", "line") != "line");
    for (discount, coupon) in
        of_accounts.flat_map(|known| passes(case, known).into_iter().map(move |pass| (known, pass)))
    {
        let level = discount.word("level", "line");
        let fits = |line: &Line| applies(case, facts, discount, coupon, line);
        for places in groups(lines, fits, |line| together(case, discount, coupon, line)) {
            let left: Vec<Exact> = places.iter().map(|at| lines[*at].net.clone()).collect();
            let account = match level {
                "account" => lines[places[0]].account(case),
                _ => super::totals::bill_to(case, lines[places[0]].account(case)),
            };
            let base = match discount.word("of", "rest") {
                "original" => sum(places.iter().map(|at| &lines[*at].list)),
                _ => sum(left.iter()),
            };
            let owner = lines[places[0]].account(case);
            let digits = digits(case, lines, &places);
            let down = |amount: &Exact| amount.round(digits, Mode::Down);
            let wanted = match discount.number("amount") {
                Some(amount) => down(&amount),
                None => match percent(case, discount, account) {
                    Some(percent) => to_money(case, owner, &base.times(&percent)),
                    None => continue,
                },
            };
            let wanted = discount.number("cap").map_or(wanted.clone(), |cap| wanted.least(down(&cap)));
            let whole = wanted.least(sum(left.iter())).most(Exact::zero());
            let parts = split(&whole, &left, digits);
            for (at, part) in places.into_iter().zip(parts) {
                let line = &mut lines[at];
                line.net = line.net.less(&part);
                line.discount = line.discount.plus(&part);
                let id = discount.one("id").unwrap().to_owned();
                line.off.push(Off { discount: id, coupon: coupon_id(coupon), exact: part.clone(), amount: part });
                line.closed |= discount.one("exclusive") == Some("true");
            }
        }
    }
}

/// What each discount takes off each line.
pub(crate) fn rows(case: &Case, lines: &[Line]) -> Vec<Row> {
    let mut rows = Vec::new();
    for line in lines {
        for off in line.off.iter().filter(|off| !off.amount.is_zero()) {
            rows.push(row([
                ("line", name(case, &line.draft)),
                ("discount", off.discount.clone()),
                ("coupon_id", off.coupon.clone()),
                ("amount", off.amount.to_string()),
            ]));
        }
    }
    rows
}
