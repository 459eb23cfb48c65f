//! YAML texts and what is said about them.

use std::sync::Arc;

use super::keys::{Key, Kind, Record};
use super::*;
use crate::fault::Faults;

fn text_of(text: &str) -> Arc<SourceText> {
    source("f.yaml", text.as_bytes()).unwrap()
}

/// Each fault as its code, its line and the text its place covers (a whole line: nothing); checks the column.
pub(crate) fn pointed(fault: &Fault) -> String {
    let place = fault.place.clone().unwrap();
    let text = place.source.text.get(place.offset..place.offset + place.length).unwrap().to_owned();
    if place.column > 0 {
        let counted = Place::at(&place.source, place.offset, place.length);
        assert_eq!(place, counted, "the line and column of `{text}`");
    }
    format!("{} {} {}", fault.code.id, place.line, text).trim_end().to_owned()
}

/// Each fault as `code:line:column`.
fn shown(faults: &Faults) -> Vec<String> {
    let place = |fault: &Fault| fault.place.clone().unwrap();
    faults.0.iter().map(|fault| format!("{}:{}:{}", fault.code.id, place(fault).line, place(fault).column)).collect()
}

fn faults_of(text: &str) -> Vec<String> {
    match source("f.yaml", text.as_bytes()) {
        Ok(source) => shown(&parse(&source).1),
        Err(faults) => shown(&faults),
    }
}

#[test]
fn what_is_no_plain_yaml_is_refused_at_its_place() {
    let deep = format!("a: {}1{}", "[".repeat(70), "]".repeat(70));
    for (text, expected) in [
        ("a: 1\nb: [1, 2\n", vec!["Y001:3:1"]),
        ("a: 1\n---\nb: 2\n", vec!["Y001:2:1"]),
        ("a: 1\nb:\n  a: 1\n  a: 2\n", vec!["Y002:4:3"]),
        ("{ a: 1, a: 2, b: 3, b: 4 }", vec!["Y002:1:9", "Y002:1:21"]),
        ("a: &x 1\nb: *x\n", vec!["Y003:1:4", "Y003:2:4"]),
        ("a: *nothing\n", vec!["Y003:1:4"]),
        ("a: &x { b: 1 }\nc:\n  <<: *x\n", vec!["Y003:1:4", "Y003:3:7"]),
        ("a: !!str 1\n", vec!["Y001:1:4"]),
        ("? [1, 2]\n: 3\n", vec!["Y001:1:3"]),
        ("a: 1\u{0}\nb: 2\n", vec!["Y001:1:5"]),
        (deep.as_str(), vec!["Y001:1:67"]),
        ("", vec![]),
        ("# nothing but a comment\n", vec![]),
    ] {
        assert_eq!(faults_of(text), expected, "{text:?}");
    }
}

#[test]
fn an_alias_bomb_is_a_few_faults_not_a_bill_of_memory() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..30 {
        bomb.push_str(&format!("a{level}: &a{level} [*a{0}, *a{0}, *a{0}, *a{0}]\n", level - 1));
    }
    let found = faults_of(&bomb);
    assert_eq!(found.len(), 30 + 29 * 4);
    assert!(found.iter().all(|fault| fault.starts_with("Y003")));
}

#[test]
fn what_is_no_text_is_refused() {
    assert!(source("f", &[0xff, 0xfe, 0x61]).is_err());
    let latin = source("f.yaml", b"a: caf\xe9").unwrap_err();
    assert_eq!(latin.to_string(), "f.yaml: Y001 the file is not UTF-8 text after byte 6");
}

#[test]
fn every_text_has_the_place_of_its_first_character() {
    let text = "\u{feff}größe: \"1,5\"\r\nsql: |\r\n    SELECT ä\r\n      FROM input\r\nplain: ü ö # note\r\nlist: [a, 'b''c']\r\nfolded: >-\n\n  x\n  y\n";
    let source = text_of(text);
    let (root, faults) = parse(&source);
    let root = root.unwrap();
    assert_eq!(shown(&faults), Vec::<String>::new());
    let at = |node: &Node| {
        let place = &node.place;
        let quoted = &source.text[place.offset..place.offset + place.length];
        assert_eq!(
            (place.line, place.column),
            (Place::at(&source, place.offset, 0).line, Place::at(&source, place.offset, 0).column)
        );
        (node.text().unwrap().to_owned(), quoted.to_owned())
    };
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(at(root.get("größe").unwrap()), pair("1,5", "1,5"));
    assert_eq!(at(root.get("sql").unwrap()), pair("SELECT ä\n  FROM input\n", "SELECT ä\r\n      FROM input"));
    assert_eq!(at(root.get("plain").unwrap()), pair("ü ö", "ü ö"));
    assert_eq!(at(&root.get("list").unwrap().list()[1]), pair("b'c", "b''c"));
    assert_eq!(at(root.get("folded").unwrap()), pair("x y", "x\n  y"));
    assert_eq!(root.entries()[2].0.place.line, 5);
}

#[test]
fn numbers_stay_the_text_they_were_written_as() {
    let (root, _) = parse(&text_of("a: 0.10\nb: 9.052E-7\nc: 1_000\nd: 0x10\ne: no\nf: ~\ng:\nh: \"~\"\n"));
    let root = root.unwrap();
    let text = |key: &str| root.get(key).and_then(Node::text).map(str::to_owned);
    let texts: Vec<_> = ["a", "b", "c", "d", "e", "f", "g", "h"].map(text).into_iter().collect();
    let expected = [Some("0.10"), Some("9.052E-7"), Some("1_000"), Some("0x10"), Some("no"), None, None, Some("~")];
    assert_eq!(texts, expected.map(|text| text.map(str::to_owned)));
    assert_eq!(root.get("b").and_then(Node::decimal), Decimal::parse("0.0000009052").ok());
}

