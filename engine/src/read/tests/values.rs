//! The grammar of fields: one table per type.

use chrono_tz::Tz;

use crate::read::{float, reasons, values};

#[test]
fn integers() {
    for (text, value) in [
        ("0", Ok(0)),
        ("-9223372036854775808", Ok(i64::MIN)),
        ("+9223372036854775807", Ok(i64::MAX)),
        ("9223372036854775808", Err(reasons::INTEGER_OUT_OF_RANGE)),
        ("1.0", Err(reasons::NOT_AN_INTEGER)),
        ("1e3", Err(reasons::NOT_AN_INTEGER)),
        ("-", Err(reasons::NOT_AN_INTEGER)),
        ("1 2", Err(reasons::NOT_AN_INTEGER)),
        ("0x1", Err(reasons::NOT_AN_INTEGER)),
        ("١", Err(reasons::NOT_AN_INTEGER)),
    ] {
        assert_eq!(values::integer(text.as_bytes()), value, "{text}");
    }
}

#[test]
fn decimals() {
    use reasons::{DECIMAL_OUT_OF_RANGE, DECIMAL_TOO_PRECISE, NOT_A_DECIMAL};
    for (text, precision, scale, value) in [
        ("1.5", 9, 2, Ok(150)),
        ("-0.01", 9, 2, Ok(-1)),
        (".5", 9, 2, Ok(50)),
        ("5.", 9, 2, Ok(500)),
        ("+7", 9, 0, Ok(7)),
        ("1.500", 9, 2, Ok(150)),
        ("1.505", 9, 2, Err(DECIMAL_TOO_PRECISE)),
        ("9999999.99", 9, 2, Ok(999_999_999)),
        ("10000000", 9, 2, Err(DECIMAL_OUT_OF_RANGE)),
        ("-10000000", 9, 2, Err(DECIMAL_OUT_OF_RANGE)),
        ("15e-1", 9, 2, Ok(150)),
        ("9.052E-7", 38, 18, Ok(905_200_000_000)),
        ("123456789012345678", 18, 0, Ok(123_456_789_012_345_678)),
        ("1234567890123456789", 38, 18, Ok(1_234_567_890_123_456_789_000_000_000_000_000_000)),
        ("0.0000000000000000000", 38, 18, Ok(0)),
        ("0.0000000000000000001", 38, 18, Err(DECIMAL_TOO_PRECISE)),
        ("100000000000000000000", 38, 18, Err(DECIMAL_OUT_OF_RANGE)),
        ("1e99", 38, 18, Err(DECIMAL_OUT_OF_RANGE)),
        ("NaN", 38, 18, Err(NOT_A_DECIMAL)),
        ("Infinity", 38, 18, Err(NOT_A_DECIMAL)),
        ("1,5", 9, 2, Err(NOT_A_DECIMAL)),
        ("1.2.3", 9, 2, Err(NOT_A_DECIMAL)),
        (".", 9, 2, Err(NOT_A_DECIMAL)),
        ("-", 9, 2, Err(NOT_A_DECIMAL)),
        ("--1", 9, 2, Err(NOT_A_DECIMAL)),
        ("$1", 9, 2, Err(NOT_A_DECIMAL)),
        ("é", 9, 2, Err(NOT_A_DECIMAL)),
    ] {
        assert_eq!(values::decimal(text.as_bytes(), precision, scale), value, "{text}");
    }
}

#[test]
fn booleans_and_dates() {
    for (text, value) in
        [("true", Some(true)), ("FALSE", Some(false)), ("1", Some(true)), ("0", Some(false)), ("t", None)]
    {
        assert_eq!(values::boolean(text.as_bytes()).ok(), value, "{text}");
    }
    for (text, value) in [
        ("1970-01-01", Some(0)),
        ("2026-10-01", Some(20_727)),
        ("2024-02-29", Some(19_782)),
        ("2026-02-29", None),
        ("2026-13-01", None),
        ("2026-1-01", None),
        ("20261001", None),
        ("2026-10-01T00:00:00Z", None),
        ("01/10/2026", None),
    ] {
        assert_eq!(values::date(text.as_bytes()).ok(), value, "{text}");
    }
}

