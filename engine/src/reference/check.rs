//! Reads the cells of a table as values and collects what is wrong with them.
//!
//! Every reader answers `None` after it has reported a fault, so that a row's other cells are read on and all faults come
//! out at once. It knows kinds of values, never what a table means.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use chrono_tz::Tz;
use hashbrown::HashMap;

use super::ids::Ids;
use super::model::Index;
use super::nearest::{nearest, same_letters};
use super::table::Table;
use crate::fault::{Code, Fault, Faults, Outcome, codes};
use crate::money::Decimal;
use crate::money::currency::minor_digits;
use crate::period;

/// Faults shown of one table; the rest is counted.
const SHOWN: usize = 50;

/// A column of the table, if it has it.
pub(super) type Column = Option<usize>;

/// Collects the faults of one table.
pub(super) struct Checker<'t> {
    /// The table.
    pub(super) table: &'t Table,
    timezone: Tz,
    midnights: HashMap<NaiveDate, Option<i64>>,
    currencies: Vec<&'t str>,
    custom: Vec<usize>,
    faults: Vec<Fault>,
    unshown: Vec<&'static Code>,
}

impl<'t> Checker<'t> {
    /// Starts with the rows that could not be read.
    pub(super) fn new(table: &'t Table, timezone: Tz) -> Self {
        let mut checker = Self {
            table,
            timezone,
            midnights: HashMap::new(),
            currencies: Vec::new(),
            custom: Vec::new(),
            faults: Vec::new(),
            unshown: Vec::new(),
        };
        for (row, why) in &table.broken {
            checker.keep(&codes::R003, || Fault::new(&codes::R003, why.clone()).at(&table.place(*row)));
        }
        checker
    }

    /// Checks that the table has every `required` column, and that no other column looks like an absent `optional`
    /// one: read as a custom column it would be lost without a word.
    pub(super) fn columns(&mut self, required: &[&str], optional: &[&str]) -> bool {
        let table = self.table;
        let is_standard = |name: &str| required.contains(&name) || optional.contains(&name);
        let custom = |(at, name): (usize, &String)| (!name.is_empty() && !is_standard(name)).then_some(at);
        self.custom = table.columns.iter().enumerate().filter_map(custom).collect();
        let others: Vec<&str> =
            self.custom.iter().filter_map(|at| table.columns.get(*at)).map(String::as_str).collect();
        let mut complete = true;
        for name in required.iter().filter(|name| table.column(name).is_none()) {
            let hint = match nearest(name, others.iter().copied()) {
                Some(near) => format!("is the column `{near}` meant? Name it `{name}`"),
                None => format!("its columns are {}", listed(&table.columns)),
            };
            self.whole(&codes::R002, || (format!("the column `{name}` is missing"), hint));
            complete = false;
        }
        for name in optional.iter().filter(|name| table.column(name).is_none()) {
            if let Some(near) = others.iter().find(|other| same_letters(other, name)) {
                let hint = format!("name it `{name}`, or something else if it is a column of your own");
                self.whole(&codes::R002, || (format!("the column `{near}` is written like `{name}`"), hint));
            }
        }
        complete
    }

    /// Checks that the table has at least one of the two columns.
    pub(super) fn either_column(&mut self, one: &str, other: &str) -> bool {
        let found = self.table.column(one).or(self.table.column(other)).is_some();
        if !found {
            let hint = format!("its columns are {}", listed(&self.table.columns));
            self.whole(&codes::R002, || (format!("one of the columns `{one}` and `{other}` is needed"), hint));
        }
        found
    }

    /// The column named `name`.
    pub(super) fn column(&self, name: &str) -> Column {
        self.table.column(name)
    }

    /// Reports a fault of a row; `what` makes its message and hint.
    pub(super) fn fault(&mut self, row: usize, code: &'static Code, what: impl FnOnce() -> (String, String)) {
        let table = self.table;
        // Whatever else is wrong with a row that cannot be read follows from that.
        if !table.is_broken(row) {
            self.keep(code, || {
                let (message, hint) = what();
                Fault::new(code, message).hint(hint).at(&table.place(row))
            });
        }
    }

    fn whole(&mut self, code: &'static Code, what: impl FnOnce() -> (String, String)) {
        let place = self.table.whole();
        self.keep(code, || {
            let (message, hint) = what();
            Fault::new(code, message).hint(hint).at(&place)
        });
    }

    fn keep(&mut self, code: &'static Code, make: impl FnOnce() -> Fault) {
        if self.faults.len() < SHOWN { self.faults.push(make()) } else { self.unshown.push(code) }
    }

