//! What cannot be computed on a record, and that nobody else's results depend on it.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::util::display::array_value_to_string;
use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};

use super::{evaluate, located};
use crate::rules::{Computed, Expression, Mediation, Rules, Want};

#[test]
fn a_result_that_does_not_fit_and_a_division_by_zero_are_told_and_not_null() {
    for (text, cause) in [
        ("duration_s / 0", "`90.5 / 0`: division by zero"),
        ("duration_s / (bytes - 7)", "`90.5 / 0`: division by zero"),
        ("1 / (bytes - 7)", "`1 / 0`: division by zero"),
        ("duration_s % 0", "`90.5 % 0`: division by zero"),
        ("bytes % 0", "`7 % 0`: division by zero"),
        ("mod(bytes, duration_s - 90.5)", "`7 % 0`: division by zero"),
        ("9223372036854775807 + bytes", "`9223372036854775807 + 7`: the result does not fit 64 bits"),
        ("-9223372036854775807 - bytes", "`-9223372036854775807 - 7`: the result does not fit 64 bits"),
        (
            "9223372036854775807 * bytes * 10",
            "`64563604257983430649 * 10`: more than 20 digits before the decimal point",
        ),
        ("bytes * 99999999999999999999", "`7 * 99999999999999999999`: more than 20 digits before the decimal point"),
        (
            "99999999999999999999 + duration_s",
            "`99999999999999999999 + 90.5`: more than 20 digits before the decimal point",
        ),
        ("to_timestamp_seconds(99999999999999 * bytes)", "`to_timestamp_seconds(699999999999993)` is beyond all times"),
        ("CAST(code AS BIGINT)", "Cannot cast string 'x12' to value of BIGINT type"),
        (
            "ceil(99999999999999999999.5 + exact)",
            "`99999999999999999999.500000000000000001` rounded: more than 20 digits before the decimal point",
        ),
    ] {
        for text in [text.to_owned(), format!("CASE WHEN region IS NULL THEN NULL ELSE {text} END")] {
            let want = if text.contains("to_timestamp") { Want::Text } else { Want::Quantity };
            let faults = evaluate(&text, want).unwrap_err();
            assert_eq!(faults.to_string(), format!("E007 cannot be computed: {cause}"), "{text}");
        }
    }
}

#[test]
fn a_constant_that_cannot_be_computed_is_a_fault_of_the_rule() {
    for text in ["1 / 0", "9223372036854775807 + 1", "99999999999999999999 + 1", "duration_s + 1 / 0"] {
        let rule = Rules::new().unwrap().expression(&located(text), &super::schema(), Want::Quantity);
        assert_eq!(rule.unwrap_err().0[0].code.id, "E001", "{text}");
    }
}

#[test]
fn a_guard_protects_its_records() {
    for (text, expected) in [
        ("CASE WHEN bytes <> 7 THEN 1 / (bytes - 7) END", ""),
        ("CASE WHEN bytes = 7 THEN -1 ELSE 1 / (bytes - 7) END", "-1"),
        ("CASE bytes WHEN 7 THEN -1 ELSE 1 / (bytes - 7) END", "-1"),
        ("coalesce(duration_s, 1 / (bytes - 7))", "90.5"),
        ("1 / nullif(bytes, 7)", ""),
    ] {
        assert_eq!(array_value_to_string(&evaluate(text, Want::Text).unwrap(), 0).unwrap(), expected, "{text}");
    }
    for (text, expected) in
        [("bytes <> 7 AND 1 / (bytes - 7) > 0", "false"), ("bytes = 7 OR 1 / (bytes - 7) > 0", "true")]
    {
        assert_eq!(array_value_to_string(&evaluate(text, Want::Predicate).unwrap(), 0).unwrap(), expected, "{text}");
    }
}

#[test]
fn numbers_too_large_for_arithmetic_are_still_text() {
    let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Decimal128(38, 0), true)]));
    let large = Decimal128Array::from(vec![10_i128.pow(37)]).with_data_type(DataType::Decimal128(38, 0));
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(large)]).unwrap();
    let rule = |want| Rules::new().unwrap().expression(&located("n"), &schema, want).unwrap();
    let text = super::all(&rule(Want::Text), &batch).unwrap();
    assert_eq!(array_value_to_string(&text, 0).unwrap(), "10000000000000000000000000000000000000");
    assert!(super::all(&rule(Want::Quantity), &batch).is_err());
}

fn numbers(rows: Vec<(Option<i64>, Option<i64>, String)>) -> RecordBatch {
    let schema = Schema::new(vec![
        Field::new("a", DataType::Int64, true),
        Field::new("b", DataType::Int64, true),
        Field::new("t", DataType::Utf8, true),
    ]);
    let a: ArrayRef = Arc::new(rows.iter().map(|row| row.0).collect::<Int64Array>());
    let b: ArrayRef = Arc::new(rows.iter().map(|row| row.1).collect::<Int64Array>());
    let t: ArrayRef = Arc::new(rows.iter().map(|row| Some(&row.2)).collect::<StringArray>());
    RecordBatch::try_new(Arc::new(schema), vec![a, b, t]).unwrap()
}

