//! `ratemill diff`.

use serde_json::{Value, json};

use super::arguments::{DiffArguments, DiffBy, Format, Shape};
use super::run::{counted, grouped, money};
use super::stored::stored;
use super::{Ending, talk};
use crate::fault::{Fault, Outcome, codes};
use crate::lineset::diff::{By, Diff, Moved, Side, Sums, diff, side};

/// Rows that a person sees of each kind, unless asked for more.
const SHOWN: usize = 10;

/// Says what changed between two committed line sets.
///
/// # Errors
/// All faults found.
pub(super) async fn carry_out(arguments: &DiffArguments, shape: Shape) -> Outcome<Ending> {
    let stored = stored(&arguments.of).await?;
    let survey = stored.survey().await?;
    let (a, b) = (side(&stored.output, &survey, &arguments.a)?, side(&stored.output, &survey, &arguments.b)?);
    if a.period != b.period && !matches!(arguments.by, Some(DiffBy::Account | DiffBy::Product | DiffBy::Charge)) {
        let message = format!("line sets of {} and {} have no lines in common", a.period, b.period);
        let hint = "compare their sums: --by account, --by product or --by charge";
        return Err(Fault::new(&codes::O013, message).hint(hint).into());
    }
    show(&a, &b, (arguments.by, arguments.top), shape).await?;
    Ok(Ending::Done)
}

/// Prints what changed between two line sets.
///
/// # Errors
/// Files that cannot be read.
pub(super) async fn show(
    a: &Side<'_>,
    b: &Side<'_>,
    (by, top): (Option<DiffBy>, Option<usize>),
    shape: Shape,
) -> Outcome<()> {
    let found = diff(a, b).await?;
    let view = View { by, top, matched: a.period == b.period, diff: &found };
    match shape {
        Shape::Csv => talk::result(&view.csv()?),
        shape if shape.format() == Format::Json => talk::json(&view.json(a, b)),
        _ => talk::result(&view.text(a, b)),
    }
}

/// What is shown of a difference.
struct View<'d> {
    by: Option<DiffBy>,
    top: Option<usize>,
    matched: bool,
    diff: &'d Diff,
}

/// Column of sums, and what its rows are called.
const SECTIONS: [(By, DiffBy, &str); 3] = [
    (By::Account, DiffBy::Account, "account"),
    (By::Product, DiffBy::Product, "product"),
    (By::Charge, DiffBy::Charge, "charge"),
];

