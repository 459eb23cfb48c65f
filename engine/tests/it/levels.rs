//! Levels that go from one month into the next: what a run closes with opens the run after it.

use std::fs;
use std::path::Path;

use crate::committed::{self, Committed};
use crate::harness::{copy, folder, ratemill};

fn run(at: &Path, pipeline: &str, period: &str) -> Committed {
    ratemill(&["run", pipeline, "--period", period]).cwd(at).run().ok();
    committed::read(&at.join("out"), period)
}

#[test]
fn the_closing_levels_of_a_month_are_the_opening_levels_of_the_next() {
    let at = folder();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/carried_levels"), at.path());
    let october = run(at.path(), "pipeline.yaml", "2026-10");
    let [levels] = &october.files["levels"][..] else { panic!("{:?}", october.files["levels"]) };
    let pipeline = fs::read_to_string(at.path().join("pipeline.yaml")).unwrap();
    let pipeline = pipeline.replace("levels: levels.csv", &format!("levels: \"out/{levels}\""));
    fs::write(at.path().join("next.yaml"), pipeline).unwrap();
    let november = run(at.path(), "next.yaml", "2026-11");
    let mut found: Vec<[&str; 4]> = Vec::new();
    for line in november.table("invoice_lines").iter().filter(|line| line["charge"] == "storage/regions") {
        let region = line.get("dimensions.region").map_or("", String::as_str);
        found.push([&line["subscription_id"], region, &line["quantity"], &line["amount_net"]]);
    }
    found.sort_unstable();
    // Nothing changes in November: each level is held for the whole of it.
    assert_eq!(found, [["S1", "EU", "31", "31"], ["S1", "US", "7", "7"], ["S2", "", "3", "3"]]);
    assert_eq!(
        november.table("levels").iter().map(|row| (&row["dimensions"], &row["level"])).collect::<Vec<_>>(),
        october.table("levels").iter().map(|row| (&row["dimensions"], &row["level"])).collect::<Vec<_>>()
    );
}
