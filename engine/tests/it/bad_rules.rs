//! Rules and YAML that try to reach outside, to run for ever or to fill the memory: refused where they stand, before any
//! usage is read, with a code, a place and exit code 2.

use crate::tiny::Tiny;

const SELECT: &str =
    "SELECT id AS record_id, 'call' AS record_type, caller AS identifier, started AS record_time, seconds FROM input";

/// Files outside, statements that are no SELECT, and SELECTs over more than the record.
const OUTSIDE: [(&str, &str); 16] = [
    ("COPY (SELECT 1) TO 'stolen.csv'", "E00"),
    ("COPY input TO 'stolen.csv' STORED AS CSV", "E002"),
    ("SELECT * FROM 'accounts.csv'", "E00"),
    ("SELECT * FROM \"accounts.csv\"", "E00"),
    ("SELECT * FROM '/etc/hostname'", "E00"),
    ("SELECT * FROM read_csv('accounts.csv')", "E002"),
    ("CREATE EXTERNAL TABLE t STORED AS CSV LOCATION 'accounts.csv'", "E002"),
    ("INSERT INTO input VALUES (1)", "E002"),
    ("EXPLAIN ANALYZE SELECT id AS record_id FROM input", "E002"),
    ("SELECT id AS record_id INTO stolen FROM input", "E002"),
    ("SELECT a.id AS record_id FROM input a JOIN input b ON a.id = b.id", "E002"),
    ("WITH x AS (SELECT * FROM input) SELECT * FROM x", "E002"),
    ("SELECT id AS record_id FROM input UNION ALL SELECT id FROM input", "E002"),
    ("SELECT (SELECT max(x) FROM 'accounts.csv') AS record_id FROM input", "E002"),
    ("SELECT id AS record_id, repeat('x', 2000000000) AS big FROM input", "E003"),
    ("", "E001"),
];

#[test]
fn a_mediation_select_sees_the_record_and_nothing_else() {
    for (sql, code) in OUTSIDE {
        let tiny = Tiny::new().with("pipeline.yaml", SELECT, sql);
        tiny.refused(code, 2).says("pipeline.yaml:1");
        assert!(!tiny.path("stolen.csv").exists(), "{sql}");
    }
}

#[test]
fn rules_kept_in_files_reach_no_further_than_others() {
    for (sql, code) in OUTSIDE.iter().filter(|(sql, _)| !sql.is_empty()) {
        let tiny =
            Tiny::new().with("pipeline.yaml", &format!("mediate: |\n      {SELECT}"), "mediate: { file: rule.sql }");
        tiny.write("rule.sql", format!("-- a rule\n{sql}\n"));
        tiny.refused(code, 2).says("rule.sql:2");
    }
}

#[test]
fn quantities_and_suspend_rules_reach_no_further_than_a_select() {
    for (sql, code) in [
        ("(SELECT max(x) FROM 'accounts.csv')", "E002"),
        ("EXISTS (SELECT 1 FROM input)", "E002"),
        ("COPY input TO 'stolen.csv'", "E001"),
        ("read_csv('accounts.csv')", "E003"),
        ("seconds; DROP TABLE input", "E00"),
        ("sum(seconds) OVER ()", "E002"),
    ] {
        let quoted = format!("quantity: \"{sql}\"");
        Tiny::new().with("book.yaml", "quantity: seconds / 60", &quoted).refused(code, 2).says("book.yaml:4");
        Tiny::new().with("pipeline.yaml", "seconds < 0", sql).refused(code, 2).says("pipeline.yaml:13");
    }
}

#[test]
fn a_rule_as_deep_as_a_well_is_refused_and_no_overflow_of_the_stack() {
    for deep in [format!("{}1{}", "(".repeat(50_000), ")".repeat(50_000)), format!("1{}", " + 1".repeat(50_000))] {
        Tiny::new().with("pipeline.yaml", "'call'", &deep).refused("E001", 2).says("pipeline.yaml:11");
        Tiny::new().with("book.yaml", "seconds / 60", &format!("\"{deep}\"")).refused("E001", 2).says("book.yaml:4");
    }
}

#[test]
fn yaml_that_would_fill_the_memory_is_refused_unopened() {
    let deep = format!("deep: {}\n", "[".repeat(100_000));
    let bomb = "a: &a [x, x, x]\nb: &b [*a, *a, *a]\nc: [*b, *b, *b]\n";
    for (text, code) in [(deep.as_str(), "Y001"), (bomb, "Y003")] {
        for name in ["pipeline.yaml", "book.yaml"] {
            let tiny = Tiny::new();
            let sound = std::fs::read_to_string(tiny.path(name)).unwrap();
            tiny.write(name, format!("{sound}{text}"));
            tiny.refused(code, 2).says(name);
        }
    }
}

#[test]
fn keys_that_stand_twice_or_are_unknown_are_found_at_every_depth() {
    let twice = [
        ("pipeline.yaml", "format: csv", "format: csv\n    format: csv"),
        ("pipeline.yaml", "id: string,", "id: string, id: string,"),
        ("book.yaml", "aggregate: sum,", "aggregate: sum, aggregate: max,"),
        ("book.yaml", "unit_price: 0.10", "unit_price: 0.10, unit_price: 0.20"),
    ];
    for (name, old, new) in twice {
        Tiny::new().with(name, old, new).refused("Y002", 2).says(name);
    }
    let unknown = [
        ("pipeline.yaml", "format: csv", "format: csv\n    colour: red"),
        ("pipeline.yaml", "window: 35 days", "window: 35 days, colour: red"),
        ("book.yaml", "aggregate: sum,", "aggregate: sum, colour: red,"),
        ("book.yaml", "unit_price: 0.10", "unit_price: 0.10, colour: red"),
    ];
    for (name, old, new) in unknown {
        Tiny::new().with(name, old, new).refused("Y004", 2).says("`colour`").says(name);
    }
}

#[test]
fn a_log_level_that_is_none_is_told_and_the_run_goes_on() {
    Tiny::new().call().env("RATEMILL_LOG", "loud=very=much").run().ok().says("RATEMILL_LOG");
    assert!(!Tiny::new().call().env("RATEMILL_LOG", "debug").run().ok().stderr.contains("not understood"));
}
