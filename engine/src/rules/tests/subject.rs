//! Expressions over accounts, subscriptions and their usage: what they compute, what they need and what they refuse.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Decimal128Array, Int64Array, RecordBatch, RecordBatchOptions, StringArray};
use arrow::datatypes::DataType;
use arrow::util::display::array_value_to_string;

use super::{located, shown};
use crate::fault::Outcome;
use crate::rules::decimal::EXACT;
use crate::rules::{Names, Needed, Rules, SubjectColumn, SubjectExpression, Want};

fn column(of: Option<&str>, name: &str, kind: DataType) -> SubjectColumn {
    SubjectColumn { of: of.map(ToOwned::to_owned), name: name.to_owned(), kind }
}

fn names() -> Names {
    let list = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
    Names {
        columns: vec![
            column(Some("account"), "region", DataType::Utf8),
            column(Some("account"), "Segment", DataType::Utf8),
            column(Some("subscription"), "seats", DataType::Utf8),
            column(None, "quantity", EXACT),
            column(None, "records", DataType::Int64),
        ],
        meters: list(&["video_minutes", "storage"]),
        charges: list(&["video/minutes", "video/platform"]),
        products: list(&["video", "recording"]),
    }
}

fn compile(text: &str, want: Want) -> Outcome<SubjectExpression> {
    Rules::new().unwrap().subject_expression(&located(text), &names(), want)
}

/// Two subjects: EMEA, gold, 12 seats, 1500.5 of everything, 3 records, every product; and one of which nothing is known.
fn subjects(needs: &[Needed], expression: &SubjectExpression) -> RecordBatch {
    let columns: Vec<ArrayRef> = needs
        .iter()
        .map(|needed| match needed {
            Needed::Column { name, .. } => match name.as_str() {
                "region" => Arc::new(StringArray::from(vec![Some("EMEA"), None])) as ArrayRef,
                "Segment" => Arc::new(StringArray::from(vec![Some("gold"), None])),
                "seats" => Arc::new(StringArray::from(vec![Some("12"), None])),
                "records" => Arc::new(Int64Array::from(vec![Some(3), None])),
                _ => amounts(),
            },
            Needed::Usage(_) | Needed::Amount(_) => amounts(),
            Needed::HasProduct(_) => Arc::new(BooleanArray::from(vec![true, false])),
        })
        .collect();
    let options = RecordBatchOptions::new().with_row_count(Some(2));
    RecordBatch::try_new_with_options(Arc::clone(expression.schema()), columns, &options).unwrap()
}

fn amounts() -> ArrayRef {
    let numbers = Decimal128Array::from(vec![Some(1_500_500_000_000_000_000_000_i128), None]);
    Arc::new(numbers.with_data_type(EXACT))
}

/// The results for both subjects.
fn computed(text: &str, want: Want) -> [String; 2] {
    let expression = compile(text, want).unwrap_or_else(|faults| panic!("{text}: {faults}"));
    let computed = expression.evaluate(&subjects(expression.needs(), &expression), |_| true).unwrap();
    assert!(computed.failed.is_empty(), "{text}: {:?}", computed.failed);
    [0, 1].map(|row| array_value_to_string(&computed.values, row).unwrap())
}

#[test]
fn conditions_hold_for_subjects_and_a_null_is_false() {
    for (text, expected) in [
        ("account.region = 'EMEA'", ["true", "false"]),
        ("account.region <> 'EMEA'", ["false", "false"]),
        ("NOT (account.region = 'EMEA')", ["false", "false"]),
        ("account.region IS NULL", ["false", "true"]),
        ("ACCOUNT.Region = 'EMEA' AND account.segment = 'gold'", ["true", "false"]),
        ("account.\"Segment\" LIKE 'g%'", ["true", "false"]),
        ("has_product('video')", ["true", "false"]),
        ("NOT has_product('video')", ["false", "true"]),
        ("usage('video_minutes') >= 1500.5 AND has_product('recording')", ["true", "false"]),
        ("coalesce(usage('video_minutes'), 0) < 1", ["false", "true"]),
        ("amount('video/minutes') + amount('video/platform') > 3000", ["true", "false"]),
        ("CAST(subscription.seats AS BIGINT) >= 10", ["true", "false"]),
        ("true", ["true", "true"]),
        ("NULL", ["false", "false"]),
    ] {
        assert_eq!(computed(text, Want::Predicate), expected, "{text}");
    }
}

#[test]
fn formulas_are_exact() {
    for (text, expected) in [
        ("quantity * 0.1", "150.05"),
        ("usage('storage') / 3", "500.166666666666666667"),
        ("greatest(quantity - 1000, 0) * 0.02 + records * 0.01", "10.04"),
        ("CASE WHEN account.region = 'EMEA' THEN quantity * 0.09 ELSE quantity * 0.10 END", "135.045"),
        ("amount('video/minutes') * 5 / 100", "75.025"),
    ] {
        let [first, _] = computed(text, Want::Quantity);
        assert_eq!(first.trim_end_matches('0').trim_end_matches('.'), expected, "{text}");
    }
}

