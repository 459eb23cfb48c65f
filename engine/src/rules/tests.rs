use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, RecordBatch,
    StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Decimal128Type, Field, Schema, SchemaRef};
use arrow::util::display::array_value_to_string;

use super::{Mediated, Mediation, Rules, Want, types::instant};
use crate::fault::{Faults, Located, Outcome, Place, SourceText};
use crate::money::Decimal;

fn located(text: &str) -> Located {
    let source = Arc::new(SourceText { name: "p.yaml".to_owned(), text: text.to_owned() });
    Located { text: text.to_owned(), place: Place::at(&source, 0, text.len()) }
}

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("duration_s", DataType::Decimal128(18, 3), true),
        Field::new("exact", DataType::Decimal128(38, 18), true),
        Field::new("bytes", DataType::Int64, true),
        Field::new("region", DataType::Utf8, true),
        Field::new("word", super::word(), true),
        Field::new("code", DataType::Utf8, true),
        Field::new("roomId", DataType::Utf8, true),
        Field::new("start", instant(), true),
        Field::new("day", DataType::Date32, true),
        Field::new("ok", DataType::Boolean, true),
        Field::new("floaty", DataType::Float64, true),
    ]))
}

/// 90.5 s, 1e-18, 7 bytes, `EU`, word `a`, code `x12`, room `R`, 2026-10-31T23:30:00.25Z, then a row of NULLs.
fn batch() -> RecordBatch {
    let words: arrow::array::DictionaryArray<arrow::datatypes::Int32Type> = vec![Some("a"), None].into_iter().collect();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Decimal128Array::from(vec![Some(90_500), None]).with_data_type(DataType::Decimal128(18, 3))),
        Arc::new(Decimal128Array::from(vec![Some(1), None]).with_data_type(DataType::Decimal128(38, 18))),
        Arc::new(Int64Array::from(vec![Some(7), None])),
        Arc::new(StringArray::from(vec![Some("EU"), None])),
        Arc::new(words),
        Arc::new(StringArray::from(vec![Some("x12"), None])),
        Arc::new(StringArray::from(vec![Some("R"), None])),
        Arc::new(TimestampMicrosecondArray::from(vec![Some(1_793_489_400_250_000), None]).with_timezone("UTC")),
        Arc::new(Date32Array::from(vec![Some(20_757), None])),
        Arc::new(BooleanArray::from(vec![Some(true), None])),
        Arc::new(Float64Array::from(vec![Some(1.5), None])),
    ];
    RecordBatch::try_new(schema(), columns).unwrap()
}

fn evaluate(text: &str, want: Want) -> Outcome<ArrayRef> {
    Rules::new().unwrap().expression(&located(text), &schema(), want)?.evaluate(&batch())
}

fn quantity(text: &str) -> String {
    let array = evaluate(text, Want::Quantity).unwrap_or_else(|faults| panic!("{text}: {faults}"));
    assert_eq!(array.data_type(), &DataType::Decimal128(38, 18), "{text}");
    assert_eq!(array.len(), 2, "{text}");
    let numbers = array.as_primitive::<Decimal128Type>();
    if numbers.is_null(0) { "NULL".to_owned() } else { Decimal::from_units(numbers.value(0)).to_string() }
}

