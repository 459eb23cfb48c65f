mod credits;

use arrow::array::{ArrayRef, RecordBatch};

use super::*;
use crate::tables::{Table, build};

const RUN: &str = "00000000000000000000000000000abc";
const START: i64 = 1_790_812_800_000_000;

fn dec(text: &str) -> Decimal {
    Decimal::parse(text).unwrap()
}

fn exact(texts: &[&str]) -> ArrayRef {
    build::decimal38(texts.iter().map(|text| dec(text).units()).collect())
}

fn money(texts: &[&str]) -> ArrayRef {
    build::decimal18_4(texts.iter().map(|text| dec(text))).unwrap()
}

fn texts(codes: &[i32], values: &[&str]) -> ArrayRef {
    build::dictionary(values, codes.to_vec()).unwrap()
}

/// Three lines: two of A1 in USD (an allowance and usage), one of A2 in JPY without tax.
fn lines() -> RecordBatch {
    let same = |text: &str| build::constant(text, 3);
    let at = |micros: i64| build::instants(vec![micros; 3]);
    let accounts = || texts(&[0, 0, 1], &["A1", "A2"]);
    let columns = vec![
        build::hex_ids(&[1, 2, 3]).unwrap(),
        build::hex_ids(&[10, 10, 20]).unwrap(),
        same(RUN),
        at(START),
        at(START + 1),
        at(START),
        at(START + 1),
        accounts(),
        accounts(),
        accounts(),
        texts(&[0, 0, 1], &["S1", "S2"]),
        same(""),
        same("enterprise"),
        same("video"),
        same("video/minutes"),
        texts(&[0, 1, 1], &["allowance", "usage"]),
        same("per_unit"),
        same("minutes"),
        build::dimensions(&[vec![], vec![("region", "emea")]], &[0, 1, 1]).unwrap(),
        texts(&[0, 1, 1], &["included", ""]),
        exact(&["100", "0.123456789012345678", "7"]),
        same("minute"),
        build::decimal38_or_null([Some(Decimal::ZERO), Some(dec("0.05")), None]),
        build::decimal38_or_null([None, Some(dec("0.05")), None]),
        exact(&["0", "0.006172839450617284", "12"]),
        money(&["0", "12.35", "12"]),
        money(&["0", "0.35", "0"]),
        money(&["0", "0", "0"]),
        money(&["0", "12.00", "12"]),
        texts(&[0, 0, 1], &["USD", "JPY"]),
        build::no_text(3),
        build::decimal38_or_null([None, None, None]),
        same("4000"),
        same("telecom"),
        texts(&[0, 0, 1], &["US-CO", ""]),
        same("list"),
        same("video.yaml:7"),
        build::whole(vec![4, 1, 2]),
        build::no_text(3),
    ];
    Table::InvoiceLines.batch(columns).unwrap()
}

fn taxes() -> RecordBatch {
    let same = |text: &str| build::constant(text, 1);
    let columns = vec![
        build::hex_ids(&[2]).unwrap(),
        build::hex_ids(&[10]).unwrap(),
        same(RUN),
        same("A1"),
        same("A1"),
        same("state"),
        same("US-CO"),
        same("telecom"),
        exact(&["7.25"]),
        money(&["12"]),
        money(&["0.87"]),
        money(&["0"]),
        build::flags(vec![false]),
        same("S"),
        same(""),
        same("USD"),
    ];
    Table::InvoiceTaxes.batch(columns).unwrap()
}

fn line_discounts() -> RecordBatch {
    let same = |text: &str| build::constant(text, 2);
    let columns = vec![
        build::hex_ids(&[2, 2]).unwrap(),
        build::hex_ids(&[10, 10]).unwrap(),
        same(RUN),
        same("A1"),
        same("A1"),
        texts(&[0, 1], &["launch", "loyal"]),
        texts(&[0, 1], &["", "C1"]),
        money(&["0.30", "0.05"]),
        same("USD"),
    ];
    Table::LineDiscounts.batch(columns).unwrap()
}

fn invoices() -> RecordBatch {
    let columns = vec![
        build::hex_ids(&[10, 20]).unwrap(),
        build::text(&["RM-1", "RM-2"]),
        build::constant(RUN, 2),
        build::instants(vec![START; 2]),
        build::instants(vec![START + 1; 2]),
        texts(&[0, 1], &["A1", "A2"]),
        build::text(&["One", "Two"]),
        texts(&[0, 1], &["USD", "JPY"]),
        build::whole(vec![2, 1]),
        money(&["12.35", "12"]),
        money(&["0.35", "0"]),
        money(&["0", "0"]),
        money(&["12", "12"]),
        money(&["0.87", "0"]),
        money(&["12.87", "12"]),
        money(&["0", "0"]),
        money(&["12.87", "12"]),
    ];
    Table::Invoices.batch(columns).unwrap()
}

