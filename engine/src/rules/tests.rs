//! What rule SQL computes: tables of expression and exact result.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, RecordBatch,
    StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Decimal128Type, Field, Schema, SchemaRef};
use arrow::util::display::array_value_to_string;

use super::{Computed, Expression, Mediation, Rules, Want, types::instant};
use proptest::prelude::{any, prop_assert_eq, proptest};

use crate::fault::{Fault, Faults, Located, Outcome, Place, SourceText, codes};
use crate::money::Decimal;

mod alone;
mod mediation;
mod query;
mod refused;
mod sandbox;
mod subject;

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
    all(&Rules::new()?.expression(&located(text), &schema(), want)?, &batch())
}

/// The results for all records; the causes of those that fail as a fault.
fn all(rule: &Expression, batch: &RecordBatch) -> Outcome<ArrayRef> {
    let Computed { values, failed } = rule.evaluate(batch, |_| true)?;
    let mut faults = Faults::default();
    failed.iter().for_each(|failed| faults.push(Fault::new(&codes::E007, &*failed.cause)));
    faults.or(values)
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
        ("9223372036854775807 * 10", "92233720368547758070"),
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
    let one = |fault: &Fault| {
        let place = fault.place.as_ref().unwrap();
        format!("{} {}:{}", fault.code.id, place.line, place.column)
    };
    faults.0.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn mediation(sql: &str) -> Outcome<Mediation> {
    Rules::new().unwrap().mediation(&located(sql), &schema())
}

proptest! {
    /// The column-by-constant short cuts and the 64-bit ones give the digits of the scalar arithmetic.
    #[test]
    fn columns_and_scalars_agree(number in any::<i64>(), other in any::<i64>(), scale in 0_u32..=18, whole in 1_i64..5_000) {
        let left = Decimal::rescaled(i128::from(number), scale).unwrap();
        let right = Decimal::from_units(i128::from(other));
        let columns = Schema::new(vec![
            Field::new("l", DataType::Decimal128(38, i8::try_from(scale).unwrap()), true),
            Field::new("r", DataType::Decimal128(38, 18), true),
        ]);
        let l = Decimal128Array::from(vec![i128::from(number)]).with_data_type(columns.field(0).data_type().clone());
        let r = Decimal128Array::from(vec![i128::from(other)]).with_data_type(columns.field(1).data_type().clone());
        let batch = RecordBatch::try_new(Arc::new(columns), vec![Arc::new(l), Arc::new(r)]).unwrap();
        let constant = Decimal::whole(whole);
        for (text, expected) in [
            ("l + r".to_owned(), left.plus(right)),
            ("l - r".to_owned(), left.minus(right)),
            ("l * r".to_owned(), left.times(right)),
            ("l / r".to_owned(), left.over(right)),
            (format!("l * {whole}"), left.times(constant)),
            (format!("l / {whole}"), left.over(constant)),
            (format!("{whole} / l"), constant.over(left)),
            (format!("l / {}", if right.is_zero() { Decimal::ONE } else { right }), if right.is_zero() { Some(left) } else { left.over(right) }),
        ] {
            let rule = Rules::new().unwrap().expression(&located(&text), batch.schema_ref(), Want::Quantity).unwrap();
            let Computed { values, failed } = rule.evaluate(&batch, |_| true).unwrap();
            let result = values.as_primitive::<Decimal128Type>();
            let result = (!result.is_null(0)).then(|| Decimal::from_units(result.value(0)));
            prop_assert_eq!(result, expected, "{}", text);
            prop_assert_eq!(failed.len(), usize::from(expected.is_none()), "{}", text);
        }
    }
}
