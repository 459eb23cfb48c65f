//! What a right engine must count, worked out row by row in the order that `README.md` of the sample documents:
//! unreadable, filtered, a required field missing, suspend rule, out of the period, duplicate or conflict, guiding.
//! It is apart from the sources so that there is one truth about the order. It never looks at how a row came to be.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::clock::{PERIOD_END, PERIOD_START};
use super::mishaps::{Record, Row};
use super::provider::Provider;

/// The rows of one file or one source, by what becomes of them; the parts add up to `read`.
#[derive(Default, Clone)]
pub(crate) struct Counts {
    read: u64,
    rated: u64,
    suspended: u64,
    duplicate: u64,
    out_of_window: u64,
    filtered: u64,
}

/// One source.
#[derive(Default)]
pub(crate) struct Ledger {
    total: Counts,
    suspense: BTreeMap<&'static str, u64>,
    meters: BTreeMap<&'static str, i64>,
    files: Vec<(String, Counts)>,
}

/// The whole sample.
pub(crate) struct Expected {
    /// The seed it was made with.
    pub(crate) seed: u64,
    /// Its sources, in name order.
    pub(crate) sources: Vec<(&'static str, Ledger)>,
}

enum Fate {
    Filtered,
    OutOfWindow,
    Duplicate,
    Suspended(&'static str),
    Rated,
}

/// Counts the rows of one source, its files in path order.
pub(crate) fn settle<R: Record>(provider: &Provider, files: &[(String, Vec<Row<R>>)]) -> Ledger {
    let mut ledger = Ledger::default();
    let mut first: BTreeMap<&str, &R> = BTreeMap::new();
    for (path, rows) in files {
        let mut counts = Counts::default();
        for row in rows {
            let fate = fate(provider, row, &mut first);
            counts.read += 1;
            match fate {
                Fate::Filtered => counts.filtered += 1,
                Fate::OutOfWindow => counts.out_of_window += 1,
                Fate::Duplicate => counts.duplicate += 1,
                Fate::Suspended(reason) => {
                    counts.suspended += 1;
                    *ledger.suspense.entry(reason).or_default() += 1;
                }
                Fate::Rated => {
                    counts.rated += 1;
                    for (meter, amount) in row.record.measures() {
                        *ledger.meters.entry(meter).or_default() += amount;
                    }
                }
            }
        }
        ledger.total.add(&counts);
        ledger.files.push((path.clone(), counts));
    }
    ledger
}

fn fate<'a, R: Record>(provider: &Provider, row: &'a Row<R>, first: &mut BTreeMap<&'a str, &'a R>) -> Fate {
    let record = &row.record;
    if let Some((reason, _)) = &row.spoiled {
        return Fate::Suspended(reason);
    }
    if record.filtered() {
        return Fate::Filtered;
    }
    let (Some(identifier), Some(at)) = (record.identifier(), record.at()) else {
        return Fate::Suspended(record.loss());
    };
    if let Some(code) = record.suspended_by() {
        return Fate::Suspended(code);
    }
    if !(PERIOD_START..PERIOD_END).contains(&at) {
        return Fate::OutOfWindow;
    }
    match first.get(record.key()) {
        Some(earlier) if *earlier == record => return Fate::Duplicate,
        Some(_) => return Fate::Suspended("conflicting_key"),
        None => first.insert(record.key(), record),
    };
    provider.unguided(identifier, at, &record.record_type()).map_or(Fate::Rated, Fate::Suspended)
}

impl Counts {
    fn add(&mut self, other: &Self) {
        self.read += other.read;
        self.rated += other.rated;
        self.suspended += other.suspended;
        self.duplicate += other.duplicate;
        self.out_of_window += other.out_of_window;
        self.filtered += other.filtered;
    }

    fn json(&self) -> String {
        let Self { read, rated, suspended, duplicate, out_of_window, filtered } = self;
        format!(
            "\"read\": {read}, \"rated\": {rated}, \"suspended\": {suspended}, \"duplicate\": {duplicate}, \
             \"out_of_window\": {out_of_window}, \"filtered\": {filtered}"
        )
    }
}

/// Decimal places of the smallest unit of each meter in [`Record::measures`].
fn scale(meter: &str) -> u32 {
    match meter {
        "phone_minutes" => 1,
        "replay_sales" => 3,
        "transferred_gb" => 6,
        _ => 0,
    }
}

fn decimal(amount: i64, scale: u32) -> String {
    let one = 10_i64.pow(scale);
    let width = usize::try_from(scale).unwrap_or(0);
    if scale == 0 { amount.to_string() } else { format!("{}.{:0width$}", amount / one, amount % one) }
}

impl Expected {
    /// The text of `expected.json`; keys in name order, one file a line.
    pub(crate) fn json(&self) -> String {
        let mut text = format!("{{\n  \"period\": \"2026-10\",\n  \"seed\": {},\n  \"sources\": {{\n", self.seed);
        let sources: Vec<String> = self.sources.iter().map(|(name, ledger)| ledger.json(name)).collect();
        let _ = write!(text, "{}\n  }}\n}}\n", sources.join(",\n"));
        text
    }

    /// One line a source, for a person.
    pub(crate) fn summary(&self) -> String {
        let mut text = String::new();
        for (name, ledger) in &self.sources {
            let _ = writeln!(text, "{name}: {} {:?}", ledger.total.json().replace('"', ""), ledger.suspense);
        }
        text
    }
}

impl Ledger {
    fn json(&self, name: &str) -> String {
        let pairs = |lines: Vec<String>| lines.join(",\n");
        let suspense = self.suspense.iter().map(|(code, count)| format!("        \"{code}\": {count}")).collect();
        let meters = self.meters.iter();
        let meters =
            meters.map(|(meter, sum)| format!("        \"{meter}\": \"{}\"", decimal(*sum, scale(meter)))).collect();
        let files = self.files.iter();
        let files = files.map(|(path, counts)| format!("        \"{path}\": {{ {} }}", counts.json())).collect();
        let total = self.total.json().replace(", ", ",\n      ");
        format!(
            "    \"{name}\": {{\n      {total},\n      \"suspense\": {{\n{}\n      }},\n      \"meters\": {{\n{}\n      }},\n      \
             \"files\": {{\n{}\n      }}\n    }}",
            pairs(suspense),
            pairs(meters),
            pairs(files)
        )
    }
}
