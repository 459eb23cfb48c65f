//! Recording events as NDJSON: a recording is finished, transcribed, sold as a replay, viewed. One zstd file per Denver
//! day. Keys that do not belong to an event are absent, as JSON services do; numbers keep the digits of their currency.

use super::clock::{SECOND, date_text, rfc3339};
use super::dice::Dice;
use super::mishaps::{Deliveries, Record, Row, deliver, disturb};
use super::provider::Provider;
use super::spots::{Spot, astray, choose, rooms, rooms_without};

const DELIVERIES: Deliveries =
    Deliveries { twice_same_file: 35, twice_later: 60, conflicts: 8, september: 55, november: 35 };

/// One event.
#[derive(Clone, PartialEq)]
pub(crate) struct Event {
    id: String,
    event: &'static str,
    room: Option<String>,
    at: Option<i64>,
    duration_ms: Option<i64>,
    language: Option<&'static str>,
    gross_thousandths: Option<i64>,
}

impl Record for Event {
    fn key(&self) -> &str {
        &self.id
    }
    fn identifier(&self) -> Option<&str> {
        self.room.as_deref()
    }
    fn at(&self) -> Option<i64> {
        self.at
    }
    fn loss(&self) -> &'static str {
        if self.writes_null_room() { "missing_required" } else { "missing_field" }
    }
    fn record_type(&self) -> String {
        format!("recording.{}", self.event)
    }
    fn suspended_by(&self) -> Option<&'static str> {
        (self.event == "finished" && self.duration_ms == Some(0)).then_some("empty_recording")
    }
    fn measures(&self) -> Vec<(&'static str, i64)> {
        // Recording minutes are rounded half up, transcript minutes up, each to whole minutes per record.
        let millis = self.duration_ms.unwrap_or(0);
        match self.event {
            "finished" => vec![("recordings", 1), ("recording_minutes", (millis + 30_000) / 60_000)],
            "transcribed" => vec![("transcript_minutes", (millis + 59_999) / 60_000)],
            "sold" => vec![("replay_sales", self.gross_thousandths.unwrap_or(0))],
            _ => Vec::new(),
        }
    }
    fn move_to(&mut self, at: i64) {
        self.at = Some(at);
    }
    fn rename(&mut self, key: String) {
        self.id = key;
    }
    fn correct(&mut self, dice: &mut Dice) {
        let more = dice.roll(1, 400) * 1_000;
        self.duration_ms = self.duration_ms.map(|millis| millis + more);
        self.gross_thousandths = self.gross_thousandths.map(|gross| gross + more);
    }
}

impl Event {
    /// Of the events that lost their room, half say `null` and half lack the key.
    fn writes_null_room(&self) -> bool {
        self.id.ends_with(['0', '2', '4', '6', '8'])
    }
}

/// Where the file of a day lies below the usage folder.
pub(crate) fn path(day: i64) -> String {
    format!("recording/{}.ndjson.zst", date_text(day))
}

/// Every row of the month.
pub(crate) fn events(provider: &Provider, seed: u64) -> Vec<Row<Event>> {
    let mut dice = Dice::new(seed, 4);
    let spots = rooms(provider, "recording.finished");
    let currency = |spot: &Spot<'_>| spot.place.currency;
    let mut made = Vec::new();
    for _ in 0..4_300 {
        let spot = choose(&spots, &mut dice);
        recording(&spot, currency(&spot), &mut dice, &mut made);
    }
    made.sort_by_key(|event| event.at);
    for (number, event) in made.iter_mut().enumerate() {
        event.id = format!("r{:06}", 300_000 + number);
    }
    let mut rows: Vec<_> = made.into_iter().map(|event| deliver(event, &mut dice)).collect();
    send_astray(provider, &mut rows, &mut dice);
    disturb(&mut rows, &DELIVERIES, "r9", &mut dice);
    spoil(&mut rows, &mut dice);
    rows
}

/// One recording and, sometimes, its transcript an hour later and a sold replay.
fn recording(spot: &Spot<'_>, currency: &str, dice: &mut Dice, made: &mut Vec<Event>) {
    const LANGUAGES: [&str; 8] = ["en", "en", "en", "de", "fr", "es", "ja", "ar"];
    let at = spot.moment(dice);
    let duration_ms = dice.roll(300, 7_200) * 1_000 + dice.roll(0, 3) * 250;
    let room = Some(spot.identifier.to_owned());
    let blank = Event {
        id: String::new(),
        event: "",
        room,
        at: Some(at),
        duration_ms: None,
        language: None,
        gross_thousandths: None,
    };
    made.push(Event { event: "finished", duration_ms: Some(duration_ms), ..blank.clone() });
    let later = |minutes: i64| Some((at + minutes * 60 * SECOND).min(spot.until - SECOND));
    if dice.chance(450) {
        let language = Some(dice.pick(&LANGUAGES));
        made.push(Event {
            event: "transcribed",
            at: later(61),
            duration_ms: Some(duration_ms),
            language,
            ..blank.clone()
        });
    }
    if dice.chance(250) {
        let gross = match currency {
            "JPY" => dice.roll(5, 60) * 100_000,
            "KWD" => dice.roll(500, 9_000),
            _ => dice.roll(199, 4_900) * 10,
        };
        made.push(Event { event: "sold", at: later(dice.roll(90, 900)), gross_thousandths: Some(gross), ..blank });
    }
}