#[test]
fn quantities_are_exact() {
    for (text, expected) in [
        ("duration_s / 60", "1.508333333333333333"),
        ("duration_s", "90.5"),
        ("bytes", "7"),
        ("bytes / 2", "3.5"),
        ("7 / 2", "3.5"),
        ("7 % 4", "3"),
        ("mod(-7.5, 2)", "-1.5"),
        ("bytes + 1", "8"),
        ("bytes * bytes", "49"),
        ("0.1 + 0.2", "0.3"),
        ("0.02 * duration_s", "1.81"),
        ("1e-7", "0.0000001"),
        ("1e-7 * 3", "0.0000003"),
        ("9.052E-7", "0.0000009052"),
        ("1e5 + 1", "100001"),
        ("exact", "0.000000000000000001"),
        ("exact * 0.5", "0.000000000000000001"),
        ("exact * 0.4", "0"),
        ("-exact", "-0.000000000000000001"),
        ("- duration_s", "-90.5"),
        ("-(-bytes)", "7"),
        ("2 / 3", "0.666666666666666667"),
        ("-2 / 3", "-0.666666666666666667"),
        ("10 / 4 / 5", "0.5"),
        ("duration_s / 0", "NULL"),
        ("duration_s % 0", "NULL"),
        ("bytes % 0", "NULL"),
        ("9223372036854775807 + 1", "NULL"),
        ("9223372036854775807 + bytes", "NULL"),
        ("9223372036854775807 * 10", "92233720368547758070"),
        ("9223372036854775807 * bytes * 10", "NULL"),
        ("99999999999999999999 + 1", "NULL"),
        ("99999999999999999999 * exact", "99.999999999999999999"),
        ("NULL", "NULL"),
        ("NULL + 1", "NULL"),
        ("ceil(duration_s / 60)", "2"),
        ("ceil(-1.2)", "-1"),
        ("floor(-1.2)", "-2"),
        ("floor(duration_s)", "90"),
        ("round(duration_s)", "91"),
        ("round(-2.5)", "-3"),
        ("round(1.005, 2)", "1.01"),
        ("trunc(-1.259, 2)", "-1.25"),
        ("abs(-duration_s)", "90.5"),
        ("abs(bytes - 10)", "3"),
        ("greatest(duration_s - 95, 0)", "0"),
        ("greatest(duration_s, 0)", "90.5"),
        ("least(duration_s, 60, bytes)", "7"),
        ("coalesce(NULL, exact, 0)", "0.000000000000000001"),
        ("coalesce(NULL, duration_s, 1)", "90.5"),
        ("nullif(bytes, 7)", "NULL"),
        ("nullif(duration_s, 1)", "90.5"),
        ("CASE WHEN region = 'EU' THEN duration_s ELSE 0 END", "90.5"),
        ("CASE region WHEN 'US' THEN 1 ELSE 0.25 END", "0.25"),
        ("CASE WHEN ok THEN bytes / 3 END", "2.333333333333333333"),
        ("CAST('1e-7' AS DECIMAL(38,18))", "0.0000001"),
        ("CAST(' 12.50 ' AS DECIMAL)", "12.5"),
        ("CAST(substr(code, 2) AS DECIMAL(10,2)) * 2", "24"),
        ("CAST(substr(code, 2) AS BIGINT) + 1", "13"),
        ("TRY_CAST(code AS DECIMAL(10,2))", "NULL"),
        ("TRY_CAST('NaN' AS DECIMAL)", "NULL"),
        ("TRY_CAST(code AS BIGINT)", "NULL"),
        ("length(code)", "3"),
        ("length(word) + bytes", "8"),
        ("position('1' IN code)", "2"),
        ("date_part('hour', start)", "23"),
        ("extract(year FROM start)", "2026"),
        ("date_part('hour', start AT TIME ZONE 'Europe/Berlin')", "0"),
        ("date_part('day', start AT TIME ZONE 'Europe/Berlin')", "1"),
        ("seconds_between(date_trunc('day', start), start)", "84600.25"),
        ("seconds_between(start, TIMESTAMP '2026-10-31T23:30:01Z')", "0.75"),
        ("seconds_between(start - INTERVAL '1 hour', start)", "3600"),
        ("seconds_between(to_timestamp_seconds(0.5), to_timestamp_millis(1000))", "0.5"),
        ("CAST(start AS BIGINT) / 1000000", "1793489400.25"),
    ] {
        assert_eq!(quantity(text), expected, "{text}");
    }
}

