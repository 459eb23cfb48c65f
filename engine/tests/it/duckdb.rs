//! A third engine, DuckDB, reads the line set by the globs of the summary and finds the sums of the summary.

use std::process::Command;

use serde_json::Value;

use crate::harness::{folder, text, tool};
use crate::sample::sample;

/// Prints one JSON object: counts and sums as exact text.
const SCRIPT: &str = r#"
import json, sys, duckdb
tables = json.loads(sys.argv[1])
def rows(sql, *names):
    files = [tables[name] for name in names]
    return [[None if v is None else str(v) for v in row] for row in duckdb.execute(sql, files).fetchall()]
print(json.dumps({
    "lines": rows("SELECT count(*) FROM read_parquet(?)", "invoice_lines")[0][0],
    "invoices": rows("SELECT count(*) FROM read_parquet(?)", "invoices")[0][0],
    "types": rows("SELECT DISTINCT typeof(quantity), typeof(amount_rated), typeof(amount_net) FROM read_parquet(?)", "invoice_lines"),
    "runs": rows("SELECT DISTINCT run_id FROM read_parquet(?)", "invoice_lines"),
    "net": rows("SELECT currency, sum(amount_net), sum(amount_list), sum(amount_discount) FROM read_parquet(?) GROUP BY 1 ORDER BY 1", "invoice_lines"),
    "tax": rows("SELECT currency, sum(amount) FROM read_parquet(?) GROUP BY 1 ORDER BY 1", "invoice_taxes"),
    "gross": rows("SELECT currency, sum(amount_gross) FROM read_parquet(?) GROUP BY 1 ORDER BY 1", "invoices"),
    "suspense": rows("SELECT source || ' ' || reason, count(*) FROM read_parquet(?) GROUP BY 1 ORDER BY 1", "suspense"),
    "rated": rows("SELECT sum(value) FROM read_parquet(?) WHERE scope = 'source' AND measure = 'records_rated'", "control_totals")[0][0],
}))
"#;

fn same_number(told: &Value, found: &Value) -> bool {
    let number = |value: &Value| text(value).parse::<rust_decimal::Decimal>().unwrap();
    number(told) == number(found)
}

#[test]
fn duckdb_reads_the_line_set_by_glob_and_finds_the_sums_of_the_summary() {
    let out = folder();
    let summary = sample(out.path()).run().ok().json();
    let ran = Command::new(tool("python")).args(["-c", SCRIPT, &summary["tables"].to_string()]).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let found: Value = serde_json::from_slice(&ran.stdout).unwrap();

    assert!(same_number(&summary["lines"], &found["lines"]), "{found:#}");
    assert!(same_number(&summary["invoices"], &found["invoices"]), "{found:#}");
    assert!(same_number(&summary["records"]["rated"], &found["rated"]), "{found:#}");
    assert_eq!(found["runs"], serde_json::json!([[summary["run_id"]]]));
    assert_eq!(found["types"], serde_json::json!([["DECIMAL(38,18)", "DECIMAL(38,18)", "DECIMAL(18,4)"]]));
    let totals = summary["totals"].as_array().unwrap();
    assert_eq!(totals.len(), found["net"].as_array().unwrap().len());
    for total in totals {
        let of = |table: &str, column: usize| -> Value {
            let mut rows = found[table].as_array().unwrap().iter();
            rows.find(|row| row[0] == total["currency"]).map_or(Value::from(0), |row| row[column].clone())
        };
        for (key, table, column) in
            [("net", "net", 1), ("list", "net", 2), ("discount", "net", 3), ("tax", "tax", 1), ("gross", "gross", 1)]
        {
            let sum = of(table, column);
            assert!(same_number(&total[key], &sum), "{key}: the summary has {total}, DuckDB {sum}");
        }
    }
    for reason in summary["suspense"].as_array().unwrap() {
        let mut rows = found["suspense"].as_array().unwrap().iter();
        let name = format!("{} {}", text(&reason["source"]), text(&reason["reason"]));
        let row = rows.find(|row| row[0] == name.as_str()).unwrap_or_else(|| panic!("DuckDB finds no {name}"));
        assert!(same_number(&reason["records"], &row[1]), "{reason} {row}");
    }
}