    /// `value`, or all faults in the order of their lines.
    pub(super) fn finish<T>(mut self, value: T) -> Outcome<T> {
        self.faults.sort_by_key(|fault| fault.place.as_ref().map_or(0, |place| place.line));
        if let Some(code) = self.unshown.first() {
            let message = format!("{} more faults in this table are not shown", self.unshown.len());
            self.faults.push(Fault::new(code, message).at(&self.table.whole()));
        }
        Faults(self.faults).or(value)
    }

    /// The text of a cell.
    pub(super) fn text(&self, row: usize, column: Column) -> &'t str {
        self.table.cell(row, column)
    }

    /// The text of a cell; empty when it holds nothing but spaces.
    pub(super) fn blankable(&self, row: usize, column: Column) -> &'t str {
        let text = self.text(row, column);
        if text.trim().is_empty() { "" } else { text }
    }

    /// The text of a cell that may not be blank.
    pub(super) fn required(&mut self, row: usize, column: Column) -> Option<&'t str> {
        let text = self.blankable(row, column);
        if text.is_empty() {
            let name = self.name(column);
            self.fault(row, &codes::R003, || (format!("`{name}` is blank"), "every row needs one".to_owned()));
            return None;
        }
        Some(text)
    }

    /// Custom columns of a row that are not blank.
    pub(super) fn custom(&self, row: usize) -> BTreeMap<String, String> {
        let cells = self.custom.iter().map(|column| (*column, self.blankable(row, Some(*column))));
        cells.filter(|(_, text)| !text.is_empty()).map(|(at, text)| (self.name(Some(at)), text.to_owned())).collect()
    }

    /// Reports every key that stands twice.
    pub(super) fn unique(&mut self, ids: &Ids<'_>, column: Column) {
        for (row, first) in &ids.repeated {
            let (name, id, line) = (self.name(column), self.text(*row, column), self.table.line(*first));
            self.fault(*row, &codes::R004, || {
                (format!("`{name}` `{id}` stands in line {line} already"), "each may stand only once".to_owned())
            });
        }
    }

    /// The position of the row of `ids` (a table called `target`) the cell points to; `None` for a blank cell too.
    /// Without `ids`, which is when their table could not be read, everything is taken to exist.
    pub(super) fn pointer(&mut self, row: usize, column: Column, ids: Option<&Ids<'_>>, target: &str) -> Option<Index> {
        let text = self.blankable(row, column);
        let Some(ids) = ids else { return (!text.is_empty()).then_some(0) };
        let found = ids.find(text);
        if found.is_none() && !text.is_empty() {
            let name = self.name(column);
            self.fault(row, &codes::R005, || {
                let hint = match ids.nearest(text) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("add it to {target}, or correct the id"),
                };
                (format!("`{name}` `{text}` does not exist in {target}"), hint)
            });
        }
        found
    }

    /// A decimal number; `blank` is what a blank cell means.
    pub(super) fn decimal(&mut self, row: usize, column: Column, blank: Option<Decimal>) -> Option<Decimal> {
        let text = match blank {
            Some(value) if self.blankable(row, column).is_empty() => return Some(value),
            _ => self.required(row, column)?,
        };
        match Decimal::parse(text) {
            Ok(value) => Some(value),
            Err(cause) => {
                self.bad(row, column, &cause.to_string(), "write it plainly, with a point: 1234.56");
                None
            }
        }
    }

    /// A date; blank is `Some(None)`.
    pub(super) fn day(&mut self, row: usize, column: Column) -> Option<Option<NaiveDate>> {
        let text = self.blankable(row, column);
        if text.is_empty() {
            return Some(None);
        }
        // Tools without a type for dates write them to Parquet as timestamps.
        let day = day(text.strip_suffix("T00:00:00").unwrap_or(text));
        if day.is_none() {
            self.bad(row, column, "not a date", "write it as YYYY-MM-DD");
        }
        day.map(Some)
    }

    /// Two dates that bound a validity, `[from, to)`.
    pub(super) fn days(
        &mut self,
        row: usize,
        from: Column,
        to: Column,
    ) -> Option<(Option<NaiveDate>, Option<NaiveDate>)> {
        let (start, end) = (self.day(row, from), self.day(row, to));
        let (start, end) = (start?, end?);
        let orderly = start.is_none() || end.is_none() || start < end;
        self.orderly(row, orderly, from, to).then_some((start, end))
    }

    /// Two dates or timestamps that bound a validity, in UTC microseconds; blank ones are `i64::MIN` and `i64::MAX`.
    pub(super) fn instants(&mut self, row: usize, from: Column, to: Column) -> Option<(i64, i64)> {
        let (start, end) = (self.instant(row, from, i64::MIN), self.instant(row, to, i64::MAX));
        let (start, end) = (start?, end?);
        self.orderly(row, start < end, from, to).then_some((start, end))
    }

    fn instant(&mut self, row: usize, column: Column, blank: i64) -> Option<i64> {
        let text = self.blankable(row, column);
        if text.is_empty() {
            return Some(blank);
        }
        let instant = match day(text) {
            Some(day) => self.midnight(day),
            None => instant(text),
        };
        if instant.is_none() {
            self.bad(row, column, "neither a date nor a timestamp", "write it as 2026-10-31 or 2026-10-31T08:00:00Z");
        }
        instant
    }

    /// The first instant of a local day.
    pub(super) fn midnight(&mut self, day: NaiveDate) -> Option<i64> {
        let timezone = self.timezone;
        *self.midnights.entry(day).or_insert_with(|| period::midnight(day, timezone))
    }

    /// Reports an end that is not after its start.
    pub(super) fn orderly(&mut self, row: usize, orderly: bool, from: Column, to: Column) -> bool {
        if !orderly {
            let (first, last) = (self.text(row, from), self.text(row, to));
            let (from, to) = (self.name(from), self.name(to));
            self.fault(row, &codes::R008, || {
                let hint = format!("`{to}` is the first day it no longer holds");
                (format!("`{to}` {last} is not after `{from}` {first}"), hint)
            });
        }
        orderly
    }

    /// `true`, `false`, or blank for false.
    pub(super) fn flag(&mut self, row: usize, column: Column) -> Option<bool> {
        match self.blankable(row, column) {
            "" => Some(false),
            text if text.eq_ignore_ascii_case("true") => Some(true),
            text if text.eq_ignore_ascii_case("false") => Some(false),
            _ => {
                self.bad(row, column, "neither true nor false", "write true, false or nothing");
                None
            }
        }
    }

    /// A currency code.
    pub(super) fn currency(&mut self, row: usize, column: Column) -> Option<&'t str> {
        let code = self.required(row, column)?;
        // The list of currencies is long and the currencies of a seller are few.
        if !self.currencies.contains(&code) {
            if minor_digits(code).is_none() {
                self.fault(row, &codes::R009, || {
                    let upper = code.trim().to_ascii_uppercase();
                    let known = minor_digits(&upper).is_some();
                    let hint = if known {
                        format!("did you mean `{upper}`?")
                    } else {
                        "use ISO 4217 codes such as USD".to_owned()
                    };
                    (format!("`{code}` is not a currency"), hint)
                });
                return None;
            }
            self.currencies.push(code);
        }
        Some(code)
    }

    /// Reports a value that cannot be read.
    pub(super) fn bad(&mut self, row: usize, column: Column, why: &str, hint: &str) {
        let (name, text) = (self.name(column), self.text(row, column));
        self.fault(row, &codes::R003, || (format!("`{name}` `{}`: {why}", shortened(text)), hint.to_owned()));
    }

    fn name(&self, column: Column) -> String {
        column.and_then(|at| self.table.columns.get(at)).cloned().unwrap_or_default()
    }
}