impl View<'_> {
    /// The sums that are asked for; of totals all, of the others those that changed, `most` in each currency.
    fn sums(&self, by: By, most: usize) -> Vec<&(String, String, Sums)> {
        let rows = self.diff.sums.get(&by).map(Vec::as_slice).unwrap_or_default();
        let changed = rows.iter().filter(|(_, _, sums)| by == By::Total || self.changed(sums));
        first_of_each(changed, most, |(currency, ..)| currency)
    }

    fn changed(&self, sums: &Sums) -> bool {
        // Of two periods, every line is another one: only amounts can be the same.
        sums.a != sums.b || self.matched && sums.lines_a != sums.lines_b
    }

    fn sections(&self) -> impl Iterator<Item = (By, &'static str)> {
        let asked = |by: DiffBy| self.by.is_none_or(|asked| asked == by);
        SECTIONS.into_iter().filter(move |(_, by, _)| asked(*by)).map(|(by, _, name)| (by, name))
    }

    /// The lines that are asked for.
    fn lines(&self, most: usize) -> Vec<&Moved> {
        let asked = self.by.is_none_or(|by| by == DiffBy::Line);
        first_of_each(self.diff.moved.iter().filter(|_| asked), most, |moved| &moved.currency)
    }

    fn count(&self, wanted: &str) -> u64 {
        let own = self.diff.moved.iter().filter(|moved| state(&moved.sums) == wanted);
        u64::try_from(own.count()).unwrap_or(u64::MAX)
    }

    fn json(&self, a: &Side<'_>, b: &Side<'_>) -> Value {
        let most = self.top.unwrap_or(usize::MAX);
        let side =
            |side: &Side<'_>| json!({ "period": side.period, "number": side.number, "run_id": side.manifest.run_id });
        let mut told = json!({ "a": side(a), "b": side(b) });
        let rows = |by: By, name: &str| -> Value {
            let row = |(currency, key, sums): &&(String, String, Sums)| {
                let mut row = amounts(sums);
                row["currency"] = json!(currency);
                if by != By::Total {
                    row[name] = json!(key);
                }
                row
            };
            self.sums(by, most).iter().map(row).collect()
        };
        told["totals"] = rows(By::Total, "");
        for (by, name) in self.sections() {
            told[format!("{name}s")] = rows(by, name);
        }
        if self.matched {
            let line = |moved: &&Moved| {
                let mut row = amounts(&moved.sums);
                row["line_id"] = json!(moved.line_id);
                row["account"] = json!(moved.account);
                row["charge"] = json!(moved.charge);
                row["currency"] = json!(moved.currency);
                row["state"] = json!(state(&moved.sums));
                row["fields"] = json!(moved.fields);
                row
            };
            told["lines"] = json!({
                "same": self.diff.same,
                "changed": self.count("changed"),
                "only_a": self.count("only_a"),
                "only_b": self.count("only_b"),
                "fields": self.diff.fields,
                "moved": self.lines(most).iter().map(line).collect::<Value>(),
            });
        }
        told
    }

    fn csv(&self) -> Outcome<String> {
        let most = self.top.unwrap_or(usize::MAX);
        let mut rows = vec![CSV.map(str::to_owned).to_vec()];
        let all = std::iter::once((By::Total, "total")).chain(self.sections());
        for (by, name) in all {
            for (currency, key, sums) in self.sums(by, most) {
                let key = if by == By::Total { "" } else { key };
                let apart = SECTIONS.map(|(one, ..)| if one == by { key } else { "" });
                rows.push(csv_row(name, apart, ["", "", ""], currency, sums));
            }
        }
        for moved in self.lines(most) {
            let (product, fields) = (moved.charge.split('/').next().unwrap_or_default(), moved.fields.join(" "));
            let line = [moved.line_id.as_str(), state(&moved.sums), &fields];
            rows.push(csv_row("line", [&moved.account, product, &moved.charge], line, &moved.currency, &moved.sums));
        }
        let mut writer = csv::Writer::from_writer(Vec::new());
        let written = rows.iter().try_for_each(|row| writer.write_record(row));
        let bytes =
            written.ok().and_then(|()| writer.into_inner().ok()).and_then(|bytes| String::from_utf8(bytes).ok());
        bytes.ok_or_else(|| Fault::ours("the difference is no CSV").into())
    }

    fn text(&self, a: &Side<'_>, b: &Side<'_>) -> String {
        let most = self.top.unwrap_or(SHOWN);
        let side = |name: &str, side: &Side<'_>| {
            let number = if side.number == 0 { "simulated".to_owned() } else { format!("number {}", side.number) };
            format!("{name}: {} {number}, run {}", side.period, side.manifest.run_id)
        };
        let mut lines = vec![side("A", a), side("B", b), String::new(), heading("total")];
        lines.extend(self.sums(By::Total, most).iter().map(|(currency, _, sums)| row("", currency, sums)));
        for (by, name) in self.sections() {
            let shown = self.sums(by, most);
            let all = self.sums(by, usize::MAX).len();
            lines.extend([String::new(), heading(name)]);
            lines.extend(shown.iter().map(|(currency, key, sums)| row(key, currency, sums)));
            lines.extend(more(shown.len(), all));
        }
        if self.matched && self.by.is_none_or(|by| by == DiffBy::Line) {
            lines.extend(self.lines_text(most));
        }
        lines.join("\n") + "\n"
    }

    fn lines_text(&self, most: usize) -> Vec<String> {
        let (same, changed) = (counted(self.diff.same, "line"), grouped(&self.count("changed").to_string()));
        let [a, b] = ["only_a", "only_b"].map(|wanted| grouped(&self.count(wanted).to_string()));
        let mut lines =
            vec![String::new(), format!("{same} the same, {changed} changed, {a} only in A, {b} only in B")];
        if !self.diff.fields.is_empty() {
            let mut fields: Vec<(&String, &u64)> = self.diff.fields.iter().collect();
            fields.sort_by(|a, b| (b.1, a.0).cmp(&(a.1, b.0)));
            let fields: Vec<String> = fields.iter().map(|(name, count)| format!("{name} {count}")).collect();
            lines.push(format!("  changed fields: {}", fields.join(", ")));
        }
        let shown = self.lines(most);
        if !shown.is_empty() {
            lines.extend([String::new(), heading("line")]);
        }
        for moved in &shown {
            lines.push(row(&moved.charge, &moved.currency, &moved.sums));
            let what = match moved.fields.as_slice() {
                [] if moved.sums.lines_a == 0 => "only in B".to_owned(),
                [] => "only in A".to_owned(),
                fields => fields.join(", "),
            };
            lines.push(format!("    {} of {}: {what}", moved.line_id, moved.account));
        }
        lines.extend(more(shown.len(), self.diff.moved.len()));
        lines
    }
}

