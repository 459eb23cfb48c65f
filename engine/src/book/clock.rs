//! The windows and holidays of a calendar charge.

use chrono::{NaiveDate, NaiveTime};

use super::fields::Fields;
use super::lists::Lists;
use super::model::{Calendar, Span, Window};
use crate::fault::{Fault, Faults, Located, codes};
use crate::money::Decimal;
use crate::yaml::{Node, closest};

const WEEK: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// The calendar that `fields` say, of a quantity in `unit`; `None` when a fault was reported.
pub(super) fn calendar(fields: &Fields<'_>, unit: &str, lists: &Lists, faults: &mut Faults) -> Option<Calendar> {
    let before = faults.0.len();
    let timezone = fields.get("timezone").and_then(Node::located).and_then(|name| match name.text.parse() {
        Ok(zone) => Some(zone),
        Err(_) => {
            let fault = Fault::new(&codes::P002, format!("there is no time zone `{}`", name.text)).at(&name.place);
            faults.push(fault.hint("use an IANA name such as Europe/Berlin"));
            None
        }
    });
    check_spans(fields, unit, faults);
    let node = fields.get("windows")?;
    let connect_fee = fields.decimal("connect_fee").unwrap_or(Decimal::ZERO);
    let windows: Vec<Window> = node.list().iter().filter_map(|node| window(node, connect_fee, faults)).collect();
    let names: Vec<Located> = node.list().iter().filter_map(|node| node.get("name")?.located()).collect();
    super::meters::once(&names, "window", faults);
    if faults.0.len() == before {
        check_end(node, &windows, faults);
    }
    let holidays = fields.get("holidays").map(|node| holidays(node, lists, faults)).unwrap_or_default();
    let spans = match fields.text("spans", "none") {
        "second" => Span::Second,
        "minute" => Span::Minute,
        "hour" => Span::Hour,
        _ => Span::None,
    };
    let increment_carries = fields.text("increment_carries", "false") == "true";
    let calendar = Calendar { timezone, spans, windows, holidays, increment_carries };
    (faults.0.len() == before).then_some(calendar)
}

/// A quantity in minutes cannot last seconds, and without a length no piece of a record carries over to the next.
fn check_spans(fields: &Fields<'_>, unit: &str, faults: &mut Faults) {
    let known = match unit.to_lowercase().as_str() {
        "second" | "seconds" | "sec" | "s" => "second",
        "minute" | "minutes" | "min" => "minute",
        "hour" | "hours" | "h" => "hour",
        _ => "",
    };
    let spans = fields.text("spans", "none");
    if let Some(node) = fields.get("spans").filter(|_| spans != "none" && !known.is_empty() && spans != known) {
        let fault =
            Fault::new(&codes::B005, format!("one unit of the quantity spans a {spans}, the meter counts in `{unit}`"));
        faults.push(fault.at(&node.place).hint(format!("write `spans: {known}`")));
    }
    if let Some(node) = fields.get("increment_carries").filter(|node| node.text() == Some("true") && spans == "none") {
        let fault = Fault::new(&codes::B005, "`increment_carries` needs `spans`").at(&node.place);
        faults.push(fault.hint("a record is only cut into pieces when `spans` says how long a unit of it lasts"));
    }
}

/// Every instant needs a price: the last window has no condition, and no other one before it.
fn check_end(node: &Node, windows: &[Window], faults: &mut Faults) {
    let open = windows.iter().position(Window::is_open);
    let place = |at: usize| node.list().get(at).map_or(&node.place, |window| &window.place);
    match open {
        Some(at) if at + 1 == windows.len() => {}
        Some(at) => {
            let fault = Fault::new(&codes::B004, "no window after this one can ever hold").at(place(at));
            faults.push(fault.hint("the first window that holds wins: put the one without conditions last"));
        }
        None => {
            let fault = Fault::new(&codes::B004, "the last window must be without conditions");
            faults
                .push(fault.at(place(windows.len().saturating_sub(1))).hint("usage at every other time needs a price"));
        }
    }
}

