//! One field's text -> one value, for every declared type. The same grammar for CSV fields and JSON scalars, so a
//! source can change its format without changing its meaning. Nothing here rounds, guesses or reads a clock.

use chrono::{DateTime, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone};
use chrono_tz::Tz;

use super::reasons;
use crate::money::{Decimal, NumberFault, SCALE};

/// Why a field is not the value it should be; one of [`reasons::ALL`].
pub(super) type Reason = &'static str;

/// A whole number in decimal digits, with or without a sign.
pub(super) fn integer(text: &[u8]) -> Result<i64, Reason> {
    let (negative, digits) = sign(text);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(reasons::NOT_AN_INTEGER);
    }
    let step = |sum: Option<i64>, byte: &u8| {
        let (sum, digit) = (sum?.checked_mul(10)?, i64::from(byte - b'0'));
        if negative { sum.checked_sub(digit) } else { sum.checked_add(digit) }
    };
    digits.iter().fold(Some(0), step).ok_or(reasons::INTEGER_OUT_OF_RANGE)
}

/// A decimal number in units of 10^-`scale`, exponents included.
pub(super) fn decimal(text: &[u8], precision: u8, scale: u8) -> Result<i128, Reason> {
    match plain_decimal(text, scale) {
        Some(units) => in_precision(units, precision),
        None => any_decimal(text, precision, scale),
    }
}

/// The common spelling: a sign, up to 18 digits, a point, and no digits beyond the scale.
fn plain_decimal(text: &[u8], scale: u8) -> Option<i128> {
    let (negative, digits) = sign(text);
    if digits.is_empty() || digits.len() > 18 {
        return None;
    }
    let (mut units, mut after_point, mut pointed) = (0_u64, 0_u8, false);
    for &byte in digits {
        if byte.is_ascii_digit() {
            units = units * 10 + u64::from(byte - b'0');
            after_point += u8::from(pointed);
        } else if byte == b'.' && !pointed && digits.len() > 1 {
            pointed = true;
        } else {
            return None;
        }
    }
    let missing = scale.checked_sub(after_point)?;
    // 18 digits times 10^18 stays below 10^36.
    let units = i128::from(units) * 10_i128.pow(u32::from(missing));
    Some(if negative { -units } else { units })
}

/// Every other spelling, by the one parser of the engine; slower, and rare.
fn any_decimal(text: &[u8], precision: u8, scale: u8) -> Result<i128, Reason> {
    let text = std::str::from_utf8(text).map_err(|_| reasons::NOT_A_DECIMAL)?;
    let number = Decimal::parse(text).map_err(|fault| match fault {
        NumberFault::TooPrecise => reasons::DECIMAL_TOO_PRECISE,
        NumberFault::OutOfRange => reasons::DECIMAL_OUT_OF_RANGE,
        NumberFault::Malformed | NumberFault::DividedByZero => reasons::NOT_A_DECIMAL,
    })?;
    rescale(number.units(), SCALE, precision, scale)
}

/// `units` of 10^-`from` as units of 10^-`scale`, exactly.
pub(super) fn rescale(units: i128, from: u32, precision: u8, scale: u8) -> Result<i128, Reason> {
    let scale = u32::from(scale);
    if from <= scale {
        let factor = 10_i128.checked_pow(scale - from).ok_or(reasons::DECIMAL_OUT_OF_RANGE)?;
        return in_precision(units.checked_mul(factor).ok_or(reasons::DECIMAL_OUT_OF_RANGE)?, precision);
    }
    let divisor = 10_i128.checked_pow(from - scale).ok_or(reasons::DECIMAL_TOO_PRECISE)?;
    if units % divisor == 0 { in_precision(units / divisor, precision) } else { Err(reasons::DECIMAL_TOO_PRECISE) }
}

/// `units` when it has at most `precision` digits.
pub(super) fn in_precision(units: i128, precision: u8) -> Result<i128, Reason> {
    let limit = 10_u128.checked_pow(u32::from(precision)).unwrap_or(u128::MAX);
    if units.unsigned_abs() < limit { Ok(units) } else { Err(reasons::DECIMAL_OUT_OF_RANGE) }
}

/// `true` or `false` in any case, `1` or `0`.
pub(super) fn boolean(text: &[u8]) -> Result<bool, Reason> {
    match text {
        b"1" => Ok(true),
        b"0" => Ok(false),
        _ if text.eq_ignore_ascii_case(b"true") => Ok(true),
        _ if text.eq_ignore_ascii_case(b"false") => Ok(false),
        _ => Err(reasons::NOT_A_BOOL),
    }
}

/// Days since 1970 of `YYYY-MM-DD`.
pub(super) fn date(text: &[u8]) -> Result<i32, Reason> {
    let day = calendar_day(text).ok_or(reasons::NOT_A_DATE)?;
    i32::try_from((day - NaiveDate::default()).num_days()).map_err(|_| reasons::NOT_A_DATE)
}