#[test]
fn predicates_are_booleans() {
    for (text, expected) in [
        ("duration_s < 0", "false"),
        ("duration_s > 90", "true"),
        ("duration_s > 90.4999", "true"),
        ("duration_s = 90.5", "true"),
        ("duration_s = bytes", "false"),
        ("90.5 = duration_s", "true"),
        ("bytes >= 6.5", "true"),
        ("exact > 0", "true"),
        ("exact < duration_s", "true"),
        ("bytes IN (1, 7)", "true"),
        ("duration_s IN (90.5, 3)", "true"),
        ("duration_s BETWEEN 1 AND 90.5", "true"),
        ("duration_s NOT BETWEEN 1 AND 90.5", "false"),
        ("region = 'EU' AND NOT (code IS NULL)", "true"),
        ("word = 'a'", "true"),
        ("word IN ('b', 'c')", "false"),
        ("region LIKE 'E%' OR region ILIKE 'x'", "true"),
        ("regexp_like(code, '^x[0-9]+$')", "true"),
        ("starts_with(code, 'x')", "true"),
        ("start >= '2026-10-31'", "true"),
        ("start < TIMESTAMP '2026-11-01'", "true"),
        ("day = DATE '2026-10-31'", "true"),
        ("CAST(start AS DATE) = day", "true"),
        ("bytes = NULL", ""),
        ("NULL", ""),
        ("ok", "true"),
        ("ok IS NOT TRUE", "false"),
        ("ROOMID = 'R'", "true"),
        ("\"roomId\" = 'R' AND Region = 'EU'", "true"),
        ("region || '-' || bytes = 'EU-7'", "true"),
    ] {
        let array = evaluate(text, Want::Predicate).unwrap_or_else(|faults| panic!("{text}: {faults}"));
        assert_eq!(array.data_type(), &DataType::Boolean, "{text}");
        assert_eq!(array_value_to_string(&array, 0).unwrap(), expected, "{text}");
    }
}

#[test]
fn texts_are_one_text_per_value() {
    for (text, expected) in [
        ("region", "EU"),
        ("word", "a"),
        ("bytes", "7"),
        ("duration_s", "90.5"),
        ("duration_s * 2", "181"),
        ("upper(word) || lower(region)", "Aeu"),
        ("trim('  x ')", "x"),
        ("split_part('a/b/c', '/', 2)", "b"),
        ("concat(region, ':', code)", "EU:x12"),
        ("replace(code, 'x', 'y')", "y12"),
        ("substring(code FROM 2 FOR 1)", "1"),
        ("substr(code, length(code) - 1)", "12"),
        ("regexp_replace(code, '[0-9]', '_')", "x_2"),
        ("left(code, 1)", "x"),
        ("day", "2026-10-31"),
        ("ok", "true"),
        ("'video.call'", "video.call"),
        ("coalesce(NULL, region)", "EU"),
    ] {
        let array = evaluate(text, Want::Text).unwrap_or_else(|faults| panic!("{text}: {faults}"));
        assert_eq!(array.data_type(), &DataType::Utf8, "{text}");
        assert_eq!(array_value_to_string(&array, 0).unwrap(), expected, "{text}");
    }
}

/// "code line:column" of every fault.
fn shown(faults: &Faults) -> String {
    let one = |fault: &crate::fault::Fault| {
        let place = fault.place.as_ref().unwrap();
        format!("{} {}:{}", fault.code.id, place.line, place.column)
    };
    faults.0.iter().map(one).collect::<Vec<_>>().join(", ")
}