#[test]
fn an_expression_says_what_it_needs_and_no_more() {
    let needs = |text: &str| compile(text, Want::Predicate).unwrap().needs().to_vec();
    let column = |of: &str, name: &str| Needed::Column { of: Some(of.to_owned()), name: name.to_owned() };
    assert_eq!(needs("account.region = 'EMEA'"), [column("account", "region")]);
    assert_eq!(
        needs("usage('storage') > usage('video_minutes') AND account.SEGMENT = 'x' AND usage('storage') > 0"),
        [column("account", "Segment"), Needed::Usage("storage".to_owned()), Needed::Usage("video_minutes".to_owned())]
    );
    assert_eq!(
        needs("has_product('video') OR amount('video/minutes') > 0"),
        [Needed::Amount("video/minutes".to_owned()), Needed::HasProduct("video".to_owned())]
    );
    assert_eq!(needs("true"), []);
    let expression = compile("amount('video/minutes') > account.region", Want::Predicate);
    assert_eq!(shown(&expression.unwrap_err()), "E005 1:1");
    let expression = compile("usage('storage') > 1 AND account.region = 'x'", Want::Predicate).unwrap();
    let fields: Vec<_> = expression.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(fields, ["account.region", "usage(storage)"]);
    assert_eq!(expression.needs().iter().map(Needed::field_name).collect::<Vec<_>>(), fields);
}

#[test]
fn unknown_names_and_wrong_questions_say_where_and_what_was_meant() {
    let mut wrong = Vec::new();
    for (text, expected, hint) in [
        ("account.regoin = 'x'", "E001 1:1", "did you mean `account.region`?"),
        ("acount.region = 'x'", "E001 1:1", "did you mean `account.region`?"),
        ("region = 'x'", "E001 1:1", "did you mean `account.region`?"),
        (
            "account.zebra = 'x'",
            "E001 1:1",
            "the columns are account.region, account.Segment, subscription.seats, quantity, records",
        ),
        ("a.account.region = 'x'", "E001 1:1", ""),
        ("quantitty > 1", "E001 1:1", "did you mean `quantity`?"),
        ("1 < usage('video_minute')", "B003 1:5", "did you mean `video_minutes`?"),
        ("has_product('vidoe')", "B003 1:1", "did you mean `video`?"),
        ("amount('video/minuts') > 1", "B003 1:1", "did you mean `video/minutes`?"),
        ("amount('nothing at all') > 1", "B003 1:1", "there is video/minutes, video/platform"),
        ("usage(video_minutes) > 1", "E005 1:1", "write usage('video_minutes')"),
        ("usage() > 1", "E005 1:1", "write usage('video_minutes')"),
        ("usage('storage', 'video_minutes') > 1", "E005 1:1", ""),
        ("usage(1) > 1", "E005 1:1", ""),
        ("usage(DISTINCT 'storage') > 1", "E005 1:1", ""),
        ("usage('storage') OVER () > 1", "E005 1:1", ""),
        ("usage('sto' || 'rage') > 1", "E005 1:1", ""),
        ("usage('storage')", "E005 1:1", ""),
        ("usage('storage') = 'x'", "E005 1:1", ""),
        ("has_product('video') > 1", "E005 1:1", ""),
        ("sum(quantity) > 1", "E002 1:1", ""),
        ("now() > 1", "E003 1:1", ""),
        ("quantity * 1e0 > CAST(1 AS DOUBLE)", "E004 1:23", ""),
        (
            "account.regoin = 'x' AND usage('x') > 1 AND uppr(account.region) = 'X'",
            "E001 1:1, B003 1:26, E003 1:45",
            "",
        ),
    ] {
        let faults = compile(text, Want::Predicate).err().unwrap_or_else(|| panic!("{text} is accepted"));
        let found = faults.0[0].hint.as_deref().unwrap_or_default();
        if shown(&faults) != expected || (!hint.is_empty() && found != hint) {
            wrong.push(format!("{text}: {} instead of {expected}: {faults} ({found})", shown(&faults)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_cannot_be_asked_for_here_is_refused() {
    let names = Names { meters: None, charges: None, ..names() };
    let compile = |text| Rules::new().unwrap().subject_expression(&located(text), &names, Want::Predicate);
    assert!(compile("has_product('video')").is_ok());
    let faults = compile("has_product('video') AND usage('storage') > 1").unwrap_err();
    assert_eq!(faults.to_string(), "p.yaml:1:26: E003 `usage` cannot be asked for here");
    assert_eq!(shown(&compile("amount('video/minutes') > 1").unwrap_err()), "E003 1:1");
}

#[test]
fn a_subject_that_cannot_be_computed_is_told_apart() {
    let expression = compile("100 / (quantity - 1500.5) > 1", Want::Predicate).unwrap();
    let computed = expression.evaluate(&subjects(expression.needs(), &expression), |_| true).unwrap();
    assert_eq!(computed.failed.len(), 1);
    assert_eq!(computed.cause(0).map(AsRef::as_ref), Some("cannot be computed: `100 / 0`: division by zero"));
    assert_eq!(array_value_to_string(&computed.values, 1).unwrap(), "false");
}