#[test]
fn timestamps_in_utc() {
    const START: i64 = 1_790_812_800_000_000;
    for (text, offset) in [
        ("2026-10-01T00:00:00Z", Some(0)),
        ("2026-10-01t00:00:00z", Some(0)),
        ("2026-10-01 00:00:00", Some(0)),
        ("2026-10-01T00:00", Some(0)),
        ("2026-10-01T02:00:00+02:00", Some(0)),
        ("2026-10-01T05:30:00+0530", Some(0)),
        ("2026-09-30T19-05", None),
        ("2026-09-30T19:00-05", Some(0)),
        ("2026-10-01T00:00:00-00:00", Some(0)),
        ("2026-10-01T00:00:00.5Z", Some(500_000)),
        ("2026-10-01T00:00:00,123456Z", Some(123_456)),
        ("2026-10-01T00:00:00.1234567899Z", Some(123_456)),
        ("2026-09-30T23:59:60Z", None),
        ("2026-10-01T12:30:60Z", None),
        ("2026-10-01T00:00:61Z", None),
        ("2026-10-01T24:00:00Z", None),
        ("2026-10-01T00:60:00Z", None),
        ("2026-10-01T00:00:00.Z", None),
        ("2026-10-01T00:00:00+24:00", None),
        ("2026-10-01T00:00:00 Z", None),
        ("2026-10-01T00:00:00Zx", None),
        ("2026-10-01", None),
        ("2026-10-01T", None),
        ("1790812800", None),
        ("Thu, 01 Oct 2026", None),
    ] {
        let expected = offset.map(|offset| START + offset);
        assert_eq!(values::timestamp(text.as_bytes(), Tz::UTC).ok(), expected, "{text}");
    }
}

#[test]
fn local_times_follow_the_clock_changes_of_their_zone() {
    let at = |text: &str| values::timestamp(text.as_bytes(), Tz::Europe__Berlin);
    let utc = |text: &str| values::timestamp(text.as_bytes(), Tz::UTC);
    assert_eq!(at("2026-10-01T02:00:00"), utc("2026-10-01T00:00:00"));
    assert_eq!(at("2026-12-01T02:00:00"), utc("2026-12-01T01:00:00"));
    // An offset in the text wins over the zone.
    assert_eq!(at("2026-10-01T02:00:00Z"), utc("2026-10-01T02:00:00"));
    // 02:30 comes twice on 25 October 2026, and never on 29 March.
    assert_eq!(at("2026-10-25T02:30:00"), utc("2026-10-25T00:30:00"));
    assert_eq!(at("2026-03-29T02:30:00"), Err(reasons::SKIPPED_LOCAL_TIME));
}

#[test]
fn floats_are_taken_by_their_shortest_text_and_rounded_once() {
    for (value, scale, units) in [
        (0.1_f64, 2, Some(10)),
        (0.125, 2, Some(13)),
        (-0.125, 2, Some(-13)),
        (2.675, 2, Some(268)),
        (9.052e-7, 10, Some(9052)),
        (1e-300, 18, Some(0)),
        (0.0, 2, Some(0)),
        (-0.0, 2, Some(0)),
        (1e15, 2, Some(100_000_000_000_000_000)),
        (1e17, 2, None),
        (1e300, 2, None),
        (f64::NAN, 2, None),
        (f64::INFINITY, 2, None),
        (f64::NEG_INFINITY, 2, None),
    ] {
        assert_eq!(float::decimal(value, 18, scale).ok(), units, "{value}");
    }
    assert_eq!(float::decimal(0.1_f32, 18, 18), Ok(100_000_000_000_000_000));
}
