//! Explanations for people: what somebody needs who answers a customer's question about a line.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::run::{counted, grouped, money};
use super::{made, price};
use crate::run::explain::Explanation;
use crate::run::explain::model::{
    AllowanceTerms, AllowanceUse, AmountUse, DiscountUse, Exact, FixedAmount, PortionUse, Rating, Rerated, Row,
};

/// Portions, subscriptions and files shown; the JSON has all of them.
const SHOWN: usize = 12;

/// The text of all of them, one below the other.
pub(super) fn told(explanations: &[Explanation]) -> String {
    explanations.iter().map(|one| page(one).join("\n") + "\n").collect::<Vec<_>>().join("\n\n")
}

/// A column of a row as text.
pub(super) fn of<'r>(row: &'r Row, column: &str) -> &'r str {
    row.get(column).and_then(Value::as_str).unwrap_or_default()
}

/// A decimal with its thousands apart.
pub(super) fn number(number: &Exact) -> String {
    grouped(&number.0.to_string())
}

fn records(row: &Row) -> u64 {
    row.get("record_count").and_then(Value::as_u64).unwrap_or_default()
}

/// An instant by the clock of a zone; midnight is its date alone.
fn local_time(instant: &str, zone: &str) -> String {
    match (chrono::DateTime::parse_from_rfc3339(instant), zone.parse::<chrono_tz::Tz>()) {
        (Ok(instant), Ok(zone)) => {
            let text = instant.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S%.f").to_string();
            text.strip_suffix(" 00:00:00").map_or(text.clone(), str::to_owned)
        }
        _ => instant.to_owned(),
    }
}

/// `region eu, device phone`.
fn dimensions(row: &Row) -> String {
    let pairs = row.get("dimensions").and_then(Value::as_object).into_iter().flatten();
    pairs.map(|(name, value)| format!("{name} {}", value.as_str().unwrap_or_default())).collect::<Vec<_>>().join(", ")
}

/// The dimension values alone.
fn values(row: &Row) -> String {
    let values = row.get("dimensions").and_then(Value::as_object).into_iter().flatten();
    values.map(|(_, value)| value.as_str().unwrap_or_default()).collect::<Vec<_>>().join(", ")
}

fn page(one: &Explanation) -> Vec<String> {
    let mut page = head(one);
    page.extend(price::shown(one));
    if !one.tried.is_empty() {
        page.extend([String::new(), "Prices tried, the first that holds counts".to_owned()]);
        page.extend(one.tried.iter().map(|tried| {
            let mark = if tried.applied { '*' } else { ' ' };
            let place = tried.place.as_deref().unwrap_or("-");
            format!("{mark} {:<22} {place:<24} {}", tried.layer, tried.why)
        }));
    }
    if let Some(using) = &one.allowances {
        page.extend(allowances(using));
    }
    if let Some(using) = &one.amounts {
        page.extend(amounts(using));
    }
    if let Some(rating) = &one.rating {
        page.extend(filled(one, rating));
    }
    if let Some(fixed) = &one.fixed {
        page.extend([String::new(), "Amount".to_owned(), format!("  {}", fixed_amount(fixed, one))]);
    }
    page.extend(one.made_of.iter().flat_map(made::shown));
    page.extend(steps(one));
    page.extend(taxes(one));
    page.extend(credits(one));
    page.extend(usage(one));
    page.push(String::new());
    page.push(match one.rerated {
        Rerated::Equal => "Re-rated from this explanation alone: equal".to_owned(),
        Rerated::EqualBySql => "Rated again with its SQL over all accounts: equal".to_owned(),
        Rerated::No => {
            let why = "The facts have changed since the run, so only what was committed is told:";
            std::iter::once(why.to_owned())
                .chain(one.run.warnings.iter().map(|warning| format!("  {warning}")))
                .collect::<Vec<_>>()
                .join("\n")
        }
    });
    page
}

