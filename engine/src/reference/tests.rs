//! Small tables in memory and what is said about them.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Date64Array, Decimal128Array, Float64Array, Int64Array, RecordBatch,
    StringArray, TimestampMicrosecondArray,
};
use bytes::Bytes;

use super::load;
use super::model::{Exemptions, Holder, Reference};
use crate::fault::{Located, Outcome, Place};
use crate::money::Decimal;
use crate::pipeline::model::ReferencePaths;
use crate::store::Location;

mod taxes;
mod amendments;

const ACCOUNTS: &str = "\
account_id,parent_id,level,name,currency,bill_to,segment,tax_jurisdiction,tax_exemptions,country
A1,,customer,Acme,USD,,large,US-CO,,US
A1-S1,A1,site,\"Acme, Denver\",USD,,,,all,
A1-S1-C1,A1-S1,contact,Ann,USD,A1-S1,,US-NM,state;city,US
B1,,customer,Bolt,JPY,,small,,,JP
";
const SUBSCRIPTIONS: &str = "\
subscription_id,order_id,account_id,plan,product,quantity,start,end,contract,seats
S2,O1,A1-S1,enterprise,,2.5,2026-01-01,2026-10-16,C1,40
S1,,A1-S1,,video,,2026-10-01,,,
S3,,B1,basic,,1,2026-10-01,,,
";
const IDENTIFIERS: &str = "\
identifier,subscription_id,account_id,valid_from,valid_to
room-1,S2,,2026-10-01,2026-10-16
room-1,S1,,2026-10-16,
+49 30 1,,B1,,2026-10-20T12:30:00+02:00
";
const TAXES: &str = "\
jurisdiction,tax,tax_category,rate,valid_from,valid_to,compound
US-CO,state,,2.9,,,
US-CO,city,telecom,4.81,2026-01-01,2026-07-01,true
US-CO,city,telecom,5,2026-07-01,,FALSE
";
const FX: &str = "from,to,date,rate\nUSD,JPY,2026-10-01,151.25\nUSD,EUR,2026-10-01,0.91\n";
const OVERRIDES: &str = "\
account_id,charge,model,unit_price,note
A1,video/minutes,per_unit,0.031,asked by Ann
";

/// Tables of a test by role and ending, such as `accounts.csv`, in a corner of the memory store of their own.
struct Tables {
    corner: &'static str,
    files: BTreeMap<String, Vec<u8>>,
}

impl Tables {
    fn good(corner: &'static str) -> Self {
        let tables = [
            ("accounts.csv", ACCOUNTS),
            ("subscriptions.csv", SUBSCRIPTIONS),
            ("identifiers.csv", IDENTIFIERS),
            ("tax_rates.csv", TAXES),
            ("fx_rates.csv", FX),
            ("price_overrides.csv", OVERRIDES),
        ];
        Self { corner, files: tables.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec())).into() }
    }

    /// Replaces the table of the role that `name` starts with.
    fn with(mut self, name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        let role = name.split('.').next().unwrap().to_owned();
        self.files.retain(|file, _| !file.starts_with(&role));
        self.files.insert(name.to_owned(), bytes.into());
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.files.remove(name);
        self
    }

    fn load(self) -> Outcome<Reference> {
        let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
        runtime.block_on(async {
            for (name, bytes) in &self.files {
                let location = Location::parse(&self.url(name)).unwrap();
                location.put(Bytes::from(bytes.clone())).await.unwrap();
            }
            let path = |role: &str| {
                let found = self.files.keys().find(|name| name.starts_with(role));
                found.map(|name| Located { text: self.url(name), place: Place::row("nightly.yaml", 7) })
            };
            let missing = || Located { text: self.url("nowhere.csv"), place: Place::row("nightly.yaml", 7) };
            let paths = ReferencePaths {
                accounts: path("accounts").unwrap_or_else(missing),
                subscriptions: path("subscriptions").unwrap_or_else(missing),
                identifiers: path("identifiers").unwrap_or_else(missing),
                tax_rates: path("tax_rates"),
                fx_rates: path("fx_rates"),
                price_overrides: path("price_overrides"),
                levels: path("levels"),
                tax_exemptions: path("tax_exemptions"),
                credits: path("credits"),
                commitment_balances: path("commitment_balances"),
                amendments: path("amendments"),
                coupons: path("coupons"),
                allowance_balances: path("allowance_balances"),
            };
            load(&paths, chrono_tz::America::Denver).await
        })
    }

    fn url(&self, name: &str) -> String {
        format!("memory://reference-tests/{}/{name}", self.corner)
    }

    /// `file:line code message` of every fault, without the folder.
    fn faults(self) -> Vec<String> {
        let folder = self.url("");
        let Err(faults) = self.load() else { return Vec::new() };
        faults.0.iter().map(|fault| fault.to_string().replace(&folder, "")).collect()
    }

    /// `file:line code` of every fault.
    fn codes(self) -> Vec<String> {
        let short = |fault: String| fault.split(' ').take(2).collect::<Vec<_>>().join(" ");
        self.faults().into_iter().map(short).collect()
    }
}

