//! Each charge model on hand-worked numbers.

use super::*;
use crate::book::model::{RecordTerms, Tier};
use crate::fault::Place;
use crate::money::Rounding;

fn dec(text: &str) -> Decimal {
    Decimal::parse(text).unwrap()
}

fn portions(quantities: &[&str]) -> Vec<Portion> {
    let portion = |(subscription, text): (u32, &&str)| Portion {
        subscription,
        group: 0,
        quantity: dec(text),
        records: 1,
        stretch: 0,
        time: 0,
        cell: 0,
        origin: None,
    };
    (0..).zip(quantities).map(portion).collect()
}

/// Every group is in region emea; clocks are those of UTC.
struct Emea(Vec<(Arc<str>, Arc<str>)>);

impl Facts for Emea {
    fn values(&self, _group: u32) -> &[(Arc<str>, Arc<str>)] {
        &self.0
    }

    fn text(&self, _cell: u32, _name: &str) -> Option<&str> {
        Some("4930123")
    }

    fn timezone(&self) -> Tz {
        Tz::UTC
    }
}

fn tiers() -> Vec<Tier> {
    let tier = |up_to: Option<&str>, price: &str, fee: &str| Tier {
        flat_fee: dec(fee),
        ..Tier::new(up_to.map(dec), dec(price))
    };
    vec![tier(Some("1000"), "0.10", "0"), tier(Some("10000"), "0.08", "5"), tier(None, "0.05", "0")]
}

fn parts(model: &Model, quantities: &[&str]) -> Result<Vec<Part>, Unrated> {
    let price = Price::listed(model.clone(), Place::file("book.yaml"));
    rate(&[&price], &portions(quantities), &Emea(vec![("region".into(), "emea".into())]))
}

fn rated(model: &Model, quantities: &[&str]) -> Vec<(usize, Band, String, String)> {
    let parts = parts(model, quantities).unwrap();
    parts.iter().map(|part| (part.portion, part.band, part.quantity.to_string(), part.amount.to_string())).collect()
}

fn row(portion: usize, band: u16, quantity: &str, amount: &str) -> (usize, Band, String, String) {
    let band = if band == 0 { Band::Whole } else { Band::Tier(band) };
    (portion, band, quantity.to_owned(), amount.to_owned())
}

#[test]
fn graduated_bounds_are_inclusive_and_fees_fall_due_on_entry() {
    let model = Model::Graduated { tiers: tiers().into() };
    assert_eq!(rated(&model, &["1000"]), [row(0, 1, "1000", "100")]);
    assert_eq!(rated(&model, &["1000.5"]), [row(0, 1, "1000", "100"), row(0, 2, "0.5", "5.04")]);
    assert_eq!(
        rated(&model, &["12000"]),
        [row(0, 1, "1000", "100"), row(0, 2, "9000", "725"), row(0, 3, "2000", "100")]
    );
}

#[test]
fn graduated_tiers_shared_by_subscriptions_fill_in_order() {
    let model = Model::Graduated { tiers: tiers().into() };
    assert_eq!(
        rated(&model, &["600", "600", "100"]),
        [row(0, 1, "600", "60"), row(1, 1, "400", "40"), row(1, 2, "200", "21"), row(2, 2, "100", "8")]
    );
}

#[test]
fn usage_taken_back_moves_the_total_of_graduated_tiers_down_again() {
    let tier = |up_to: Option<&str>, price: &str, fee: &str| Tier {
        flat_fee: dec(fee),
        ..Tier::new(up_to.map(dec), dec(price))
    };
    let model = Model::Graduated { tiers: [tier(Some("100"), "1", "3"), tier(None, "0.5", "7")].into() };
    // The total is 100: the second band is passed through, but not left entered.
    assert_eq!(rated(&model, &["-150", "250"]), [row(0, 1, "-150", "-150"), row(1, 1, "250", "253")]);
    assert_eq!(
        rated(&model, &["150", "-50"]),
        [row(0, 1, "100", "103"), row(0, 2, "50", "25"), row(1, 2, "-50", "-25")]
    );
    // 130 in the end: 100 + 30 x 0.5 + both fees, each of them once.
    assert_eq!(
        rated(&model, &["150", "-100", "80"]),
        [
            row(0, 1, "100", "103"),
            row(0, 2, "50", "32"),
            row(1, 1, "-50", "-50"),
            row(1, 2, "-50", "-25"),
            row(2, 1, "50", "50"),
            row(2, 2, "30", "15"),
        ]
    );
    assert_eq!(rated(&model, &["20", "-30"]), [row(0, 1, "20", "20"), row(1, 1, "-30", "-30")]);
}

