//! Mediation of batches: names, types, WHERE, failures.

use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema};
use arrow::util::display::array_value_to_string;

use super::{batch, located, mediation};
use crate::fault::codes;
use crate::rules::{Expression, Mediated, Mediation, Rules, Want};

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
    let Mediated { records, kept, failed } = mediation.apply(&batch()).unwrap();
    assert!(kept.is_none() && failed.is_empty());
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
    let all = super::mediation("SELECT region FROM input WHERE bytes IS NULL OR bytes = 7").unwrap();
    assert!(all.apply(&batch()).unwrap().kept.is_none());
    // NULL is not true.
    let null = super::mediation("SELECT region FROM input WHERE bytes > 6").unwrap();
    assert_eq!(null.apply(&batch()).unwrap().kept.unwrap(), BooleanArray::from(vec![true, false]));
}

#[test]
fn a_failing_cast_fails_its_record_alone() {
    let mediation = mediation("SELECT CAST(code AS DECIMAL(10,2)) AS n, region FROM input").unwrap();
    let Mediated { records, kept, failed } = mediation.apply(&batch()).unwrap();
    assert_eq!((records.num_rows(), kept), (2, None));
    let [failed] = failed.as_slice() else { panic!("{failed:?}") };
    assert_eq!((failed.row, &*failed.cause), (0, "`n`: cannot be computed: `x12`: not a decimal number"));
    assert!(mediation.apply(&batch().slice(1, 1)).unwrap().failed.is_empty());
}

#[test]
fn only_the_columns_looked_at_need_be_read() {
    let mediation = mediation("SELECT 'a' AS a, bytes + duration_s AS n FROM input WHERE region = 'EU'").unwrap();
    assert_eq!(mediation.reads().into_iter().collect::<Vec<_>>(), [0, 2, 3]);
}

#[test]
fn a_batch_of_other_columns_is_our_mistake() {
    let mediation = mediation("SELECT bytes AS n FROM input").unwrap();
    let faults = mediation.apply(&batch().project(&[2]).unwrap()).unwrap_err();
    assert_eq!(faults.0[0].code, &codes::X001);
    // Constants only: the number of rows is still the input's.
    let constant = super::mediation("SELECT 'a' AS a FROM input").unwrap();
    assert_eq!(constant.apply(&batch()).unwrap().records.num_rows(), 2);
}

#[test]
fn compiled_rules_are_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Rules>();
    shared::<Mediation>();
    shared::<Expression>();
}

#[test]
fn columns_may_be_named_like_keywords() {
    for name in ["date", "timestamp", "user", "value", "count", "type", "\"end\"", "\"group\"", "current_date", "year"]
    {
        let bare = name.trim_matches('"');
        let input = Arc::new(Schema::new(vec![Field::new(bare, DataType::Int64, true)]));
        let sql = format!("SELECT {name}, {name} + 1 AS x FROM input WHERE {name} > 0");
        let mediation = Rules::new().unwrap().mediation(&located(&sql), &input).unwrap();
        assert_eq!(mediation.schema().field(0).name(), bare, "{sql}");
    }
}

#[test]
fn text_functions_take_every_layout_of_text() {
    let texts: StringArray = vec![Some("a/b"), None].into();
    for kind in [DataType::Utf8, DataType::Utf8View, DataType::LargeUtf8, crate::rules::word()] {
        let input = Arc::new(Schema::new(vec![Field::new("t", kind.clone(), true)]));
        let batch = RecordBatch::try_new(Arc::clone(&input), vec![cast(&texts, &kind).unwrap()]).unwrap();
        for (text, expected) in [
            ("t", "a/b"),
            ("upper(t)", "A/B"),
            ("coalesce(t, 'x')", "a/b"),
            ("coalesce(nullif(t, 'a/b'), 'x')", "x"),
            ("CASE WHEN t = 'a/b' THEN 'y' ELSE t END", "y"),
            ("CASE t WHEN 'z' THEN 'y' ELSE t END", "a/b"),
            ("greatest(t, 'b')", "b"),
            ("t || '/c'", "a/b/c"),
            ("concat(t, '/c')", "a/b/c"),
            ("split_part(t, '/', 2)", "b"),
            ("substr(t, 2)", "/b"),
            ("replace(t, '/', '-')", "a-b"),
            ("regexp_replace(t, '/.*', '')", "a"),
            ("regexp_like(t, '^a')", "true"),
            ("t LIKE 'a%'", "true"),
            ("t IN ('a', 'a/b')", "true"),
            ("starts_with(t, 'a')", "true"),
            ("contains(t, '/')", "true"),
            ("length(t)", "3"),
            ("length(t) / 2", "1.5"),
            ("trim(t)", "a/b"),
            ("left(t, 1)", "a"),
            ("strpos(t, 'b')", "3"),
            ("reverse(t)", "b/a"),
            ("TRY_CAST(t AS DECIMAL)", ""),
            ("t = 'a/b' AND t <> 'c'", "true"),
        ] {
            let rule = Rules::new().unwrap().expression(&located(text), &input, Want::Text);
            let rule = rule.unwrap_or_else(|faults| panic!("{kind} {text}: {faults}"));
            let result = super::all(&rule, &batch).unwrap_or_else(|faults| panic!("{kind} {text}: {faults}"));
            assert_eq!(array_value_to_string(&result, 0).unwrap(), expected, "{kind} {text}");
            let sql = format!("SELECT {text} AS x FROM input");
            Rules::new().unwrap().mediation(&located(&sql), &input).unwrap().apply(&batch).unwrap();
        }
    }
}
