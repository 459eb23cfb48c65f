//! Records of one subscription in October 2026, and the portions of stretches and days that charges are given of them.

use super::*;
use crate::book;
use crate::fault::{Located, Place};
use crate::meter::{Metering, bucketed};
use crate::pipeline::model::ReferencePaths;
use crate::reference;
use crate::store::Location;
use crate::usage::{Origin, Settled, Slot};

const BOOK: &str = "\
book: b
meters:
  a_time: { record_type: r, quantity: q, aggregate: weighted_sum, records_are: level, attributes: [who], dimensions: [site] }
  b_days: { record_type: r, quantity: q, aggregate: prorated_sum }
  c_most: { record_type: r, quantity: q, aggregate: percentile, percentile: { percent: 60 } }
  d_windows: { record_type: r, quantity: q, aggregate: windowed, windowed: { window: hour, of: max } }
products:
  p:
    charges:
      a: { meter: a_time, model: per_unit, unit_price: 1 }
      b: { meter: b_days, model: per_unit, unit_price: 1 }
      c: { meter: c_most, model: per_unit, unit_price: 1 }
      d: { meter: d_windows, model: per_unit, unit_price: 1 }
";
const METERS: [&str; 4] = ["time", "days", "most", "windows"];
const HOUR: i64 = 3_600_000_000;

struct Shop {
    book: PriceBook,
    reference: Reference,
    period: Period,
}

async fn shop(name: &str, end: &str) -> Shop {
    let files = [
        ("book.yaml", BOOK.to_owned()),
        ("accounts.csv", "account_id,parent_id,currency\nA1,,USD\n".to_owned()),
        (
            "subscriptions.csv",
            format!("subscription_id,account_id,plan,product,start,end\nS1,A1,,p,2026-01-01,{end}\n"),
        ),
        ("identifiers.csv", "identifier,subscription_id,account_id,valid_from,valid_to\n".to_owned()),
    ];
    let at =
        |file: &str| Located { text: format!("memory://charge-{name}/{file}"), place: Place::file("nightly.yaml") };
    for (file, text) in files {
        Location::parse(&at(file).text).unwrap().put(text.into_bytes().into()).await.unwrap();
    }
    let paths = ReferencePaths {
        accounts: at("accounts.csv"),
        subscriptions: at("subscriptions.csv"),
        identifiers: at("identifiers.csv"),
        tax_rates: None,
        fx_rates: None,
        price_overrides: None,
        levels: None,
        tax_exemptions: None,
        credits: None,
        commitment_balances: None,
        amendments: None,
        coupons: None,
        allowance_balances: None,
    };
    Shop {
        book: book::load(&at("book.yaml")).await.unwrap(),
        reference: reference::load(&paths, chrono_tz::UTC).await.unwrap(),
        period: Period::month("2026-10", chrono_tz::UTC).unwrap(),
    }
}

impl Shop {
    /// The quantities of the portions that `meter` gives of `days`, with the records behind them, when `records` (hour of
    /// the month, quantity, value of the attribute) have come in.
    fn portions(&self, meter: &str, records: &[(i64, i64, &str)], each: Each, days: Range<u16>) -> Vec<String> {
        let meter = METERS.iter().position(|known| *known == meter).unwrap();
        let mut cells = Vec::new();
        let mut settled = Vec::new();
        for (row, (hour, quantity, who)) in (0..).zip(records) {
            let values = if meter == 0 { vec!["here".into(), Arc::from(*who)] } else { Vec::new() };
            let cell = Cell { meter: u32::try_from(meter).unwrap(), values };
            if !cells.contains(&cell) {
                cells.push(cell.clone());
            }
            let slot = Slot::new(0, u32::try_from(cells.iter().position(|known| *known == cell).unwrap()).unwrap());
            let (quantity, time) = (Decimal::whole(*quantity).units(), self.period.start() + hour * HOUR);
            settled.push(Settled { quantity, slot, time, origin: Origin::new(0, row) });
        }
        assert!(cells.is_sorted());
        let catalog = Catalog::new(&self.book, &self.reference, &self.period, &crate::catalog::Applies::new()).unwrap();
        let metering = Metering { meters: &self.book.meters, by_record: &catalog.by_record };
        let buckets = bucketed(vec![vec![settled]], cells, &[], metering, &self.period, Vec::new()).unwrap();
        let cube = Cube::new(&buckets, &self.book, &catalog, &self.period, &self.reference).unwrap();
        let price = u32::try_from(meter).unwrap();
        let portions = cube.portions(0, &Wanted { meter, price, each, days, stretch: 0 }).unwrap();
        portions.iter().map(|portion| format!("{} of {}", portion.quantity, portion.records)).collect()
    }
}