#[test]
fn volume_fees_are_not_due_when_everything_was_taken_back() {
    let model = Model::Volume { tiers: [Tier { flat_fee: dec("5"), ..Tier::new(None, dec("2")) }].into() };
    assert_eq!(rated(&model, &["10", "-10"]), [row(0, 1, "10", "20"), row(1, 1, "-10", "-20")]);
}

#[test]
fn volume_prices_all_units_at_the_band_of_the_total() {
    let model = Model::Volume { tiers: tiers().into() };
    assert_eq!(rated(&model, &["600", "600"]), [row(0, 2, "600", "53"), row(1, 2, "600", "48")]);
    assert_eq!(rated(&model, &["1000"]), [row(0, 1, "1000", "100")]);
}

#[test]
fn package_blocks_are_counted_on_the_whole() {
    let package = |rounding| Model::Package { size: dec("100"), price: dec("3"), rounding };
    assert_eq!(
        rated(&package(Some(Rounding::Up)), &["50", "60", "10"]),
        [row(0, 0, "50", "3"), row(1, 0, "60", "3"), row(2, 0, "10", "0")]
    );
    assert_eq!(rated(&package(Some(Rounding::Down)), &["199.9"]), [row(0, 0, "199.9", "3")]);
    assert_eq!(rated(&package(None), &["50"]), [row(0, 0, "50", "1.5")]);
}

#[test]
fn parts_of_a_package_are_divided_once() {
    // 35 / 60 has no end of digits; 35 x 2.10 / 60 is 1.225.
    let model = Model::Package { size: dec("60"), price: dec("2.10"), rounding: None };
    assert_eq!(rated(&model, &["35"]), [row(0, 0, "35", "1.225")]);
    assert_eq!(rated(&model, &["20", "15"]), [row(0, 0, "20", "0.7"), row(1, 0, "15", "0.525")]);
}

#[test]
fn percentage_stays_between_its_minimum_and_maximum() {
    let (minimum, maximum) = (Some(dec("1")), Some(dec("50")));
    let model = Model::Percentage { percent: dec("2.9"), minimum, maximum, records: RecordTerms::default() };
    assert_eq!(
        rated(&model, &["10", "1000", "10000"]),
        [row(0, 0, "10", "1"), row(1, 0, "1000", "29"), row(2, 0, "10000", "50")]
    );
    // Sales given back: no least amount to pay for them, and no cap on what comes back.
    assert_eq!(rated(&model, &["-10", "-10000"]), [row(0, 0, "-10", "-0.29"), row(1, 0, "-10000", "-290")]);
}

#[test]
fn matrix_takes_the_cell_else_the_default_else_refuses() {
    let matrix = |cell: &str, default: Option<&str>| Model::Matrix {
        by: vec!["region".to_owned()],
        cells: [(vec![cell.to_owned()], dec("0.2"))].into(),
        default: default.map(dec),
    };
    assert_eq!(rated(&matrix("emea", None), &["10"]), [row(0, 0, "10", "2")]);
    assert_eq!(rated(&matrix("apac", Some("0.5")), &["10"]), [row(0, 0, "10", "5")]);
    assert_eq!(parts(&matrix("apac", None), &["1"]), Err(Unrated::NoPrice(vec![0])));
}

fn terms(fields: RecordTerms) -> Model {
    Model::Percentage { percent: dec("1.3"), minimum: None, maximum: None, records: fields }
}

fn amounts(model: &Model, quantities: &[&str]) -> String {
    let parts = parts(model, quantities).unwrap();
    parts.iter().fold(Decimal::ZERO, |sum, part| sum.plus(part.amount).unwrap()).to_string()
}

