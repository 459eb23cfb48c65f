//! What other billing and rating systems assert of their prices, asked of Ratemill.
//!
//! `engine/tests/conformance` holds the facts of eight systems, a price book for each file of facts, and the cases: which
//! product, which usage, which column must come to which number of the fact. All cases of a period are one run. Its
//! README has the table of what came out; `UPDATE_GOLDEN=1` writes it anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::Path;

use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::Value;

use self::casebook::{Case, cases, home, names};
use crate::committed::{self, Row};
use crate::harness::{announce, folder, plain, ratemill, text, write};

mod casebook;
mod report;

/// Columns that a check may add up; `tax` is the amount of the taxes on the lines, `payable` that of the invoices.
const SUMS: [&str; 8] =
    ["amount_rated", "amount_list", "amount_discount", "amount_net", "quantity", "tax", "gross", "payable"];

/// What came of a case.
pub(crate) enum Outcome {
    Passed,
    Failed(String),
    Waiting(Vec<String>),
    OutOfScope(String),
}

/// The lines, taxes and invoices of a period, by account.
#[derive(Default)]
struct Bills {
    lines: BTreeMap<String, Vec<Row>>,
    taxes: BTreeMap<String, Vec<Row>>,
    invoices: BTreeMap<String, Vec<Row>>,
}

/// Every case with what came of it.
fn outcomes() -> Vec<(Case, Outcome)> {
    let cases = cases();
    let mut runs: BTreeMap<String, Vec<&Case>> = BTreeMap::new();
    for case in cases.iter().filter(|case| idle(case).is_none()) {
        runs.entry(case.period()).or_default().push(case);
    }
    let runs: Vec<(String, Vec<&Case>)> = runs.into_iter().collect();
    let mut found: BTreeMap<String, Outcome> = BTreeMap::new();
    std::thread::scope(|scope| {
        let started = runs.iter().map(|(period, cases)| scope.spawn(move || rate(period, cases)));
        let started: Vec<_> = started.collect();
        started.into_iter().for_each(|run| found.extend(run.join().unwrap()));
    });
    let mut judged = Vec::new();
    for case in cases {
        let outcome = idle(&case).unwrap_or_else(|| found.remove(&case.id).unwrap());
        judged.push((case, outcome));
    }
    judged
}

/// What is known of a case without a run.
fn idle(case: &Case) -> Option<Outcome> {
    let needs = case.needs();
    match case.out_of_scope() {
        Some(reason) => Some(Outcome::OutOfScope(reason.to_owned())),
        None if needs.is_empty() => None,
        None => Some(Outcome::Waiting(needs)),
    }
}

/// Rates the cases of a period together; when that cannot be done, file by file, so that one bad book fails alone.
fn rate(period: &str, cases: &[&Case]) -> Vec<(String, Outcome)> {
    let said = match run(period, cases) {
        Ok(bills) => return cases.iter().map(|case| (case.id.clone(), judge(case, &bills))).collect(),
        Err(said) => said,
    };
    let mut files: BTreeMap<&str, Vec<&Case>> = BTreeMap::new();
    cases.iter().for_each(|case| files.entry(&case.file).or_default().push(case));
    if files.len() > 1 {
        return files.values().flat_map(|cases| rate(period, cases)).collect();
    }
    cases.iter().map(|case| (case.id.clone(), Outcome::Failed(said.clone()))).collect()
}

/// The bills of one run over the books, references and usage of `cases`, or what the engine said.
fn run(period: &str, cases: &[&Case]) -> Result<Bills, String> {
    let place = folder();
    lay_out(place.path(), cases);
    let ran = ratemill(&["run", "pipeline.yaml", "--period", period, "--output", "out"]).cwd(place.path()).run();
    if ran.status.code() != Some(0) {
        return Err(ran.to_string());
    }
    let committed = committed::read(&place.path().join("out"), period);
    let mut bills = Bills::default();
    for (table, by, into) in [
        ("invoice_lines", "account_id", &mut bills.lines),
        ("invoice_taxes", "account_id", &mut bills.taxes),
        ("invoices", "bill_to_account_id", &mut bills.invoices),
    ] {
        for row in committed.table(table) {
            into.entry(row[by].clone()).or_default().push(row.clone());
        }
    }
    Ok(bills)
}

