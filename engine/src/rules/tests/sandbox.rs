//! Hostile SQL at every door: refused when it is read or stopped when it runs, with its code, in less than five seconds.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use arrow::array::RecordBatch;

use super::located;
use super::query::{few, many, schema};
use crate::fault::{Faults, Outcome, codes};
use crate::rules::{Limits, Names, Rules, SubjectColumn, Want};

const LIMITS: Limits = Limits { time: Duration::from_secs(2), memory: 64 << 20, rows: 100_000 };

/// The code of the first fault, or of the first record that cannot be computed.
fn code(outcome: Outcome<bool>) -> &'static str {
    match outcome {
        Ok(true) => codes::E007.id,
        Ok(false) => "accepted",
        Err(faults) => {
            for fault in &faults.0 {
                let place = fault.place.as_ref().map(|place| (place.line, place.source.name.as_str()));
                assert!(place.is_some_and(|(line, name)| line > 0 && name == "p.yaml"), "without its place: {fault}");
                assert!(!fault.message.contains('\n') && fault.message.len() < 400, "a message of a library: {fault}");
            }
            faults.0.first().map_or("no fault", |fault| fault.code.id)
        }
    }
}

/// Whether a record fails.
fn mediated(sql: &str) -> Outcome<bool> {
    let mediated = Rules::new()?.mediation(&located(sql), &schema())?.apply(&few())?;
    Ok(!mediated.failed.is_empty())
}

fn computed(sql: &str, want: Want) -> Outcome<bool> {
    let computed = Rules::new()?.expression(&located(sql), &schema(), want)?.evaluate(&few(), |_| true)?;
    Ok(!computed.failed.is_empty())
}

fn asked(sql: &str, want: Want) -> Outcome<bool> {
    let column = |field: &std::sync::Arc<arrow::datatypes::Field>| SubjectColumn {
        of: None,
        name: field.name().clone(),
        kind: field.data_type().clone(),
    };
    let known = || Some(vec!["video".to_owned()]);
    let columns = schema().fields().iter().map(column).collect();
    let names = Names { columns, meters: known(), charges: known(), products: known() };
    Rules::new()?.subject_expression(&located(sql), &names, want)?;
    computed(sql, want)
}

fn queried(sql: &str, buckets: &RecordBatch) -> Outcome<bool> {
    Rules::new()?.query(&located(sql), &schema())?.run(buckets, &LIMITS).map(|_| false)
}

/// The code that `door` gives within five seconds.
fn tried(sql: &str, door: fn(&str) -> Outcome<bool>) -> &'static str {
    let (tell, told) = channel();
    let sql = sql.to_owned();
    thread::spawn(move || tell.send(code(door(&sql))));
    match told.recv_timeout(Duration::from_secs(5)) {
        Ok(code) => code,
        Err(RecvTimeoutError::Timeout) => "nothing in five seconds",
        Err(RecvTimeoutError::Disconnected) => "a panic",
    }
}

fn report(wrong: &mut Vec<String>, sql: &str, door: &str, expected: &str, found: &str) {
    if found != expected {
        let shown: String = sql.chars().take(100).collect();
        wrong.push(format!("{door}: {shown}\n    gives {found} instead of {expected}"));
    }
}