#[test]
fn free_records_end_with_the_number_or_with_the_amount() {
    let fee = dec("2");
    let number = RecordTerms { fee, free_records: Some(3), ..RecordTerms::default() };
    assert_eq!(amounts(&terms(number), &["50", "100", "250", "400"]), "7.2");
    let both = RecordTerms { free_amount: Some(dec("120")), ..number };
    // The second passes 120: 30 of it pay, and so does everything after it, with its fee.
    assert_eq!(amounts(&terms(both), &["50", "100", "250", "400"]), "14.84");
    let outlasts = RecordTerms { free_amount: Some(dec("500")), free_amount_outlasts: true, ..number };
    assert_eq!(amounts(&terms(outlasts), &["50", "100", "250", "400"]), "5.9");
}

#[test]
fn records_have_bounds_with_their_fee() {
    let bounds =
        RecordTerms { fee: dec("2"), minimum: Some(dec("2.5")), maximum: Some(dec("12")), ..RecordTerms::default() };
    // 0.13 + 2 is raised, 1.3 + 2 stays, 130 + 2 is capped.
    assert_eq!(amounts(&terms(bounds), &["10", "100", "10000"]), "17.8");
}

#[test]
fn increments_round_every_record_up_and_connect_once_each() {
    let band = |up_to: Option<&str>, increment: &str| Tier {
        increment: Some(dec(increment)),
        per: dec("60"),
        ..Tier::new(up_to.map(dec), dec("0.6"))
    };
    let tiers = [band(Some("60"), "60"), band(None, "1")].into();
    let model = Model::Increments { tiers, connect_fee: dec("0.1") };
    assert_eq!(amounts(&model, &["1"]), "0.7");
    assert_eq!(amounts(&model, &["61.5"]), "0.72");
    assert_eq!(amounts(&model, &["0", "59", "132"]), "2.12");
    // Given back, without the fee: what 59 and 132 cost.
    assert_eq!(amounts(&model, &["-59", "-132"]), "-1.92");
}

#[test]
fn bands_in_increments_round_the_whole_and_not_the_portions() {
    let band = |up_to: Option<&str>, increment: &str, price: &str| Tier {
        increment: Some(dec(increment)),
        per: dec(increment),
        ..Tier::new(up_to.map(dec), dec(price))
    };
    let tiers: Arc<[Tier]> = [band(Some("1000"), "100", "1"), band(None, "1000", "1")].into();
    assert_eq!(amounts(&Model::Graduated { tiers: Arc::clone(&tiers) }, &["5325"]), "15");
    assert_eq!(amounts(&Model::Graduated { tiers: Arc::clone(&tiers) }, &["50", "40", "20"]), "2");
    assert_eq!(amounts(&Model::Volume { tiers }, &["700", "500"]), "2");
}

#[test]
fn tiers_go_on_accumulating_when_the_price_changes() {
    let listed = |model| Price::listed(model, Place::file("book.yaml"));
    let band = |up_to: Option<&str>, price: &str| Tier { flat_fee: dec("3"), ..Tier::new(up_to.map(dec), dec(price)) };
    let before = listed(Model::Graduated { tiers: [band(Some("100"), "1"), band(None, "0.5")].into() });
    let after = listed(Model::Graduated { tiers: [band(Some("100"), "2"), band(None, "1")].into() });
    let mut used = portions(&["80", "40"]);
    used[1].stretch = 1;
    let parts = rate(&[&before, &after], &used, &Emea(Vec::new())).unwrap();
    let shown: Vec<_> =
        parts.iter().map(|part| (part.portion, part.quantity.to_string(), part.amount.to_string())).collect();
    // 80 at 1.00 and the fee; then 20 more of the first tier at 2.00, 20 of the second at 1.00 and its fee.
    let row = |portion, quantity: &str, amount: &str| (portion, quantity.to_owned(), amount.to_owned());
    assert_eq!(shown, [row(0, "80", "83"), row(1, "20", "40"), row(1, "20", "23")]);
}
