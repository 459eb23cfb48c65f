//! What queries over usage buckets give, and what they refuse.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{
    Array, ArrayRef, AsArray, Date32Array, Decimal128Array, Int64Array, RecordBatch, StringArray, UInt32Array,
};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::{DataType, Decimal128Type, Field, Schema, SchemaRef};

use super::{located, shown};
use crate::fault::Outcome;
use crate::money::Decimal;
use crate::rules::decimal::EXACT;
use crate::rules::{Limits, Query, Rules};

pub(super) fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("subscription_id", DataType::Utf8, true),
        Field::new("account_id", DataType::Utf8, true),
        Field::new("meter", DataType::Utf8, true),
        Field::new("day", DataType::Date32, true),
        Field::new("quantity", EXACT, true),
        Field::new("records", DataType::Int64, true),
        Field::new("region", DataType::Utf8, true),
    ]))
}

/// A bucket: subscription, day, quantity as text, records, region.
type Bucket = (&'static str, i32, &'static str, i64, Option<&'static str>);

pub(super) fn buckets(rows: &[Bucket]) -> RecordBatch {
    let texts = |one: fn(&Bucket) -> Option<&'static str>| -> ArrayRef {
        Arc::new(rows.iter().map(one).collect::<StringArray>())
    };
    let quantities = rows.iter().map(|row| Some(Decimal::parse(row.2).unwrap().units()));
    let columns: Vec<ArrayRef> = vec![
        texts(|row| Some(row.0)),
        texts(|_| Some("A")),
        texts(|_| Some("video_minutes")),
        Arc::new(rows.iter().map(|row| Some(row.1)).collect::<Date32Array>()),
        Arc::new(quantities.collect::<Decimal128Array>().with_data_type(EXACT)),
        Arc::new(rows.iter().map(|row| Some(row.3)).collect::<Int64Array>()),
        texts(|row| row.4),
    ];
    RecordBatch::try_new(schema(), columns).unwrap()
}

/// S1 has 100.1 in EU on two days and 5 in no region, S2 has 3, S3 has 0.000000000000000001.
fn month() -> RecordBatch {
    buckets(&[
        ("S2", 1, "3", 1, Some("US")),
        ("S1", 1, "60.1", 10, Some("EU")),
        ("S1", 2, "40", 20, Some("EU")),
        ("S3", 2, "0.000000000000000001", 1, Some("EU")),
        ("S1", 2, "5", 2, None),
    ])
}

fn compile(sql: &str) -> Outcome<Query> {
    Rules::new().unwrap().query(&located(sql), &schema())
}

fn run(sql: &str, buckets: &RecordBatch) -> Outcome<RecordBatch> {
    compile(sql)?.run(buckets, &Limits::default())
}

/// `S1 105.1 2.1; S2 …`
fn told(rows: &RecordBatch) -> String {
    let number = |column: usize, row: usize| {
        let numbers = rows.column(column).as_primitive::<Decimal128Type>();
        if numbers.is_null(row) { "NULL".to_owned() } else { Decimal::from_units(numbers.value(row)).to_string() }
    };
    let ids = rows.column(0).as_string::<i32>();
    let id = |row: usize| if ids.is_null(row) { "NULL" } else { ids.value(row) };
    let lines = (0..rows.num_rows()).map(|row| format!("{} {} {}", id(row), number(1, row), number(2, row)));
    lines.collect::<Vec<_>>().join("; ")
}

