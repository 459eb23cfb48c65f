//! `ratemill explain`: every line says why, adds up to its files, and can be rated again from its JSON alone.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::harness::{Ran, copy, folder, ratemill, workspace};

mod calculator;

use calculator::{position, units, worked};

const PERIOD: &str = "2026-10";

fn run(pipeline: &str, at: &Path, output: &Path) {
    ratemill(&["run", pipeline, "--period", PERIOD, "--output", output.to_str().unwrap()]).cwd(at).run().ok();
}

fn explain(pipeline: &str, at: &Path, output: &Path, words: &[&str]) -> Ran {
    let output = output.to_str().unwrap();
    ratemill(&["explain", pipeline, "--period", PERIOD, "--output", output]).cwd(at).words(words).run()
}

/// Rates every line again, the engine's way and by the calculator; how many of each model the calculator has done.
fn rate_again(pipeline: &str, at: &Path) -> (BTreeMap<String, usize>, usize) {
    let output = folder();
    run(pipeline, at, output.path());
    let told = explain(pipeline, at, output.path(), &["--all", "--format", "json"]).ok().json();
    let lines = told["lines"].as_array().unwrap();
    let mut done: BTreeMap<String, usize> = BTreeMap::new();
    for one in lines {
        let line = &one["line"];
        let rerated = one["rerated"].as_str().unwrap();
        assert!(rerated == "equal" || rerated == "equal_by_sql", "{one:#}");
        assert_eq!(
            one["tried"].as_array().unwrap().iter().filter(|tried| tried["applied"] == true).count(),
            1,
            "{one:#}"
        );
        check_origin(one);
        check_records(one);
        let Some(again) = worked(one) else { continue };
        for (found, column) in [
            (again.quantity, "quantity"),
            (again.rated, "amount_rated"),
            (again.list, "amount_list"),
            (again.discount, "amount_discount"),
            (again.net, "amount_net"),
        ] {
            assert_eq!(found, units(&line[column]), "{column} of {one:#}");
        }
        *done.entry(again.model).or_default() += 1;
    }
    (done, lines.len())
}

/// The price that applied is the one the line names.
fn check_origin(one: &Value) {
    let applied = one["tried"].as_array().unwrap().iter().find(|tried| tried["applied"] == true).unwrap();
    assert_eq!(applied["layer"], one["line"]["price_layer"], "{one:#}");
    assert_eq!(applied["place"], one["line"]["price_ref"], "{one:#}");
}

