//! The media service: data transfer, stored recordings, telephone minutes and room devices, per tenant, as Parquet with
//! true decimals and UTC timestamps, one file per Denver day. It bills by tenant (an account), not by room.

use std::io;
use std::sync::Arc;

use arrow::array::{ArrayRef, Decimal128Array, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::clock::{DAY, HOUR, SECOND, date_text, midnight};
use super::dice::Dice;
use super::mishaps::{Deliveries, Record, Row, deliver, disturb};
use super::provider::Provider;
use super::spots::{Spot, astray, choose, tenants, tenants_without};

const MILLION: i64 = 1_000_000;
const DELIVERIES: Deliveries =
    Deliveries { twice_same_file: 40, twice_later: 80, conflicts: 10, september: 70, november: 45 };

/// One measurement. `measured` is in millionths of GB, seconds or devices.
#[derive(Clone, PartialEq)]
pub(crate) struct Measurement {
    id: String,
    kind: &'static str,
    tenant: Option<String>,
    at: Option<i64>,
    measured: i64,
    destination: Option<&'static str>,
    number_type: Option<&'static str>,
}

impl Record for Measurement {
    fn key(&self) -> &str {
        &self.id
    }
    fn identifier(&self) -> Option<&str> {
        self.tenant.as_deref()
    }
    fn at(&self) -> Option<i64> {
        self.at
    }
    fn record_type(&self) -> String {
        format!("media.{}", self.kind)
    }
    fn suspended_by(&self) -> Option<&'static str> {
        (self.measured < 0).then_some("negative_measure")
    }
    fn measures(&self) -> Vec<(&'static str, i64)> {
        match self.kind {
            "transfer" => vec![("transferred_gb", self.measured)],
            // A tenth of a minute is six seconds; each call is rounded up to it.
            "pstn" => vec![("phone_minutes", (self.measured + 6 * MILLION - 1) / (6 * MILLION))],
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
        self.measured += dice.roll(1, 90_000_000);
    }
}

/// Where the file of a day lies below the usage folder.
pub(crate) fn path(day: i64) -> String {
    format!("media/media-{}.parquet", date_text(day))
}

/// Every row of the month.
pub(crate) fn measurements(provider: &Provider, seed: u64) -> Vec<Row<Measurement>> {
    let mut dice = Dice::new(seed, 3);
    let mut made = Vec::new();
    sampled(&tenants(provider, "media.storage"), "storage", &mut dice, &mut made);
    sampled(&tenants(provider, "media.devices"), "devices", &mut dice, &mut made);
    used(&tenants(provider, "media.transfer"), "transfer", 5_200, &mut dice, &mut made);
    used(&tenants(provider, "media.pstn"), "pstn", 4_200, &mut dice, &mut made);
    made.sort_by_key(|measurement| measurement.at);
    for (number, measurement) in made.iter_mut().enumerate() {
        measurement.id = format!("m{:06}", 200_000 + number);
    }
    let mut rows: Vec<_> = made.into_iter().map(|measurement| deliver(measurement, &mut dice)).collect();
    send_astray(provider, &mut rows, &mut dice);
    disturb(&mut rows, &DELIVERIES, "m9", &mut dice);
    rows
}

fn measurement(kind: &'static str, spot: &Spot<'_>, at: i64, measured: i64) -> Measurement {
    let tenant = Some(spot.identifier.to_owned());
    Measurement { id: String::new(), kind, tenant, at: Some(at), measured, destination: None, number_type: None }
}

/// Storage once a night and the devices of the rooms twice a day: gauges, not sums.
fn sampled(spots: &[Spot<'_>], kind: &'static str, dice: &mut Dice, made: &mut Vec<Measurement>) {
    for spot in spots {
        let mut gauge = if kind == "storage" { dice.roll(20, 900) * MILLION } else { dice.roll(4, 60) };
        for half_day in 0..62 {
            let at = midnight(1) + half_day * DAY / 2 + 3 * HOUR + dice.roll(0, 1_700) * SECOND;
            if !(spot.from..spot.until).contains(&at) || (kind == "storage" && half_day % 2 == 1) {
                continue;
            }
            let measured = if kind == "storage" {
                gauge += dice.roll(-MILLION, 12 * MILLION);
                gauge.max(MILLION)
            } else {
                gauge = (gauge + dice.roll(-1, 1)).max(1);
                gauge * MILLION
            };
            made.push(measurement(kind, spot, at, measured));
        }
    }
}

fn used(spots: &[Spot<'_>], kind: &'static str, count: usize, dice: &mut Dice, made: &mut Vec<Measurement>) {
    const COUNTRIES: [&str; 12] = ["US", "CA", "GB", "DE", "FR", "NL", "CH", "JP", "KW", "AU", "IN", "NG"];
    for _ in 0..count {
        let spot = choose(spots, dice);
        let at = spot.moment(dice);
        if kind == "transfer" {
            let mut transfer = measurement(kind, &spot, at, dice.roll(20, 40_000) * 1_000 + dice.roll(0, 999));
            transfer.destination = Some(spot.place.region);
            made.push(transfer);
        } else {
            let mut phone = measurement(kind, &spot, at, dice.roll(4, 2_700) * MILLION);
            phone.destination = Some(if dice.chance(600) { spot.place.country } else { dice.pick(&COUNTRIES) });
            phone.number_type = Some(dice.pick(&["local", "local", "local", "mobile", "tollfree"]));
            made.push(phone);
        }
    }
}

/// Lost tenants, negative measurements, thumbnails nobody meters, tenants that lead nowhere.
fn send_astray(provider: &Provider, rows: &mut Vec<Row<Measurement>>, dice: &mut Dice) {
    // Each record goes astray in one way only, so that its reason does not hang on the order of checks.
    let sound = rows.len();
    for number in 0..97_usize {
        let mut row = rows[dice.index(sound)].clone();
        row.record.id = format!("m8{number:05}");
        match number {
            0..12 => row.record.tenant = None,
            12..27 => row.record.measured = -dice.roll(1, 500_000),
            27..67 => row.record.tenant = Some(format!("tn-{:05}", dice.roll(99_000, 99_020))),
            _ => row.record.kind = "thumbnail",
        }
        rows.push(row);
    }
    let kinds = [("subscription_not_active", "transfer", 20), ("ambiguous_subscription", "storage", 12)];
    for (reason, kind, count) in kinds {
        let places = astray(provider, true, &format!("media.{kind}"), reason);
        for number in 0..count {
            let (tenant, at) = dice.pick(&places);
            let id = format!("m7{count}{number:03}");
            let (tenant, at) = (Some(tenant), Some(at + dice.roll(0, 5 * 3_600) * SECOND));
            let measured = dice.roll(1, 900) * MILLION;
            let strayed = Measurement { id, kind, tenant, at, measured, destination: None, number_type: None };
            rows.push(deliver(strayed, dice));
        }
    }
    let unsold = tenants_without(provider, "media.pstn");
    for number in 0..25 {
        let spot = choose(&unsold, dice);
        let mut phone = measurement("pstn", &spot, spot.moment(dice), dice.roll(4, 900) * MILLION);
        (phone.id, phone.destination, phone.number_type) = (format!("m6{number:05}"), Some("US"), Some("local"));
        rows.push(deliver(phone, dice));
    }
}

/// The bytes of one file: the same for the same rows, with no clock in them.
pub(crate) fn parquet_bytes(rows: &[Row<Measurement>]) -> io::Result<Vec<u8>> {
    let schema = Arc::new(Schema::new(vec![
        Field::new("event_id", DataType::Utf8, false),
        Field::new("kind", DataType::Utf8, false),
        Field::new("tenant", DataType::Utf8, true),
        Field::new("occurred_at", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), true),
        Field::new("measured", DataType::Decimal128(18, 6), false),
        Field::new("destination", DataType::Utf8, true),
        Field::new("number_type", DataType::Utf8, true),
    ]));
    let records = || rows.iter().map(|row| &row.record);
    let measured = Decimal128Array::from_iter_values(records().map(|record| i128::from(record.measured)));
    let occurred = TimestampMicrosecondArray::from_iter(records().map(|record| record.at)).with_timezone("UTC");
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(records().map(|record| record.id.as_str()))),
        Arc::new(StringArray::from_iter_values(records().map(|record| record.kind))),
        Arc::new(StringArray::from_iter(records().map(|record| record.tenant.as_deref()))),
        Arc::new(occurred),
        Arc::new(measured.with_precision_and_scale(18, 6).map_err(io::Error::other)?),
        Arc::new(StringArray::from_iter(records().map(|record| record.destination))),
        Arc::new(StringArray::from_iter(records().map(|record| record.number_type))),
    ];
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns).map_err(io::Error::other)?;
    let level = ZstdLevel::try_new(9).map_err(io::Error::other)?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_created_by("ptarmigan media service".to_owned())
        .build();
    let mut writer = ArrowWriter::try_new(Vec::new(), schema, Some(properties)).map_err(io::Error::other)?;
    writer.write(&batch).map_err(io::Error::other)?;
    writer.into_inner().map_err(io::Error::other)
}