/// Lost rooms, empty recordings, views nobody meters, rooms that lead nowhere or whose plan has no recording.
fn send_astray(provider: &Provider, rows: &mut Vec<Row<Event>>, dice: &mut Dice) {
    let finished: Vec<Event> =
        rows.iter().map(|row| &row.record).filter(|record| record.event == "finished").cloned().collect();
    let without = rooms_without(provider, "recording.finished");
    let invalid = astray(provider, false, "recording.finished", "identifier_not_valid");
    let inactive = astray(provider, false, "recording.finished", "subscription_not_active");
    for number in 0..154_usize {
        let mut event = dice.pick(&finished);
        event.id = format!("r8{number:05}");
        let jitter = dice.roll(0, 5 * 3_600) * SECOND;
        match number {
            0..12 => event.room = None,
            12..27 => event.duration_ms = Some(0),
            27..57 => event.event = "viewed",
            57..87 => event.room = Some(format!("guest-{}", dice.roll(100, 139))),
            87..127 => {
                let spot = choose(&without, dice);
                (event.room, event.at) = (Some(spot.identifier.to_owned()), Some(spot.moment(dice)));
            }
            127..139 => {
                let (room, at) = dice.pick(&invalid);
                (event.room, event.at) = (Some(room), Some(at + jitter));
            }
            _ => {
                let (room, at) = dice.pick(&inactive);
                (event.room, event.at) = (Some(room), Some(at + jitter));
            }
        }
        rows.push(deliver(event, dice));
    }
}

/// Lines nobody can read.
fn spoil(rows: &mut Vec<Row<Event>>, dice: &mut Dice) {
    for number in 0..30_usize {
        let mut row = rows[dice.index(4_000)].clone();
        (row.record.id, row.record.gross_thousandths) = (format!("r6{number:05}"), None);
        let whole = line(&row);
        row.spoiled = Some(match number % 5 {
            0 => ("not_json", whole[..whole.len() / 2].to_owned() + "\n"),
            1 => ("not_a_timestamp", whole.replacen("\"happened_at\":\"2026", "\"happened_at\":\"the year 2026", 1)),
            2 => ("not_json", format!("recorder-{} rotated its log\n", dice.roll(1, 9))),
            3 => ("not_json", whole.replacen("\"event\":", "\"event\":\"", 1)),
            _ => ("not_a_decimal", whole.trim_end().trim_end_matches('}').to_owned() + ",\"gross\":\"n/a\"}\n"),
        });
        rows.push(row);
    }
}

/// The text of one file.
pub(crate) fn ndjson_text(rows: &[Row<Event>]) -> String {
    rows.iter().map(|row| row.spoiled.as_ref().map_or_else(|| line(row), |(_, text)| text.clone())).collect()
}

fn line(row: &Row<Event>) -> String {
    let event = &row.record;
    let mut text = format!("{{\"event_id\":\"{}\",\"event\":\"{}\"", event.id, event.event);
    if let Some(room) = &event.room {
        text += &format!(",\"room\":\"{room}\"");
    } else if event.writes_null_room() {
        text += ",\"room\":null";
    }
    text += &event.at.map(|at| format!(",\"happened_at\":\"{}\"", rfc3339(at, 0))).unwrap_or_default();
    text +=
        &event.duration_ms.map(|millis| format!(",\"seconds\":{}", seconds(millis, row.restated))).unwrap_or_default();
    text += &event.language.map(|language| format!(",\"language\":\"{language}\"")).unwrap_or_default();
    let gross = event.gross_thousandths.map(|gross| format!(",\"gross\":{}.{:03}", gross / 1_000, gross % 1_000));
    text + gross.unwrap_or_default().trim_end_matches('0').trim_end_matches('.') + "}\n"
}

/// Seconds as the recorder writes them; whole hundreds with an exponent, as its newer release does.
fn seconds(millis: i64, restated: bool) -> String {
    if restated || millis % 100_000 != 0 || millis == 0 {
        format!("{}.{:03}", millis / 1_000, millis % 1_000)
    } else {
        format!("{}e2", millis / 100_000)
    }
}