fn head(one: &Explanation) -> Vec<String> {
    let line = &one.line;
    let currency = of(line, "currency");
    let tier = match of(line, "tier") {
        "" => String::new(),
        tier => format!(", tier {tier}"),
    };
    let values = Some(dimensions(line)).filter(|values| !values.is_empty()).map(|values| format!(", {values}"));
    let mut page = vec![
        format!("Line {}", of(line, "line_id")),
        format!("{} ({}){tier}{}", of(line, "charge"), of(line, "line_kind"), values.unwrap_or_default()),
        String::new(),
    ];
    let plan = match (of(line, "plan"), of(line, "product")) {
        ("", product) => format!("product {product}"),
        (plan, _) => format!("plan {plan}"),
    };
    let unit_price = line.get("unit_price").and_then(Value::as_str).unwrap_or("-");
    let quantity = format!("{} {}", grouped(of(line, "quantity")), of(line, "unit"));
    let amount = |column| money(of(line, column), currency);
    let zone = &one.run.timezone;
    let local = |column| local_time(of(line, column), zone);
    let rows = [
        ("account", format!("{}, billed to {}", of(line, "account_path"), of(line, "bill_to_account_id"))),
        ("subscription", format!("{}, {plan}", of(line, "subscription_id"))),
        ("service", format!("{} to {} ({zone})", local("service_start"), local("service_end"))),
        ("quantity", quantity.trim_end().to_owned()),
        ("unit price", format!("{} {}", grouped(unit_price), of(line, "price_currency")).trim_end().to_owned()),
        ("list", format!("{} {currency}", amount("amount_list"))),
        ("discount", format!("{} {currency}", amount("amount_discount"))),
        ("net", format!("{} {currency}", amount("amount_net"))),
        ("run", format!("{}, number {} of {}", one.run.run_id, one.run.number, one.run.period)),
    ];
    page.extend(rows.into_iter().map(|(name, text)| format!("  {name:<13} {text}")));
    page
}

/// What was granted, and to whom.
fn granted(one: &AllowanceTerms) -> String {
    let whose = match one.shared_over.as_str() {
        "account" => "shared by the account of",
        "subtree" => "shared by all at and below the account of",
        _ => "of",
    };
    let (granted, name, period) = (number(&one.quantity), &one.allowance, &one.granted_period);
    format!("  {granted} {whose} {}, {name} of {period}, {}", one.holder, one.place)
}

/// Which included amounts cover the line beside this one.
fn amounts(using: &AmountUse) -> Vec<String> {
    let mut page = vec![String::new(), "Included amounts, taken off what usage is rated at".to_owned()];
    for (one, left) in using.allowances.iter().zip(&using.left).take(SHOWN) {
        page.push(format!("{}, {} left before this charge", granted(one), number(left)));
    }
    page.extend(more(using.allowances.len(), "allowance"));
    let covered = using.amounts.get(using.own).copied().unwrap_or_default();
    page.push(format!("  covers a line that is rated at {}", number(&covered)));
    page
}

fn allowances(using: &AllowanceUse) -> Vec<String> {
    let mut page = vec![String::new(), "Included quantities, taken off before the price".to_owned()];
    page.extend(using.allowances.iter().take(SHOWN).map(granted));
    page.extend(more(using.allowances.len(), "allowance"));
    let sum = |mut all: Box<dyn Iterator<Item = Exact> + '_>| {
        all.try_fold(crate::money::Decimal::ZERO, |sum, one| sum.plus(one.0)).map(Exact).unwrap_or_default()
    };
    for draw in using.draws.iter().take(SHOWN) {
        let Some(first) = draw.portions.first() else { continue };
        let used = sum(Box::new(draw.portions.iter().map(|one| one.quantity)));
        let covered = sum(Box::new(draw.covered.iter().map(|one| one.quantity)));
        page.push(format!("  {:<22} used {}, covered {}", first.subscription, number(&used), number(&covered)));
    }
    page.extend(more(using.draws.len(), "subscription"));
    page
}

/// Who has filled which tiers, and what of it is the line.
fn filled(one: &Explanation, rating: &Rating) -> Vec<String> {
    let scope = one.price.as_ref().map_or("", |terms| terms.scope.as_str());
    let title = match rating.shared_by.len() {
        0 | 1 => "Rated".to_owned(),
        count => format!("Rated together ({scope}), {} in this order", counted(count as u64, "subscription")),
    };
    let mut page = vec![String::new(), title];
    if rating.shared_by.len() > 1 || rating.portions.len() > 1 {
        let from = rating.parts.get(rating.own).map_or(0, |part| part.portion);
        let start = from.saturating_sub(SHOWN / 2);
        if start > 0 {
            page.push(format!("  … {} before", counted(start as u64, "portion")));
        }
        let own = rating.portions.get(from);
        let is_own = |portion: &PortionUse| {
            own.is_some_and(|own| {
                (&own.subscription, &own.dimensions, own.stretch)
                    == (&portion.subscription, &portion.dimensions, portion.stretch)
            })
        };
        let timed = one.price.as_ref().is_some_and(|terms| terms.by_record || terms.each != "period");
        let zone = Some(one.run.timezone.as_str()).filter(|_| timed);
        let shown = rating.portions.iter().skip(start).take(SHOWN);
        page.extend(shown.map(|portion| portion_row(is_own(portion), zone, portion)));
        page.extend(more(rating.portions.len() - start, "portion"));
    }
    page.push(format!("  {:<24} {:>18} {:>22}", "band, all together", "quantity", "amount"));
    page.extend(rating.bands.iter().map(|band| {
        let name = if band.tier.is_empty() { "(one price)" } else { &band.tier };
        format!("  {name:<24} {:>18} {:>22}", number(&band.quantity), number(&band.amount))
    }));
    if let Some(part) = rating.parts.get(rating.own) {
        page.push(format!("  {:<24} {:>18} {:>22}", "this line", number(&part.quantity), number(&part.amount)));
    }
    page
}

