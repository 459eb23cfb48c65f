//! Bridge call records: one CSV row per leg (one participant in one call), one gzip file per Denver day.
//! Calls come first and legs from them, so that the legs of a call agree on room, host and the highest headcount.

use super::clock::{SECOND, date_text, rfc3339};
use super::dice::Dice;
use super::mishaps::{Deliveries, Record, Row, deliver, disturb};
use super::provider::Provider;
use super::spots::{Spot, astray, choose, rooms};

const CALLS: usize = 8_900;
const HEADER: &str = "call_leg_id,leg_kind,room,started_at,duration_s,region,device,participant_id,peak_participants\n";
const DELIVERIES: Deliveries =
    Deliveries { twice_same_file: 180, twice_later: 260, conflicts: 30, september: 240, november: 150 };

/// One leg. Every field but `offset_hours` is mediated.
#[derive(Clone)]
pub(crate) struct Leg {
    id: String,
    kind: &'static str,
    room: Option<String>,
    at: Option<i64>,
    duration_ms: i64,
    region: &'static str,
    device: &'static str,
    participant: String,
    headcount: i64,
    /// The bridge in Asia writes its local time; the same moment in another notation is the same content.
    offset_hours: i64,
}

impl PartialEq for Leg {
    fn eq(&self, other: &Self) -> bool {
        let facts = |leg: &Self| (leg.kind, leg.at, leg.duration_ms, leg.region, leg.device, leg.headcount);
        facts(self) == facts(other) && self.room == other.room && self.participant == other.participant
    }
}

impl Record for Leg {
    fn key(&self) -> &str {
        &self.id
    }
    fn identifier(&self) -> Option<&str> {
        self.room.as_deref()
    }
    fn at(&self) -> Option<i64> {
        self.at
    }
    fn record_type(&self) -> String {
        format!("video.{}", self.kind)
    }
    fn filtered(&self) -> bool {
        self.kind == "probe"
    }
    fn suspended_by(&self) -> Option<&'static str> {
        match self.duration_ms {
            ..0 => Some("negative_duration"),
            86_400_001.. => Some("endless_call"),
            _ => None,
        }
    }
    fn measures(&self) -> Vec<(&'static str, i64)> {
        vec![("video_minutes", (self.duration_ms + 59_999) / 60_000)]
    }
    fn move_to(&mut self, at: i64) {
        self.at = Some(at);
    }
    fn rename(&mut self, key: String) {
        self.id = key;
    }
    fn correct(&mut self, dice: &mut Dice) {
        self.duration_ms += dice.roll(1, 600) * 500;
    }
}

/// Where the file of a day lies below the usage folder.
pub(crate) fn path(day: i64) -> String {
    format!("bridge/{}/legs.csv.gz", date_text(day))
}

/// Every row of the month.
pub(crate) fn legs(provider: &Provider, seed: u64) -> Vec<Row<Leg>> {
    let mut dice = Dice::new(seed, 2);
    let spots = rooms(provider, "video.call");
    let mut legs = Vec::new();
    for _ in 0..CALLS {
        let spot = choose(&spots, &mut dice);
        call(&spot, &mut dice, &mut legs);
    }
    legs.sort_by_key(|leg| leg.at);
    for (number, leg) in legs.iter_mut().enumerate() {
        leg.id = format!("L{:06}", 100_000 + number);
    }
    let mut rows: Vec<Row<Leg>> = legs.into_iter().map(|leg| deliver(leg, &mut dice)).collect();
    send_astray(provider, &mut rows, &mut dice);
    disturb(&mut rows, &DELIVERIES, "L9", &mut dice);
    spoil(&mut rows, &mut dice);
    rows
}

fn call(spot: &Spot<'_>, dice: &mut Dice, legs: &mut Vec<Leg>) {
    const DEVICES: [&str; 7] = ["desktop", "desktop", "desktop", "browser", "browser", "mobile", "room"];
    let start = spot.moment(dice);
    let people = dice.roll(2, 3) + dice.roll(0, 2) * dice.roll(0, 3);
    let length_s = dice.pick(&[900, 1_500, 1_800, 1_800, 2_700, 3_600, 3_600, 5_400]) + dice.roll(-120, 240);
    let pool = spot.weight * 6;
    for _ in 0..people {
        let late = dice.roll(0, 90);
        let at = (start + late * SECOND).min(spot.until - SECOND);
        // Most legs end with the call, some leave early; bridges write tenths of a second.
        let early = if dice.chance(250) { dice.roll(0, length_s / 2) } else { 0 };
        legs.push(Leg {
            id: String::new(),
            kind: "call",
            room: Some(spot.identifier.to_owned()),
            at: Some(at),
            duration_ms: (length_s - late - early) * 1_000 + dice.roll(0, 9) * 100,
            region: spot.place.region,
            device: dice.pick(&DEVICES),
            participant: format!("u{:03}-{:02}", spot.subscription + 1, dice.roll(1, pool)),
            headcount: people,
            offset_hours: if spot.place.region == "ap-northeast" { 9 } else { 0 },
        });
    }
}