#[test]
fn refused_expressions_say_where() {
    let mut wrong = Vec::new();
    for (text, expected) in [
        ("duration_s +", "E001 1:1"),
        ("duration_s / / 60", "E001 1:14"),
        ("duration_s 60", "E001 1:12"),
        ("'open", "E001 1:1"),
        ("duration / 60", "E001 1:1"),
        ("bytes + durations_s + regio", "E001 1:9, E001 1:23"),
        ("other.bytes", "E001 1:1"),
        ("1.0000000000000000001", "E001 1:1"),
        ("bytes * 1e30", "E001 1:9"),
        ("bytes; DROP TABLE x", "E002 1:6"),
        ("sum(bytes)", "E002 1:1"),
        ("bytes + count(*)", "E002 1:9"),
        ("upper(DISTINCT region)", "E002 1:1"),
        ("(SELECT 1)", "E002 1:2"),
        ("EXISTS (SELECT 1 FROM x)", "E002 1:9"),
        ("bytes IN (SELECT 1)", "E002 1:1"),
        ("row_number() OVER ()", "E002 1:1"),
        ("upper(region) OVER ()", "E002 1:1"),
        ("now()", "E003 1:1"),
        ("bytes + random()", "E003 1:9"),
        ("current_timestamp", "E003 1:1"),
        ("uuid()", "E003 1:1"),
        ("uppr(region)", "E003 1:1"),
        ("sqrt(bytes)", "E003 1:1"),
        ("read_csv('x.csv')", "E003 1:1"),
        ("arrow_cast(bytes, 'Float64')", "E003 1:1"),
        ("to_timestamp(bytes)", "E003 1:1"),
        ("plus(1, 2)", "E003 1:1"),
        ("bytes * floaty", "E004 1:9"),
        ("CAST(bytes AS DOUBLE)", "E004 1:6"),
        ("1 + bytes::float8", "E004 1:5"),
        ("CAST('1' AS REAL)", "E004 1:6"),
        ("date_part('epoch', start)", "E004 1:1"),
        ("CAST(bytes AS DECIMAL(38,20))", "E005 1:6"),
        ("CAST(bytes AS BLOB)", "E005 1:6"),
        ("region", "E005 1:1"),
        ("bytes > 1", "E005 1:1"),
        ("bytes + code", "E005 1:1"),
        ("CASE WHEN code > 5 THEN 1 END", "E005 1:1"),
        ("CASE WHEN bytes IN ('5') THEN 1 END", "E005 1:1"),
        ("bytes & 1", "E001 1:1"),
        ("[bytes]", "E001 1:2"),
        ("$1", "E001 1:1"),
        ("@x", "E001 1:1"),
        ("{a: 1}", "E001 1:1"),
        ("start AT TIME ZONE 'Mars/Base'", "E001 1:20"),
        ("CAST('abc' AS BIGINT)", "E001 1:6"),
        ("bytes -> 'a'", "E001 1:1"),
    ] {
        let faults = match evaluate(text, Want::Quantity) {
            Err(faults) => faults,
            Ok(array) => panic!("{text} is accepted: {array:?}"),
        };
        if shown(&faults) != expected {
            wrong.push(format!("{text}: {} instead of {expected}: {faults}", shown(&faults)));
        }
        for fault in &faults.0 {
            assert!(!fault.message.contains("Expr") && !fault.message.contains('\n'), "{text}: {fault}");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn mistyped_names_are_recognised() {
    for (text, hint) in [
        ("duration / 60", "did you mean `duration_s`?"),
        ("uppr(region)", "did you mean `upper`?"),
        ("CAST(bytes AS DOUBLE)", "use DECIMAL(38,18)"),
    ] {
        let faults = evaluate(text, Want::Quantity).unwrap_err();
        assert_eq!(faults.0[0].hint.as_deref(), Some(hint), "{text}");
    }
}

fn mediation(sql: &str) -> Outcome<Mediation> {
    Rules::new().unwrap().mediation(&located(sql), &schema())
}

#[test]
fn mediation_gives_named_columns() {
    let sql = "SELECT code AS record_id, 'video.call' AS record_type, roomid, i.start AS record_time, duration_s / 60 AS minutes,
       NULL AS device, word FROM input AS i";
    let mediation = mediation(sql).unwrap();
    let shown: Vec<_> = mediation.schema().fields().iter().map(|f| format!("{} {}", f.name(), f.data_type())).collect();
    assert_eq!(
        shown,
        [
            "record_id Utf8",
            "record_type Dictionary(Int32, Utf8)",
            "roomId Utf8",
            "record_time Timestamp(µs, \"UTC\")",
            "minutes Decimal128(38, 18)",
            "device Dictionary(Int32, Utf8)",
            "word Dictionary(Int32, Utf8)"
        ]
    );
    let Mediated { records, kept } = mediation.apply(&batch()).unwrap();
    assert!(kept.is_none());
    assert_eq!(records.num_rows(), 2);
    let row = |row| records.columns().iter().map(|c| array_value_to_string(c, row).unwrap()).collect::<Vec<_>>();
    assert_eq!(row(0), ["x12", "video.call", "R", "2026-10-31T23:30:00.250Z", "1.508333333333333333", "", "a"]);
    assert_eq!(row(1), ["", "video.call", "", "", "", "", ""]);
}

#[test]
fn plain_columns_are_passed_on_untouched() {
    let input = batch();
    let mediated = mediation("SELECT word, start, exact AS e FROM input").unwrap().apply(&input).unwrap();
    for (index, name) in ["word", "start", "exact"].into_iter().enumerate() {
        let (before, after) = (input.column_by_name(name).unwrap(), mediated.records.column(index));
        assert!(Arc::ptr_eq(before, after), "{name}");
    }
}

#[test]
fn where_keeps_some_and_spares_the_others() {
    // The first row's code is no number: it would fail, were it not dropped.
    let mediation = mediation("SELECT CAST(code AS BIGINT) AS n, region FROM input WHERE region IS NULL").unwrap();
    let mediated = mediation.apply(&batch()).unwrap();
    assert_eq!(mediated.kept.unwrap(), BooleanArray::from(vec![false, true]));
    assert_eq!(mediated.records.num_rows(), 2);
    let all = self::mediation("SELECT region FROM input WHERE bytes IS NULL OR bytes = 7").unwrap();
    assert!(all.apply(&batch()).unwrap().kept.is_none());
    // NULL is not true.
    let null = self::mediation("SELECT region FROM input WHERE bytes > 6").unwrap();
    assert_eq!(null.apply(&batch()).unwrap().kept.unwrap(), BooleanArray::from(vec![true, false]));
}

#[test]
fn a_failing_cast_fails_the_batch_with_its_code() {
    let mediation = mediation("SELECT CAST(code AS DECIMAL(10,2)) AS n FROM input").unwrap();
    let faults = mediation.apply(&batch()).unwrap_err();
    assert_eq!(shown(&faults), "E007 1:1");
    assert!(faults.0[0].message.contains("`x12`: not a decimal number"), "{faults}");
    assert!(mediation.apply(&batch().slice(1, 1)).is_ok());
}

#[test]
fn refused_statements_say_where() {
    let mut wrong = Vec::new();
    for (sql, expected) in [
        ("COPY input TO 'x.csv'", "E002 1:1"),
        ("CREATE TABLE x AS SELECT 1", "E002 1:1"),
        ("CREATE EXTERNAL TABLE t STORED AS CSV LOCATION 'x'", "E002 1:1"),
        ("INSERT INTO input VALUES (1)", "E002 1:1"),
        ("SET x = 1", "E002 1:1"),
        ("SELECT bytes FROM input; SELECT 1", "E002 1:26"),
        ("SELECT bytes FROM 'x.csv'", "E002 1:14"),
        ("SELECT bytes FROM \"x.parquet\"", "E002 1:19"),
        ("SELECT bytes FROM inputs", "E002 1:19"),
        ("SELECT bytes FROM read_csv('x')", "E002 1:19"),
        ("SELECT bytes FROM db.input", "E002 1:19"),
        ("SELECT bytes FROM input, input", "E002 1:14"),
        ("SELECT a.bytes FROM input a JOIN input b ON a.bytes = b.bytes", "E002 1:21"),
        ("SELECT bytes FROM (SELECT 1 AS bytes) t", "E002 1:20"),
        ("WITH t AS (SELECT 1) SELECT bytes FROM input", "E002 1:1"),
        ("SELECT DISTINCT bytes FROM input", "E002 1:8"),
        ("SELECT bytes FROM input GROUP BY bytes", "E002 1:25"),
        ("SELECT bytes FROM input ORDER BY bytes", "E002 1:25"),
        ("SELECT bytes FROM input LIMIT 1", "E002 1:25"),
        ("SELECT bytes FROM input UNION ALL SELECT bytes FROM input", "E002 1:25"),
        ("SELECT bytes FROM input TABLESAMPLE (10)", "E002 1:19"),
        ("SELECT 1 AS x", "E002 1:1"),
        ("VALUES (1)", "E002 1:1"),
        ("SELECT bytes, bytes FROM input", "E001 1:15"),
        ("SELECT bytes + 1 FROM input", "E001 1:8"),
        (
            "SELECT byte AS b, sum(bytes) AS s,\n  floaty AS f\nFROM input WHERE now() > start",
            "E001 1:8, E002 1:19, E004 2:3, E003 3:18",
        ),
        ("SELECT bytes FROM input WHERE bytes + 1", "E005 1:31"),
        ("SELECT start - start AS d FROM input", "E005 1:8"),
        ("SELECT * FROM input", "E004 1:8"),
        ("SELECT * EXCEPT (floaty) FROM input", "E002 1:8"),
        ("SELEC bytes", "E002 1:1"),
        ("", "E001 1:1"),
    ] {
        let Err(faults) = mediation(sql) else { panic!("{sql} is accepted") };
        if shown(&faults) != expected {
            wrong.push(format!("{sql}: {} instead of {expected}: {faults}", shown(&faults)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn deep_and_long_expressions_are_refused() {
    for text in ["(".repeat(500) + "1" + &")".repeat(500), "1".to_owned() + &" + 1".repeat(5_000), "1 ".repeat(40_000)]
    {
        assert_eq!(shown(&evaluate(&text, Want::Quantity).unwrap_err()), "E001 1:1");
    }
    assert_eq!(quantity(&("1".to_owned() + &" + 1".repeat(100))), "101");
}

#[test]
fn faults_are_placed_in_the_yaml_however_it_is_written() {
    for (yaml, text, start, expected) in [
        ("a: duration / 60\n", "duration / 60", "duration", "1:4"),
        ("a: \"bytes + duraton\"\n", "bytes + duraton", "\"", "1:13"),
        ("a: 'bytes || ''x'' || duraton'\n", "bytes || 'x' || duraton", "'", "1:23"),
        ("a: |\n  bytes +\n    duraton\n", "bytes +\n  duraton\n", "|", "3:5"),
        ("a: >-\n  bytes\n  + duraton\n", "bytes + duraton", ">", "3:5"),
        ("a: |\n  bytes +\n    duraton\n", "bytes +\n  duraton\n", "bytes", "3:5"),
        ("a: bytes\n  + duraton\n", "bytes + duraton", "bytes", "2:5"),
        ("é: ü\na: bytes + duraton\n", "bytes + duraton", "bytes", "2:12"),
        ("a: something else\n", "bytes + duraton", "some", "1:4"),
    ] {
        let source = Arc::new(SourceText { name: "p.yaml".to_owned(), text: yaml.to_owned() });
        let place = Place::at(&source, yaml.find(start).unwrap(), 1);
        let faults = Rules::new().unwrap().expression(&Located { text: text.to_owned(), place }, &schema(), Want::Text);
        let faults = faults.unwrap_err();
        let place = faults.0[0].place.as_ref().unwrap();
        assert_eq!(format!("{}:{}", place.line, place.column), expected, "{yaml}: {faults}");
        if expected != "1:4" {
            assert_eq!(&yaml[place.offset..place.offset + place.length], "duraton", "{yaml}");
        }
    }
}
