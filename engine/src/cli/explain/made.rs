//! Lines that are made of other lines, for people.

use super::text::number;
use crate::money::Decimal;
use crate::run::explain::made::MadeOf;
use crate::run::explain::model::Exact;

/// What a minimum, a maximum or a commitment has made of other lines.
pub(super) fn shown(made: &MadeOf) -> Vec<String> {
    let (title, bound) = match made.what.as_str() {
        "minimum" => ("Missing from the minimum", "minimum"),
        "maximum" => ("Beyond the maximum", "maximum"),
        "overage" => ("Beyond the commitment", "committed"),
        "shortfall" => ("Units missing from the commitment", "committed"),
        _ => ("Missing from the commitment", "committed"),
    };
    let mut page = vec![String::new(), title.to_owned()];
    let mut row = |name: &str, value: &Exact, how: String| {
        page.push(format!("  {name:<12} {:>22}  {how}", number(value)).trim_end().to_owned());
    };
    let spans: Vec<String> =
        made.spans.iter().map(|span| format!("{} x {}", number(&span.amount), span.days)).collect();
    let whole = matches!(made.spans.as_slice(), [only] if only.days == made.of);
    let how = if whole { String::new() } else { format!("{} of {} days", spans.join(" + "), made.of) };
    row(bound, &made.bound, how);
    if !made.before.0.is_zero() {
        row("before", &made.before, "earlier periods of the term".to_owned());
    }
    let of = match (made.what.as_str(), made.lines) {
        ("shortfall", _) => "units used".to_owned(),
        (_, 1) => "1 line".to_owned(),
        (_, lines) => format!("{lines} lines"),
    };
    row("this period", &made.sum, of);
    match (&made.price, made.what.as_str()) {
        (Some(price), "overage") => {
            let factor = price.0.plus(Decimal::ONE).map(Exact).unwrap_or_default();
            row("factor", &factor, "less one, of what goes beyond".to_owned());
        }
        (Some(price), _) => row("price", price, "for each missing unit".to_owned()),
        (None, _) => {}
    }
    page
}