/// Records and quantities of the files are those of the buckets.
fn check_records(one: &Value) {
    let of = |rows: &Value, column: &str| -> u64 {
        rows.as_array().unwrap().iter().map(|row| row[column].as_u64().unwrap()).sum()
    };
    assert_eq!(of(&one["sources"], "records"), of(&one["buckets"], "record_count"), "{one:#}");
    let quantities: Option<i128> = one["sources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|source| (!source["quantity"].is_null()).then(|| units(&source["quantity"])))
        .sum();
    if let Some(quantity) = quantities {
        let buckets = one["buckets"].as_array().unwrap();
        assert_eq!(quantity, buckets.iter().map(|row| units(&row["quantity"])).sum::<i128>(), "{one:#}");
    }
}

#[test]
fn every_line_of_the_sample_can_be_rated_again_from_its_explanation() {
    let (done, lines) = rate_again("pipelines/nightly.yaml", &workspace());
    let by_calculator: usize = done.values().sum();
    assert!(by_calculator * 10 >= lines * 9, "only {by_calculator} of {lines} lines: {done:?}");
    for model in
        ["per_unit", "graduated", "volume", "package", "percentage", "matrix", "recurring", "one_time", "allowance"]
    {
        assert!(done.contains_key(model), "no line of {model} was worked out: {done:?}");
    }
}

#[test]
fn every_line_of_every_case_can_be_rated_again_from_its_explanation() {
    let all = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases")).unwrap();
    let cases: Vec<PathBuf> = all.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    let mut done: BTreeMap<String, usize> = BTreeMap::new();
    for case in cases {
        rate_again("pipeline.yaml", &case)
            .0
            .into_iter()
            .for_each(|(model, lines)| *done.entry(model).or_default() += lines);
    }
    for made in ["minimum", "maximum", "commitment", "overage", "shortfall"] {
        assert!(done.contains_key(made), "no line by {made} was worked out: {done:?}");
    }
}

#[test]
fn what_a_commitment_has_made_of_other_lines_is_told() {
    let (at, output) = (case("commitment_term"), folder());
    run("pipeline.yaml", &at, output.path());
    let of = |account: &str| {
        let words = ["--account", account, "--charge", "fees/year"];
        explain("pipeline.yaml", &at, output.path(), &words).ok().stdout
    };
    let ended = of("A3");
    for said in ["Missing from the commitment", "1,200 x 349 of 365 days", "earlier periods of the term", "1 line"] {
        assert!(ended.contains(said), "{said}: {ended}");
    }
    let beyond = of("A1");
    assert!(beyond.contains("Beyond the commitment") && beyond.contains("contract:yearly"), "{beyond}");
}

fn case(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(name)
}

#[test]
fn who_shares_the_tiers_and_what_was_there_before_is_told() {
    let (at, output) = (case("scopes"), folder());
    run("pipeline.yaml", &at, output.path());
    let told = explain("pipeline.yaml", &at, output.path(), &["--all", "--format", "json"]).ok().json();
    let of = |one: &&Value| one["line"]["subscription_id"] == "S2" && one["line"]["charge"] == "p/subtree";
    let lines: Vec<&Value> = told["lines"].as_array().unwrap().iter().filter(of).collect();
    assert_eq!(lines.len(), 2);
    let rating = &lines[1]["rating"];
    assert_eq!(rating["shared_by"], serde_json::json!(["S1", "S2", "S3", "S4"]));
    assert_eq!(rating["portions"][0]["quantity"], "60");
    assert_eq!(rating["parts"][position(&rating["own"])]["tier"], "2");
    let account = lines[0]["line"]["account_id"].as_str().unwrap();
    let text =
        explain("pipeline.yaml", &at, output.path(), &["--account", account, "--charge", "p/subtree"]).ok().stdout;
    assert!(text.contains("Rated together (subtree), 4 subscriptions"), "{text}");
    assert!(text.contains("Re-rated from this explanation alone: equal"), "{text}");
}

#[test]
fn an_override_that_an_ancestor_holds_is_tried_after_the_accounts_own() {
    let (at, output) = (case("override_inherited"), folder());
    run("pipeline.yaml", &at, output.path());
    let told = explain("pipeline.yaml", &at, output.path(), &["--all", "--format", "json"]).ok().json();
    let inherited = told["lines"].as_array().unwrap().iter().find(|one| {
        let line = &one["line"];
        line["price_layer"].as_str().is_some_and(|layer| {
            layer.starts_with("override:") && !layer.ends_with(line["account_id"].as_str().unwrap())
        })
    });
    let tried = inherited.expect("no inherited override")["tried"].as_array().unwrap();
    let layers: Vec<&str> = tried.iter().map(|tried| tried["layer"].as_str().unwrap()).collect();
    let order = ["override:CONTACT1", "plan", "contract", "override:SITE1", "override:ROOT", "plan:flat", "list"];
    assert_eq!(layers, order);
    assert!(tried[0]["why"].as_str().unwrap().contains("no price of its own"), "{tried:?}");
}

#[test]
fn a_line_is_found_by_the_beginning_of_its_id_and_an_unknown_one_is_told() {
    let (at, output) = (case("graduated"), folder());
    run("pipeline.yaml", &at, output.path());
    let told = explain("pipeline.yaml", &at, output.path(), &["--all", "--format", "json"]).ok().json();
    let id = told["lines"][0]["line"]["line_id"].as_str().unwrap();
    let one = explain("pipeline.yaml", &at, output.path(), &[&id[..12], "--format", "json"]).ok().json();
    assert_eq!(one["lines"].as_array().unwrap().len(), 1);
    assert_eq!(one["lines"][0], told["lines"][0]);
    explain("pipeline.yaml", &at, output.path(), &["no-such-line"]).exits(2).says("O009");
    explain("pipeline.yaml", &at, output.path(), &["--account", "nobody", "--charge", "p/c"]).exits(2).says("O009");
    explain("pipeline.yaml", &at, folder().path(), &[id]).exits(2).says("nothing is committed");
}

#[test]
fn when_the_facts_have_changed_only_what_was_committed_is_told() {
    let (at, output) = (folder(), folder());
    copy(&case("graduated"), at.path());
    run("pipeline.yaml", at.path(), output.path());
    let before = explain("pipeline.yaml", at.path(), output.path(), &["--all", "--format", "json"]).ok().json();
    let usage = at.path().join("usage.csv");
    let text = fs::read_to_string(&usage).unwrap();
    let shorter = text.trim_end().rsplit_once('\n').unwrap().0.to_owned();
    fs::write(&usage, shorter + "\n").unwrap();
    let ran = explain("pipeline.yaml", at.path(), output.path(), &["--all", "--format", "json"]).ok();
    let after = ran.says("the facts have changed since the run: usage files").json();
    for (before, after) in before["lines"].as_array().unwrap().iter().zip(after["lines"].as_array().unwrap()) {
        assert_eq!((&after["line"], &after["buckets"]), (&before["line"], &before["buckets"]));
        assert_eq!((after["rerated"].as_str(), after["rating"].is_null()), (Some("no"), true));
        assert_eq!(after["run"]["facts_unchanged"], false);
    }
}
