//! NDJSON: lines, keys and what is set aside.

use super::{Format, read, source};

fn rows(text: &str) -> Vec<String> {
    read(&source(Format::Ndjson, "a:text n:dec38.18? b:bool?"), "x.ndjson", text.as_bytes()).unwrap()
}

#[test]
fn every_line_that_is_not_blank_is_a_record() {
    let text = "\u{feff}{\"a\":\"x\"}\r\n\n  \r\n {\"n\":1,\"a\":\"y\"} \n\n{\"a\":\"z\",\"b\":true}";
    assert_eq!(rows(text), ["0 x|-|-", "1 y|1.000000000000000000|-", "2 z|-|true"]);
    for text in ["", "\n", " \n\r\n "] {
        assert_eq!(rows(text), Vec::<String>::new(), "{text:?}");
    }
}

#[test]
fn numbers_keep_every_digit() {
    for (number, shown) in [
        ("0.1", "0.100000000000000000"),
        ("12345678901234567890.123456789012345678", "12345678901234567890.123456789012345678"),
        ("\"9.052E-7\"", "0.000000905200000000"),
        ("1e3", "1000.000000000000000000"),
        ("null", "-"),
        ("\"\"", "-"),
    ] {
        assert_eq!(rows(&format!("{{\"a\":\"x\",\"n\":{number}}}")), [format!("0 x|{shown}|-")]);
    }
}

#[test]
fn scalars_are_read_as_declared_and_escapes_undone() {
    for (value, shown) in [
        ("12345678901234567890123", "12345678901234567890123"),
        ("true", "true"),
        (r#""a\"b\u00e9\n""#, "a\"bé\n"),
        (r#""ü""#, "ü"),
        ("null", "-"),
    ] {
        assert_eq!(rows(&format!("{{\"a\":{value}}}")), [format!("0 {shown}|-|-")]);
    }
}

#[test]
fn what_is_no_record_is_set_aside_with_its_reason() {
    for (line, reason) in [
        ("{\"a\":\"x\"", "not_json -"),
        ("{\"a\":\"x\"} {}", "not_json -"),
        ("{\"a\":x}", "not_json -"),
        ("{'a':1}", "not_json -"),
        ("{\"a\":01}", "not_json -"),
        ("{\"a\":\"\\ud800\"}", "not_json a"),
        ("[1]", "not_an_object -"),
        ("12", "not_an_object -"),
        ("\"x\"", "not_an_object -"),
        ("null", "not_an_object -"),
        ("{\"n\":1}", "missing_field a"),
        ("{\"a\":1,\"a\":1}", "duplicate_key a"),
        ("{\"n\":1,\"n\":2,\"a\":1,\"\\u0061\":2}", "duplicate_key a"),
        ("{\"a\":[1]}", "not_a_scalar a"),
        ("{\"a\":\"x\",\"n\":{\"v\":1}}", "not_a_scalar n"),
        ("{\"a\":\"x\",\"n\":[],\"b\":7}", "not_a_scalar n"),
        ("{\"a\":\"x\",\"n\":NaN}", "not_json -"),
        ("{\"a\":\"x\",\"n\":\"NaN\"}", "not_a_decimal n"),
        ("{\"a\":\"x\",\"n\":1e-19}", "decimal_too_precise n"),
        ("{\"a\":\"x\",\"n\":1e400}", "decimal_out_of_range n"),
        ("{\"a\":\"x\",\"b\":\"yes\"}", "not_a_bool b"),
        ("{\"a\":\"\\u0000\"}", "nul_byte a"),
    ] {
        let lines = rows(&format!("{line}\n{{\"a\":\"after\"}}\n"));
        assert_eq!(lines, [format!("0 !{reason} <{line}>"), "1 after|-|-".to_owned()]);
    }
}

#[test]
fn keys_that_are_not_declared_do_not_matter() {
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let lines = rows(&format!("{{\"z\":{{\"a\":[1,2]}},\"z\":2,\"a\":\"x\"}}\n{{\"z\":{deep},\"a\":\"x\"}}\n"));
    assert_eq!(lines.first().unwrap(), "0 x|-|-");
    assert!(lines.get(1).unwrap().starts_with("1 !row_too_long"));
}

#[test]
fn a_line_that_is_too_long_is_cut_and_the_next_one_read() {
    let lines = rows(&format!("{{\"a\":\"{}\"}}\n{{\"a\":\"after\"}}", "x".repeat(1_000_000)));
    assert_eq!(lines, [format!("0 !row_too_long - <{{\"a\":\"{}>", "x".repeat(194)), "1 after|-|-".to_owned()]);
}

#[test]
fn lines_that_are_no_utf8_are_set_aside() {
    let lines = read(&source(Format::Ndjson, "a:text"), "x.ndjson", b"{\"a\":\"\xff\"}\n{\"a\":\"y\"}").unwrap();
    assert_eq!(lines, ["0 !not_utf8 - <{\"a\":\"\u{fffd}\"}>", "1 y"]);
}
