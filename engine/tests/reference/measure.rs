//! From records to the usage of each subscription: first copies, inside the period, of somebody who pays for them; and
//! what the records of a period come to.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, NaiveTime, TimeZone, Utc};

use super::exact::Exact;
use super::levels;
use super::prefix;
use super::price::{self, Stretch};
use super::words::{Case, Meter, Read, Record, Row, Settings, Subscription};

/// A record that is rated: whose it is, and its local day.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Use<'a> {
    pub(crate) record: &'a Record,
    pub(crate) subscription: usize,
    pub(crate) day: NaiveDate,
}

/// The price of every subscription for every charge it has.
pub(crate) type Prices = BTreeMap<(usize, usize), Vec<Stretch>>;

pub(crate) fn prices(case: &Case) -> Prices {
    let mut found = Prices::new();
    for (at, subscription) in case.subscriptions.iter().enumerate() {
        let products = price::products(case, subscription);
        for (charge, known) in case.charges.iter().enumerate() {
            if products.contains(&known.product) {
                let stretches = price::stretches(case, subscription, charge);
                found.insert((at, charge), clipped(subscription, stretches));
            }
        }
    }
    found
}

/// Of a subscription with several versions: of each only its own days.
fn clipped(subscription: &Subscription, mut stretches: Vec<Stretch>) -> Vec<Stretch> {
    if !subscription.several {
        return stretches;
    }
    let whole = stretches.clone();
    for stretch in &mut stretches {
        stretch.days.from = stretch.days.from.max(subscription.days.from);
        stretch.days.to = [stretch.days.to, subscription.days.to].into_iter().flatten().min();
    }
    stretches.retain(|stretch| stretch.days.from < stretch.days.to);
    if stretches.is_empty() { whole } else { stretches }
}

/// The first instant of a local day; where a clock change skips midnight, the first instant there is.
pub(crate) fn midnight(settings: &Settings, day: NaiveDate) -> DateTime<Utc> {
    let mut local = day.and_time(NaiveTime::MIN);
    loop {
        if let Some(found) = settings.zone.from_local_datetime(&local).earliest() {
            return found.with_timezone(&Utc);
        }
        local += chrono::TimeDelta::minutes(15);
    }
}

/// The records that are rated, in order of time, and those set aside.
pub(crate) fn settle<'a>(case: &'a Case, prices: &Prices) -> (Vec<Use<'a>>, Vec<Row>) {
    let (first, after) = price::period(&case.settings);
    let (start, end) = (midnight(&case.settings, first), midnight(&case.settings, after));
    let mut seen: BTreeMap<&str, &Record> = BTreeMap::new();
    let (mut kept, mut aside) = (Vec::new(), Vec::new());
    for record in &case.records {
        // What lies outside the period is no matter of this period, not even when it conflicts.
        if record.time < start || record.time >= end {
            continue;
        }
        let reason = match seen.get(record.id.as_str()) {
            Some(first) if same(first, record) => continue,
            Some(_) => Err("conflicting_key"),
            None => {
                seen.insert(&record.id, record);
                guide(case, prices, record)
            }
        };
        match reason {
            Ok(found) => kept.push(found),
            Err(reason) => aside.push(Row::from([
                ("record_id".to_owned(), record.id.clone()),
                ("reason".to_owned(), reason.to_owned()),
            ])),
        }
    }
    kept.sort_by(|one, other| (one.record.time, &one.record.id).cmp(&(other.record.time, &other.record.id)));
    (kept, aside)
}

/// Two copies of one record, however their numbers are written.
fn same(one: &Record, other: &Record) -> bool {
    (&one.kind, &one.who, one.time, &one.marks) == (&other.kind, &other.who, other.time, &other.marks)
        && Exact::read(&one.amount) == Exact::read(&other.amount)
}

fn guide<'a>(case: &Case, prices: &Prices, record: &'a Record) -> Result<Use<'a>, &'static str> {
    if case.meters.iter().all(|meter| meter.kind != record.kind) {
        return Err("no_meter");
    }
    if case.subscriptions.iter().all(|subscription| subscription.id != record.who) {
        return Err("unknown_identifier");
    }
    let day = record.time.with_timezone(&case.settings.zone).date_naive();
    let holds = |known: &Subscription| known.id == record.who && known.days.hold(day);
    let subscription = case.subscriptions.iter().position(holds).ok_or("subscription_not_active")?;
    let counted = |(whose, charge): &(usize, usize)| {
        let meter = case.charges[*charge].meter.map(|meter| &case.meters[meter]);
        *whose == subscription && meter.is_some_and(|meter| meter.kind == record.kind)
    };
    let mut found = prices.iter().filter(|(key, _)| counted(key)).peekable();
    if found.peek().is_none() {
        return Err("not_in_plan");
    }
    for (_, stretches) in found {
        let stretch = stretches.iter().find(|stretch| stretch.days.hold(day)).unwrap();
        let priced = match stretch.model() {
            "matrix" => cell(stretch, record).is_some(),
            "prefix" => prefix::longest(&stretch.price, record).is_some(),
            _ => true,
        };
        if !priced {
            return Err("no_price");
        }
    }
    Ok(Use { record, subscription, day })
}

