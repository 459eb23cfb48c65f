//! Words typed that are not a run: schemas, completions, a check without a period; and what a fault is for a program.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::{Ran, ratemill};
use crate::tiny::Tiny;

fn printed(words: &[&str]) -> Ran {
    let ran = ratemill(words).run().ok();
    assert!(ran.stderr.is_empty(), "{ran}");
    ran
}

#[test]
fn the_schemas_for_editors_have_these_keys() {
    for file in ["pipeline", "book", "test"] {
        let schema = printed(&["schema", file]).json();
        let mut keys = BTreeSet::new();
        collect("", &schema, &mut keys);
        insta::assert_snapshot!(format!("keys_of_{file}"), keys.into_iter().collect::<Vec<_>>().join("\n"));
    }
}

/// The keys a schema knows, each with those above it.
fn collect(above: &str, schema: &Value, keys: &mut BTreeSet<String>) {
    let named = |name: &str| format!("{above}/{name}").trim_start_matches('/').to_owned();
    for (key, value) in schema.as_object().into_iter().flatten() {
        match (key.as_str(), value) {
            ("$defs", Value::Object(kinds)) => {
                kinds.iter().for_each(|(name, inner)| collect(&format!("{name}:"), inner, keys));
            }
            ("properties", Value::Object(properties)) => {
                for (name, inner) in properties {
                    keys.insert(named(name));
                    collect(&named(name), inner, keys);
                }
            }
            ("additionalProperties" | "items", inner) => collect(&named("*"), inner, keys),
            (_, Value::Array(either)) => either.iter().for_each(|inner| collect(above, inner, keys)),
            _ => {}
        }
    }
}

#[test]
fn every_shell_gets_completions_of_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = printed(&["completions", shell]);
        for word in ["run", "plan", "validate", "test", "schema", "completions", "period", "memory-limit", "log-format"]
        {
            assert!(ran.stdout.contains(word), "{shell} lacks `{word}`: {ran}");
        }
    }
}

#[test]
fn bash_can_read_its_completions() {
    let ran = printed(&["completions", "bash"]);
    let here = crate::harness::folder();
    let script = here.path().join("completions.bash");
    std::fs::write(&script, ran.stdout).unwrap();
    assert!(std::process::Command::new("bash").arg("-n").arg(&script).status().unwrap().success());
}

#[test]
fn words_that_are_not_understood_are_exit_2() {
    for words in [&["rate"][..], &["run", "x.yaml"], &["schema", "bill"], &["completions", "ksh"], &[]] {
        ratemill(words).run().exits(2);
    }
    ratemill(&["--version"]).run().ok();
}

#[test]
fn a_fault_is_an_object_with_code_place_hint_and_exit_code() {
    let tiny = Tiny::new().with("pipeline.yaml", "UTC", "Mars/Olympus");
    let told = tiny.json_call().run().exits(2);
    let told = told.json();
    let fault = told["faults"][0].as_object().unwrap();
    let keys: Vec<&str> = fault.keys().map(String::as_str).collect();
    assert_eq!(keys, ["code", "column", "exit_code", "file", "hint", "line", "message"]);
    assert_eq!((&fault["code"], &fault["line"], &fault["column"]), (&json!("P002"), &json!(2), &json!(11)));
    assert_eq!((&fault["file"], &fault["exit_code"]), (&json!("pipeline.yaml"), &json!(2)));
}

#[test]
fn a_fault_without_a_place_says_so_with_nulls() {
    let told = Tiny::new().json_call().words(&["--output", "ftp://x/y"]).run().exits(2).json();
    let fault = &told["faults"][0];
    assert_eq!((&fault["code"], &fault["file"], &fault["line"]), (&json!("O003"), &json!(null), &json!(null)));
    assert!(fault["hint"].is_string());
}

#[test]
fn of_very_many_faults_a_person_sees_the_first_hundred_and_a_program_all() {
    let charges: Vec<String> =
        (0..150).map(|nth| format!("      c{nth}: {{ meter: nothing, model: per_unit, unit_price: 1 }}\n")).collect();
    let tiny = Tiny::new();
    let book = std::fs::read_to_string(tiny.path("book.yaml")).unwrap();
    tiny.write("book.yaml", format!("{book}{}", charges.concat()));
    let ran = tiny.validate().exits(2).says("and 50 more").says("150 faults");
    assert_eq!(ran.stderr.matches("there is no meter").count(), 100);
    assert_eq!(tiny.json_call().run().exits(2).json()["faults"].as_array().unwrap().len(), 150);
}

#[test]
fn a_check_without_a_period_says_what_only_a_period_can_tell() {
    let tiny = Tiny::new().with("pipeline.yaml", "limits:", "  price_overrides: prices.csv\nlimits:");
    tiny.write("prices.csv", "account_id,charge,unit_price,valid_from,valid_to\nA1,voice/minutes,0.05,2026-01-15,\n");
    let validate = |words: &[&str]| ratemill(&["validate", "pipeline.yaml"]).words(words).cwd(&tiny.path("")).run();
    validate(&[]).ok().says("--period");
    validate(&["--period", "2026-01"]).ok();
    validate(&["--period", "+026-01"]).exits(2).says("P003");
    tiny.write("prices.csv", "account_id,charge,unit_price\nA1,voice/seconds,0.05\n");
    validate(&[]).exits(2).says("B003");
}