/// Writes the job of `cases` into a folder.
fn lay_out(place: &Path, cases: &[&Case]) {
    let files: BTreeSet<&str> = cases.iter().map(|case| case.file.as_str()).collect();
    for file in files {
        let book = fs::read(home().join(format!("books/{file}.yaml"))).unwrap();
        write(&place.join(format!("books/{file}.yaml")), book);
    }
    for (from, to) in [("book.yaml", "books/book.yaml"), ("reference/tax_rates.csv", "tax_rates.csv")] {
        write(&place.join(to), fs::read(home().join(from)).unwrap());
    }
    let mut accounts =
        vec![row(&["account_id", "parent_id", "currency", "tax_jurisdiction", "tax_exemptions", "bill_cycle_day"])];
    let mut amendments = vec![row(&["subscription_id", "from", "kind", "plan", "product", "quantity"])];
    let mut identifiers = vec![row(&["identifier", "subscription_id"])];
    let mut subscriptions =
        vec![row(&["subscription_id", "account_id", "plan", "product", "quantity", "start", "end", "contract"])];
    let mut usage = vec![row(&["id", "kind", "who", "used_at", "amount", "label"])];
    let mut levels = vec![row(&["subscription_id", "meter", "level"])];
    let mut credits = vec![row(&["credit_id", "account_id", "currency", "granted"])];
    let mut balances = vec![row(&["subscription_id", "commitment", "period", "billed"])];
    for case in cases {
        let currency = Some(case.word("currency")).filter(|word| !word.is_empty()).unwrap_or_else(|| "USD".to_owned());
        let own = |name: &str| case.word(name);
        let (jurisdiction, exempt, cycle) = (own("tax_jurisdiction"), own("tax_exemptions"), own("bill_cycle_day"));
        accounts.push(row(&[&case.id, "", &currency, &jurisdiction, &exempt, &cycle]));
        for amendment in case.list("amendments") {
            let column = |name: &str| amendment.get(name).map(text).unwrap_or_default();
            let id = format!("{}.{}", case.id, column("subscription"));
            let rest = ["from", "kind", "plan", "product", "quantity"].map(column);
            let [from, kind, plan, product, quantity] = rest.each_ref().map(String::as_str);
            amendments.push(row(&[&id, from, kind, plan, product, quantity]));
        }
        for (id, columns) in subscribed(case) {
            subscriptions.push(columns);
            identifiers.push(row(&[&id, &id]));
        }
        for (number, record) in case.usage().iter().enumerate() {
            let id = format!("{}.{number}", case.id);
            usage.push(row(&[&id, &record.kind, &record.by, &record.at, &record.amount, &record.label]));
        }
        for (number, granted) in case.credits().iter().enumerate() {
            credits.push(row(&[&format!("{}.{number}", case.id), &case.id, &currency, granted]));
        }
        for (meter, level) in case.entries("levels") {
            levels.push(row(&[&case.id, &meter, &text(&level)]));
        }
    }
    for (case, name, commitment, billed) in cases.iter().flat_map(|case| balanced(case)) {
        balances.push(row(&[&format!("{case}.{name}"), &commitment, "2026-09", &billed]));
    }
    let tables =
        [("levels", levels.len() > 1), ("credits", credits.len() > 1), ("commitment_balances", balances.len() > 1)];
    let (carried, amended) = (levels.len() > 1, amendments.len() > 1);
    for (name, rows) in [
        ("accounts", accounts),
        ("identifiers", identifiers),
        ("subscriptions", subscriptions),
        ("usage", usage),
        ("levels", levels),
        ("credits", credits),
        ("commitment_balances", balances),
        ("amendments", amendments),
    ] {
        write(&place.join(format!("{name}.csv")), rows.concat());
    }
    let pipeline = fs::read_to_string(home().join("pipeline.yaml")).unwrap();
    let named = tables.iter().filter(|(_, there)| *there).map(|(name, _)| format!("\n  {name}: {name}.csv"));
    let pipeline = pipeline.replace("reference:", &format!("reference:{}", named.collect::<String>()));
    let with = |pipeline: String, name: &str, there: bool| match there {
        true => pipeline.replace("reference:", &format!("reference:\n  {name}: {name}.csv")),
        false => pipeline,
    };
    let pipeline = with(with(pipeline, "levels", carried), "amendments", amended);
    write(&place.join("pipeline.yaml"), pipeline);
}

fn row(fields: &[&str]) -> String {
    let quoted: Vec<String> = fields.iter().map(|field| format!("\"{field}\"")).collect();
    format!("{}\n", quoted.join(","))
}