/// Tried as they are as mediation, expression, expression over subjects and query; `TABLE` is the one table of each.
#[test]
fn hostile_statements_are_refused() {
    let many_unions = vec!["SELECT region FROM TABLE"; 300].join(" UNION ALL ");
    let doubling: String =
        (1..40).map(|n| format!(", c{n} AS (SELECT a.quantity FROM c{0} a, c{0} b)", n - 1)).collect();
    let doubling = format!("WITH c0 AS (SELECT quantity FROM TABLE){doubling} SELECT * FROM c39");
    let nested = format!("SELECT * FROM {}TABLE{}", "(SELECT * FROM ".repeat(200), ")".repeat(200));
    let statements = [
        ("COPY TABLE TO '/tmp/x.csv'", ["E002", "E001", "E002"]),
        ("COPY (SELECT * FROM TABLE) TO 'x.parquet' STORED AS PARQUET", ["E002", "E001", "E002"]),
        ("CREATE TABLE t AS SELECT * FROM TABLE", ["E002", "E001", "E002"]),
        ("CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'", ["E002", "E001", "E002"]),
        ("CREATE FUNCTION f() RETURNS INT RETURN 1", ["E002", "E001", "E002"]),
        ("DROP TABLE TABLE", ["E002", "E001", "E002"]),
        ("INSERT INTO TABLE VALUES (1)", ["E002", "E001", "E002"]),
        ("UPDATE TABLE SET quantity = 0", ["E002", "E001", "E002"]),
        ("DELETE FROM TABLE", ["E002", "E001", "E002"]),
        ("TRUNCATE TABLE TABLE", ["E002", "E001", "E002"]),
        ("SET datafusion.execution.batch_size = 1", ["E002", "E001", "E002"]),
        ("SHOW TABLES", ["E002", "E001", "E002"]),
        ("DESCRIBE TABLE", ["E002", "E001", "E002"]),
        ("EXPLAIN ANALYZE SELECT * FROM TABLE", ["E002", "E001", "E002"]),
        ("PREPARE p AS SELECT * FROM TABLE", ["E002", "E001", "E002"]),
        ("CALL f()", ["E002", "E001", "E002"]),
        ("BEGIN", ["E002", "E001", "E002"]),
        ("SELECT * FROM TABLE; DROP TABLE TABLE", ["E002", "E001", "E002"]),
        ("SELECT * FROM TABLE -- nothing to see\n; DROP TABLE TABLE", ["E002", "E001", "E002"]),
        ("SELECT * FROM TABLE /* ; */ ; /* */ SELECT 1", ["E002", "E001", "E002"]),
        ("SELECT * INTO t FROM TABLE", ["E002", "E001", "E002"]),
        ("SELECT * FROM '/etc/passwd'", ["E002", "E001", "E002"]),
        ("SELECT * FROM \"/etc/passwd\"", ["E002", "E001", "E002"]),
        ("SELECT * FROM `../x.parquet`", ["E002", "E001", "E002"]),
        ("SELECT * FROM read_csv('/etc/passwd')", ["E002", "E001", "E002"]),
        ("SELECT * FROM read_parquet('s3://x/*.parquet')", ["E002", "E001", "E002"]),
        ("SELECT * FROM information_schema.tables", ["E002", "E001", "E002"]),
        ("SELECT * FROM pg_catalog.pg_class", ["E002", "E001", "E002"]),
        ("SELECT * FROM datafusion.public.TABLE", ["E002", "E001", "E002"]),
        ("SELECT * FROM generate_series(1, 1000000000000)", ["E002", "E001", "E002"]),
        ("SELECT * FROM range(1, 1000000000000)", ["E002", "E001", "E002"]),
        ("SELECT * FROM unnest([1, 2, 3])", ["E002", "E001", "E002"]),
        ("SELECT * FROM TABLE, LATERAL (SELECT * FROM TABLE) t", ["E002", "E001", "E002"]),
        ("SELECT * FROM TABLE CROSS APPLY TABLE", ["E002", "E001", "E002"]),
        ("SELECT * FROM TABLE TABLESAMPLE BERNOULLI (10)", ["E002", "E001", "E002"]),
        ("SELECT * FROM TABLE FOR UPDATE", ["E002", "E001", "E002"]),
        ("SELECT * FROM TABLE |> WHERE true", ["E002", "E001", "E002"]),
        ("WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT * FROM r", ["E002", "E001", "E002"]),
        ("WITH r AS (SELECT * FROM r) SELECT * FROM r", ["E002", "E001", "E001"]),
        ("VALUES (1), (2)", ["E002", "E001", "E002"]),
        ("TABLE TABLE", ["E002", "E001", "E002"]),
        ("SELECT", ["E001", "E001", "E001"]),
        ("", ["E001", "E001", "E001"]),
        (&*many_unions, ["E001", "E001", "E001"]),
        (&*doubling, ["E002", "E001", "E008"]),
        (&*nested, ["E001", "E001", "E001"]),
    ];
    let mut wrong = Vec::new();
    for (sql, [mediation, expression, query]) in statements {
        let over = |table| sql.replace("TABLE", table);
        report(&mut wrong, sql, "mediation", mediation, tried(&over("input"), mediated));
        report(&mut wrong, sql, "expression", expression, tried(&over("input"), |sql| computed(sql, Want::Text)));
        report(&mut wrong, sql, "subject", expression, tried(&over("input"), |sql| asked(sql, Want::Text)));
        report(&mut wrong, sql, "query", query, tried(&over("buckets"), |sql| queried(sql, &few())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Tried alone, as a mediated column, and as a column of a query.
#[test]
fn hostile_expressions_are_refused_or_stopped() {
    let deep = format!("{}1{}", "(".repeat(2000), ")".repeat(2000));
    let chained = vec!["quantity"; 1500].join(" + ");
    let signs = format!("{}1", "- ".repeat(3000));
    let list = format!("CASE WHEN quantity IN ({}) THEN 1 END", vec!["1"; 100_000].join(", "));
    let cases = format!("CASE {} END", "WHEN quantity = 1 THEN 1 ".repeat(2000));
    let multiplied = |times: usize| {
        let text = "a".repeat(20);
        let made = (0..times).fold("region".to_owned(), |made, _| format!("replace({made}, 'a', '{text}')"));
        format!("length(replace(replace({made}, 'E', '{text}'), 'a', '{text}'))")
            .replace("region", &format!("concat(region, '{text}')"))
    };
    let constant = multiplied(10).replace("region", "'a'");
    let grown = multiplied(10);
    let patterned =
        (0..30).fold("region".to_owned(), |made, _| format!("regexp_replace({made}, '.', '$0$0$0$0', 'g')"));
    let patterned = format!("length({})", patterned.replace("$0", "${0}"));
    let joined = format!("length(concat({}))", vec!["replace(concat(region, 'aaaa'), 'a', repeated)"; 20].join(", "))
        .replace("repeated", &format!("'{}'", "b".repeat(200)));
    let expressions = [
        ("now()", "E003"),
        ("current_date", "E003"),
        ("current_timestamp", "E003"),
        ("random()", "E003"),
        ("uuid()", "E003"),
        ("input_file_name()", "E003"),
        ("read_csv('/etc/passwd')", "E003"),
        ("version()", "E003"),
        ("arrow_cast(quantity, 'Float64')", "E003"),
        ("my_function(quantity)", "E003"),
        ("pg_sleep(60)", "E003"),
        ("repeat('x', 1000000000)", "E003"),
        ("lpad('x', 1000000000)", "E003"),
        ("make_array(1, 2, 3)", "E003"),
        ("array_repeat(1, 1000000000)", "E003"),
        ("unnest([1, 2])", "E003"),
        ("sqrt(quantity)", "E003"),
        ("power(10, 1000)", "E003"),
        ("[1, 2, 3]", "E001"),
        ("@@version", "E001"),
        ("$1", "E001"),
        ("1e400", "E001"),
        ("1.5e-19", "E001"),
        ("1e20 * 1e20", "E001"),
        ("'NaN'::float8", "E004"),
        ("CAST(quantity AS DOUBLE)", "E004"),
        ("CAST(quantity AS REAL) + 1", "E004"),
        ("CAST(quantity AS DECIMAL(76,38))", "E005"),
        ("quantity / 0", "E007"),
        ("1 / 0", "E001"),
        ("quantity % (quantity - quantity)", "E007"),
        ("(quantity + 99999999999999999999) * 99999999999999999999", "E007"),
        ("9223372036854775807 + records", "E007"),
        ("CAST(region AS BIGINT)", "E007"),
        ("CASE WHEN regexp_like(region, '(((a{1,1000}){1,1000}){1,1000}){1,1000}') THEN 1 END", "E001"),
        ("CASE WHEN regexp_like(region, '[') THEN 1 END", "E001"),
        ("nothing", "E001"),
        ("other.quantity", "E001"),
        ("(SELECT 1; DROP TABLE x)", "E001"),
        ("1; DROP TABLE x", "E002"),
        ("1 -- \n; DROP TABLE x", "E002"),
        (&*deep, "E001"),
        (&*chained, "E001"),
        (&*signs, "E001"),
        (&*list, "E001"),
        (&*cases, "E001"),
        (&*constant, "E001"),
        (&*grown, "E007"),
        (&*patterned, "E007"),
        (&*joined, "E007"),
    ];
    let mut wrong = Vec::new();
    for (sql, expected) in expressions {
        report(&mut wrong, sql, "expression", expected, tried(sql, |sql| computed(sql, Want::Quantity)));
        report(&mut wrong, sql, "subject", expected, tried(sql, |sql| asked(sql, Want::Quantity)));
        let column = format!("SELECT {sql} AS x FROM input");
        report(&mut wrong, sql, "mediation", expected, tried(&column, mediated));
        let query = format!("SELECT subscription_id, quantity, {sql} AS amount FROM buckets");
        report(&mut wrong, sql, "query", expected, tried(&query, |sql| queried(sql, &few())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What only a query could do.
#[test]
fn hostile_queries_are_refused_or_stopped() {
    let rows = |from: &str| format!("SELECT a.subscription_id, 1 AS quantity, 1 AS amount FROM {from}");
    let added =
        |from: &str| format!("SELECT 'x' AS subscription_id, sum(a.quantity) AS quantity, 1 AS amount FROM {from}");
    let product = rows("buckets a, buckets b, buckets c, buckets d");
    let unions = vec![added("buckets a, buckets b, buckets c"); 8].join(" UNION ALL ");
    let doubled: String =
        (1..45).map(|n| format!(", c{n} AS (SELECT x || x AS x, q + q AS q FROM c{})", n - 1)).collect();
    let doubled = format!(
        "WITH c0 AS (SELECT subscription_id AS x, quantity AS q FROM buckets){doubled}
         SELECT max(x) AS subscription_id, max(q) AS quantity, 1 AS amount FROM c44 WHERE q + q <> 1"
    );
    let guarded: String = (1..40).map(|n| format!(", c{n} AS (SELECT s, q + q - q AS q FROM c{})", n - 1)).collect();
    let guarded = format!(
        "WITH c0 AS (SELECT subscription_id AS s, quantity AS q FROM buckets){guarded}
         SELECT s AS subscription_id, q AS quantity, 1 / (q - q) AS amount FROM c39 WHERE q + q <> 1"
    );
    let wide = vec!["a.*"; 300].join(", ");
    let queries = [
        (&*product, "E008"),
        (&*added("buckets a, buckets b, buckets c"), "E008"),
        (&*unions, "E008"),
        (
            &*added("buckets a JOIN buckets b ON a.quantity < b.quantity JOIN buckets c ON b.quantity <> c.quantity"),
            "E008",
        ),
        (&*added("(SELECT a.quantity FROM buckets a, buckets b ORDER BY a.quantity * b.quantity) a"), "E008"),
        (
            &*added(
                "(SELECT DISTINCT a.quantity, b.n FROM buckets a, (SELECT row_number() OVER () AS n FROM buckets) b, (SELECT row_number() OVER () AS m FROM buckets) c) a",
            ),
            "E008",
        ),
        (&*rows("buckets a WHERE (SELECT count(*) FROM buckets b, buckets c, buckets d) > 1"), "E008"),
        (&*rows("buckets a WHERE (SELECT quantity FROM buckets b) > 1"), "E007"),
        (&*rows("buckets a, LATERAL (SELECT * FROM buckets b WHERE b.quantity = a.quantity) c"), "E002"),
        (&*rows("buckets a LIMIT 1"), "E002"),
        (&*rows("buckets a OFFSET 1"), "E002"),
        (&*rows("buckets a FETCH FIRST 1 ROW ONLY"), "E002"),
        (&*rows("buckets a GROUP BY ALL"), "E002"),
        (&*rows("buckets a GROUP BY ROLLUP (a.subscription_id)"), "E001"),
        (&*rows("buckets a GROUP BY CUBE (a.subscription_id, a.day, a.region)"), "E001"),
        (&*rows("buckets a NATURAL JOIN bucketses b"), "E002"),
        (&*rows("buckets a WHERE a.quantity > ALL (SELECT quantity FROM buckets)"), "E001"),
        (&*rows("(VALUES ('S1')) a(subscription_id)"), "E002"),
        (&*rows("'/etc/passwd' a"), "E002"),
        ("SELECT DISTINCT ON (subscription_id) subscription_id, 1 AS quantity, 1 AS amount FROM buckets", "E002"),
        ("SELECT subscription_id, array_agg(quantity) AS quantity, 1 AS amount FROM buckets GROUP BY 1", "E003"),
        ("SELECT subscription_id, string_agg(region, ',') AS quantity, 1 AS amount FROM buckets GROUP BY 1", "E003"),
        ("SELECT subscription_id, stddev(quantity) AS quantity, 1 AS amount FROM buckets GROUP BY 1", "E003"),
        ("SELECT subscription_id, first_value(quantity) OVER () AS quantity, 1 AS amount FROM buckets", "E003"),
        ("SELECT subscription_id, percent_rank() OVER () AS quantity, 1 AS amount FROM buckets", "E003"),
        (
            "SELECT subscription_id, sum(quantity) OVER (ORDER BY quantity RANGE 1 PRECEDING) AS quantity, 1 AS amount FROM buckets",
            "E002",
        ),
        ("SELECT subscription_id, sum(quantity ORDER BY day) AS quantity, 1 AS amount FROM buckets GROUP BY 1", "E002"),
        (
            "WITH buckets AS (SELECT * FROM buckets) SELECT subscription_id, 1 AS quantity, 1 AS amount FROM buckets",
            "E001",
        ),
        (&*format!("SELECT {wide} FROM buckets a"), "E001"),
        (&*doubled, "E007"),
        (&*guarded, "E007"),
    ];
    let mut wrong = Vec::new();
    for (sql, expected) in queries {
        report(&mut wrong, sql, "query", expected, tried(sql, |sql| queried(sql, &many())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_of_hostile_sql_can_fail() {
    assert_eq!(
        code(queried("SELECT subscription_id, max(quantity) AS quantity, 1 AS amount FROM buckets GROUP BY 1", &few())),
        "accepted"
    );
    assert_eq!(code(mediated("SELECT quantity FROM input")), "accepted");
    assert_eq!(code(asked("quantity * 2", Want::Quantity)), "accepted");
    assert_eq!(code(Err(Faults::default())), "no fault");
}