fn subtotals() -> RecordBatch {
    let columns = vec![
        build::hex_ids(&[10, 20]).unwrap(),
        build::constant(RUN, 2),
        texts(&[0, 1], &["A1", "A2"]),
        build::constant("customer", 2),
        build::constant("video", 2),
        texts(&[0, 1], &["USD", "JPY"]),
        build::whole(vec![2, 1]),
        money(&["12", "12"]),
        money(&["0.87", "0"]),
        money(&["12", "12"]),
        money(&["0.87", "0"]),
    ];
    Table::InvoiceSubtotals.batch(columns).unwrap()
}

fn buckets() -> RecordBatch {
    let columns = vec![
        build::constant(RUN, 3),
        build::instants(vec![START; 3]),
        texts(&[0, 0, 1], &["A1", "A2"]),
        texts(&[0, 0, 1], &["S1", "S2"]),
        build::constant("enterprise", 3),
        build::constant("", 3),
        build::constant("minutes", 3),
        build::dimensions(&[vec![], vec![("region", "emea")]], &[0, 1, 1]).unwrap(),
        build::days(vec![20_727; 3]),
        exact(&["100", "0.123456789012345678", "7"]),
        build::whole(vec![4, 1, 2]),
        build::instants(vec![START; 3]),
        build::instants(vec![START; 3]),
        build::no_text_lists(3),
    ];
    Table::UsageBuckets.batch(columns).unwrap()
}

fn suspense() -> RecordBatch {
    let same = |text: &str| build::constant(text, 1);
    let columns = vec![
        same(RUN),
        same("bridge"),
        same("day=02/b.csv"),
        build::whole(vec![3]),
        same("unknown_identifier"),
        build::text_or_null(&[Some("identifier")]),
        build::no_text(1),
        build::text(&["r9"]),
        build::text(&["video.call"]),
        build::text(&["room-9"]),
        build::instants_or_null([Some(START)]),
        build::text(&["open"]),
        build::no_text(1),
        build::whole(vec![0]),
        build::text(&["r9,room-9,\"quoted\"\n"]),
    ];
    Table::Suspense.batch(columns).unwrap()
}

/// The totals of [`tables`], and the tables with theirs.
pub(crate) fn fixture() -> (Vec<(Table, RecordBatch)>, ControlTotals) {
    let file = |file: &str, read, rated, suspended, duplicate| FileTotals {
        source: "bridge".to_owned(),
        file: file.to_owned(),
        read,
        rated,
        suspended,
        duplicate,
        ..FileTotals::default()
    };
    let minutes = dec("107.123456789012345678");
    let meter = MeterTotals {
        meter: "minutes".to_owned(),
        records: 7,
        bucket_records: 7,
        quantity_metered: Some(minutes),
        quantity_in_buckets: minutes,
    };
    let charge = ChargeTotals {
        charge: "video/minutes".to_owned(),
        quantity_in_buckets: minutes,
        quantity_on_lines: minutes,
        itemised: None,
        included: None,
    };
    let jpy = CurrencyTotals {
        currency: "JPY".to_owned(),
        lines: 1,
        amount_list: dec("12"),
        amount_net: dec("12"),
        invoices: 1,
        invoice_lines: 1,
        invoice_net: dec("12"),
        invoice_gross: dec("12"),
        subtotal_net: dec("12"),
        invoice_payable: dec("12"),
        ..CurrencyTotals::default()
    };
    let usd = CurrencyTotals {
        currency: "USD".to_owned(),
        lines: 2,
        amount_list: dec("12.35"),
        amount_discount: dec("0.35"),
        amount_net: dec("12"),
        line_discounts: 2,
        amount_line_discounts: dec("0.35"),
        amount_tax: dec("0.87"),
        invoices: 1,
        invoice_lines: 2,
        invoice_net: dec("12"),
        invoice_tax: dec("0.87"),
        invoice_gross: dec("12.87"),
        subtotal_net: dec("12"),
        subtotal_tax: dec("0.87"),
        invoice_payable: dec("12.87"),
        ..CurrencyTotals::default()
    };
    let totals = ControlTotals {
        files: vec![file("day=01/a.csv", 5, 4, 0, 1), file("day=02/b.csv", 4, 3, 1, 0)],
        meters: vec![meter],
        charges: vec![charge],
        allowances: Vec::new(),
        currencies: vec![jpy, usd],
        ..ControlTotals::default()
    };
    let tables = vec![
        (Table::InvoiceLines, lines()),
        (Table::InvoiceTaxes, taxes()),
        (Table::Invoices, invoices()),
        (Table::InvoiceSubtotals, subtotals()),
        (Table::UsageBuckets, buckets()),
        (Table::Suspense, suspense()),
        (Table::LineDiscounts, line_discounts()),
        (Table::ControlTotals, totals.to_batch(RUN).unwrap()),
    ];
    (tables, totals)
}