/// The hints of the faults of `tables`.
fn hints(tables: Tables) -> Vec<String> {
    tables.load().unwrap_err().0.into_iter().map(|fault| fault.hint.unwrap_or_default()).collect()
}

fn gz(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn parquet(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut bytes = Vec::new();
    let mut writer = parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

#[test]
fn good_tables_become_rows_that_point_to_each_other() {
    let reference = Tables::good("good").load().unwrap();
    let [root, site, contact, other] = &reference.accounts[..] else { panic!("four accounts") };
    assert_eq!((root.parent, site.parent, contact.parent, other.parent), (None, Some(0), Some(1), None));
    assert_eq!((root.bill_to, site.bill_to, contact.bill_to, other.bill_to), (0, 0, 1, 3));
    assert_eq!(contact.path, "A1/A1-S1/A1-S1-C1");
    assert_eq!((site.tax_jurisdiction.as_str(), contact.tax_jurisdiction.as_str()), ("US-CO", "US-NM"));
    assert_eq!((&root.exemptions, &site.exemptions), (&Exemptions::None, &Exemptions::All));
    assert_eq!(contact.exemptions, Exemptions::Taxes(vec!["city".to_owned(), "state".to_owned()]));
    assert_eq!(site.name, "Acme, Denver");
    assert_eq!(site.custom, BTreeMap::new());
    assert_eq!(
        root.custom,
        [("segment", "large"), ("country", "US")].map(|(a, b)| (a.to_owned(), b.to_owned())).into()
    );
    assert!(site.place.to_string().ends_with("accounts.csv:3"));
    assert_eq!(reference.subscriptions.iter().map(|s| s.id.as_str()).collect::<Vec<_>>(), ["S1", "S2", "S3"]);
    assert_eq!(reference.subscriptions_of, vec![vec![], vec![0, 1], vec![], vec![2]]);
    assert_eq!((reference.account_index("A1-S1"), reference.account_index("A2")), (Some(1), None));
}

#[test]
fn dates_are_midnights_of_the_pipeline_and_blank_ones_are_open() {
    let reference = Tables::good("dates").load().unwrap();
    let [open, ended, _] = &reference.subscriptions[..] else { panic!("three subscriptions") };
    let midnight = |text: &str| chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros();
    assert_eq!(open.starts_at, midnight("2026-10-01T00:00:00-06:00"));
    assert_eq!((open.end, open.ends_at), (None, i64::MAX));
    assert_eq!(ended.starts_at, midnight("2026-01-01T00:00:00-07:00"));
    assert_eq!(ended.ends_at, midnight("2026-10-16T00:00:00-06:00"));
    assert_eq!((open.quantity, ended.quantity), (Decimal::ONE, Decimal::parse("2.5").unwrap()));
    let rooms = reference.identifiers.get("room-1").unwrap();
    assert_eq!(rooms.iter().map(|target| target.holder).collect::<Vec<_>>(), [1, 0].map(Holder::Subscription));
    assert_eq!(rooms[0].to, rooms[1].from);
    let phone = reference.identifiers.get("+49 30 1").unwrap()[0];
    assert_eq!((phone.from, phone.to), (i64::MIN, midnight("2026-10-20T10:30:00Z")));
    assert_eq!(phone.holder, Holder::Account(3));
    let taxes: Vec<_> = reference.tax_rates.iter().map(|rate| (rate.tax.as_str(), rate.compound)).collect();
    assert_eq!(taxes, [("city", true), ("city", false), ("state", false)]);
    assert_eq!(reference.fx_rates[0].to, "EUR");
    let fields = &reference.overrides[0].fields;
    assert_eq!(
        fields.iter().map(|(name, text)| format!("{name}={text}")).collect::<Vec<_>>(),
        ["model=per_unit", "unit_price=0.031"]
    );
}

#[test]
fn every_broken_row_of_every_table_is_named_at_once() {
    let tables = Tables::good("all-at-once")
        .with(
            "accounts.csv",
            "account_id,parent_id,currency,bill_to\nA1,,USD,\nA1,,USD,\nA2,A9,EURO,A8\n,,USD,\nA3,A4,USD,\nA4,A5,USD,\nA5,A3,USD,\n",
        )
        .with(
            "subscriptions.csv",
            "subscription_id,account_id,plan,product,quantity,start,end\nS1,A1,p,,1,2026-01-01,2026-01-01\n\
             S2,A7,p,q,x,2026-02-30,\nS3,A1,,,-1,,\nS1,A1,p,,1,2026-01-01,\n",
        )
        .with(
            "identifiers.csv",
            "identifier,subscription_id,account_id,valid_from,valid_to\ni,S1,,2026-01-01,2026-02-01\n\
             i,S3,,2026-01-31,\nj,S9,,,\nk,S1,A1,,\nl,,,,\nm,S1,,2026-01-02,2026-01-01\nn,S1,,soon,\n",
        )
        .with("tax_rates.csv", "jurisdiction,tax,rate,compound\nX,t,7%,\nX,u,-1,maybe\nX,v,1,\nX,v,2,\n")
        .with(
            "fx_rates.csv",
            "from,to,date,rate\nUSD,usd,2026-01-01,1\nUSD,EUR,2026-01-01,0\nUSD,USD,2026-01-01,1\n\
             EUR,USD,2026-01-01,1\nEUR,USD,2026-01-01,2\n",
        )
        .with(
            "price_overrides.csv",
            "account_id,charge,unit_price\nA9,a/b,1\nA1,ab,1\nA1,a/b,\nA1,a/b,one\nA1,c/d,1\nA1,c/d,2\n",
        )
        .with(
            "levels.csv",
            "subscription_id,meter,level,region\nS1,m,1,eu\nS1,m,2,us\nS1,m,-3,eu\nS9,m,1,\nS1,,1,\nS1,m,,\nS1,n,x,\n",
        );
    let expected = "
        accounts.csv:3: R004 accounts.csv:4: R005 accounts.csv:4: R009 accounts.csv:4: R005 accounts.csv:5: R003
        accounts.csv:6: R006 subscriptions.csv:2: R008 subscriptions.csv:3: R005 subscriptions.csv:3: R003
        subscriptions.csv:3: R003 subscriptions.csv:3: R003 subscriptions.csv:4: R003 subscriptions.csv:4: R003
        subscriptions.csv:4: R003 subscriptions.csv:5: R004 identifiers.csv:3: R007 identifiers.csv:4: R005
        identifiers.csv:5: R003 identifiers.csv:6: R003 identifiers.csv:7: R008 identifiers.csv:8: R003
        tax_rates.csv:2: R003 tax_rates.csv:3: R003 tax_rates.csv:3: R003 tax_rates.csv:5: R007 fx_rates.csv:2: R009
        fx_rates.csv:3: R003 fx_rates.csv:4: R003 fx_rates.csv:6: R004 price_overrides.csv:2: R005
        price_overrides.csv:3: R003 price_overrides.csv:4: R003 price_overrides.csv:5: R003 price_overrides.csv:7: R007
        levels.csv:4: R004 levels.csv:5: R005 levels.csv:6: R003 levels.csv:7: R003 levels.csv:8: R003";
    let words: Vec<&str> = expected.split_whitespace().collect();
    let expected: Vec<String> = words.chunks(2).map(|pair| pair.join(" ")).collect();
    assert_eq!(tables.codes(), expected);
}

#[test]
fn balances_are_those_a_run_publishes() {
    let header = "run_id,account_id,subscription_id,allowance,meter,granted_period,granted,used,expired,left,expires_after,currency";
    let row = "r,A1,S1,plan:a/m,m,2026-09,10,3.5,0,6.5,2026-11,";
    let loaded = Tables::good("balances").with("allowance_balances.csv", format!("{header}\n{row}\n")).load().unwrap();
    let balance = &loaded.balances[0];
    let (period, left) = (balance.granted.to_string(), balance.left.to_string());
    assert_eq!((balance.allowance.as_str(), period.as_str(), left.as_str()), ("plan:a/m", "2026-09", "6.5"));
    // Of two accounts in one month a subscription that has moved has two.
    let rows = format!("{header}\n{row}\nr,A1-S1,S1,plan:a/m,m,2026-09,10,3.5,0,6.5,2026-11,\n");
    assert_eq!(Tables::good("moved").with("allowance_balances.csv", rows).load().unwrap().balances.len(), 2);
    let rows = "S1,x,2026-09,1\nS1,x,2026-09,2\nS1,x,2026-08,2\nS9,x,2026-09,1\nS1,,2026-09,1\nS1,x,2026-13,1\nS1,x,,1\n\
                S1,y,2026-09,-1\nS1,y,2026-09,\nS1,y,2026-09,many\n";
    let table = format!("subscription_id,allowance,granted_period,left\n{rows}");
    let codes = Tables::good("bad-balances").with("allowance_balances.csv", table).codes();
    let expected =
        [(3, "R004"), (5, "R005"), (6, "R003"), (7, "R003"), (8, "R003"), (9, "R003"), (10, "R003"), (11, "R003")];
    let expected = expected.map(|(line, code)| format!("allowance_balances.csv:{line}: {code}"));
    assert_eq!(codes, expected);
    let codes = Tables::good("no-balances").with("allowance_balances.csv", "subscription_id,allowance,left\n").codes();
    assert_eq!(codes, ["allowance_balances.csv: R002"]);
}

#[test]
fn a_cycle_is_printed_as_it_runs_and_only_once() {
    let cycle = "account_id,parent_id,currency\nB,A,USD\nC,B,USD\nA,C,USD\nD,A,USD\nE,E,USD\n";
    let faults = Tables::good("cycle").with("accounts.csv", cycle).faults();
    let cycles: Vec<_> = faults.iter().filter(|fault| fault.contains("R006")).collect();
    assert_eq!(
        cycles,
        [
            "accounts.csv:4: R006 the accounts are their own ancestors: A -> C -> B -> A",
            "accounts.csv:6: R006 the accounts are their own ancestors: E -> E",
        ]
    );
}

#[test]
fn a_hierarchy_without_end_is_refused_before_its_paths_fill_the_memory() {
    let mut chain = "account_id,parent_id,currency\nN00000,,USD\n".to_owned();
    for level in 1..=5_000 {
        chain.push_str(&format!("N{level:05},N{:05},USD\n", level - 1));
    }
    let codes = Tables::good("chain").with("accounts.csv", chain).codes();
    assert_eq!(codes.iter().filter(|code| code.starts_with("accounts.csv:")).count(), 51);
    assert_eq!(codes[0], "accounts.csv:102: R003");
}

#[test]
fn a_missing_column_is_named_with_the_one_that_may_be_meant() {
    let tables = Tables::good("columns")
        .with("accounts.csv", "account_id,curency,ParentID\nA1,USD,\n")
        .with("subscriptions.csv", "subscription_id,account_id,start\n")
        .with("identifiers.csv", "identifier;subscription_id\n");
    assert_eq!(
        hints(tables)[..3],
        [
            "is the column `curency` meant? Name it `currency`",
            "name it `parent_id`, or something else if it is a column of your own",
            "its columns are `subscription_id`, `account_id`, `start`",
        ]
    );
    let lost = Tables::good("columns-2").with("identifiers.csv", "identifier;subscription_id\n");
    assert_eq!(lost.codes(), ["identifiers.csv: R002", "identifiers.csv: R002"]);
}

#[test]
fn hints_name_what_may_have_been_meant() {
    let tables = Tables::good("hints").with(
        "accounts.csv",
        "account_id,parent_id,currency,tax_exemptions\nACME-1,,usd,State\nACME-2,acme-1 ,USD,\nACME-3,ACMF-1,BTC,\n",
    );
    let accounts: Vec<String> = hints(tables).into_iter().take(5).collect();
    assert_eq!(
        accounts,
        [
            "did you mean `USD`?",
            "did you mean `state`?",
            "did you mean `ACME-1`?",
            "did you mean `ACME-1`?",
            "use ISO 4217 codes such as USD",
        ]
    );
}

#[test]
fn only_the_first_faults_of_a_table_are_shown_and_the_rest_counted() {
    let rows: String = (0..75).map(|at| format!("A{at},XXX\n")).collect();
    let faults = Tables::good("cap").with("accounts.csv", format!("account_id,currency\n{rows}")).faults();
    let accounts: Vec<_> = faults.iter().filter(|fault| fault.starts_with("accounts.csv")).collect();
    assert_eq!(accounts.len(), 51);
    assert_eq!(accounts[50], "accounts.csv: R009 25 more faults in this table are not shown");
}

#[test]
fn files_that_cannot_be_read_are_named_where_the_pipeline_names_them() {
    let cut = gz(ACCOUNTS);
    let cut = cut[..cut.len() / 2].to_vec();
    let tables = Tables::good("unreadable")
        .with("accounts.csv.gz", cut)
        .with("subscriptions.csv", "")
        .with("tax_rates.xlsx", "PK")
        .with("fx_rates.parquet", "PAR1 and no more")
        .with("price_overrides.csv", "account_id,charge,charge,model\n")
        .without("identifiers.csv");
    let codes = tables.codes();
    assert_eq!(
        codes,
        [
            "nightly.yaml:7: R001",
            "nightly.yaml:7: R001",
            "nightly.yaml:7: R001",
            "nightly.yaml:7: R001",
            "nightly.yaml:7: R001",
            "price_overrides.csv: R004",
        ]
    );
}

#[test]
fn a_table_that_cannot_be_read_makes_no_orphans_of_the_others() {
    assert_eq!(Tables::good("no-accounts").without("accounts.csv").codes(), ["nightly.yaml:7: R001"]);
    let lacking = Tables::good("no-currency").with("accounts.csv", "account_id\nA1\nA1-S1\nB1\n");
    assert_eq!(lacking.codes(), ["accounts.csv: R002"]);
}

#[test]
fn marks_line_ends_and_cells_with_lines_keep_their_places() {
    let csv = "\u{feff}account_id,name,currency\r\n\r\nA1,\"two\r\nlines\",USD\r\nA1-S1,,XXX\r\nB1,,USD";
    assert_eq!(Tables::good("lines").with("accounts.csv", csv).codes(), ["accounts.csv:5: R009"]);
}

#[test]
fn rows_of_another_width_open_quotes_nul_and_broken_utf8_are_named_once() {
    let csv =
        b"account_id,name,currency\nA1,x\nA1-S1,a,USD,b\nB1,\0,USD\nB2,\xff,USD\nB3,,USD,,\nB4,\"open,USD\nB5,,USD\n";
    let faults = Tables::good("broken").with("accounts.csv", *csv).faults();
    assert_eq!(
        faults,
        [
            "accounts.csv:2: R003 the row has 2 cells, the header has 3",
            "accounts.csv:3: R003 the row has 4 cells, the header has 3",
            "accounts.csv:4: R003 the row holds a NUL character",
            "accounts.csv:5: R003 the row is not UTF-8",
            "accounts.csv:7: R003 a quote that opens in this row is never closed",
        ]
    );
}

#[test]
fn compressed_tables_hold_the_same_rows_but_another_digest() {
    let plain = Tables::good("plain").load().unwrap();
    let again = Tables::good("elsewhere").load().unwrap();
    let zst = zstd::encode_all(SUBSCRIPTIONS.as_bytes(), 3).unwrap();
    let packed = Tables::good("packed").with("accounts.csv.gz", gz(ACCOUNTS)).with("subscriptions.csv.zst", zst);
    let packed = packed.load().unwrap();
    assert_eq!(plain.digest, again.digest);
    assert_ne!(plain.digest, packed.digest);
    assert_eq!(plain.digest.len(), 64);
    assert_eq!(packed.accounts.len(), 4);
    let fewer = Tables::good("fewer").without("fx_rates.csv").load().unwrap();
    assert_ne!(plain.digest, fewer.digest);
}

#[test]
fn ndjson_numbers_keep_their_text_and_broken_lines_are_named() {
    let good = r#"{"subscription_id":"S1","account_id":"A1","plan":"p","quantity":0.10,"start":"2026-01-01","vip":true,"end":null}

{"account_id":"A1-S1","subscription_id":"S\u0032","product":"q","start":"2026-01-01"}
{"account_id":"B1","subscription_id":"S3","product":"q","start":"2026-01-01"}
"#;
    let reference = Tables::good("ndjson").with("subscriptions.ndjson", good).load().unwrap();
    assert_eq!(reference.subscriptions[0].quantity, Decimal::parse("0.1").unwrap());
    assert_eq!(reference.subscriptions[0].custom, [("vip".to_owned(), "true".to_owned())].into());
    assert_eq!(reference.subscriptions[1].id, "S2");
    assert!(reference.subscriptions[1].place.to_string().ends_with(":3"));
    let bad = "[1]\n{\"account_id\":\"A1\",\"account_id\":\"A1\"}\n{\"account_id\":{}}\n{\"account_id\":\n{\"account_id\":\"A1\",\"currency\":\"USD\"}\n";
    let faults = Tables::good("ndjson-bad").with("accounts.ndjson", bad).codes();
    assert_eq!(faults[..4], [1, 2, 3, 4].map(|line| format!("accounts.ndjson:{line}: R003")));
}

#[test]
fn parquet_columns_of_every_plain_type_are_read_as_their_text() {
    let days = Date32Array::from(vec![Some(20_454), Some(20_454), Some(20_727)]);
    let quantity = Decimal128Array::from(vec![Some(12_500), None, Some(-1)]).with_precision_and_scale(10, 4).unwrap();
    let columns = |quantity: ArrayRef| -> Vec<(&str, ArrayRef)> {
        vec![
            ("subscription_id", Arc::new(Int64Array::from(vec![1, 2, 3])) as ArrayRef),
            ("account_id", Arc::new(StringArray::from(vec!["A1", "B1", "B1"]))),
            ("plan", Arc::new(StringArray::from(vec!["p", "p", "p"]))),
            ("quantity", quantity),
            ("start", Arc::new(days.clone())),
            ("trial", Arc::new(BooleanArray::from(vec![Some(true), None, None]))),
        ]
    };
    let identifiers = "identifier,subscription_id\nroom,2\n";
    let fine = Decimal128Array::from(vec![Some(12_500), None, Some(0)]).with_precision_and_scale(10, 4).unwrap();
    let bytes = parquet(columns(Arc::new(fine)));
    let reference = Tables::good("parquet")
        .with("subscriptions.parquet", bytes)
        .with("identifiers.csv", identifiers)
        .load()
        .unwrap();
    let first = &reference.subscriptions[0];
    assert_eq!((first.id.as_str(), first.quantity.to_string().as_str()), ("1", "1.25"));
    assert_eq!(first.start.to_string(), "2026-01-01");
    assert_eq!(first.custom, [("trial".to_owned(), "true".to_owned())].into());
    let negative = parquet(columns(Arc::new(quantity)));
    let tables = Tables::good("parquet-2").with("subscriptions.parquet", negative).with("identifiers.csv", identifiers);
    assert_eq!(tables.codes(), ["subscriptions.parquet:3: R003"]);
    let float = parquet(columns(Arc::new(Float64Array::from(vec![1.0, 2.0, 3.0]))));
    let tables = Tables::good("parquet-3").with("subscriptions.parquet", float).with("identifiers.csv", identifiers);
    assert_eq!(tables.codes(), ["nightly.yaml:7: R001"]);
}

#[test]
fn moments_of_every_spelling_bound_a_validity_and_finer_ones_are_refused() {
    let csv = "identifier,account_id,valid_from,valid_to\na,A1,2026-10-01,2026-10-01T06:00:00.000001Z\n\
               b,A1,2026-10-01 06:00:00,2026-10-01T06:00:00.5\nc,A1,2026-10-01T06:00:00.0000001Z,\n\
               d,A1,2026-10-01,2026-10-01T06:00:00Z\n";
    let faults = Tables::good("moments").with("identifiers.csv", csv).codes();
    assert_eq!(faults, ["identifiers.csv:4: R003", "identifiers.csv:5: R008"]);
}

#[test]
fn dates_that_another_tool_wrote_with_a_time_of_zero_are_dates() {
    let day = Date64Array::from(vec![1_767_225_600_000]);
    let stamp = TimestampMicrosecondArray::from(vec![1_767_225_600_000_000]);
    let bytes = parquet(vec![
        ("identifier", Arc::new(StringArray::from(vec!["room"])) as ArrayRef),
        ("subscription_id", Arc::new(StringArray::from(vec!["S1"]))),
        ("valid_from", Arc::new(day)),
    ]);
    let subscriptions = parquet(vec![
        ("subscription_id", Arc::new(StringArray::from(vec!["S1"])) as ArrayRef),
        ("account_id", Arc::new(StringArray::from(vec!["A1"]))),
        ("plan", Arc::new(StringArray::from(vec!["p"]))),
        ("start", Arc::new(stamp)),
    ]);
    let tables = Tables::good("zero").with("identifiers.parquet", bytes).with("subscriptions.parquet", subscriptions);
    let reference = tables.load().unwrap();
    assert_eq!(reference.subscriptions[0].start.to_string(), "2026-01-01");
    assert_eq!(reference.identifiers.get("room").unwrap()[0].from, reference.subscriptions[0].starts_at);
}