/// The price of the cell of a matrix that a record falls in.
pub(crate) fn cell(stretch: &Stretch, record: &Record) -> Option<Exact> {
    let by = stretch.price.many("by");
    let hit = stretch
        .price
        .rows("cells")
        .iter()
        .find(|row| by.iter().all(|name| row.one(name) == Some(record.marks[name].as_str())));
    hit.map_or_else(|| stretch.price.number("default_unit_price"), |row| row.number("unit_price"))
}

/// The quantity of one record.
pub(crate) fn quantity(meter: &Meter, record: &Record) -> Exact {
    let Some(divide) = meter.divide else { return Exact::whole(1) };
    let measured = Exact::read(&record.amount).over(&Exact::whole(divide)).kept();
    match &meter.round_each {
        Some((step, mode)) => measured.to_step(&Exact::read(step), *mode),
        None => measured,
    }
}

/// What records come to: all of one subscription, in order of time, within `span`.
pub(crate) fn aggregate(settings: &Settings, meter: &Meter, uses: &[Use<'_>], span: levels::Span) -> Exact {
    let all = || uses.iter().map(|used| quantity(meter, used.record));
    match meter.aggregate {
        "sum" => all().fold(Exact::zero(), |sum, next| sum.plus(&next)),
        "count" => Exact::whole(uses.len()),
        "max" => all().max().unwrap_or_else(Exact::zero),
        "min" => all().min().unwrap_or_else(Exact::zero),
        "latest" => all().next_back().unwrap_or_else(Exact::zero),
        "unique" => {
            let marks = uses.iter().map(|used| used.record.marks["person"].as_str());
            Exact::whole(marks.filter(|mark| !mark.is_empty()).collect::<BTreeSet<_>>().len())
        }
        "percentile" => percentile(&meter.more.map("percentile").unwrap().number("percent").unwrap(), all().collect()),
        "windowed" => windowed(settings, meter, uses, span),
        "weighted_sum" | "prorated_sum" => levels::held(meter, uses, span),
        other => panic!("no aggregate {other}"),
    }
}

/// Nearest rank.
fn percentile(percent: &Exact, mut all: Vec<Exact>) -> Exact {
    all.sort();
    let rank = percent.times(&Exact::whole(all.len())).over(&Exact::whole(100)).round(0, super::exact::Mode::Up);
    let place: usize = rank.to_string().parse().unwrap();
    all.into_iter().nth(place.max(1) - 1).unwrap_or_else(Exact::zero)
}

/// The windows of local time that have records, each with its own: by day, place in it, and which of a repeated hour.
pub(crate) fn windows<'a>(
    settings: &Settings,
    meter: &Meter,
    uses: &[Use<'a>],
) -> Vec<((NaiveDate, i64, i32), Vec<Use<'a>>)> {
    let minutes = match meter.more.map("windowed").unwrap().one("window").unwrap() {
        "hour" => 60,
        "day" => 24 * 60,
        text => text.strip_suffix(" minutes").unwrap().parse::<i64>().unwrap(),
    };
    let mut found: BTreeMap<(NaiveDate, i64, i32), Vec<Use<'a>>> = BTreeMap::new();
    for used in uses {
        let local = used.record.time.with_timezone(&settings.zone);
        // The hour that a clock change repeats is two hours: they are as far apart as their distance from UTC.
        let offset = if minutes < 24 * 60 { -chrono::Offset::fix(local.offset()).local_minus_utc() } else { 0 };
        let minute = (local.time() - NaiveTime::MIN).num_minutes() / minutes;
        found.entry((used.day, minute, offset)).or_default().push(*used);
    }
    found.into_iter().collect()
}

fn windowed(settings: &Settings, meter: &Meter, uses: &[Use<'_>], span: levels::Span) -> Exact {
    let inner = Meter { aggregate: of(meter.more.map("windowed").unwrap().one("of").unwrap()), ..meter.clone() };
    let each = windows(settings, meter, uses);
    let each = each.iter().map(|(_, window)| aggregate(settings, &inner, window, span));
    match meter.more.map("windowed").unwrap().one("then").unwrap() {
        "sum" => each.fold(Exact::zero(), |sum, next| sum.plus(&next)),
        "max" => each.max().unwrap_or_else(Exact::zero),
        "min" => each.min().unwrap_or_else(Exact::zero),
        other => panic!("no way to put windows together: {other}"),
    }
}

fn of(name: &str) -> &'static str {
    ["sum", "max", "min", "count", "latest"].into_iter().find(|known| *known == name).unwrap()
}
