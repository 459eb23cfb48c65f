//! What rule SQL refuses, with which code, where and in which words.

use std::sync::Arc;

use super::{evaluate, mediation, quantity, schema, shown};
use crate::fault::{Located, Place, SourceText};
use crate::rules::{Rules, Want};

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

#[test]
fn messages_speak_of_sql_not_of_libraries() {
    for (text, expected) in [
        ("upper(bytes)", "E005 `upper` does not take arguments of these types"),
        ("substr(code, 'a')", "E005 `substr` does not take arguments of these types"),
        ("split_part(code, '/')", "E001 `split_part` expects 3 arguments but received 2"),
        ("abs(code)", "E005 `abs` takes exact numbers, not text"),
        ("seconds_between(code, start)", "E005 `seconds_between` takes two timestamps, not text"),
        ("start > 5", "E005 Cannot infer common argument type for comparison operation TIMESTAMP > BIGINT"),
        ("CAST(ok AS DECIMAL)", "E005 Unsupported CAST from BOOLEAN to DECIMAL(38, 18)"),
        ("coalesce(bytes, code)", "E005 an integer and text do not go together: convert one with CAST"),
        ("nullif(code, 5)", "E005 text and an integer do not go together: convert one with CAST"),
        ("CASE code WHEN 5 THEN 1 END", "E005 text and an integer do not go together: convert one with CAST"),
        ("code IS DISTINCT FROM 5", "E005 text and an integer do not go together: convert one with CAST"),
        ("date_part('fortnight', start)", "E001 Date part 'fortnight' not supported"),
        ("regexp_like(code, '[')", "E001 the regular expression does not compile"),
        ("split_part(code, '/', 0)", "E001 field position must not be zero"),
        ("round(bytes, 30)", "E001 digits must be from 0 to 18, not 30"),
        ("bytes +", "E001 expected an expression, but the SQL ends here"),
        ("now() > start", "E003 `now` changes from run to run"),
        ("sum(bytes)", "E002 `sum` looks at more than one record"),
        ("start - start", "E005 a single value is needed here, this gives an interval"),
        ("1e-19", "E001 the number `1e-19` has more than 18 digits after the decimal point"),
    ] {
        let fault = evaluate(text, Want::Text).unwrap_err().0.remove(0);
        assert_eq!(format!("{} {}", fault.code.id, fault.message), expected, "{text}");
    }
    let fault = evaluate("CAST(bytes AS TIMESTAMP)", Want::Text).unwrap_err().0.remove(0);
    assert!(fault.message.contains("to_timestamp_seconds"), "{fault}");
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