/// A date written `YYYY-MM-DD`.
fn day(text: &str) -> Option<NaiveDate> {
    let bytes = text.as_bytes();
    let shaped = bytes.len() == 10 && bytes.get(4) == Some(&b'-') && bytes.get(7) == Some(&b'-');
    let digits = |range: std::ops::Range<usize>| {
        let part = shaped.then(|| text.get(range)).flatten()?;
        part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse::<u32>().ok()).flatten()
    };
    let year = i32::try_from(digits(0..4)?).ok()?;
    NaiveDate::from_ymd_opt(year, digits(5..7)?, digits(8..10)?)
}

/// A timestamp in UTC microseconds; one without an offset is UTC, as everywhere. Finer ones are not cut but refused.
fn instant(text: &str) -> Option<i64> {
    let offset = DateTime::parse_from_rfc3339(text).map(|instant| instant.to_utc());
    let parsed = offset.or_else(|_| {
        let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f");
        local.or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f")).map(|local| local.and_utc())
    });
    let instant = parsed.ok()?;
    (instant.timestamp_subsec_nanos() % 1_000 == 0).then(|| instant.timestamp_micros())
}

fn listed(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().take(20).map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= 60 { text.to_owned() } else { text.chars().take(57).chain("...".chars()).collect() }
}
