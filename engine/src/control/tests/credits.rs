//! Prepaid credits in the control totals.

use super::*;

fn credited_fixture(draws: [&str; 2]) -> (Vec<(Table, RecordBatch)>, ControlTotals) {
    let (mut tables, mut totals) = fixture();
    let usd = &mut totals.currencies[1];
    (usd.invoice_credit, usd.invoice_payable) = (dec("7"), dec("5.87"));
    (usd.credits_paid, usd.credits_opening, usd.credits_drawn) = (dec("7"), dec("10"), dec("7"));
    (usd.credits_expired, usd.credits_left) = (dec("1"), dec("2"));
    let column = |name: &str| Table::Invoices.schema().index_of(name).unwrap();
    let mut columns = tables[2].1.columns().to_vec();
    columns[column("amount_credit")] = money(&["7", "0"]);
    columns[column("amount_payable")] = money(&["5.87", "12"]);
    tables[2].1 = Table::Invoices.batch(columns).unwrap();
    let same = |text: &str| build::constant(text, 2);
    let ids = || build::text(&["C1", "C2"]);
    let paid = vec![ids(), build::hex_ids(&[10, 10]).unwrap(), same(RUN), same("A1"), same("A1"), same("USD")];
    let paid = paid.into_iter().chain([money(&draws)]).collect();
    tables.pop();
    tables.push((Table::CreditDraws, Table::CreditDraws.batch(paid).unwrap()));
    let balances = vec![
        ids(),
        same(RUN),
        same("A1"),
        same("USD"),
        money(&["6", "4"]),
        money(&["6", "4"]),
        money(&["5", "2"]),
        money(&["1", "0"]),
        money(&["0", "2"]),
        build::whole(vec![0, 0]),
        build::days_or_null([None, None]),
        build::days_or_null([Some(20_757), None]),
        same(""),
    ];
    tables.push((Table::CreditBalances, Table::CreditBalances.batch(balances).unwrap()));
    tables.push((Table::ControlTotals, totals.to_batch(RUN).unwrap()));
    (tables, totals)
}

#[tokio::test]
async fn credits_are_held_against_invoices_draws_and_balances() {
    let (tables, totals) = credited_fixture(["5", "2"]);
    totals.reconcile().unwrap();
    check_in_memory(&tables, &totals).await.unwrap();
    // The sum of the draws is right, but not of either credit.
    let faults = check_in_memory(&credited_fixture(["4", "3"]).0, &totals).await.unwrap_err();
    assert_eq!(faults.to_string(), "G001 2 credits whose balance is not what is drawn from them");
    let mut wrong = totals;
    wrong.currencies[1].credits_left = dec("2.01");
    wrong.currencies[1].invoice_payable = dec("5.88");
    let faults = wrong.reconcile().unwrap_err();
    assert_eq!(
        faults.0.iter().map(|fault| fault.message.as_str()).collect::<Vec<_>>(),
        [
            "currency USD: payable of the invoices is 5.88, but gross less credit is 5.87",
            "currency USD: credits before is 10, but drawn, expired and left is 10.01"
        ]
    );
}