/// Turns some legs into probes, chats, broken measurements, and calls in rooms that lead nowhere.
fn send_astray(provider: &Provider, rows: &mut Vec<Row<Leg>>, dice: &mut Dice) {
    // Each record goes astray in one way only, so that its reason does not hang on the order of checks.
    let sound = rows.len();
    for number in 0..800_usize {
        let mut row = rows[dice.index(sound)].clone();
        row.record.id = format!("L8{number:05}");
        match number {
            0..420 => (row.record.kind, row.record.room) = ("probe", Some("selftest".to_owned())),
            420..500 => row.record.kind = "chat",
            500..540 => row.record.duration_ms = -dice.roll(1, 4_000) * 100,
            540..552 => row.record.duration_ms = 86_400_000 + dice.roll(1, 900_000) * 100,
            552..672 => row.record.room = Some(format!("guest-{}", dice.roll(100, 139))),
            672..740 if number % 3 == 0 => row.record.room = None,
            672..740 => row.record.at = None,
            _ => continue,
        }
        rows.push(row);
    }
    for (reason, count) in [("identifier_not_valid", 60), ("subscription_not_active", 90)] {
        let places = astray(provider, false, "video.call", reason);
        for number in 0..count {
            let (room, at) = dice.pick(&places);
            let mut leg = rows[dice.index(1_000)].record.clone();
            leg.id = format!("L7{}{number:04}", count % 10 + count / 10);
            (leg.room, leg.at) = (Some(room), Some(at + dice.roll(0, 5 * 3_600) * SECOND));
            rows.push(deliver(leg, dice));
        }
    }
}

/// Rows nobody can read, in the ways in which exports break.
fn spoil(rows: &mut Vec<Row<Leg>>, dice: &mut Dice) {
    for number in 0..72_usize {
        let mut row = rows[dice.index(20_000)].clone();
        row.record.id = format!("L6{number:05}");
        let whole = line(&row);
        let fields: Vec<&str> = whole.trim_end().split(',').collect();
        let with = |column: usize, text: &str| {
            let mut changed = fields.clone();
            changed[column] = text;
            changed.join(",") + "\n"
        };
        row.spoiled = Some(match number % 8 {
            0 => ("not_a_decimal", with(4, "12m30s")),
            1 => ("not_a_decimal", with(4, "\"1,834.250\"")),
            2 => ("not_a_timestamp", with(3, "2026-10-32T25:61:00Z")),
            3 => ("not_a_timestamp", with(3, "yesterday")),
            4 => ("missing_field", fields[..6].join(",") + "\n"),
            5 => ("missing_field", format!("<<< bridge {} restarted after {} s >>>\n", fields[5], dice.roll(2, 90))),
            6 => ("not_an_integer", with(8, "many")),
            _ => ("extra_field", whole.trim_end().to_owned() + ",late\n"),
        });
        rows.push(row);
    }
}

/// The text of one file.
pub(crate) fn csv_text(rows: &[Row<Leg>]) -> String {
    let lines = rows.iter().map(|row| row.spoiled.as_ref().map_or_else(|| line(row), |(_, text)| text.clone()));
    std::iter::once(HEADER.to_owned()).chain(lines).collect()
}

fn line(row: &Row<Leg>) -> String {
    let leg = &row.record;
    let at = leg.at.map(|at| rfc3339(at, if row.restated { 0 } else { leg.offset_hours })).unwrap_or_default();
    let (sign, size) = (if leg.duration_ms < 0 { "-" } else { "" }, leg.duration_ms.abs());
    let duration = if row.restated {
        format!("{sign}{}.{:03}", size / 1_000, size % 1_000)
    } else {
        format!("{sign}{}.{}", size / 1_000, size % 1_000 / 100)
    };
    let room = leg.room.as_deref().unwrap_or_default();
    format!(
        "{},{},{room},{at},{duration},{},{},{},{}\n",
        leg.id, leg.kind, leg.region, leg.device, leg.participant, leg.headcount
    )
}