/// Result or cause of every row, when the batch is given in pieces of `size`.
fn of_expression(rule: &Expression, batch: &RecordBatch, size: usize, wanted: impl Fn(usize) -> bool) -> Vec<String> {
    let mut shown = Vec::new();
    for start in (0..batch.num_rows()).step_by(size) {
        let piece = batch.slice(start, size.min(batch.num_rows() - start));
        let computed: Computed = rule.evaluate(&piece, |row| wanted(start + row)).unwrap();
        for row in 0..piece.num_rows() {
            let value = || array_value_to_string(&computed.values, row).unwrap();
            let own = computed.cause(row).map_or_else(value, |cause| format!("!{cause}"));
            shown.push(if wanted(start + row) {
                own
            } else {
                assert!(computed.cause(row).is_none());
                String::new()
            });
        }
    }
    shown
}

fn of_mediation(mediation: &Mediation, batch: &RecordBatch, size: usize) -> Vec<String> {
    let mut shown = Vec::new();
    for start in (0..batch.num_rows()).step_by(size) {
        let piece = batch.slice(start, size.min(batch.num_rows() - start));
        let mediated = mediation.apply(&piece).unwrap();
        assert_eq!(mediated.records.num_rows(), piece.num_rows());
        for row in 0..piece.num_rows() {
            let kept = mediated.kept.as_ref().is_none_or(|kept| kept.value(row));
            let failed = mediated.failed.iter().find(|failed| failed.row == row);
            let values = || mediated.records.columns().iter().map(|c| array_value_to_string(c, row).unwrap());
            shown.push(match failed {
                Some(failed) => {
                    assert!(kept);
                    format!("!{}", failed.cause)
                }
                None if kept => values().collect::<Vec<_>>().join("|"),
                None => "filtered".to_owned(),
            });
        }
    }
    shown
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Whatever stands beside it: a record gives what it gives alone.
    #[test]
    fn a_record_gives_what_it_gives_alone(
        small in proptest::collection::vec((proptest::option::of(-2_i64..3), proptest::option::of(-2_i64..3), "[x1]"), 1..60),
        unwanted in any::<u64>(),
    ) {
        let batch = numbers(small);
        let rules = Rules::new().unwrap();
        for (text, want) in [
            ("a / b", Want::Quantity),
            ("CASE WHEN b <> 0 THEN a / b END", Want::Quantity),
            ("CASE WHEN b <> 0 THEN a / b ELSE 1 / a END", Want::Quantity),
            ("CASE WHEN a > 0 THEN 1 / b WHEN b > 0 THEN 1 / a WHEN t = 'x' THEN 7 ELSE CAST(t AS BIGINT) END", Want::Quantity),
            ("CASE a WHEN 0 THEN 0 WHEN 1 / b THEN 1 ELSE 2 / a END", Want::Quantity),
            ("coalesce(b, 1 / a, 3)", Want::Quantity),
            ("9223372036854775806 + a", Want::Quantity),
            ("b <> 0 AND a / b > 0", Want::Predicate),
            ("a / b > 0 AND b <> 0", Want::Predicate),
            ("b = 0 OR a / b > 0", Want::Predicate),
            ("a > 0 AND b > 0 OR 1 / (a + b) > 0", Want::Predicate),
            ("a IN (1 / b, 2, b)", Want::Predicate),
            ("a BETWEEN 0 AND 1 / b", Want::Predicate),
            ("t || (1 / b)", Want::Text),
            ("nullif(t, 'x') || CAST(t AS BIGINT)", Want::Text),
        ] {
            let rule = rules.expression(&located(text), batch.schema_ref(), want).unwrap();
            for wanted in [u64::MAX, unwanted] {
                let wanted = |row: usize| wanted >> row & 1 == 1;
                let alone = of_expression(&rule, &batch, 1, wanted);
                for size in [2, 7, 16, 1000] {
                    prop_assert_eq!(&of_expression(&rule, &batch, size, wanted), &alone, "{} by {}", text, size);
                }
            }
        }
        for sql in [
            "SELECT a / b AS q, t, 'w' AS w FROM input",
            "SELECT a / b AS q, CAST(t AS BIGINT) AS n FROM input WHERE b <> 0",
            "SELECT a, CAST(t AS BIGINT) AS n FROM input WHERE 1 / b > 0 OR a > 0",
        ] {
            let mediation = rules.mediation(&located(sql), batch.schema_ref()).unwrap();
            let alone = of_mediation(&mediation, &batch, 1);
            for size in [2, 7, 16, 1000] {
                prop_assert_eq!(&of_mediation(&mediation, &batch, size), &alone, "{} by {}", sql, size);
            }
        }
    }
}

#[test]
fn a_batch_in_which_every_record_fails_takes_little_more_than_an_evaluation_each() {
    use std::cell::Cell;

    use crate::fault::{Fault, codes};
    let batch = numbers((0..4096).map(|row| (Some(row), None, String::new())).collect());
    let count = Cell::new(0);
    let apart = crate::rules::narrow::apart(
        &batch,
        |_| true,
        &[DataType::Int64],
        |piece| {
            count.set(count.get() + 1);
            let first = piece.column(0).as_primitive::<arrow::datatypes::Int64Type>().value(0);
            Err(Fault::new(&codes::E007, format!("{first}")).into())
        },
    );
    let apart = apart.unwrap();
    assert_eq!(apart.failed.len(), 4096);
    assert!(
        apart.failed.iter().enumerate().all(|(row, failed)| failed.row == row && *failed.cause == *row.to_string())
    );
    assert_eq!(apart.columns[0].null_count(), 4096);
    assert!(count.get() <= 4096 + 4096 / 4, "{} evaluations", count.get());
    let ours = crate::rules::narrow::apart(&batch, |_| true, &[DataType::Int64], |_| Err(Fault::ours("a bug").into()));
    assert_eq!(ours.unwrap_err().0[0].code, &codes::X001);
}
