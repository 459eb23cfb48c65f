use bytes::Bytes;

use super::manifest::{Part, tables as tables_of};
use super::*;
use crate::control::tests::{fixture, itemised_fixture};
use crate::store::Put;
use crate::store::flaky::Flaky;
use crate::verify::read_back;

const PERIOD: &str = "2026-10";

fn output(test: &str) -> Location {
    Location::parse(&format!("memory://lineset/{test}")).unwrap()
}

fn manifest(run_id: &str) -> Manifest {
    Manifest { format: manifest::FORMAT, run_id: run_id.into(), period: PERIOD.into(), ..Manifest::default() }
}

/// Writes tables that exist already.
fn write(output: &Location, tables: Vec<(Table, RecordBatch)>, threads: usize) -> Outcome<Vec<Written>> {
    let rows: Vec<Rows<'_>> = tables.into_iter().map(|(table, batch)| Rows::of(table, batch)).collect();
    super::write(output, &RunFolder { period: PERIOD, run_id: "abc" }, &rows, threads, &|_, _| Ok(()))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_is_read_back_and_found_right() {
    let (tables, totals) = itemised_fixture();
    let (output, count) = (output("round"), tables.len());
    let written = write(&output, tables, 2).unwrap();
    assert_eq!(written.len(), count);
    assert_eq!(written[0].path, "invoice_lines/period=2026-10/run=abc/part-000.parquet");
    let rows = |table: Table| {
        let own = written.iter().filter(|part| part.path.starts_with(&format!("{}/", table.name())));
        own.map(|part| part.rows).sum::<u64>()
    };
    assert_eq!((rows(Table::InvoiceLines), rows(Table::Suspense)), (3, 1));
    read_back(&output, &written, &totals).await.unwrap();
    assert_eq!(tables_of(&written)["invoices"][0].path, written[2].path);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_byte_or_amount_in_the_store_is_found() {
    let (tables, totals) = fixture();
    let output = output("tampered");
    let mut written = write(&output, tables.clone(), 2).unwrap();
    let object = output.join(&written[0].path).unwrap();
    let honest = object.read().await.unwrap();
    let mut bytes = honest.to_vec();
    bytes[40] ^= 1;
    object.put(bytes.into()).await.unwrap();
    let faults = read_back(&output, &written, &totals).await.unwrap_err();
    assert!(faults.0[0].message.ends_with("does not hold the bytes that were written"), "{faults}");

    // A well-formed part with other amounts, and a digest that fits it.
    let mut columns = tables[0].1.columns().to_vec();
    let place = |name: &str| Table::InvoiceLines.schema().index_of(name).unwrap();
    columns.swap(place("amount_list"), place("amount_net"));
    let other = encode::part(Table::InvoiceLines, &Table::InvoiceLines.batch(columns).unwrap()).unwrap();
    written[0].digest = blake3::hash(&other).to_hex().to_string();
    object.put(other).await.unwrap();
    let faults = read_back(&output, &written, &totals).await.unwrap_err();
    let messages: Vec<&str> = faults.0.iter().map(|fault| fault.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "currency USD: amount_list is 12.35 in the run, but 12 by Polars, from the written files",
            "currency USD: amount_net is 12 in the run, but 12.35 by Polars, from the written files",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rated_records_that_are_not_all_there_are_found() {
    let (mut tables, totals) = itemised_fixture();
    let at = tables.iter().position(|(table, _)| *table == Table::RatedUsage).unwrap();
    tables[at].1 = tables[at].1.slice(0, 2);
    let output = output("records");
    let written = write(&output, tables, 2).unwrap();
    let faults = read_back(&output, &written, &totals).await.unwrap_err();
    let messages: Vec<&str> = faults.0.iter().map(|fault| fault.message.as_str()).collect();
    let amount = "charge video/minutes: amount_itemised is 12.006172839450617284 in the run, but 7.006172839450617284 by \
                  Polars, from the written files";
    let records = "charge video/minutes: records_itemised is 3 in the run, but 2 by Polars, from the written files";
    assert_eq!(messages, [amount, records]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_part_is_found() {
    let (tables, totals) = fixture();
    let output = output("missing");
    let written = write(&output, tables, 2).unwrap();
    let faults = read_back(&output, &written[1..], &totals).await.unwrap_err();
    assert_eq!(faults.0[0].message.split(" is ").next(), Some("charge video/minutes: quantity_on_lines"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_does_not_answer_is_no_damaged_part() {
    let flaky = Flaky { lost_gets: 1.into(), ..Flaky::default() };
    let output = flaky.at("out");
    let written = write(&output, fixture().0, 2).unwrap();
    let part = &tables_of(&written)["invoices"][0];
    let faults = parts::read_column(&output, part, "currency").await.unwrap_err();
    assert_eq!((faults.0[0].code.id, faults.exit_code()), ("O001", 75), "{faults}");
    assert!(parts::read_column(&output, part, "currency").await.is_ok());
    let faults =
        parts::read_column(&output, &Part { bytes: part.bytes - 1, ..part.clone() }, "currency").await.unwrap_err();
    assert_eq!(faults.0[0].code.id, "O006", "{faults}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_without_rows_are_written_with_their_columns() {
    let output = output("empty");
    let totals = crate::control::ControlTotals::default();
    let tables = Table::ALL.map(|table| match table {
        Table::ControlTotals => (table, totals.to_batch("abc").unwrap()),
        table => (table, table.empty()),
    });
    let written = write(&output, tables.to_vec(), 2).unwrap();
    assert_eq!(written.len(), Table::ALL.len());
    read_back(&output, &written, &totals).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_rows_give_the_same_bytes_whatever_the_threads() {
    let tables = fixture().0;
    let one = write(&output("one"), tables.clone(), 1).unwrap();
    let many = write(&output("many"), tables, 8).unwrap();
    assert_eq!(one, many);
}

#[test]
fn parts_are_cut_at_fixed_places() {
    let rows = arrow::datatypes::Schema::empty();
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(2 * PART_ROWS + 5));
    let batch = RecordBatch::try_new_with_options(rows.into(), vec![], &options).unwrap();
    let rows = Rows::of(Table::InvoiceLines, batch);
    let sizes: Vec<(usize, usize)> = cut(&rows).map(|(_, number, range)| (number, range.len())).collect();
    assert_eq!(sizes, [(0, PART_ROWS), (1, PART_ROWS), (2, 5)]);
    assert_eq!(cut(&Rows::of(Table::InvoiceLines, Table::InvoiceLines.empty())).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_manifest_is_the_current_one() {
    let output = output("current");
    assert_eq!(current(&output, PERIOD).await.unwrap(), None);
    for (number, run_id) in [(1, "one"), (2, "two")] {
        assert_eq!(commit(&output, &manifest(run_id), number).await.unwrap(), Commit::Done { number });
    }
    let (number, newest) = current(&output, PERIOD).await.unwrap().unwrap();
    assert_eq!((number, newest), (2, manifest("two")));
    assert_eq!(current(&output, "2026-11").await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_runs_that_race_for_a_number_one_commits() {
    let output = output("race");
    let (one, two) = (manifest("one"), manifest("two"));
    let outcomes = futures::join!(commit(&output, &one, 1), commit(&output, &two, 1));
    let (won, lost) = if outcomes.0.is_ok() { outcomes } else { (outcomes.1, outcomes.0) };
    assert_eq!(won.unwrap(), Commit::Done { number: 1 });
    let fault = lost.unwrap_err();
    assert_eq!((fault.0[0].code.id, fault.exit_code()), ("O002", 4), "{fault}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_run_twice_is_already_done() {
    let output = output("twice");
    let one = manifest("one");
    let outcomes = futures::join!(commit(&output, &one, 1), commit(&output, &one, 1));
    let mut outcomes = [outcomes.0.unwrap(), outcomes.1.unwrap()];
    outcomes.sort_by_key(|outcome| matches!(outcome, Commit::AlreadyDone { .. }));
    assert_eq!(outcomes, [Commit::Done { number: 1 }, Commit::AlreadyDone { number: 1 }]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_found_under_a_later_number_is_already_done() {
    let output = output("later");
    commit(&output, &manifest("other"), 1).await.unwrap();
    commit(&output, &manifest("one"), 2).await.unwrap();
    assert_eq!(commit(&output, &manifest("one"), 1).await.unwrap(), Commit::AlreadyDone { number: 2 });
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_found_by_looking() {
    let flaky = Flaky { unanswered_puts: 1.into(), ..Flaky::default() };
    let committed = commit(&flaky.at("out"), &manifest("one"), 1).await.unwrap();
    assert_eq!(committed, Commit::AlreadyDone { number: 1 });
    // Answer and look are lost: the next put finds the name taken, the next look by whom.
    let flaky = Flaky { unanswered_puts: 1.into(), lost_lists: 1.into(), ..Flaky::default() };
    let committed = commit(&flaky.at("out"), &manifest("one"), 1).await.unwrap();
    assert_eq!(committed, Commit::AlreadyDone { number: 1 });
    let flaky = Flaky { lost_puts: 3.into(), ..Flaky::default() };
    assert_eq!(commit(&flaky.at("out"), &manifest("one"), 1).await.unwrap(), Commit::Done { number: 1 });
}

#[tokio::test]
async fn a_commit_nobody_can_tell_the_fate_of_may_have_happened() {
    for (unanswered, lost) in [(1, 0), (0, 99)] {
        let flaky = Flaky {
            unanswered_puts: unanswered.into(),
            lost_puts: lost.into(),
            lost_lists: 4.into(),
            ..Flaky::default()
        };
        let output = flaky.at("out");
        let fault = commit(&output, &manifest("one"), 1).await.unwrap_err();
        assert_eq!((fault.0[0].code.id, fault.exit_code()), ("O008", 75), "{fault}");
        let stands = current(&output, PERIOD).await.unwrap();
        assert_eq!(stands.is_some(), unanswered == 1);
    }
}

#[tokio::test]
async fn a_manifest_that_cannot_be_read_is_a_fault_and_stays() {
    let output = output("broken");
    let object = output.join(&commit::path(PERIOD, 1)).unwrap();
    let put = object.put_if_absent(Bytes::from_static(b"{\"format\": 2}")).await.unwrap();
    assert_eq!(put, Put::Done);
    assert_eq!(current(&output, PERIOD).await.unwrap_err().0[0].code.id, "O005");
    assert_eq!(commit(&output, &manifest("one"), 1).await.unwrap_err().0[0].code.id, "O005");
}

#[test]
fn a_manifest_is_stable_text() {
    let (_, totals) = fixture();
    let manifest = Manifest { totals: (&totals).into(), ..manifest("one") };
    let bytes = manifest.to_bytes().unwrap();
    assert_eq!(bytes, manifest.to_bytes().unwrap());
    assert_eq!(Manifest::parse("x", &bytes).unwrap(), manifest);
    let text = std::str::from_utf8(&bytes).unwrap();
    assert!(text.contains("\"gross\": \"12.87\""), "{text}");
}
