//! Lines without a tax rate, and what else about taxes only a whole run shows. The arithmetic is in the cases.

use crate::tiny::Tiny;

const ACCOUNTS: &str =
    "account_id,parent_id,level,name,currency,tax_jurisdiction\nA1,,customer,Ann,USD,J\nA2,A1,site,Annex,USD,\n";

/// The tiny job with this table of rates; its product has the tax category `telecom`.
fn taxed(rates: &str) -> Tiny {
    let tiny = Tiny::new()
        .with("pipeline.yaml", "  accounts: accounts.csv\n", "  accounts: accounts.csv\n  tax_rates: tax_rates.csv\n")
        .with("book.yaml", "    name: Voice\n", "    name: Voice\n    tax_category: telecom\n");
    tiny.write("accounts.csv", ACCOUNTS);
    tiny.write("tax_rates.csv", format!("jurisdiction,tax,tax_category,rate\n{rates}"));
    tiny
}

fn saying(tiny: Tiny, missing: &str) -> Tiny {
    tiny.with("book.yaml", "currency: account\n", &format!("currency: account\ntax: {{ missing: {missing} }}\n"))
}

#[test]
fn a_line_without_a_rate_is_refused_with_its_account_jurisdiction_and_category() {
    let said = taxed("J,vat,goods,20\nK,vat,,20\n").refused("R020", 2);
    said.says("A1").says("`J`").says("`telecom`").says("accounts.csv:2").says("missing: untaxed");
}

#[test]
fn an_account_without_a_jurisdiction_lacks_a_rate_too() {
    let tiny = taxed("J,vat,,20\n");
    tiny.write("accounts.csv", ACCOUNTS.replace("USD,J", "USD,"));
    tiny.refused("R020", 2).says("no tax jurisdiction").says("A1");
}

#[test]
fn a_table_of_rates_without_rows_is_no_leave_to_tax_nothing() {
    taxed("").refused("R020", 2);
}

#[test]
fn lines_without_a_rate_may_be_billed_and_marked() {
    let tiny = saying(taxed("K,vat,,20\n"), "suspense");
    let ran = tiny.json_call().run().exits(1).says("1 line without tax");
    assert_eq!(ran.json()["lines_without_tax"], 1, "{ran}");
    let run = crate::committed::read(&tiny.path("out"), "2026-10");
    let taxes = run.table("invoice_taxes");
    assert_eq!(taxes.len(), 1);
    for (column, value) in [("tax", ""), ("amount", "0"), ("taxable_amount", "0.2"), ("exempt", "false")] {
        assert_eq!(taxes[0][column], value, "{column} of {:#?}", taxes[0]);
    }
    assert_eq!(taxes[0]["reason"], "no rate for the jurisdiction and category");
    assert_eq!(taxes[0]["line_id"], run.table("invoice_lines")[0]["line_id"]);
    // Again, and it is still not silent.
    tiny.json_call().run().exits(1).says("already done").says("1 line without tax");
}

#[test]
fn lines_without_a_rate_may_be_billed_untaxed() {
    let tiny = saying(taxed("K,vat,,20\n"), "untaxed");
    let (summary, run) = tiny.run();
    assert_eq!(summary["lines_without_tax"], 0);
    assert!(run.table("invoice_taxes").is_empty());
}

#[test]
fn a_job_without_rates_has_no_taxes() {
    let (_, run) = Tiny::new().run();
    assert!(run.table("invoice_taxes").is_empty());
}

#[test]
fn the_key_takes_no_other_word() {
    saying(taxed("J,vat,,20\n"), "ignore").refused("Y006", 2).says("book.yaml:3");
}