#[test]
fn queries_give_exact_rows_by_subscription() {
    let mut wrong = Vec::new();
    for (sql, expected) in [
        (
            "SELECT subscription_id, sum(quantity) AS quantity, greatest(sum(quantity) - 95, 0) * 0.02 AS amount
             FROM buckets GROUP BY subscription_id",
            "S1 105.1 0.202; S2 3 0; S3 0.000000000000000001 0",
        ),
        (
            "SELECT sum(records) AS amount, subscription_id, count(*) AS quantity FROM buckets GROUP BY subscription_id;",
            "S1 3 32; S2 1 1; S3 1 1",
        ),
        (
            "SELECT subscription_id, max(quantity) AS quantity, avg(quantity) AS amount FROM buckets
             GROUP BY subscription_id HAVING count(*) > 1 ORDER BY amount DESC",
            "S1 60.1 35.033333333333333333",
        ),
        (
            "WITH eu AS (SELECT subscription_id AS s, sum(quantity) AS q FROM buckets WHERE region = 'EU' GROUP BY 1)
             SELECT s AS subscription_id, q AS quantity, q / (SELECT sum(q) FROM eu) AS amount FROM eu",
            "S1 100.1 1; S3 0.000000000000000001 0",
        ),
        (
            "SELECT b.subscription_id, b.quantity, b.quantity * t.all_records AS amount FROM buckets b
             JOIN (SELECT subscription_id, sum(records) AS all_records FROM buckets GROUP BY subscription_id) t
               ON b.subscription_id = t.subscription_id AND b.day = 1",
            "S1 60.1 1923.2; S2 3 3",
        ),
        (
            "SELECT a.subscription_id, a.quantity, b.quantity AS amount FROM buckets a, buckets b
             WHERE a.subscription_id = b.subscription_id AND a.day = 1 AND b.day = 2 AND b.region IS NULL",
            "S1 60.1 5",
        ),
        (
            "SELECT subscription_id, quantity, quantity * CASE n WHEN 1 THEN 0.5 ELSE 0 END AS amount FROM (
               SELECT subscription_id, quantity, row_number() OVER (PARTITION BY subscription_id ORDER BY day, quantity) AS n
               FROM buckets) WHERE n = 1",
            "S1 60.1 30.05; S2 3 1.5; S3 0.000000000000000001 0.000000000000000001",
        ),
        (
            "SELECT subscription_id, quantity, sum(quantity) OVER (ORDER BY quantity ROWS UNBOUNDED PRECEDING) AS amount
             FROM buckets WHERE subscription_id <> 'S1'",
            "S2 3 3.000000000000000001; S3 0.000000000000000001 0.000000000000000001",
        ),
        (
            "SELECT subscription_id, sum(quantity) FILTER (WHERE region = 'EU') AS quantity, -count(DISTINCT region) AS amount
             FROM buckets GROUP BY subscription_id",
            "S1 100.1 -1; S2 NULL -1; S3 0.000000000000000001 -1",
        ),
        (
            "SELECT subscription_id, 1 AS quantity, 0.1 AS amount FROM buckets WHERE region = 'US'
             UNION ALL SELECT subscription_id, sum(quantity), sum(records) FROM buckets WHERE region = 'EU' GROUP BY 1",
            "S1 100.1 30; S2 1 0.1; S3 0.000000000000000001 1",
        ),
        (
            "SELECT DISTINCT subscription_id, 1 AS quantity, NULL AS amount FROM buckets b
             WHERE EXISTS (SELECT 1 FROM buckets o WHERE o.subscription_id = b.subscription_id AND o.region IS NULL)
                OR subscription_id IN (SELECT subscription_id FROM buckets WHERE quantity < 1)",
            "S1 1 NULL; S3 1 NULL",
        ),
        ("SELECT subscription_id, quantity, quantity AS amount FROM buckets WHERE false", ""),
        (
            "SELECT SUBSCRIPTION_ID, quantity, CAST(substr(meter, 1, 0) || '1e-3' AS DECIMAL) AS amount FROM BUCKETS B
             WHERE b.Day = 1",
            "S1 60.1 0.001; S2 3 0.001",
        ),
    ] {
        match run(sql, &month()) {
            Ok(rows) if told(&rows) == expected => assert_eq!(rows.schema(), Query::schema(), "{sql}"),
            Ok(rows) => wrong.push(format!("{sql}\n  gives {}", told(&rows))),
            Err(faults) => wrong.push(format!("{sql}\n  {faults}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn sums_and_averages_are_exact_or_refused() {
    let most = "99999999999999999999";
    let rows = |quantities: &[&'static str]| {
        buckets(&quantities.iter().map(|quantity| ("S1", 1, *quantity, i64::MAX / 2 + 1, None)).collect::<Vec<_>>())
    };
    let sql = "SELECT subscription_id, sum(quantity) AS quantity, avg(quantity) AS amount FROM buckets GROUP BY 1";
    // In between the sum does not fit, in the end it does: no order of the rows fails.
    let both = rows(&[most, most, "-99999999999999999999", "-99999999999999999998.5"]);
    assert_eq!(told(&run(sql, &both).unwrap()), "S1 0.5 0.125");
    assert_eq!(told(&run(sql, &rows(&["1", "1", "0"])).unwrap()), "S1 2 0.666666666666666667");
    assert_eq!(told(&run(sql, &rows(&["-1", "-1", "0"])).unwrap()), "S1 -2 -0.666666666666666667");
    let faults = run(sql, &rows(&[most, "1"])).unwrap_err();
    assert_eq!(
        faults.to_string(),
        "p.yaml:1:1: E007 cannot be computed: `sum`: more than 20 digits before the decimal point"
    );
    let windowed = "SELECT subscription_id, quantity, sum(quantity) OVER () AS amount FROM buckets";
    assert_eq!(run(windowed, &rows(&[most, "1"])).unwrap_err().0[0].code.id, "E007");
    let whole = "SELECT subscription_id, sum(records) AS quantity, 0 AS amount FROM buckets GROUP BY 1";
    assert_eq!(told(&run(whole, &rows(&["1"])).unwrap()), "S1 4611686018427387904 0");
    let faults = run(whole, &rows(&["1", "1"])).unwrap_err();
    assert_eq!(faults.to_string(), "p.yaml:1:1: E007 cannot be computed: `sum`: the result does not fit 64 bits");
}

#[test]
fn the_order_of_the_buckets_does_not_matter() {
    // Many rows alike in what the window orders by.
    let subscriptions = ["S1", "S2", "S3", "S4"].into_iter().cycle();
    let quantities = ["1", "2", "2.5", "7", "0.1"].into_iter().cycle();
    let numbered = subscriptions.zip(quantities).zip(0..500_i32);
    let rows: Vec<Bucket> =
        numbered.map(|((id, quantity), row)| (id, row % 3, quantity, i64::from(row % 7), None)).collect();
    let all = buckets(&rows);
    let back: UInt32Array = (0..500).rev().collect();
    let turned = take_record_batch(&all, &back).unwrap();
    for sql in [
        "SELECT subscription_id, sum(quantity * n) AS quantity, sum(before) AS amount FROM (
           SELECT subscription_id, quantity, row_number() OVER (ORDER BY day) AS n,
                  lag(quantity, 3, 0) OVER (ORDER BY day) AS before FROM buckets) GROUP BY subscription_id",
        "SELECT subscription_id, max(q) AS quantity, min(r) AS amount FROM (
           SELECT subscription_id, sum(quantity) OVER (PARTITION BY day ORDER BY region ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS q,
                  rank() OVER (ORDER BY quantity) AS r FROM buckets) GROUP BY subscription_id",
    ] {
        let query = compile(sql).unwrap_or_else(|faults| panic!("{sql}: {faults}"));
        let one = query.run(&all, &Limits::default()).unwrap();
        assert_eq!(one.num_rows(), 4);
        assert_eq!(told(&one), told(&query.run(&turned, &Limits::default()).unwrap()), "{sql}");
    }
}

#[test]
fn a_guard_is_kept_when_a_query_is_planned() {
    let sql = "SELECT subscription_id, q AS quantity, 1 / (q - 3) AS amount FROM (
                 SELECT subscription_id, sum(quantity) AS q FROM buckets GROUP BY 1 HAVING sum(quantity) <> 3) WHERE 1 / (q - 3) < 1";
    assert_eq!(
        told(&run(sql, &month()).unwrap()),
        "S1 105.1 0.009794319294809011; S3 0.000000000000000001 -0.333333333333333333"
    );
    let sql = "SELECT subscription_id, quantity, CASE WHEN quantity = 3 THEN 0 ELSE 6 / (quantity - 3) END AS amount
               FROM buckets WHERE day = 1";
    assert_eq!(told(&run(sql, &month()).unwrap()), "S1 60.1 0.105078809106830123; S2 3 0");
}

#[test]
fn a_query_that_is_not_what_a_charge_needs_is_refused() {
    let mut wrong = Vec::new();
    for (sql, expected) in [
        ("SELECT subscription_id, quantity FROM buckets", "E006 1:1"),
        ("SELECT subscription_id, quantity, 1 AS amount, day FROM buckets", "E006 1:48"),
        ("SELECT *, 1 AS amount FROM buckets", "E006 1:1, E006 1:1, E006 1:1, E006 1:1, E006 1:1"),
        (
            "SELECT quantity AS subscription_id, 'x' AS quantity, true AS amount FROM buckets",
            "E005 1:8, E005 1:37, E005 1:54",
        ),
        ("SELECT subscription_id, quantity, qantity * 2 AS amount FROM buckets", "E001 1:35"),
        ("SELECT subscription_id, b.quantty AS quantity, 2 AS amount FROM buckets b", "E001 1:25"),
        ("SELECT subscription_id, quantity, 1 AS amount FROM bucket", "E002 1:52"),
        ("SELECT subscription_id, quantity, uppr(region) AS amount FROM buckets", "E003 1:35"),
        ("SELECT subscription_id, median(quantity) AS quantity, 1 AS amount FROM buckets GROUP BY 1", "E003 1:25"),
        (
            "SELECT subscription_id, sum(DISTINCT quantity) AS quantity, 1 AS amount FROM buckets GROUP BY 1",
            "E002 1:25",
        ),
        ("SELECT subscription_id, quantity, CAST(records AS DOUBLE) AS amount FROM buckets", "E004 1:40"),
        ("SELECT subscription_id, quantity, region * 2 AS amount FROM buckets", "E005 1:1"),
        ("SELECT subscription_id, quantity, 1 AS amount FROM buckets WHERE region > 5", "E005 1:1"),
        (
            "SELECT subscription_id, quantity, 1 AS amount FROM buckets WHERE region IN (SELECT records FROM buckets)",
            "E005 1:1",
        ),
        (
            "SELECT subscription_id, quantity, 1 AS amount FROM buckets a JOIN buckets b ON a.region = b.records",
            "E005 1:1",
        ),
        (
            "SELECT subscription_id, records AS quantity, 1 AS amount FROM buckets UNION SELECT records, 2, 1 FROM buckets",
            "E005 1:1",
        ),
        ("SELECT subscription_id, quantity, 1 AS amount FROM buckets LIMIT 5", "E002 1:60"),
        ("SELECT subscription_id, sum(quantity) AS quantity, 1 AS amount FROM buckets", "E001 1:8"),
        ("SELECT subscription_id, quantity, 1 / 0 AS amount FROM buckets", "E001 1:1"),
        ("SELECT subscription_id, quantity, 1 AS amount FROM buckets, buckets", "E001 1:1"),
    ] {
        let faults = compile(sql).err().unwrap_or_else(|| panic!("{sql} is accepted"));
        if shown(&faults) != expected {
            wrong.push(format!("{sql}: {} instead of {expected}: {faults}", shown(&faults)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let faults = compile("SELECT subscription_id, quantity, qantity * 2 AS amount FROM buckets").unwrap_err();
    assert_eq!(faults.0[0].hint.as_deref(), Some("did you mean `quantity`?"));
}

#[test]
fn a_subscription_that_comes_twice_is_a_fault() {
    let faults = run("SELECT subscription_id, quantity, 1 AS amount FROM buckets", &month()).unwrap_err();
    assert_eq!(faults.to_string(), "p.yaml:1:1: E009 the query gives the subscription `S1` more than once");
    let rows = run(
        "SELECT nullif(subscription_id, subscription_id) AS subscription_id, quantity, 1 AS amount FROM buckets WHERE day = 1",
        &month(),
    );
    assert_eq!(told(&rows.unwrap()), "NULL 3 1; NULL 60.1 1");
}

/// The same buckets again and again, 20,000 of them and more.
pub(super) fn many() -> RecordBatch {
    grown(20_000)
}

/// Some dozens of them.
pub(super) fn few() -> RecordBatch {
    grown(40)
}

fn grown(rows: usize) -> RecordBatch {
    let mut all = month();
    while all.num_rows() < rows {
        all = concat_batches(&schema(), [&all, &all]).unwrap();
    }
    all
}

#[test]
fn a_query_is_stopped_at_its_limits() {
    let limits = Limits { time: Duration::from_secs(2), ..Limits::default() };
    for (sql, limits, expected) in [
        (
            "SELECT a.subscription_id, a.quantity, 1 AS amount FROM buckets a, buckets b",
            Limits { rows: 50_000, ..limits },
            "the query was stopped: it gives more than 50000 rows",
        ),
        (
            "SELECT 'x' AS subscription_id, sum(a.quantity * b.quantity) AS quantity, 1 AS amount FROM buckets a, buckets b",
            limits,
            "the query was stopped: it takes longer than 2s",
        ),
        (
            "SELECT subscription_id, sum(n) AS quantity, 1 AS amount FROM (
               SELECT a.subscription_id, row_number() OVER (ORDER BY a.quantity * b.quantity) AS n FROM buckets a, buckets b) GROUP BY 1",
            Limits { memory: 32 << 20, ..limits },
            "the query was stopped: it needs more than 32 MiB of memory",
        ),
    ] {
        let faults = compile(sql).unwrap().run(&many(), &limits).unwrap_err();
        assert_eq!(faults.to_string(), format!("p.yaml:1:1: E008 {expected}"), "{sql}");
    }
}