fn window(node: &Node, connect_fee: Decimal, faults: &mut Faults) -> Option<Window> {
    let fields = Fields::of(node);
    let before = faults.0.len();
    let days = fields.get("days").map(|node| days(node, faults));
    let mut time = |key: &str| fields.get(key).and_then(Node::located).and_then(|text| local_time(&text, faults));
    let hours = match (time("from"), time("to")) {
        (Some(from), Some(to)) => Some((from, to)),
        (Some(from), None) if fields.get("to").is_none() => Some((from, NaiveTime::MIN)),
        (None, Some(to)) if fields.get("from").is_none() => Some((NaiveTime::MIN, to)),
        _ => None,
    };
    let dates = fields.get("dates").map(|node| dates(&node.texts(), faults));
    let holidays = fields.get("holidays").and_then(Node::text).map(|text| text == "true");
    let unit_price = fields.decimal("unit_price");
    let mut above_zero = |key: &str| super::price::above_zero(&fields, key, faults);
    let (per, increment) = (above_zero("per"), above_zero("increment"));
    let name = fields.get("name").and_then(Node::text)?.to_owned();
    let (unit_price, per) = (unit_price?, per.unwrap_or(Decimal::ONE));
    let connect_fee = fields.decimal("connect_fee").unwrap_or(connect_fee);
    let window = Window { name, days, hours, dates, holidays, unit_price, per, increment, connect_fee };
    (faults.0.len() == before).then_some(window)
}

/// Days of the week, one by one or as ranges.
fn days(node: &Node, faults: &mut Faults) -> [bool; 7] {
    let mut on = [false; 7];
    for named in node.texts() {
        let (first, last) = named.text.split_once('-').unwrap_or((&named.text, &named.text));
        let position = |day: &str| WEEK.iter().position(|known| *known == day.trim().to_lowercase());
        let (Some(first), Some(last)) = (position(first), position(last)) else {
            let fault = Fault::new(&codes::Y006, format!("`{}` is no day of the week", named.text)).at(&named.place);
            let days = || format!("the days are {}, or a range of them such as mon-fri", WEEK.join(", "));
            faults
                .push(fault.hint(closest(&named.text, WEEK).map_or_else(days, |day| format!("did you mean `{day}`?"))));
            continue;
        };
        let mut day = first;
        on[day] = true;
        while day != last {
            day = (day + 1) % WEEK.len();
            on[day] = true;
        }
    }
    on
}

fn local_time(text: &Located, faults: &mut Faults) -> Option<NaiveTime> {
    // The end of a day is written 24:00; its beginning is the same instant of the clock.
    let shown = if text.text == "24:00" { "00:00" } else { &text.text };
    let time = NaiveTime::parse_from_str(shown, "%H:%M").or_else(|_| NaiveTime::parse_from_str(shown, "%H:%M:%S"));
    if time.is_err() {
        let fault = Fault::new(&codes::Y006, format!("`{}` is no time of day", text.text)).at(&text.place);
        faults.push(fault.hint("write it as \"08:00\""));
    }
    time.ok()
}

fn holidays(node: &Node, lists: &Lists, faults: &mut Faults) -> Vec<NaiveDate> {
    let Some(table) = node.get("table") else { return dates(&node.texts(), faults) };
    let Some(rows) = lists.rows(table) else { return Vec::new() };
    let rows = faults.keep(rows.select_from(&["date"], &table.place)).unwrap_or_default();
    let located = |(values, place): (Vec<&str>, _)| Located { text: values.concat(), place };
    dates(&rows.into_iter().map(located).collect::<Vec<_>>(), faults)
}

/// Dates, sorted, each once.
fn dates(texts: &[Located], faults: &mut Faults) -> Vec<NaiveDate> {
    let mut dates = Vec::with_capacity(texts.len());
    for text in texts {
        dates.extend(date(text, faults));
    }
    dates.sort_unstable();
    dates.dedup();
    dates
}

/// The date that `text` is.
pub(super) fn date(text: &Located, faults: &mut Faults) -> Option<NaiveDate> {
    let date = NaiveDate::parse_from_str(text.text.trim(), "%Y-%m-%d").ok();
    if date.is_none() {
        let fault = Fault::new(&codes::Y006, format!("`{}` is no date", text.text)).at(&text.place);
        faults.push(fault.hint("write it as 2026-12-24"));
    }
    date
}