/// The same with the records of both usage lines, which the charge publishes.
pub(crate) fn itemised_fixture() -> (Vec<(Table, RecordBatch)>, ControlTotals) {
    let (mut tables, mut totals) = fixture();
    totals.charges[0].itemised = Some((3, dec("12.006172839450617284")));
    tables.pop();
    tables.push((Table::RatedUsage, rated_usage(&[2, 3, 3])));
    tables.push((Table::ControlTotals, totals.to_batch(RUN).unwrap()));
    tables.push((Table::Levels, Table::Levels.empty()));
    (tables, totals)
}

/// The same with two credits that pay 5 USD and 2 USD of the first invoice; of the first, 1 USD is lost.
/// Where a table stands.
fn place(tables: &[(Table, RecordBatch)], table: Table) -> usize {
    tables.iter().position(|(known, _)| *known == table).unwrap()
}

fn rated_usage(lines: &[u128]) -> RecordBatch {
    let same = |text: &str| build::constant(text, 3);
    let columns = vec![
        build::hex_ids(lines).unwrap(),
        same(RUN),
        texts(&[0, 1, 1], &["A1", "A2"]),
        texts(&[0, 1, 1], &["S1", "S2"]),
        same("video/minutes"),
        same(""),
        same("bridge"),
        same("day=01/a.csv"),
        build::whole(vec![0, 1, 2]),
        build::instants(vec![START; 3]),
        exact(&["0.123456789012345678", "4", "3"]),
        exact(&["0.006172839450617284", "7", "5"]),
    ];
    Table::RatedUsage.batch(columns).unwrap()
}

#[test]
fn totals_that_agree_reconcile() {
    fixture().1.reconcile().unwrap();
}

#[test]
fn a_record_that_is_lost_between_suspense_and_its_end_is_found() {
    let mut totals = fixture().1;
    let suspended = totals.records().suspended;
    let right = SuspenseTotals { came_in: suspended + 3, recycled: 3, written_off: 0, open: suspended };
    totals.suspense = Some(right);
    totals.reconcile().unwrap();
    totals.suspense = Some(SuspenseTotals { recycled: 2, ..right });
    let faults = totals.reconcile().unwrap_err();
    assert_eq!(faults.to_string(), "G001 suspense: in is 4, but recycled, written off and open is 3");
    totals.suspense = Some(SuspenseTotals { recycled: 4, open: suspended - 1, ..right });
    let faults = totals.reconcile().unwrap_err();
    assert_eq!(faults.to_string(), "G001 suspense: open is 0, but in the files is 1");
}

#[test]
fn every_broken_identity_is_told_with_both_numbers() {
    let (_, mut totals) = fixture();
    totals.files[0].read += 1;
    totals.meters[0].bucket_records -= 1;
    totals.charges[0].quantity_on_lines = Decimal::ZERO;
    totals.currencies[1].invoice_net = dec("11.99");
    let faults = totals.reconcile().unwrap_err();
    assert_eq!(faults.0.len(), 5, "{faults}");
    assert_eq!(
        faults.0[0].message,
        "source bridge, file day=01/a.csv: 6 records read, but 5 accounted for (rated 4, suspended 0, duplicate 1, \
         out of window 0, filtered 0)"
    );
    assert_eq!(faults.0[3].message, "currency USD: net of the lines is 12, but net of the invoices is 11.99");
}

/// Every table as one part.
async fn check_in_memory(tables: &[(Table, RecordBatch)], totals: &ControlTotals) -> Outcome<()> {
    let has = |wanted: Table| tables.iter().any(|(table, part)| *table == wanted && part.num_rows() > 0);
    let compared = Compared { itemised: has(Table::RatedUsage), drawn: has(Table::AllowanceDraws) };
    let mut check = MemoryCheck::new(compared);
    for (table, part) in tables {
        let recounted = recount_part(*table, part, compared).await?;
        check.add(recounted)?;
    }
    check.finish(totals).await
}

#[tokio::test]
async fn datafusion_finds_the_totals_of_the_tables() {
    let (tables, totals) = fixture();
    check_in_memory(&tables, &totals).await.unwrap();
}

#[tokio::test]
async fn datafusion_finds_a_difference_of_one_record_or_one_cent() {
    let (tables, mut totals) = fixture();
    totals.meters[0].bucket_records += 1;
    totals.currencies[1].amount_tax = dec("0.88");
    let faults = check_in_memory(&tables, &totals).await.unwrap_err();
    // Once against the recount, once against the control_totals table.
    assert_eq!(faults.0.len(), 4, "{faults}");
    assert_eq!(faults.0[0].message, "currency USD: amount_tax is 0.88 in the run, but 0.87 by DataFusion");
}