/// Case, subscription, commitment and amount of each balance that a case has from the month before.
fn balanced(case: &Case) -> Vec<(String, String, String, String)> {
    let mut found = Vec::new();
    for (name, of) in case.entries("balances") {
        for (commitment, billed) in of.as_object().into_iter().flatten() {
            found.push((case.id.clone(), name.clone(), commitment.clone(), text(billed)));
        }
    }
    found
}

/// Id and row of each subscription of a case; one of its own name unless the case lists them.
fn subscribed(case: &Case) -> Vec<(String, String)> {
    let listed = case.entries("subscriptions");
    let named = listed.iter().map(|(name, columns)| (format!("{}.{name}", case.id), columns.clone()));
    let all = if listed.is_empty() { vec![(case.id.clone(), Value::Null)] } else { named.collect() };
    let subscription = |(id, own): (String, Value)| {
        let column = |name: &str| own.get(name).map_or_else(|| case.word(name), text);
        let start = own.get("start").map_or_else(|| "2000-01-01".to_owned(), text);
        let (plan, product, quantity) = (column("plan"), column("product"), column("quantity"));
        let (end, contract) = (column("end"), column("contract"));
        let columns = row(&[&id, &case.id, &plan, &product, &quantity, &start, &end, &contract]);
        (id, columns)
    };
    all.into_iter().map(subscription).collect()
}

/// Holds what the engine found against what the case asserts.
fn judge(case: &Case, bills: &Bills) -> Outcome {
    let none = Vec::new();
    let lines = bills.lines.get(&case.id).unwrap_or(&none);
    let taxes = bills.taxes.get(&case.id).unwrap_or(&none);
    let invoices = bills.invoices.get(&case.id).unwrap_or(&none);
    let mut wrong = String::new();
    let checks = case.list("check");
    // Most facts have one amount, and mean it before it is rounded to the currency.
    let usual = serde_json::json!({ "amount_rated": "amount" });
    let checks = if checks.is_empty() { vec![usual] } else { checks };
    for check in &checks {
        wrong.push_str(&compare(case, check, lines, (taxes, invoices)));
    }
    let expected = case.list("lines");
    if !expected.is_empty() {
        wrong.push_str(&compare_lines(&expected, lines));
    }
    if wrong.is_empty() {
        return Outcome::Passed;
    }
    for line in lines {
        let shown = ["charge", "line_kind", "tier", "quantity", "unit_price", "amount_rated", "amount_net"];
        let shown: Vec<String> = shown.iter().map(|column| format!("{column} {}", line[*column])).collect();
        writeln!(wrong, "    line: {}", shown.join(", ")).unwrap();
    }
    Outcome::Failed(wrong)
}

/// One check: a sum of the lines against a number of the fact.
fn compare(case: &Case, check: &Value, lines: &[Row], (taxes, invoices): (&[Row], &[Row])) -> String {
    let check = check.as_object().unwrap_or_else(|| panic!("{}: a check is a mapping", case.id));
    let (sum, path) = check.iter().find(|(key, _)| SUMS.contains(&key.as_str())).unwrap_or_else(|| {
        panic!("{}: a check names one of {SUMS:?}", case.id);
    });
    let chosen: Vec<&Row> = match check.get("where") {
        Some(Value::Object(columns)) => {
            lines.iter().filter(|line| columns.iter().all(|(name, value)| fits(case, &line[name], value))).collect()
        }
        _ => lines.iter().collect(),
    };
    let taxed = || total(&taxes.iter().collect::<Vec<_>>(), "amount");
    let found = match sum.as_str() {
        "tax" => taxed(),
        "payable" => total(&invoices.iter().collect::<Vec<_>>(), "amount_payable"),
        "gross" => total(&chosen, "amount_net") + taxed(),
        column => total(&chosen, column),
    };
    let expected = number(&text(case.fact(&format!("expected.{}", text(path)))));
    let expected = if check.contains_key("cents") { expected / Decimal::ONE_HUNDRED } else { expected };
    let strategy = match check.get("mode").map(text).as_deref() {
        None | Some("half_up") => RoundingStrategy::MidpointAwayFromZero,
        Some("up") => RoundingStrategy::AwayFromZero,
        Some(other) => panic!("{}: no rounding mode {other}", case.id),
    };
    let (shown, expected) = match check.get("digits") {
        None => (found, expected),
        Some(digits) => {
            let digits = text(digits).parse().unwrap();
            (found.round_dp_with_strategy(digits, strategy), expected.round_dp_with_strategy(digits, strategy))
        }
    };
    if shown == expected { String::new() } else { format!("    {sum} is {found}, not {expected} ({})\n", text(path)) }
}