/// UTC microseconds of `YYYY-MM-DDTHH:MM[:SS[.fraction]][offset]` (`T` may be a space; `Z`, `+HH`, `+HHMM`, `+HH:MM`).
/// Without an offset it is a local time of `zone`. Digits beyond microseconds are cut.
pub(super) fn timestamp(text: &[u8], zone: Tz) -> Result<i64, Reason> {
    let (local, offset) = clock_time(text).ok_or(reasons::NOT_A_TIMESTAMP)?;
    match offset {
        Some(seconds) => {
            let instant = local.checked_sub_signed(TimeDelta::seconds(seconds)).ok_or(reasons::NOT_A_TIMESTAMP)?;
            Ok(instant.and_utc().timestamp_micros())
        }
        None => zoned(local, zone),
    }
}

/// UTC microseconds of a local time; of a time that comes twice the earlier one, of a skipped one nothing.
pub(super) fn zoned(local: NaiveDateTime, zone: Tz) -> Result<i64, Reason> {
    if zone == Tz::UTC {
        return Ok(local.and_utc().timestamp_micros());
    }
    match zone.from_local_datetime(&local) {
        LocalResult::Single(instant) | LocalResult::Ambiguous(instant, _) => Ok(instant.timestamp_micros()),
        LocalResult::None => Err(reasons::SKIPPED_LOCAL_TIME),
    }
}

/// UTC microseconds of a local time that is itself given in microseconds.
pub(super) fn zoned_micros(local: i64, zone: Tz) -> Result<i64, Reason> {
    if zone == Tz::UTC {
        return Ok(local);
    }
    let local = DateTime::from_timestamp_micros(local).ok_or(reasons::NOT_A_TIMESTAMP)?;
    zoned(local.naive_utc(), zone)
}

fn clock_time(text: &[u8]) -> Option<(NaiveDateTime, Option<i64>)> {
    let (day, rest) = text.split_at_checked(10)?;
    let day = calendar_day(day)?;
    let (separator, rest) = rest.split_first()?;
    if !matches!(separator, b'T' | b't' | b' ') {
        return None;
    }
    let (hour, rest) = two_digits(rest)?;
    let (minute, mut rest) = two_digits(rest.strip_prefix(b":")?)?;
    let (mut second, mut micros) = (0, 0);
    if let Some(after) = rest.strip_prefix(b":") {
        (second, rest) = two_digits(after)?;
        if let Some(after) = rest.strip_prefix(b".").or_else(|| rest.strip_prefix(b",")) {
            (micros, rest) = fraction(after)?;
        }
    }
    // Second 60 is refused: our clock has no place for a leap second, and its neighbour may lie in another period.
    let time = NaiveTime::from_hms_micro_opt(hour, minute, second, micros)?;
    Some((day.and_time(time), offset(rest)?))
}

/// The offset in seconds: `None` inside when there is none, `None` outside when it is malformed.
#[expect(clippy::option_option, reason = "absent and malformed are two answers, and both end this parse")]
fn offset(text: &[u8]) -> Option<Option<i64>> {
    let (head, rest) = match text.split_first() {
        None => return Some(None),
        Some((b'Z' | b'z', [])) => return Some(Some(0)),
        Some(parts) => parts,
    };
    let sign = match head {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, rest) = two_digits(rest)?;
    let rest = rest.strip_prefix(b":").unwrap_or(rest);
    let (minutes, rest) = if rest.is_empty() { (0, rest) } else { two_digits(rest)? };
    let valid = rest.is_empty() && hours < 24 && minutes < 60;
    valid.then(|| Some(sign * (i64::from(hours) * 3600 + i64::from(minutes) * 60)))
}

fn calendar_day(text: &[u8]) -> Option<NaiveDate> {
    let (century, rest) = two_digits(text)?;
    let (year, rest) = two_digits(rest)?;
    let (month, rest) = two_digits(rest.strip_prefix(b"-")?)?;
    let (day, rest) = two_digits(rest.strip_prefix(b"-")?)?;
    let year = i32::try_from(century * 100 + year).ok()?;
    if rest.is_empty() { NaiveDate::from_ymd_opt(year, month, day) } else { None }
}

/// Microseconds of the digits after the point, and what follows them.
fn fraction(text: &[u8]) -> Option<(u32, &[u8])> {
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at_checked(length)?;
    let padded = digits.iter().copied().chain(std::iter::repeat(b'0')).take(6);
    let micros = padded.fold(0, |sum, byte| sum * 10 + u32::from(byte - b'0'));
    (length > 0).then_some((micros, rest))
}

fn two_digits(text: &[u8]) -> Option<(u32, &[u8])> {
    match text {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9', rest @ ..] => {
            Some((u32::from(tens - b'0') * 10 + u32::from(ones - b'0'), rest))
        }
        _ => None,
    }
}

fn sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    }
}
