//! The reference tables as CSV: accounts, subscriptions, identifiers, taxes, exchange rates, negotiated prices.
//! It only writes what [`super::provider`] decided; taxes, rates and prices, which no record depends on, stand here.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use super::agreements;
use super::clock::date_text;
use super::dice::Dice;
use super::files::write_file;
use super::provider::{Holder, Provider};

/// Rates are plausible, not advice. Lines are jurisdiction, tax, category, rate, from, to, compound.
const TAX_RATES: &str = "\
jurisdiction,tax,tax_category,rate,valid_from,valid_to,compound,inclusive
US-CO-DEN,federal_usf,telecom,34.4,2026-07-01,2026-10-01,,
US-CO-DEN,federal_usf,telecom,36,2026-10-01,,,
US-CO-DEN,state_sales,,2.9,2020-01-01,,false,
US-CO-DEN,city_sales,,5.15,2020-01-01,,false,
US-CO-DEN,city_sales,telecom,4.81,2020-01-01,,false,
US-IL-CHI,federal_usf,telecom,34.4,2026-07-01,2026-10-01,,
US-IL-CHI,federal_usf,telecom,36,2026-10-01,,,
US-IL-CHI,state_excise,telecom,7,2020-01-01,,,
US-IL-CHI,state_sales,digital,6.25,2020-01-01,,,
US-IL-CHI,city_lease,digital,11,2026-01-01,,,
US-IL-CHI,municipal_surcharge,telecom,1.5,2020-01-01,,true,
US-NY-NYC,federal_usf,telecom,34.4,2026-07-01,2026-10-01,,
US-NY-NYC,federal_usf,telecom,36,2026-10-01,,,
US-NY-NYC,state_sales,,4,2020-01-01,,,
US-NY-NYC,city_sales,,4.5,2020-01-01,,,
US-NY-NYC,mctd_surcharge,telecom,0.375,2020-01-01,,true,
US-TX-AUS,federal_usf,telecom,34.4,2026-07-01,2026-10-01,,
US-TX-AUS,federal_usf,telecom,36,2026-10-01,,,
US-TX-AUS,state_sales,,6.25,2020-01-01,,,
US-TX-AUS,city_sales,,2,2020-01-01,,,
CA-ON,hst,,13,2010-07-01,,,
CA-QC,gst,,5,2008-01-01,,,
CA-QC,qst,,9.975,2013-01-01,,,
MX,iva,,16,2010-01-01,,,
BR-SP,iss,digital,2.9,2020-01-01,,,
BR-SP,icms,telecom,18,2020-01-01,,,
BR-SP,fust,telecom,1,2020-01-01,,true,
GB,vat,,20,2011-01-04,,,
IE,vat,,23,2012-01-01,,,
DE,vat,,19,2007-01-01,2020-07-01,,
DE,vat,,16,2020-07-01,2021-01-01,,
DE,vat,,19,2021-01-01,,,
FR,vat,,20,2014-01-01,,,
NL,vat,,21,2012-10-01,,,
ES,vat,,21,2012-09-01,,,
PL,vat,,23,2011-01-01,,,
CH,vat,,8.1,2024-01-01,,,
JP,consumption,,10,2019-10-01,,,
KW,vat,,0,2020-01-01,,,
AU-NSW,gst,,10,2000-07-01,,,true
IN-KA,cgst,,9,2017-07-01,,,
IN-KA,sgst,,9,2017-07-01,,,
SG,gst,,9,2024-01-01,,,
";

/// Prices that sales agreed with one account; by the name of the account, as its number may move.
const NEGOTIATED: &[(&str, &str)] = &[
    ("Northgale Freight Inc", "video/minutes,per_unit,0.0062,,,,,,"),
    ("Hoshizora Nagoya Plant", "recording/sessions,,2.5,,,,,,"),
    ("Stille Geneva", "recording/replay_fee,,,,4.5,0.50,250.00,,"),
    ("Bluefern Health Trust", "video/seats,,,7.90,,,,,"),
    ("Weststern Universität", "transfer/gigabytes,,,,,,,500,12.00"),
    ("Banksia Contact Centre", "recording/minutes,per_unit,0.0085,,,,,,"),
];

/// Mid rates in millionths of a dollar on 30 September.
const MID_RATES: &[(&str, i64)] = &[
    ("AUD", 655_200),
    ("CAD", 721_900),
    ("CHF", 1_244_600),
    ("EUR", 1_168_300),
    ("GBP", 1_341_700),
    ("JPY", 6_712),
    ("KWD", 3_268_400),
];