#[tokio::test]
async fn datafusion_finds_an_invoice_that_is_not_the_sum_of_its_lines() {
    let (mut tables, totals) = fixture();
    // The sums by currency are what they were: only the lines have changed invoices.
    let mut columns = tables[0].1.columns().to_vec();
    columns[1] = build::hex_ids(&[10, 20, 20]).unwrap();
    columns[0] = build::hex_ids(&[2, 2, 3]).unwrap();
    tables[0].1 = Table::InvoiceLines.batch(columns).unwrap();
    let faults = check_in_memory(&tables, &totals).await.unwrap_err();
    let messages: Vec<&str> = faults.0.iter().map(|fault| fault.message.as_str()).collect();
    assert_eq!(
        messages,
        ["1 invoice lines with the id of another line", "2 invoices that are not the sum of their lines"]
    );
}

#[tokio::test]
async fn datafusion_finds_a_line_that_is_not_discounted_by_the_sum_of_its_discounts() {
    let (mut tables, totals) = fixture();
    let at = place(&tables, Table::LineDiscounts);
    let mut columns = tables[at].1.columns().to_vec();
    columns[0] = build::hex_ids(&[1, 2]).unwrap();
    tables[at].1 = Table::LineDiscounts.batch(columns).unwrap();
    let faults = check_in_memory(&tables, &totals).await.unwrap_err();
    let message = "G001 2 invoice lines whose discount is not the sum of their rows in line_discounts";
    assert_eq!(faults.to_string(), message);
}

#[tokio::test]
async fn datafusion_finds_a_line_that_is_not_the_sum_of_its_rated_records() {
    let (mut tables, totals) = itemised_fixture();
    check_in_memory(&tables, &totals).await.unwrap();
    // The sums of the charge are what they were: one record has changed lines.
    let at = place(&tables, Table::RatedUsage);
    tables[at].1 = rated_usage(&[2, 2, 3]);
    let faults = check_in_memory(&tables, &totals).await.unwrap_err();
    assert_eq!(faults.to_string(), "G001 2 invoice lines that are not the sum of their rated records");
    let (mut tables, mut totals) = itemised_fixture();
    totals.charges[0].itemised = Some((4, dec("12.006172839450617284")));
    let at = place(&tables, Table::ControlTotals);
    tables[at].1 = totals.to_batch(RUN).unwrap();
    let faults = check_in_memory(&tables, &totals).await.unwrap_err();
    assert_eq!(faults.to_string(), "G001 charge video/minutes: records_itemised is 4 in the run, but 3 by DataFusion");
}

fn shares(lines: &[u128]) -> RecordBatch {
    let same = |text: &str| build::constant(text, 2);
    let columns = vec![
        build::hex_ids(lines).unwrap(),
        build::hex_ids(&[20, 20]).unwrap(),
        same(RUN),
        same("A2"),
        same("S2"),
        same("big"),
        same("least"),
        build::decimal18_4([dec("4"), dec("5.5")]).unwrap(),
        same("USD"),
    ];
    Table::CommitmentShares.batch(columns).unwrap()
}

#[tokio::test]
async fn datafusion_finds_a_share_without_its_line_and_a_sum_of_shares_that_differs() {
    let (mut tables, mut totals) = fixture();
    totals.currencies[1].shares = (2, dec("9.5"));
    totals.notices = 1;
    tables.pop();
    tables.push((Table::CommitmentShares, shares(&[2, 3])));
    tables.push((Table::ControlTotals, totals.to_batch(RUN).unwrap()));
    // Nobody has told the table of the notice.
    let faults = check_in_memory(&tables, &totals).await.unwrap_err();
    assert_eq!(faults.to_string(), "G001 the run: notices is 1 in the run, but 0 by DataFusion");
    totals.notices = 0;
    totals.currencies[1].shares.1 = dec("9.51");
    let at = place(&tables, Table::CommitmentShares);
    tables[at].1 = shares(&[2, 99]);
    let at = place(&tables, Table::ControlTotals);
    tables[at].1 = totals.to_batch(RUN).unwrap();
    let faults = check_in_memory(&tables, &totals).await.unwrap_err();
    let messages: Vec<&str> = faults.0.iter().map(|fault| fault.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "currency USD: amount_covered is 9.51 in the run, but 9.5 by DataFusion",
            "1 shares of commitments without a line"
        ]
    );
}

#[tokio::test]
async fn a_run_without_any_usage_is_in_order() {
    let totals = ControlTotals::default();
    let tables = [(Table::ControlTotals, totals.to_batch(RUN).unwrap())];
    check_in_memory(&tables, &totals).await.unwrap();
}
