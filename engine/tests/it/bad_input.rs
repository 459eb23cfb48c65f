//! Bad input of every kind: its documented fault code and exit status, or its reason in suspense. Nothing panics,
//! nothing is lost: whatever was read is in the counts.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use crate::committed::{Committed, Row};
use crate::tiny::{GOOD, HEADER, Tiny};

pub(crate) fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zst(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}

/// All of a file but its last third.
pub(crate) fn cut(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.len() * 2 / 3]
}

/// A file that does not fit into one block of any compression: its rows are told apart by their ids.
pub(crate) fn many_rows() -> String {
    let rows: Vec<String> = (0..20_000_u32)
        .map(|id| format!("c{id}-{:x},+1,2026-10-05T10:00:00Z,60\n", id.wrapping_mul(2_654_435_761)))
        .collect();
    format!("{HEADER}{}", rows.concat())
}

pub(crate) fn counts(summary: &Value) -> [u64; 6] {
    ["read", "rated", "suspended", "duplicate", "out_of_window", "filtered"]
        .map(|kind| summary["records"][kind].as_u64().unwrap_or_else(|| panic!("no count {kind}: {summary:#}")))
}

/// One bad row between two good ones: it alone is set aside, for this reason, with its row number and its raw text.
#[track_caller]
fn suspends(bad: &str, reason: &str) -> Row {
    let second = GOOD.replace("c1", "c2");
    let tiny = Tiny::new().usage("calls.csv", format!("{HEADER}{GOOD}{bad}\n{second}"));
    let (summary, run) = tiny.run();
    assert_eq!(counts(&summary), [3, 2, 1, 0, 0, 0], "{bad:?}: {summary:#}");
    assert_eq!(net(&run), ["0.4"], "{bad:?}");
    let aside = run.table("suspense");
    assert_eq!(aside.len(), 1);
    assert_eq!(aside[0]["reason"], reason, "{bad:?}: {:#?}", aside[0]);
    assert_eq!((aside[0]["row"].as_str(), aside[0]["file"].as_str()), ("1", "calls.csv"), "{:#?}", aside[0]);
    assert_eq!(aside[0]["raw"], bad.trim_end_matches('\r'), "{:#?}", aside[0]);
    aside[0].clone()
}

pub(crate) fn net(run: &Committed) -> Vec<&str> {
    run.table("invoice_lines").iter().map(|line| line["amount_net"].as_str()).collect()
}

/// Two good rows in another dress.
#[track_caller]
fn rates_two(tiny: &Tiny) {
    let (summary, run) = tiny.run();
    assert_eq!(counts(&summary), [2, 2, 0, 0, 0, 0], "{summary:#}");
    assert_eq!(net(&run), ["0.4"]);
}

fn two_rows() -> String {
    format!("{HEADER}{GOOD}{}", GOOD.replace("c1", "c2"))
}

// Files that cannot be read at all.

#[test]
fn an_empty_csv_file_has_no_records() {
    let (summary, run) = Tiny::new().usage("calls.csv", "").run();
    assert_eq!(counts(&summary), [0; 6]);
    assert!(run.table("invoice_lines").is_empty());
}

#[test]
fn an_empty_packed_file_cannot_be_read() {
    Tiny::new().usage("calls.csv.gz", "").refused("U002", 3).says("calls.csv.gz");
}

#[test]
fn an_empty_parquet_file_cannot_be_read() {
    Tiny::new().format("parquet").usage("calls.parquet", "").refused("U002", 3).says("calls.parquet");
}

#[test]
fn an_empty_ndjson_file_has_no_records() {
    let (summary, run) = Tiny::new().format("ndjson").usage("calls.ndjson", "").run();
    assert_eq!(counts(&summary), [0; 6]);
    assert!(run.table("invoice_lines").is_empty());
}

#[test]
fn a_csv_with_only_a_header_has_no_records() {
    let (summary, _) = Tiny::new().usage("calls.csv", HEADER).run();
    assert_eq!(counts(&summary), [0; 6]);
}

#[test]
fn no_usage_file_at_all_is_input_that_is_not_ready() {
    let tiny = Tiny::new();
    std::fs::remove_dir_all(tiny.path("usage")).unwrap();
    tiny.refused("U001", 3).says("usage/*");
}

