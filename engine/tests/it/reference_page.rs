//! `rules/REFERENCE.md`: what the tables of the engine give today, and every example on it can be used as it stands.
//!
//! `UPDATE_GOLDEN=1` writes the page anew: read the difference before it is committed.

use std::fs;

use ratemill::fault::Place;
use ratemill::yaml::keys::{Kind, Record};
use ratemill::yaml::reference::{self, Example};
use ratemill::{book, pipeline, trial, yaml};

use crate::harness::{folder, ratemill, workspace, write};
use crate::tiny::Tiny;

fn printed() -> String {
    let ran = ratemill(&["schema", "reference"]).run().ok();
    assert!(ran.stderr.is_empty(), "{ran}");
    ran.stdout
}

#[test]
fn the_page_is_what_the_engine_says_today() {
    let page = workspace().join("rules/REFERENCE.md");
    let printed = printed();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&page, &printed).unwrap();
    }
    let found = fs::read_to_string(&page).unwrap();
    let differing = printed.lines().zip(found.lines()).find(|(right, found)| right != found);
    assert!(printed == found, "rules/REFERENCE.md is out of date, first at {differing:?}; UPDATE_GOLDEN=1 rewrites it");
}

/// What the page shows of a kind of mapping: its examples whose kind and value exist.
fn shown((root, examples): (&'static Record, Vec<Example>)) -> Vec<(&'static Record, Example)> {
    let records = reference::records(root);
    let of = |example: &Example| records.iter().copied().find(|record| record.title == example.of);
    let known = |record: &Record, value: &str| {
        record.choice.is_some_and(|choice| choice.variants.iter().any(|variant| variant.name == value))
    };
    let examples = examples.into_iter().filter_map(|example| Some((of(&example)?, example)));
    examples.filter(|(record, example)| example.value.is_none_or(|value| known(record, value))).collect()
}

#[test]
fn every_example_fits_the_keys_it_is_an_example_of() {
    for (record, example) in [book::key_table(), pipeline::key_table(), trial::key_table()].map(shown).concat() {
        let source = yaml::source(example.of, example.yaml.as_bytes()).unwrap();
        let (root, mut faults) = yaml::parse(&source);
        yaml::check(&root.unwrap(), &Kind::Record(record), &Place::file(example.of), &mut faults);
        assert!(faults.0.is_empty(), "{} {:?}: {faults}\n{}", example.of, example.value, example.yaml);
        assert!(printed().contains(example.yaml), "{} {:?} is not on the page", example.of, example.value);
    }
}

#[test]
fn every_kind_of_mapping_every_model_and_every_key_has_an_example() {
    for table in [book::key_table(), pipeline::key_table(), trial::key_table()] {
        let (root, examples) = table;
        let mut lacking = reference::unshown(root, &examples).unwrap();
        for record in reference::records(root) {
            let values =
                record.choice.map_or(&[][..], |choice| choice.variants).iter().map(|variant| Some(variant.name));
            for value in std::iter::once(None).chain(values) {
                if !examples.iter().any(|example| (example.of, example.value) == (record.title, value)) {
                    lacking.push(format!(
                        "## {}{}",
                        record.title,
                        value.map(|value| format!(": {value}")).unwrap_or_default()
                    ));
                }
            }
        }
        assert!(
            lacking.is_empty(),
            "examples.md beside the key table of {} lacks:\n{}",
            root.title,
            lacking.join("\n")
        );
    }
}

/// A job whose usage has whatever the examples count.
fn job() -> Tiny {
    let columns = "seconds, region, network, dialed, destination, participants, gigabytes, user_name, change, megabits, \
                   kilowatt_hours, gross";
    let numbers = ["participants", "gigabytes", "change", "megabits", "kilowatt_hours", "gross"];
    let declared = columns.split(", ").skip(1).map(|name| {
        let kind = if numbers.contains(&name.trim()) { "\"decimal(38,18)\"" } else { "string" };
        format!(", {}: {kind}", name.trim())
    });
    let declared: String = declared.collect();
    Tiny::new().with("pipeline.yaml", "seconds FROM input", &format!("{columns} FROM input")).with(
        "pipeline.yaml",
        "\"decimal(38,18)\" }",
        &format!("\"decimal(38,18)\"{declared} }}"),
    )
}

fn indented(yaml: &str, by: usize) -> String {
    yaml.lines().map(|line| format!("{:by$}{line}\n", "")).collect()
}

/// The blocks of YAML under a heading of the page, up to the next of the same level.
fn blocks(page: &str, heading: &str) -> Vec<String> {
    let section = page.split(&format!("\n{heading}\n")).nth(1).unwrap();
    let level = heading.split(' ').next().unwrap();
    let section = section.split(&format!("\n{level} ")).next().unwrap();
    section.split("```yaml\n").skip(1).map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn every_whole_book_on_the_page_is_valid() {
    let page = printed();
    let books: Vec<String> = [blocks(&page, "## Worked examples"), blocks(&page, "### a price book")].concat();
    assert!(books.len() >= 4, "{books:?}");
    // A block with tests is no book.
    for book in books.iter().filter(|book| !book.contains("\ntests:\n")) {
        let job = job();
        // The accounts of this job pay in dollars.
        job.write("book.yaml", book.replace("currency: EUR", "currency: account"));
        assert!(job.validate().status.success(), "{}\n{book}", job.validate());
    }
}

#[test]
fn every_test_on_the_page_passes_with_the_book_before_it() {
    let examples = blocks(&printed(), "## Worked examples");
    let tested: Vec<&[String]> = examples.windows(2).filter(|pair| pair[1].contains("\ntests:\n")).collect();
    assert!(tested.len() >= 2, "{examples:?}");
    for pair in tested {
        let here = folder();
        write(&here.path().join("book.yaml"), &pair[0]);
        write(&here.path().join("book.test.yaml"), &pair[1]);
        ratemill(&["test", "."]).cwd(here.path()).run().ok();
    }
}

#[test]
fn every_meter_and_charge_on_the_page_is_valid_in_a_book() {
    let mut book = "book: examples\nmeters:\n".to_owned();
    for (name, quantity) in
        [("minutes", "seconds / 60"), ("seconds", "seconds"), ("gigabytes", "gigabytes"), ("users", "participants")]
    {
        let meter =
            format!("record_type: call, quantity: {quantity}, dimensions: [region, network], attributes: [dialed]");
        book.push_str(&format!("  {name}: {{ {meter} }}\n"));
    }
    book.push_str("  sales: { record_type: sale, quantity: gross }\n");
    let examples = shown(book::key_table());
    let numbered = |of: &'static str| examples.iter().filter(move |(record, _)| record.title == of).enumerate();
    for (nth, (_, meter)) in numbered("a meter") {
        book.push_str(&format!("  meter_{nth}:\n{}", indented(meter.yaml, 4)));
    }
    book.push_str("products:\n  voice:\n    charges:\n");
    for (nth, (_, charge)) in numbered("a charge") {
        book.push_str(&format!("      charge_{nth}:\n{}", indented(charge.yaml, 8)));
    }
    let job = job();
    job.write("book.yaml", &book);
    assert!(job.validate().status.success(), "{}\n{book}", job.validate());
}

#[test]
fn links_on_the_page_lead_somewhere() {
    let page = printed();
    let anchors: Vec<String> = page
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| format!("(#{})", reference::anchor(line.trim_start_matches('#').trim())))
        .collect();
    let targets = page.match_indices("](#").map(|(at, _)| page[at + 1..].split_inclusive(')').next().unwrap());
    let dead: Vec<&str> = targets.filter(|target| !anchors.iter().any(|anchor| anchor == target)).collect();
    assert!(dead.is_empty(), "{dead:?}");
    assert!(anchors.len() > 30);
}
