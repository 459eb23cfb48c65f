//! Taxes of single lines: which rates count, how they follow each other, and that nothing is lost.

use proptest::prelude::*;

use super::*;
use crate::book::model::{LineRounding, TaxRules};
use crate::fault::Place;
use crate::period::Period;
use crate::reference::model::{Account, Exemptions, Reference, TaxRate};

fn dec(text: &str) -> Decimal {
    Decimal::parse(text).unwrap()
}

fn rate(tax: &str, category: &str, percent: &str) -> TaxRate {
    TaxRate {
        jurisdiction: "J".to_owned(),
        tax: tax.to_owned(),
        tax_category: category.to_owned(),
        rate: dec(percent),
        valid_from: None,
        valid_to: None,
        compound: false,
        inclusive: false,
        cap: None,
        threshold_from: None,
        threshold_to: None,
        category_code: String::new(),
        reason: String::new(),
    }
}

fn reference(tax_rates: Vec<TaxRate>) -> Reference {
    let account = Account {
        id: "A".to_owned(),
        parent: None,
        level: String::new(),
        name: String::new(),
        currency: "EUR".to_owned(),
        minor_digits: 2,
        bill_to: 0,
        bill_cycle_day: 1,
        path: "A".to_owned(),
        tax_jurisdiction: "J".to_owned(),
        exemptions: Exemptions::None,
        custom: std::collections::BTreeMap::new(),
        place: Place::file("accounts.csv"),
    };
    Reference { accounts: vec![account], tax_rates, ..Reference::default() }
}

fn line(number: u32, category: &'static str, amount: Decimal) -> Taxable<'static> {
    Taxable { line: number, account: 0, invoice: (0, "EUR"), jurisdiction: "J", category, amount, digits: 2 }
}

fn taxes(reference: &Reference, by_invoice: bool, lines: &[Taxable<'_>]) -> Taxation {
    let period = Period::month("2026-10", chrono_tz::UTC).unwrap();
    let rules = TaxRules { by_invoice, ..TaxRules::default() };
    TaxTable::new(reference, &period, LineRounding::default(), rules).taxes(lines)
}

fn shown(reference: &Reference, category: &'static str) -> Vec<(String, String)> {
    let taxation = taxes(reference, false, &[line(0, category, dec("100"))]);
    let rate = |row: &TaxRow| reference.tax_rates[row.rate as usize].tax.clone();
    taxation.rows.iter().map(|row| (rate(row), row.amount.to_string())).collect()
}

#[test]
fn a_rate_for_the_category_replaces_the_general_one_in_any_order() {
    for rates in
        [vec![rate("vat", "", "20"), rate("vat", "food", "7")], vec![rate("vat", "food", "7"), rate("vat", "", "20")]]
    {
        let reference = reference(rates);
        assert_eq!(shown(&reference, "food"), [("vat".to_owned(), "7".to_owned())]);
        assert_eq!(shown(&reference, "books"), [("vat".to_owned(), "20".to_owned())]);
    }
}

#[test]
fn a_line_without_a_rate_is_told_apart_from_one_outside_all_brackets() {
    let high = TaxRate { threshold_from: Some(dec("1000")), ..rate("levy", "goods", "5") };
    let reference = reference(vec![high]);
    let taxation = taxes(&reference, false, &[line(0, "goods", dec("100")), line(1, "telecom", dec("100"))]);
    assert!(taxation.rows.is_empty());
    assert_eq!(taxation.untaxed, [(1, Untaxed::Missing)]);
}

#[test]
fn an_amount_that_does_not_fit_is_no_tax_of_zero() {
    let reference = reference(vec![rate("levy", "", "99999999999999999999")]);
    for by_invoice in [false, true] {
        let taxation = taxes(&reference, by_invoice, &[line(7, "", dec("99999999999999"))]);
        assert!(taxation.rows.is_empty());
        assert_eq!(taxation.untaxed, [(7, Untaxed::TooLarge)]);
    }
}

proptest! {
    /// Net and included taxes are the price; by invoice, each tax on top is the rounded sum of the exact ones.
    #[test]
    fn nothing_is_lost_or_made_up(
        cents in prop::collection::vec(-1_000_000_i64..1_000_000, 1..20),
        percents in prop::collection::vec(0_i64..30_000, 1..4),
        on_top in 0_i64..30_000,
        by_invoice: bool,
    ) {
        let milli = |number: i64| Decimal::whole(number).over(Decimal::whole(1000)).unwrap();
        let included = percents.iter().enumerate().map(|(at, percent)| TaxRate {
            inclusive: true,
            compound: at % 2 == 1,
            rate: milli(*percent),
            ..rate(&format!("t{at}"), "", "0")
        });
        let top = TaxRate { rate: milli(on_top), ..rate("top", "", "0") };
        let reference = reference(included.chain([top]).collect());
        let lines: Vec<Taxable<'_>> = (0..)
            .zip(&cents)
            .map(|(number, cents)| line(number, "", Decimal::whole(*cents).over(Decimal::whole(100)).unwrap()))
            .collect();
        let taxation = taxes(&reference, by_invoice, &lines);
        prop_assert!(taxation.untaxed.is_empty());
        let mut exact = Decimal::ZERO;
        let mut taken = Decimal::ZERO;
        for line in &lines {
            let own: Vec<_> = taxation.rows.iter().filter(|row| row.line == line.line).collect();
            prop_assert_eq!(own.len(), percents.len() + 1);
            let out = own.iter().fold(Decimal::ZERO, |sum, row| sum.plus(row.included).unwrap());
            let net = line.amount.minus(out).unwrap();
            let last = own.last().unwrap();
            prop_assert_eq!(last.taxable, net);
            prop_assert_eq!(own[0].taxable, net);
            exact = exact.plus(milli(on_top).percent_of(net).unwrap()).unwrap();
            taken = taken.plus(last.amount).unwrap();
        }
        if by_invoice {
            prop_assert_eq!(taken, exact.rounded(2, crate::money::Rounding::HalfUp).unwrap());
        }
    }
}