/// The first rows of each currency.
fn first_of_each<'r, T>(
    rows: impl Iterator<Item = &'r T>,
    most: usize,
    currency: impl Fn(&T) -> &String,
) -> Vec<&'r T> {
    let mut counts = std::collections::BTreeMap::<String, usize>::new();
    rows.filter(|row| {
        let count = counts.entry(currency(row).clone()).or_default();
        *count += 1;
        *count <= most
    })
    .collect()
}

const CSV: [&str; 19] = [
    "by",
    "account_id",
    "product",
    "charge",
    "line_id",
    "state",
    "fields",
    "currency",
    "lines_a",
    "lines_b",
    "net_a",
    "net_b",
    "net_change",
    "tax_a",
    "tax_b",
    "tax_change",
    "gross_a",
    "gross_b",
    "gross_change",
];

fn state(sums: &Sums) -> &'static str {
    match (sums.lines_a, sums.lines_b) {
        (0, _) => "only_b",
        (_, 0) => "only_a",
        _ => "changed",
    }
}

fn amounts(sums: &Sums) -> Value {
    let of = |texts: [String; 3]| json!({ "net": texts[0], "tax": texts[1], "gross": texts[2] });
    json!({
        "lines_a": sums.lines_a, "lines_b": sums.lines_b,
        "a": of(sums.a.texts()), "b": of(sums.b.texts()), "change": of(sums.change().texts()),
    })
}

fn csv_row(by: &str, keys: [&str; 3], line: [&str; 3], currency: &str, sums: &Sums) -> Vec<String> {
    let mut row: Vec<String> =
        std::iter::once(by).chain(keys).chain(line).chain([currency]).map(str::to_owned).collect();
    row.extend([sums.lines_a.to_string(), sums.lines_b.to_string()]);
    let (a, b, change) = (sums.a.texts(), sums.b.texts(), sums.change().texts());
    row.extend(a.into_iter().zip(b).zip(change).flat_map(|((a, b), change)| [a, b, change]));
    row
}

fn heading(name: &str) -> String {
    format!("{name:<34} {:<4} {:>16} {:>16} {:>16} {:>16}", "", "gross A", "gross B", "change", "of it net")
}

fn row(key: &str, currency: &str, sums: &Sums) -> String {
    let ([_, _, a], [_, _, b], [net, _, gross]) = (sums.a.texts(), sums.b.texts(), sums.change().texts());
    let [a, b, gross, net] = [a, b, gross, net].map(|amount| money(&amount, currency));
    format!("  {key:<32} {currency:<4} {a:>16} {b:>16} {gross:>16} {net:>16}")
}

fn more(shown: usize, all: usize) -> Option<String> {
    let left = u64::try_from(all.saturating_sub(shown)).ok().filter(|left| *left > 0)?;
    Some(format!("  and {} more; --top shows them", grouped(&left.to_string())))
}