fn portion_row(own: bool, zone: Option<&str>, portion: &PortionUse) -> String {
    let mark = if own { '*' } else { ' ' };
    let mut values: Vec<String> = portion.dimensions.values().cloned().collect();
    values.extend(portion.looked_up.clone());
    let records = counted(portion.records, "record");
    let quantity = number(&portion.quantity);
    let time = zone.map(|zone| format!("{:<20}", local_time(&portion.time, zone))).unwrap_or_default();
    format!("{mark} {:<16} {time} {quantity:>18}  {records}  {}", portion.subscription, values.join(", "))
        .trim_end()
        .to_owned()
}

fn more(count: usize, noun: &str) -> Option<String> {
    let more = count.checked_sub(SHOWN).filter(|more| *more > 0)?;
    Some(format!("  … and {} more; --format json has all", counted(more as u64, noun)))
}

fn fixed_amount(fixed: &FixedAmount, one: &Explanation) -> String {
    let full = format!("{} x {}", number(&fixed.amount), number(&fixed.quantity));
    let priced = one.exchange.as_ref().and_then(|exchange| exchange.priced.as_ref());
    let rated = priced.or(one.rounding.as_ref().map(|steps| &steps.rated)).map(number).unwrap_or_default();
    let Some(interval) = fixed.interval.as_ref().filter(|interval| interval.prorate != "none") else {
        return format!("{full} = {rated}, due in full");
    };
    let units = match interval.prorate.as_str() {
        "by_second" => "seconds",
        "thirty_day" => "days in months of 30",
        "both_ends" => "days, both ends counted",
        _ => "days",
    };
    let back = if fixed.credit { ", given back" } else { "" };
    let of = format!("of {} to {}", interval.from, interval.to);
    format!("{full} x {} of {} {units} {of} = {rated}{back}", fixed.part, fixed.of)
}

/// From the rated amount to the net.
fn steps(one: &Explanation) -> Vec<String> {
    let Some(steps) = &one.rounding else { return Vec::new() };
    let to = format!("rounded {} to {} digits", steps.mode, steps.digits);
    let mut page = vec![String::new(), "From rated to net".to_owned()];
    if let Some(exchange) = &one.exchange {
        page.extend(
            exchange
                .priced
                .as_ref()
                .map(|priced| format!("  {:<10} {:>22}  in {}", "priced", number(priced), exchange.from)),
        );
        let turned = if exchange.inverse { ", one over the opposite rate" } else { "" };
        let (rate, date, to) = (number(&exchange.rate), &exchange.rate_date, &exchange.to);
        let rated = number(&steps.rated);
        page.push(format!("  {:<10} {rated:>22}  in {to}, exchanged at {rate}, the rate of {date}{turned}", "rated"));
    } else {
        page.push(format!("  {:<10} {:>22}", "rated", number(&steps.rated)));
    }
    page.push(format!("  {:<10} {:>22}  {to}", "list", number(&steps.list)));
    page.extend(one.discounts.iter().map(discount));
    let of_line = one.discounts.iter().any(|discount| discount.level == "line");
    let how = match (one.discounts.is_empty(), steps.discount_base.as_str()) {
        (true, _) => "no discount applies",
        (_, "unrounded") => "list less net",
        _ => "each rounded by itself",
    };
    page.push(format!("  {:<10} {:>22}  {how}", "discount", number(&steps.discount)));
    if !steps.tax_included.0.is_zero() {
        let how = "the taxes that the price includes, taken out of it";
        page.push(format!("  {:<10} {:>22}  {how}", "tax", number(&steps.tax_included)));
    }
    let net = match (of_line, steps.discount_base.as_str()) {
        (true, "unrounded") => {
            format!("rated less the exact discounts of the line, {to}, less those of account and invoice")
        }
        _ => "list less discount".to_owned(),
    };
    page.push(format!("  {:<10} {:>22}  {net}", "net", number(&steps.net)));
    page
}