/// Writes all tables into a folder.
pub(crate) fn write(provider: &Provider, seed: u64, folder: &Path) -> io::Result<()> {
    write_file(&folder.join("accounts.csv"), accounts(provider).as_bytes())?;
    write_file(&folder.join("subscriptions.csv"), subscriptions(provider).as_bytes())?;
    write_file(&folder.join("amendments.csv"), agreements::amendments(provider).as_bytes())?;
    write_file(&folder.join("tax_exemptions.csv"), agreements::tax_exemptions(provider).as_bytes())?;
    write_file(&folder.join("coupons.csv"), agreements::coupons(provider).as_bytes())?;
    write_file(&folder.join("credits.csv"), agreements::credits(provider).as_bytes())?;
    write_file(&folder.join("allowance_balances.csv"), agreements::allowance_balances().as_bytes())?;
    write_file(&folder.join("identifiers.csv"), identifiers(provider).as_bytes())?;
    write_file(&folder.join("tax_rates.csv"), TAX_RATES.as_bytes())?;
    write_file(&folder.join("fx_rates.csv"), fx_rates(seed).as_bytes())?;
    write_file(&folder.join("price_overrides.csv"), price_overrides(provider).as_bytes())
}

fn accounts(provider: &Provider) -> String {
    let mut text = "account_id,parent_id,level,name,currency,bill_to,segment,tax_jurisdiction,tax_exemptions,timezone,\
                    invoice_template,country,discount_percent,bill_cycle_day\n"
        .to_owned();
    for account in &provider.accounts {
        let parent = account.parent.map_or("", |parent| &provider.accounts[parent].id);
        // A contact is taxed where its site is: blank means the parent's.
        let jurisdiction = if account.level == "contact" { "" } else { account.place.code };
        let template = match account.place.country {
            "JP" => "japanese",
            "KW" => "arabic",
            "DE" | "CH" => "german",
            "FR" => "french",
            _ => "standard",
        };
        let place = account.place;
        // One customer is billed from the 15th to the 15th where prices follow its cycle.
        let cycle = if account.name == "Ardoise Conseil SAS" { "15" } else { "" };
        let _ = writeln!(
            text,
            "{},{parent},{},{},{},{},{},{jurisdiction},{},{},{template},{},{},{cycle}",
            account.id,
            account.level,
            quoted(&account.name),
            place.currency,
            account.bill_to,
            account.segment,
            account.exemptions,
            place.timezone,
            place.country,
            account.discount
        );
    }
    text
}

/// A CSV field, quoted only when it must be.
fn quoted(field: &str) -> String {
    if field.contains([',', '"']) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field.to_owned() }
}

fn subscriptions(provider: &Provider) -> String {
    let mut text =
        "subscription_id,order_id,account_id,plan,product,quantity,start,end,trial_end,contract\n".to_owned();
    for (place, row) in provider.subscriptions.iter().enumerate() {
        let account = &provider.accounts[row.account];
        let quantity = if row.quantity == 1 { String::new() } else { row.quantity.to_string() };
        let contract = if account.discount.is_empty() { String::new() } else { format!("{}-2026", account.slug) };
        let _ = writeln!(
            text,
            "{},O-{:05},{},{},{},{quantity},{},{},,{contract}",
            row.id,
            48_000 + 7 * place,
            account.id,
            row.plan,
            row.product,
            row.start,
            row.end
        );
    }
    text + &agreements::subscriptions(provider)
}

fn identifiers(provider: &Provider) -> String {
    let mut text = "identifier,subscription_id,account_id,valid_from,valid_to\n".to_owned();
    for row in &provider.identifiers {
        let (subscription, account) = match row.holder {
            Holder::Subscription(index) => (provider.subscriptions[index].id.as_str(), ""),
            Holder::Account(index) => ("", provider.accounts[index].id.as_str()),
        };
        let _ = writeln!(text, "{},{subscription},{account},{},{}", row.text, row.valid_from, row.valid_to);
    }
    text
}

fn price_overrides(provider: &Provider) -> String {
    let mut text = "account_id,charge,model,unit_price,amount,percent,minimum,maximum,size,price\n".to_owned();
    for (name, price) in NEGOTIATED {
        if let Some(account) = provider.accounts.iter().find(|account| account.name == *name) {
            let _ = writeln!(text, "{},{price}", account.id);
        }
    }
    text
}

/// One rate a day, wandering by at most half a percent.
fn fx_rates(seed: u64) -> String {
    let mut dice = Dice::new(seed, 5);
    let mut text = "from,to,date,rate\n".to_owned();
    for (currency, start) in MID_RATES {
        let mut rate = *start;
        for day in 1..=31 {
            rate += dice.roll(-rate / 200, rate / 200);
            let _ = writeln!(text, "{currency},USD,{},{}.{:06}", date_text(day), rate / 1_000_000, rate % 1_000_000);
        }
    }
    text
}
