//! What a person sees who has got a price book wrong in many places: all faults at once, each with its place, a snippet,
//! a code and a hint. The pictures are snapshots, so that a change of the wording is seen in review.

use crate::tiny::Tiny;

/// Eight different faults, one of them in the pipeline.
const BOOK: &str = r#"book: broken
currency: account
meters:
  minutes: { record_type: call, quantity: seconds / 60, aggregate: sum }
  floats: { record_type: call, quantity: CAST(seconds AS DOUBLE), aggregate: sum }
products:
  voice:
    name: Voice
    charges:
      minutes: { meter: minuets, model: per_unit, unit_price: 0.10 }
      tiered:
        meter: minutes
        model: graduated
        tiers:
          - { up_to: 1000, unit_price: 0.10 }
          - { up_to: 500, unit_price: 0.08 }
      blocks: { meter: minutes, model: package, price: 7 }
      setup: { model: one_time, amount: twelve }
      platform: { model: recurring, every: month, amount: 49.00, prorated: by_day }
plans:
  enterprise:
    includes: [voice, video]
discounts:
  - { id: launch, percent: 10, on: [voice] }
  - { id: launch, percent: 20, on: [voice] }
"#;

/// The fault codes of the book above, and the line each stands on.
const EXPECTED: [(&str, &str); 8] = [
    ("E004", "book.yaml:5"),
    ("B003", "book.yaml:10"),
    ("B004", "book.yaml:16"),
    ("B005", "book.yaml:17"),
    ("B001", "book.yaml:18"),
    ("Y004", "book.yaml:19"),
    ("B003", "book.yaml:22"),
    ("B002", "book.yaml:25"),
];

fn broken() -> Tiny {
    let tiny = Tiny::new();
    tiny.write("book.yaml", BOOK);
    tiny
}

#[test]
fn all_faults_of_a_book_are_told_at_once_with_their_places() {
    let ran = broken().validate().exits(2);
    for (code, place) in EXPECTED {
        assert!(ran.stderr.contains(code), "{code} is missing: {ran}");
        assert!(ran.stderr.contains(place), "{place} is missing ({code}): {ran}");
    }
    assert!(ran.stdout.is_empty(), "faults are talk, not output: {ran}");
}

#[test]
fn the_faults_of_a_book_look_like_this() {
    let tiny = broken();
    let ran = tiny.validate().exits(2);
    // Paths are shown as the user wrote them; should one be shown in full, its folder is of no interest here.
    let shown = ran.stderr.replace(&format!("{}/", tiny.path("").display().to_string().trim_end_matches('/')), "");
    insta::assert_snapshot!("book_with_eight_faults", shown);
}

#[test]
fn a_right_book_is_said_to_be_right() {
    let ran = Tiny::new().validate().exits(0);
    assert!(!ran.stdout.is_empty() || !ran.stderr.is_empty(), "silence is no answer");
}

#[test]
fn faults_of_pipeline_book_and_references_come_together() {
    let tiny = broken().with("pipeline.yaml", "timezone: UTC", "timezone: Mars/Olympus").with(
        "accounts.csv",
        "A1,,",
        "A1,A2,",
    );
    let ran = tiny.validate().exits(2);
    for code in ["P002", "B003", "R006"] {
        assert!(ran.stderr.contains(code), "{code} is missing: {ran}");
    }
}

#[test]
fn a_run_with_a_broken_book_never_reads_usage() {
    let tiny = broken();
    std::fs::remove_dir_all(tiny.path("usage")).unwrap();
    let ran = tiny.call().run().exits(2);
    assert!(!ran.stderr.contains("U001"), "{ran}");
    assert!(!tiny.path("out").exists(), "{ran}");
}

#[test]
fn programs_get_the_faults_as_one_json_object() {
    let ran = broken().json_call().run().exits(2);
    let told = ran.json();
    assert_eq!(told["outcome"], "failed");
    let faults = told["faults"].as_array().unwrap();
    for (code, place) in EXPECTED {
        let line: u64 = place.rsplit_once(':').unwrap().1.parse().unwrap();
        let hit = |fault: &&serde_json::Value| fault["code"] == code && fault["line"] == line;
        let fault = faults.iter().find(hit).unwrap_or_else(|| panic!("{code} of line {line} is missing: {told:#}"));
        assert!(fault["file"].as_str().unwrap().ends_with("book.yaml"), "{fault:#}");
        assert!(!fault["message"].as_str().unwrap().is_empty() && fault["column"].is_u64(), "{fault:#}");
    }
}