/// What one discount takes off.
fn discount(one: &DiscountUse) -> String {
    let value = number(&one.value);
    let what = match one.kind.as_str() {
        "percent" if one.of == "original" => format!("{value} % of the amount before discounts"),
        "percent" => format!("{value} %"),
        "amount" => format!("{value} off"),
        "free_units" => format!("{value} free units"),
        _ => format!("{value} a unit"),
    };
    let shared = one.shared.as_ref().map(|shared| {
        format!(", {} shared out over {}", number(&shared.whole), counted(shared.weights.len() as u64, "line"))
    });
    let coupon = one.coupon.as_ref().map(|coupon| format!(", coupon `{coupon}`"));
    let level = if one.level == "line" { String::new() } else { format!(" of the {}", one.level) };
    let (shared, coupon) = (shared.unwrap_or_default(), coupon.unwrap_or_default());
    let (of, off) = (number(&one.before), number(&one.off));
    format!("  {:<10} {off:>22}  off {of}: {what}{level} by `{}`, {}{coupon}{shared}", "less", one.id, one.place)
}

fn taxes(one: &Explanation) -> Vec<String> {
    let title = match one.rounding.as_ref().map(|steps| steps.tax.as_str()) {
        Some("invoice") => "Taxes, each rounded together with that of the invoice's other lines",
        Some("service") => "Taxes, as the tax service has answered",
        _ => "Taxes",
    };
    let mut page = vec![String::new(), title.to_owned()];
    if one.taxes.is_empty() {
        page.push("  none".to_owned());
    }
    let currency = of(&one.line, "currency");
    page.extend(one.taxes.iter().map(|tax| {
        let words = [
            (tax.get("exempt") == Some(&Value::Bool(true)), "exempt"),
            (of(tax, "amount_included") != "0", "in the price"),
        ];
        let said = words.into_iter().filter(|(holds, _)| *holds).map(|(_, word)| word.to_owned());
        let why = Some(of(tax, "reason")).filter(|why| !why.is_empty()).map(str::to_owned);
        let exempt: String = said.chain(why).map(|word| format!(", {word}")).collect();
        let [base, amount] = ["taxable_amount", "amount"].map(|column| money(of(tax, column), currency));
        let name = format!("{} ({})", of(tax, "tax"), of(tax, "tax_jurisdiction"));
        let code = of(tax, "category_code");
        format!("  {name:<24} {code:<2} {} % of {base} = {amount} {currency}{exempt}", of(tax, "rate_percent"))
    }));
    page
}

/// What prepaid credits pay of the whole invoice: no line is paid by itself.
fn credits(one: &Explanation) -> Vec<String> {
    if one.credits.is_empty() {
        return Vec::new();
    }
    let mut page = vec![String::new(), "Prepaid credits on its invoice".to_owned()];
    page.extend(one.credits.iter().map(|draw| {
        let (currency, credit) = (of(draw, "currency"), of(draw, "credit_id"));
        format!("  {credit:<24} pays {} {currency}", money(of(draw, "amount"), currency))
    }));
    page
}

/// The buckets behind the line, by day, and the files behind those.
fn usage(one: &Explanation) -> Vec<String> {
    if one.buckets.is_empty() {
        return Vec::new();
    }
    let total: u64 = one.buckets.iter().map(records).sum();
    let mut page = vec![String::new()];
    let line = records(&one.line);
    let of_them = if line == total { String::new() } else { format!(", {line} of them on this line") };
    let names = one.buckets.first().and_then(|bucket| bucket.get("dimensions")).and_then(Value::as_object);
    let names: Vec<&str> = names.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    let by = if names.is_empty() { String::new() } else { format!(" by {}", names.join(", ")) };
    page.push(format!("Usage of {}{by}: {}{of_them}", of(&one.line, "meter"), counted(total, "record")));
    let mut days: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for bucket in &one.buckets {
        days.entry(of(bucket, "day")).or_default().push(bucket);
    }
    for (day, buckets) in days {
        let all = buckets.iter().map(|bucket| {
            let values = Some(values(bucket)).filter(|values| !values.is_empty());
            let values = values.map(|values| format!("{values}: ")).unwrap_or_default();
            format!("{values}{} in {}", grouped(of(bucket, "quantity")), counted(records(bucket), "record"))
        });
        let more = buckets.len().checked_sub(SHOWN / 2).filter(|more| *more > 0);
        let more = more.map(|more| format!("; and {more} more")).unwrap_or_default();
        page.push(format!("  {day}  {}{more}", all.take(SHOWN / 2).collect::<Vec<_>>().join("; ")));
    }
    if !one.sources.is_empty() {
        page.extend([String::new(), "Source files of these records".to_owned()]);
        page.extend(one.sources.iter().map(|source| {
            let quantity = source.quantity.as_ref().map(|quantity| format!(", quantity {}", number(quantity)));
            let records = counted(source.records, "record");
            format!("  {}: {}  {records}{}", source.source, source.file, quantity.unwrap_or_default())
        }));
    }
    page
}