#[tokio::test]
async fn a_stretch_is_given_the_time_a_level_was_held_in_it() {
    let shop = shop("stretch", "").await;
    let level = [(0, 31, "x"), (24 * 20, 0, "x")];
    assert_eq!(shop.portions("time", &level, Each::Period, 0..31), ["20 of 2"]);
    assert_eq!(shop.portions("time", &level, Each::Period, 0..15), ["15 of 1"]);
    assert_eq!(shop.portions("time", &level, Each::Period, 15..31), ["5 of 1"]);
    assert_eq!(shop.portions("time", &level, Each::Period, 25..31), [] as [&str; 0]);
    let change = [(6, 31, ""), (24 * 20 + 23, -31, "")];
    assert_eq!(shop.portions("days", &change, Each::Period, 0..15), ["15 of 1"]);
    assert_eq!(shop.portions("days", &change, Each::Period, 15..31), ["5 of 1"]);
}

#[tokio::test]
async fn a_day_is_given_the_level_it_had() {
    let shop = shop("day", "2026-10-04").await;
    let level = [(0, 8, "x"), (36, 4, "x")];
    assert_eq!(shop.portions("time", &level, Each::Day, 0..31), ["8 of 1", "6 of 1", "4 of 0"]);
    assert_eq!(shop.portions("days", &[(0, 8, ""), (36, -4, "")], Each::Day, 0..31), ["8 of 1", "4 of 1", "4 of 0"]);
}

#[tokio::test]
async fn attributes_keep_no_levels_apart() {
    let shop = shop("attributes", "").await;
    assert_eq!(shop.portions("time", &[(0, 62, "ann"), (24 * 15, 31, "bob")], Each::Period, 0..31), ["46 of 2"]);
}

#[tokio::test]
async fn a_stretch_has_the_percentile_and_the_windows_of_its_own_records() {
    let shop = shop("spread", "").await;
    let used = [(1, 5, ""), (2, 9, ""), (3, 7, ""), (30, 1, ""), (31, 2, "")];
    assert_eq!(shop.portions("most", &used, Each::Period, 0..31), ["5 of 5"]);
    assert_eq!(shop.portions("most", &used, Each::Period, 0..1), ["7 of 3"]);
    assert_eq!(shop.portions("most", &used, Each::Day, 0..31), ["7 of 3", "2 of 2"]);
    assert_eq!(shop.portions("windows", &used, Each::Period, 1..31), ["3 of 2"]);
    assert_eq!(shop.portions("windows", &used, Each::Window, 1..31), ["1 of 1", "2 of 1"]);
    assert_eq!(shop.portions("windows", &used, Each::Day, 0..31), ["21 of 3", "3 of 2"]);
}

#[test]
fn groups_are_the_same_however_a_price_lists_its_dimensions() {
    let price = |lines_by: &[&str], by: &[&str]| {
        let by = by.iter().map(ToString::to_string).collect();
        let model = Model::Matrix { by, cells: [].into(), default: Some(Decimal::ONE) };
        let lines_by = lines_by.iter().map(ToString::to_string).collect();
        Price { lines_by, ..Price::listed(model, Place::file("book.yaml")) }
    };
    let names = ["device", "region", "site"];
    assert_eq!(kept_apart(&price(&["site", "region", "device"], &["region", "device"])), names);
    assert_eq!(kept_apart(&price(&["device", "site", "region"], &["device", "region"])), names);
}