#[test]
fn a_missing_column_is_named() {
    let tiny = Tiny::new().usage("calls.csv", "id,caller,started\nc1,+1,2026-10-05T10:00:00Z\n");
    tiny.refused("U003", 3).says("seconds").says("calls.csv");
}

#[test]
fn a_parquet_column_of_another_type_is_named() {
    let tiny = Tiny::new().format("parquet");
    std::fs::remove_dir_all(tiny.path("usage")).unwrap();
    tiny.write("usage/calls.parquet", parquet_with_float_seconds());
    tiny.refused("U003", 3).says("seconds");
}

/// The columns of the tiny job, but the seconds as floats.
fn parquet_with_float_seconds() -> Vec<u8> {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
    let started = TimestampMicrosecondArray::from(vec![1_791_194_400_000_000]).with_timezone("UTC");
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(StringArray::from(vec!["c1"]))),
        ("caller", Arc::new(StringArray::from(vec!["+1"]))),
        ("started", Arc::new(started)),
        ("seconds", Arc::new(Float64Array::from(vec![120.0]))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut bytes = Vec::new();
    let mut writer = parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

#[test]
fn a_float_column_of_parquet_is_taken_once_it_is_declared() {
    let tiny = Tiny::new().format("parquet").with(
        "pipeline.yaml",
        r#"seconds: "decimal(38,18)""#,
        r#"seconds: { column: seconds, type: "decimal(18,3)", float: true }"#,
    );
    let (summary, run) = tiny.usage("calls.parquet", parquet_with_float_seconds()).run();
    assert_eq!(counts(&summary), [1, 1, 0, 0, 0, 0]);
    assert_eq!(net(&run), ["0.2"]);
}

#[test]
fn a_truncated_gz_cannot_be_read_to_its_end() {
    let whole = gz(many_rows().as_bytes());
    Tiny::new().usage("calls.csv.gz", cut(&whole)).refused("U002", 3).says("calls.csv.gz");
}

#[test]
fn a_truncated_zst_cannot_be_read_to_its_end() {
    let whole = zst(many_rows().as_bytes());
    Tiny::new().usage("calls.csv.zst", cut(&whole)).refused("U002", 3).says("calls.csv.zst");
}

#[test]
fn a_truncated_parquet_file_cannot_be_read() {
    let whole = parquet_with_float_seconds();
    Tiny::new().format("parquet").usage("calls.parquet", cut(&whole)).refused("U002", 3).says("calls.parquet");
}

#[test]
fn a_text_named_gz_cannot_be_read() {
    Tiny::new().usage("calls.csv.gz", two_rows()).refused("U002", 3);
}

#[test]
fn a_gzip_bomb_is_stopped_at_the_limit() {
    // 200 MB of one byte in 200 kB: a single field that never ends, and past the declared limit of the file.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(HEADER.as_bytes()).unwrap();
    let line = format!("{}\n", ",".repeat(999)).into_bytes();
    for _ in 0..200_000 {
        encoder.write_all(&line).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    assert!(bomb.len() < 1_000_000);
    let limited =
        Tiny::new().with("pipeline.yaml", "suspense_records: 1", "suspense_records: 1, decompressed_file: 50000000");
    limited.usage("calls.csv.gz", bomb).refused("U004", 3).says("calls.csv.gz");
}

#[test]
fn a_row_that_never_ends_is_not_held_in_memory() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(format!("{HEADER}{GOOD}").as_bytes()).unwrap();
    let block = vec![b'9'; 1_000_000];
    for _ in 0..200 {
        encoder.write_all(&block).unwrap();
    }
    let tiny = Tiny::new().usage("calls.csv.gz", encoder.finish().unwrap());
    let (summary, run) = tiny.run();
    assert_eq!(counts(&summary), [2, 1, 1, 0, 0, 0]);
    let aside = &run.table("suspense")[0];
    assert_eq!(aside["reason"], "row_too_long");
    assert!(aside["raw"].len() <= 1 << 20, "{} bytes are kept", aside["raw"].len());
}

// Files that look odd and are fine.

#[test]
fn a_byte_order_mark_is_not_part_of_the_first_column() {
    rates_two(&Tiny::new().usage("calls.csv", format!("\u{feff}{}", two_rows())));
}

#[test]
fn windows_line_ends_are_line_ends() {
    rates_two(&Tiny::new().usage("calls.csv", two_rows().replace('\n', "\r\n")));
}

#[test]
fn the_last_line_needs_no_line_end() {
    rates_two(&Tiny::new().usage("calls.csv", two_rows().trim_end()));
}

#[test]
fn gz_and_zst_files_lie_side_by_side() {
    let tiny = Tiny::new().usage("a.csv.gz", gz(format!("{HEADER}{GOOD}").as_bytes()));
    tiny.write("usage/b.csv.zst", zst(format!("{HEADER}{}", GOOD.replace("c1", "c2")).as_bytes()));
    rates_two(&tiny);
}

#[test]
fn ndjson_numbers_are_read_from_their_text() {
    let rows = r#"{"id": "c1", "caller": "+1", "started": "2026-10-05T10:00:00Z", "seconds": 1.2e2}
{"started": "2026-10-05T10:00:00+00:00", "id": "c2", "caller": "+1", "seconds": "120.000", "more": {"x": [1]}}
"#;
    rates_two(&Tiny::new().format("ndjson").usage("calls.ndjson", rows));
}

// Rows that are set aside.

#[test]
fn a_number_that_is_none_is_set_aside() {
    for bad in ["abc", "NaN", "inf", "1,5", "0x10", "1e", "--1"] {
        let aside = suspends(&format!("bad,+1,2026-10-05T10:00:00Z,\"{bad}\""), "not_a_decimal");
        assert_eq!(aside["field"], "seconds", "{aside:#?}");
    }
}

#[test]
fn nineteen_decimals_are_not_cut_silently() {
    suspends("bad,+1,2026-10-05T10:00:00Z,0.1234567890123456789", "decimal_too_precise");
}

#[test]
fn eighteen_decimals_are_kept() {
    let row = "c1,+1,2026-10-05T10:00:00Z,0.123456789012345678\n";
    let (_, run) =
        Tiny::new().with("book.yaml", "seconds / 60", "seconds").usage("calls.csv", format!("{HEADER}{row}")).run();
    assert_eq!(run.table("invoice_lines")[0]["quantity"], "0.123456789012345678");
}

#[test]
fn a_quantity_beyond_the_range_is_not_wrapped() {
    suspends("bad,+1,2026-10-05T10:00:00Z,1e30", "decimal_out_of_range");
    suspends("bad,+1,2026-10-05T10:00:00Z,123456789012345678901", "decimal_out_of_range");
}

#[test]
fn a_negative_quantity_meets_its_suspend_rule() {
    suspends("bad,+1,2026-10-05T10:00:00Z,-5", "negative_duration");
}

#[test]
fn a_nul_byte_is_set_aside() {
    suspends("bad,+1,2026-10-05T10:00:00Z,1\u{0}0", "nul_byte");
}

#[test]
fn a_time_that_is_none_is_set_aside() {
    for bad in ["yesterday", "2026-13-01T00:00:00Z", "2026-10-05T25:00:00Z"] {
        let aside = suspends(&format!("bad,+1,{bad},60"), "not_a_timestamp");
        assert_eq!(aside["field"], "started", "{aside:#?}");
    }
}

#[test]
fn a_row_with_too_few_or_too_many_fields_is_set_aside() {
    suspends("bad,+1,2026-10-05T10:00:00Z", "missing_field");
    suspends("bad,+1,2026-10-05T10:00:00Z,60,what", "extra_field");
}

#[test]
fn a_row_that_is_not_utf_8_is_set_aside_and_the_next_is_not() {
    let second = GOOD.replace("c1", "c2");
    let mut bytes = format!("{HEADER}{GOOD}").into_bytes();
    bytes.extend(b"b\xff\xfed,+1,2026-10-05T10:00:00Z,60\n");
    bytes.extend(second.as_bytes());
    let (summary, run) = Tiny::new().usage("calls.csv", bytes).run();
    assert_eq!(counts(&summary), [3, 2, 1, 0, 0, 0]);
    assert_eq!(run.table("suspense")[0]["reason"], "not_utf8");
}

#[test]
fn a_record_without_a_required_field_is_set_aside() {
    suspends("bad,,2026-10-05T10:00:00Z,60", "missing_required");
    suspends(",+1,2026-10-05T10:00:00Z,60", "missing_required");
    suspends("bad,+1,,60", "missing_required");
}

#[test]
fn a_record_of_nobody_is_set_aside() {
    suspends("bad,+999,2026-10-05T10:00:00Z,60", "unknown_identifier");
}

#[test]
fn a_broken_ndjson_line_is_set_aside_and_the_next_is_not() {
    let good =
        |id: &str| format!(r#"{{"id": "{id}", "caller": "+1", "started": "2026-10-05T10:00:00Z", "seconds": 120}}"#);
    let nested = r#"{"id": "x", "caller": "+1", "started": "2026-10-05T10:00:00Z", "seconds": {}}"#;
    for (bad, reason) in
        [("{", "not_json"), ("[]", "not_an_object"), ("null", "not_an_object"), (nested, "not_a_scalar")]
    {
        let tiny = Tiny::new().format("ndjson");
        let (summary, run) = tiny.usage("calls.ndjson", format!("{}\n{bad}\n{}\n", good("c1"), good("c2"))).run();
        assert_eq!(counts(&summary), [3, 2, 1, 0, 0, 0], "{bad}: {summary:#}");
        let aside = &run.table("suspense")[0];
        assert_eq!((aside["reason"].as_str(), aside["raw"].as_str(), aside["row"].as_str()), (reason, bad, "1"));
    }
}

#[test]
fn records_outside_the_period_are_counted() {
    let rows = format!(
        "{HEADER}{GOOD}{}{}{}",
        GOOD.replace("c1", "c2").replace("2026-10-05T10:00:00Z", "2026-09-30T23:59:59.999999Z"),
        GOOD.replace("c1", "c3").replace("2026-10-05T10:00:00Z", "2026-11-01T00:00:00Z"),
        GOOD.replace("c1", "c4").replace("2026-10-05T10:00:00Z", "2026-10-01T00:00:00Z"),
    );
    let (summary, _) = Tiny::new().usage("calls.csv", rows).run();
    assert_eq!(counts(&summary), [4, 2, 0, 0, 2, 0]);
}

#[test]
fn suspense_over_the_threshold_is_exit_1_and_the_run_is_committed() {
    let rows = format!("{HEADER}{GOOD}bad,+1,2026-10-05T10:00:00Z,abc\n");
    let tiny =
        Tiny::new().usage("calls.csv", rows).with("pipeline.yaml", "suspense_records: 1", "suspense_records: 0.4");
    let ran = tiny.json_call().run().exits(1);
    assert_eq!(ran.json()["outcome"], "committed");
    assert_eq!(crate::committed::read(&tiny.path("out"), "2026-10").table("invoice_lines").len(), 1);
}

// References and rules.

#[test]
fn an_unknown_time_zone_is_refused() {
    Tiny::new().with("pipeline.yaml", "UTC", "Mars/Olympus").refused("P002", 2).says("pipeline.yaml:2");
    let local = Tiny::new().with("pipeline.yaml", "started: timestamp", "started: timestamp(Mars/Olympus)");
    local.refused("P002", 2).says("pipeline.yaml:9");
}

#[test]
fn a_period_that_is_none_is_refused() {
    let tiny = Tiny::new();
    for period in ["2026-13", "october", "2026", "2026-1"] {
        let ran = ratemill_with_period(&tiny, period);
        ran.exits(2).says("P003");
    }
}

fn ratemill_with_period(tiny: &Tiny, period: &str) -> crate::harness::Ran {
    crate::harness::ratemill(&["run", "pipeline.yaml", "--period", period]).cwd(&tiny.path("")).run()
}

#[test]
fn a_hierarchy_cycle_is_refused() {
    Tiny::new().with("accounts.csv", "A1,,", "A1,A2,").refused("R006", 2).says("accounts.csv");
    Tiny::new().with("accounts.csv", "A1,,", "A1,A1,").refused("R006", 2).says("A1 -> A1");
}

#[test]
fn every_broken_reference_row_is_told_at_once() {
    let tiny = Tiny::new()
        .with("accounts.csv", "A2,A1,site,Annex,USD", "A2,A9,site,Annex,XXY\nA2,A1,site,Again,USD")
        .with("subscriptions.csv", "2026-01-01,\n", "2026-01-01,2025-01-01\nS2,A7,voice,2026-01-01,\n")
        .with("identifiers.csv", "2026-01-01,\n", "2026-01-01,\n+1,S1,2026-05-01,\n");
    let ran = tiny.validate().exits(2);
    for code in ["R004", "R005", "R007", "R008", "R009"] {
        assert!(ran.stderr.contains(code), "{code}: {ran}");
    }
}

#[test]
fn a_reference_table_without_a_column_is_refused() {
    Tiny::new().with("accounts.csv", "currency", "money").refused("R002", 2).says("currency");
}

#[test]
fn a_reference_table_that_is_not_there_is_input_that_is_not_ready() {
    let tiny = Tiny::new();
    std::fs::remove_file(tiny.path("accounts.csv")).unwrap();
    tiny.refused("R001", 3).says("accounts.csv");
}

#[test]
fn a_yaml_key_that_stands_twice_is_refused() {
    Tiny::new()
        .with("pipeline.yaml", "timezone: UTC\n", "timezone: UTC\ntimezone: UTC\n")
        .refused("Y002", 2)
        .says("timezone");
    Tiny::new()
        .with("book.yaml", "    name: Voice\n", "    name: Voice\n    name: Voice\n")
        .refused("Y002", 2)
        .says("book.yaml:8");
}

#[test]
fn an_alias_bomb_is_refused_without_being_opened() {
    let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (name, of) in ["b", "c", "d", "e", "f", "g", "h", "i", "j"].iter().zip("abcdefghi".chars()) {
        let nine = vec![format!("*{of}"); 9].join(", ");
        bomb.push_str(&format!("{name}: &{name} [{nine}]\n"));
    }
    let tiny = Tiny::new();
    tiny.write("book.yaml", bomb);
    tiny.refused("Y003", 2);
}

#[test]
fn an_unknown_field_is_refused_and_the_nearest_is_named() {
    Tiny::new().with("pipeline.yaml", "timezone:", "timezon:").refused("Y004", 2).says("timezone");
    Tiny::new().with("book.yaml", "unit_price:", "unit_prise:").refused("Y004", 2).says("unit_price");
}

#[test]
fn yaml_that_is_none_is_refused() {
    Tiny::new().with("book.yaml", "book: tiny", "book: [tiny").refused("Y001", 2).says("book.yaml");
}

#[test]
fn rule_sql_cannot_reach_outside() {
    let select = "SELECT id AS record_id, 'call' AS record_type, caller AS identifier, started AS record_time, seconds FROM input";
    for (sql, code) in [
        ("COPY input TO 'stolen.csv'", "E00"),
        ("SELECT * FROM 'accounts.csv'", "E00"),
        ("CREATE TABLE x AS SELECT 1", "E002"),
        ("SET datafusion.execution.batch_size = 1", "E002"),
        ("DROP TABLE input", "E002"),
        ("SELECT id AS record_id FROM input; SELECT 1", "E002"),
        ("SELECT id AS record_id FROM information_schema.tables", "E00"),
    ] {
        let tiny = Tiny::new().with("pipeline.yaml", select, sql);
        tiny.refused(code, 2).says("pipeline.yaml");
        assert!(!tiny.path("stolen.csv").exists());
    }
    for function in ["now()", "random()", "uuid()"] {
        let called = select.replace("'call'", &format!("CAST({function} AS VARCHAR)"));
        Tiny::new().with("pipeline.yaml", select, &called).refused("E003", 2);
    }
}

#[test]
fn a_float_in_rule_sql_is_refused() {
    let tiny = Tiny::new().with("book.yaml", "quantity: seconds / 60", "quantity: CAST(seconds AS DOUBLE) / 60");
    tiny.refused("E004", 2).says("book.yaml:4");
}

#[test]
fn an_amount_that_overflows_is_a_fault_and_not_a_wrapped_number() {
    let tiny =
        Tiny::new().with("book.yaml", "0.10", "99999999999999999999").with("book.yaml", "seconds / 60", "seconds");
    let rows = format!("{HEADER}{}", GOOD.replace(",120", ",99999999999999999999"));
    tiny.usage("calls.csv", rows).refused("G002", 3).says("book.yaml:9");
}

#[test]
fn an_output_of_an_unknown_scheme_is_refused() {
    Tiny::new().with("pipeline.yaml", "output: out", "output: ftp://host/out").refused("O003", 2).says("ftp");
}