static ROOM: Record = Record {
    title: "a room",
    choice: None,
    keys: &[&[
        Key::required("name", Kind::Text, "its name"),
        Key::optional("size", Kind::Number, "in square metres"),
        Key::optional("seats", Kind::Whole, "how many"),
        Key::defaulted("open", Kind::Truth, "true", "whether one may enter"),
        Key::optional("colour", Kind::OneOf(&["red", "green"]), "of its walls"),
        Key::optional("tags", Kind::List(&Kind::Text), "words"),
        Key::optional("doors", Kind::Map(&Kind::Record(&DOOR)), "by wall"),
        Key::optional("lamp", Kind::Either(&Kind::Text, &Kind::Record(&DOOR)), "one or the other"),
    ]],
};

static DOOR: Record =
    Record { title: "a door", choice: None, keys: &[&[Key::required("width", Kind::Number, "in metres")]] };

fn checked(text: &str) -> Vec<String> {
    let source = text_of(text);
    let (root, mut faults) = parse(&source);
    check(&root.unwrap(), &Kind::Record(&ROOM), &Place::at(&source, 0, 0), &mut faults);
    let hint = |fault: &Fault| fault.hint.clone().filter(|hint| hint.starts_with("did")).unwrap_or_default();
    let shown = shown(&faults);
    shown.iter().zip(&faults.0).map(|(shown, fault)| format!("{shown} {}", hint(fault)).trim().to_owned()).collect()
}

#[test]
fn all_faults_of_shape_are_found_at_once() {
    let text = "nam: hall\nsize: 1.5.2\nseats: -3\nopen: yes\ncolour: gren\ntags: red\ndoors:\n  north: { widht: 1 }\n  south: 3\n  west:\nlamp: [1]\n";
    assert_eq!(
        checked(text),
        [
            "Y004:1:1 did you mean `name`?",
            "B001:2:7",
            "Y006:3:8",
            "Y006:4:7",
            "Y006:5:9 did you mean `green`?",
            "Y006:6:7",
            "Y004:8:12 did you mean `width`?",
            "Y005:8:3",
            "Y006:9:10",
            "Y005:10:3",
            "Y006:11:1",
            "Y005:1:1",
        ]
    );
}

#[test]
fn inexact_numbers_are_refused() {
    for number in ["0.0000000000000000001", "1e30", "NaN", ".inf", "1,5", "12 EUR", "0x10", "1_000", "''"] {
        assert_eq!(checked(&format!("name: x\nsize: {number}\n")).len(), 1, "{number}");
    }
    for number in ["0.10", "-4", "9.052E-7", "\"12\"", "+1", "1e3"] {
        assert_eq!(checked(&format!("name: x\nsize: {number}\n")), Vec::<String>::new(), "{number}");
    }
}

#[test]
fn the_schema_says_what_the_check_says() {
    let schema = json_schema(&ROOM, "Rooms");
    assert_eq!(schema["required"], serde_json::json!(["name"]));
    assert_eq!(schema["additionalProperties"], serde_json::json!(false));
    assert_eq!(
        schema["properties"]["open"],
        serde_json::json!({ "type": "boolean", "default": true, "description": "whether one may enter" })
    );
    assert_eq!(schema["properties"]["doors"]["additionalProperties"]["$ref"], "#/$defs/a_door");
    assert_eq!(schema["$defs"]["a_door"]["required"], serde_json::json!(["width"]));
}

#[test]
fn paths_are_relative_to_the_file_they_stand_in() {
    for (file, path, expected) in [
        ("pipelines/nightly.yaml", "../rules/video", "rules/video"),
        ("nightly.yaml", "out", "out"),
        ("nightly.yaml", "../out", "../out"),
        ("../p/nightly.yaml", "../../out", "../../out"),
        ("p/nightly.yaml", "..", "."),
        ("/srv/p/nightly.yaml", "../out/./x", "/srv/out/x"),
        ("p/nightly.yaml", "/var/x", "/var/x"),
        ("p/nightly.yaml", "s3://bucket/a/../b", "s3://bucket/a/../b"),
        ("s3://bucket/p/nightly.yaml", "../usage/**/*.csv", "s3://bucket/usage/**/*.csv"),
        ("memory://p/nightly.yaml", "../out", "memory://out"),
    ] {
        assert_eq!(beside(file, path), expected, "{file} {path}");
    }
}

#[test]
fn a_slip_is_told_from_another_word() {
    let known = ["unit_price", "tiers", "minimum", "maximum"];
    assert_eq!(closest("unitprice", known), Some("unit_price"));
    assert_eq!(closest("tires", known), Some("tiers"));
    assert_eq!(closest("minimun", known), Some("minimum"));
    assert_eq!(closest("colour", known), None);
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "[a-c&*!|>?:,\\-\\[\\]{}\"'#%@ \\n\\t\\r\u{e4}0-2]{0,60}") {
        if let Ok(source) = source("f.yaml", text.as_bytes()) {
            let (_, faults) = parse(&source);
            for fault in faults.0 {
                let place = fault.place.unwrap();
                proptest::prop_assert!(place.line > 0 && source.text.get(place.offset..).is_some());
            }
        }
    }
}