/// Whether a column of a line has this value; a subscription may be named as the case names it.
fn fits(case: &Case, found: &str, value: &Value) -> bool {
    let value = text(value);
    found == value || found == format!("{}.{value}", case.id)
}

fn total(rows: &[&Row], column: &str) -> Decimal {
    rows.iter().map(|row| number(&row[column])).sum()
}

/// A number, or a fraction such as `8/28`.
fn number(text: &str) -> Decimal {
    let parse = |text: &str| Decimal::from_str_exact(text.trim()).unwrap_or_else(|cause| panic!("{text}: {cause}"));
    match text.split_once('/') {
        Some((above, below)) => parse(above) / parse(below),
        None => parse(text),
    }
}

/// All lines of the case, in the columns that it names.
fn compare_lines(expected: &[Value], found: &[Row]) -> String {
    let blank = String::new();
    let mut left: Vec<&Row> = found.iter().collect();
    let mut wrong = String::new();
    for row in expected {
        let columns = row.as_object().unwrap();
        let same = |line: &&Row| {
            columns.iter().all(|(name, value)| plain(line.get(name).unwrap_or(&blank)) == plain(&text(value)))
        };
        match left.iter().position(same) {
            Some(at) => drop(left.remove(at)),
            None => writeln!(wrong, "    no line has {row}").unwrap(),
        }
    }
    if !left.is_empty() {
        writeln!(wrong, "    {} lines that the case does not name", left.len()).unwrap();
    }
    wrong
}

#[test]
fn what_other_systems_assert_holds_here() {
    let outcomes = outcomes();
    announce(&report::table(&outcomes));
    let failed = outcomes.iter().filter_map(|(case, outcome)| match outcome {
        Outcome::Failed(why) => Some(format!("{} ({})\n{why}", case.id, text(&case.fact["description"]))),
        _ => None,
    });
    let failed: Vec<String> = failed.collect();
    assert!(failed.is_empty(), "{} cases:\n{}", failed.len(), failed.join("\n"));
    report::keep(&outcomes);
}

#[test]
fn every_case_of_every_system_is_accounted_for() {
    let cases = cases();
    let files = names("facts", "json");
    assert_eq!((files.len(), cases.len()), (69, 275), "files and cases of the facts");
    assert_eq!(files, names("cases", "yaml"), "every file of facts has its cases");
    for case in &cases {
        match case.out_of_scope() {
            Some(reason) => assert!(reason.len() > 20, "{} is out of scope without a reason", case.id),
            None => {
                assert!(home().join(format!("books/{}.yaml", case.file)).exists(), "{} has no book", case.id);
                let bought = [case.word("product"), case.word("plan")].iter().any(|word| !word.is_empty());
                assert!(bought || !case.entries("subscriptions").is_empty(), "{} buys nothing", case.id);
            }
        }
    }
    let idle = |file: &String| cases.iter().filter(|case| case.file == *file).all(|case| case.out_of_scope().is_some());
    let used: BTreeSet<String> = files.into_iter().filter(|file| !idle(file)).collect();
    assert_eq!(used, names("books", "yaml"), "every book has cases");
}

#[test]
fn a_wrong_number_or_line_fails_a_case() {
    let case = cases().into_iter().find(|case| case.file == "lago_standard" && case.number == 0).unwrap();
    let line = |amount: &str, tier: &str| {
        let columns = [
            ("charge", "x"),
            ("line_kind", "usage"),
            ("tier", tier),
            ("quantity", "10"),
            ("unit_price", "1"),
            ("amount_rated", amount),
            ("amount_net", amount),
        ];
        columns.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect::<Row>()
    };
    let bills = |amount: &str| Bills {
        lines: BTreeMap::from([(case.id.clone(), vec![line(amount, "1")])]),
        ..Bills::default()
    };
    assert!(matches!(judge(&case, &bills("51.2345")), Outcome::Passed));
    assert!(matches!(judge(&case, &bills("51.2346")), Outcome::Failed(_)));
    assert!(matches!(judge(&case, &Bills::default()), Outcome::Failed(_)));
    let expected = [serde_json::json!({ "tier": "1", "amount_rated": "7.0" })];
    assert_eq!(compare_lines(&expected, &[line("7", "1")]), "");
    assert_ne!(compare_lines(&expected, &[line("7", "2")]), "");
    assert_ne!(compare_lines(&expected, &[line("7", "1"), line("7", "1")]), "");
}
