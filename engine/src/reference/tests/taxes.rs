//! Tax rates and exemptions: what a row may say, and what is said about the wrong ones.

use super::*;

fn faults(corner: &'static str, rates: &str) -> Vec<String> {
    Tables::good(corner).with("tax_rates.csv", rates).codes()
}

#[test]
fn every_column_of_a_rate_is_read() {
    let rates = "jurisdiction,tax,tax_category,rate,inclusive,cap,threshold_from,threshold_to,category_code,reason\n\
                 US-CO,state,,2.9,true,,10,100,S,\nUS-CO,zero,,0,,5.5,,,AE,Art. 196\n";
    let reference = Tables::good("tax-columns").with("tax_rates.csv", rates).load().unwrap();
    let (state, zero) = (&reference.tax_rates[0], &reference.tax_rates[1]);
    assert_eq!((state.inclusive, state.cap, state.threshold_to), (true, None, Some(Decimal::whole(100))));
    assert_eq!((state.threshold_from, state.category_code.as_str()), (Some(Decimal::whole(10)), "S"));
    assert_eq!((zero.inclusive, zero.cap, zero.reason.as_str()), (false, Decimal::parse("5.5").ok(), "Art. 196"));
}

#[test]
fn rates_that_cannot_be_meant_are_told_with_their_line() {
    let bad = "jurisdiction,tax,rate,inclusive,cap,threshold_from,threshold_to,category_code\n\
               J,a,5,true,10,,,\n\
               J,b,5,,-1,,,\n\
               J,c,5,,,100,50,\n\
               J,d,5,,,,,Q\n\
               J,e,5,,,,,ae\n\
               J,f,5,,,,,AE\n\
               J,g,0,,,,,S\n\
               J,h,5,,,0,100,\n\
               J,h,6,,,99.99,200,\n\
               J,h,7,,,200,,\n\
               J,i,5,yes,,,,\n";
    let expected = [
        "tax_rates.csv:2: R003",
        "tax_rates.csv:3: R003",
        "tax_rates.csv:4: R008",
        "tax_rates.csv:5: R003",
        "tax_rates.csv:6: R003",
        "tax_rates.csv:7: R003",
        "tax_rates.csv:8: R003",
        "tax_rates.csv:10: R007",
        "tax_rates.csv:12: R003",
    ];
    assert_eq!(faults("tax-bad", bad), expected);
}

#[test]
fn brackets_may_meet_at_other_times() {
    let rates = "jurisdiction,tax,rate,threshold_from,threshold_to,valid_from,valid_to\n\
                 J,levy,5,,100,2026-01-01,2026-07-01\nJ,levy,6,,200,2026-07-01,\nJ,levy,7,200,,,\n";
    let reference = Tables::good("tax-brackets").with("tax_rates.csv", rates).load().unwrap();
    assert_eq!(reference.tax_rates.len(), 3);
}

const EXEMPTIONS: &str = "account_id,tax,valid_from,valid_to,certificate,category_code\n";

#[test]
fn exemptions_are_read_with_their_defaults() {
    let rows = format!("{EXEMPTIONS}A1-S1,state,2026-01-01,2027-01-01,C-1,AE\nA1,,,,,\nA1,gone,,,,\n");
    let reference = Tables::good("exemptions").with("tax_exemptions.csv", rows).load().unwrap();
    let read: Vec<_> = reference
        .tax_exemptions
        .iter()
        .map(|row| (row.account, row.tax.as_str(), row.certificate.as_str(), row.category_code.as_str()))
        .collect();
    assert_eq!(read, [(0, "", "", "E"), (0, "gone", "", "E"), (1, "state", "C-1", "AE")]);
}

#[test]
fn exemptions_that_cannot_be_meant_are_told_with_their_line() {
    let rows = format!(
        "{EXEMPTIONS}A9,,,,,\nA1,State,,,,\nA1,,2026-02-01,2026-01-01,,\nA1,city,,,,S\nB1,,,2026-06-01,,\nB1,,2026-05-01,,,\n,,,,,\n"
    );
    let expected = [
        "tax_exemptions.csv:2: R005",
        "tax_exemptions.csv:3: R005",
        "tax_exemptions.csv:4: R008",
        "tax_exemptions.csv:5: R003",
        "tax_exemptions.csv:7: R007",
        "tax_exemptions.csv:8: R003",
    ];
    assert_eq!(Tables::good("exemptions-bad").with("tax_exemptions.csv", rows).codes(), expected);
}
