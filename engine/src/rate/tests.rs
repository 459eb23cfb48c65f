//! Each charge model on hand-worked numbers.

use super::*;
use crate::book::model::Tier;
use crate::lines::Band;
use crate::money::Rounding;

fn dec(text: &str) -> Decimal {
    Decimal::parse(text).unwrap()
}

fn portions(quantities: &[&str]) -> Vec<Portion> {
    let portion =
        |(subscription, text): (u32, &&str)| Portion { subscription, group: 0, quantity: dec(text), records: 1 };
    (0..).zip(quantities).map(portion).collect()
}

fn tiers() -> Vec<Tier> {
    let tier = |up_to: Option<&str>, price: &str, fee: &str| Tier {
        up_to: up_to.map(dec),
        unit_price: dec(price),
        flat_fee: dec(fee),
    };
    vec![tier(Some("1000"), "0.10", "0"), tier(Some("10000"), "0.08", "5"), tier(None, "0.05", "0")]
}

fn rated(model: &Model, quantities: &[&str]) -> Vec<(usize, Band, String, String)> {
    let parts = rate(model, &portions(quantities), &|_| vec![("region".into(), "emea".into())]).unwrap();
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
        up_to: up_to.map(dec),
        unit_price: dec(price),
        flat_fee: dec(fee),
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
    let model = Model::Volume { tiers: [Tier { up_to: None, unit_price: dec("2"), flat_fee: dec("5") }].into() };
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
    let model = Model::Percentage { percent: dec("2.9"), minimum: Some(dec("1")), maximum: Some(dec("50")) };
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
    let refused = rate(&matrix("apac", None), &portions(&["1"]), &|_| vec![("region".into(), "emea".into())]);
    assert_eq!(refused, Err(Unrated::NoCell(vec![(0, vec!["emea".to_owned()])])));
}
