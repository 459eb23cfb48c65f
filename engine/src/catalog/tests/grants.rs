//! Who is granted what, and in which order it is drawn.

use super::*;
use crate::money::Decimal;
use crate::period::Month;

const ALLOWANCES: &str = "  seat:
    includes: [p]
    allowances:
      - { id: own, meter: m, quantity: 31, prorate: by_day, rollover: 1 }
      - { id: pool, meter: m, quantity: 10, shared_over: account, multiply_by: quantity, priority: 1 }
      - { id: tree, meter: m, quantity: 5, shared_over: subtree, multiply_by: holders, priority: 2 }
  money:
    includes: [p]
    allowances: [ { id: credit, amount: 7, meter: m, shared_over: subtree } ]
";

/// Each grant: allowance, holder, account, period, what is granted, whether it can be used.
fn granted(shop: &Shop) -> Vec<String> {
    let catalog = shop.catalog().unwrap();
    let row = |pool: &Pool, grant: &Grant| {
        let (holder, account) = (&shop.reference.subscriptions[pool.holder as usize].id, pool.account as usize);
        let (name, account) = (&catalog.grants.allowance(pool).id, &shop.reference.accounts[account].id);
        let used = if grant.is_usable { "" } else { " lost" };
        format!("{name} {holder} {account} {} {}{used}", grant.month, grant.granted)
    };
    let pools = catalog.grants.pools.iter();
    pools.flat_map(|pool| pool.grants.clone().map(|grant| row(pool, &catalog.grants.grants[grant as usize]))).collect()
}

/// What the charge `p/use` of the subscription draws on, in order.
fn sources(shop: &Shop, subscription: Index, amounts: bool) -> Vec<String> {
    let (catalog, reference) = (shop.catalog().unwrap(), &shop.reference);
    let charge = shop.book.charges.iter().position(|charge| charge.id == "p/use").unwrap();
    let offer = catalog.offer(subscription);
    let drawer = Drawer { reference, subscription, offer, charge, meter: 0, amounts };
    let sources = catalog.grants.sources(&drawer).map(|(sources, _)| sources).unwrap_or_default();
    let name = |source: &Source| {
        let grant = &catalog.grants.grants[source.grant as usize];
        format!("{} {}", catalog.grants.allowance(catalog.grants.pool_of(source.grant)).id, grant.month)
    };
    sources.iter().map(name).collect()
}

fn balance(subscription: Index, allowance: &str, month: &str, left: &str) -> reference::model::BalanceRow {
    reference::model::BalanceRow {
        subscription,
        account: None,
        allowance: allowance.to_owned(),
        granted: Month::parse(month).unwrap(),
        left: Decimal::parse(left).unwrap(),
        place: Place::row("balances.csv", 2),
    }
}

/// Accounts: LONE, ROOT, SITE below ROOT.
const ROWS: &[(&str, &str, &str)] = &[
    ("S1", "ROOT", "seat"),
    ("S2", "ROOT", "seat@,2026-10-22,"),
    ("S3", "SITE", "seat"),
    ("S4", "SITE", "p"),
    ("S5", "LONE", "seat@,2026-01-01,2026-10-01"),
    ("S6", "LONE", "money"),
];

#[tokio::test]
async fn everybody_is_granted_what_the_days_the_quantities_and_the_holders_give() {
    let shop = shop("granted", ALLOWANCES, ROWS).await;
    let expected = [
        "plan:seat/own S1 ROOT 2026-10 31",
        // Quantities are 1; two subscriptions of the account have it.
        "plan:seat/pool S1 ROOT 2026-10 20",
        // Three below the topmost account that has it, which is ROOT for SITE too.
        "plan:seat/tree S1 ROOT 2026-10 15",
        "plan:seat/own S2 ROOT 2026-10 10",
        "plan:seat/own S3 SITE 2026-10 31",
        "plan:seat/pool S3 SITE 2026-10 10",
        "plan:money/credit S6 LONE 2026-10 7",
    ];
    assert_eq!(granted(&shop), expected);
}

#[tokio::test]
async fn priority_comes_first_then_what_expires_first() {
    let mut shop = shop("order", ALLOWANCES, ROWS).await;
    shop.reference.balances = vec![balance(0, "plan:seat/own", "2026-09", "4")];
    let own = ["plan:seat/own 2026-09", "plan:seat/own 2026-10", "plan:seat/pool 2026-10", "plan:seat/tree 2026-10"];
    assert_eq!(sources(&shop, 0, false), own);
    // A plain product draws on what everybody below shares.
    assert_eq!(sources(&shop, 3, false), ["plan:seat/tree 2026-10"]);
    assert_eq!(sources(&shop, 3, true), Vec::<String>::new());
    assert_eq!(sources(&shop, 5, true), ["plan:money/credit 2026-10"]);
}

#[tokio::test]
async fn a_balance_finds_the_pool_of_its_subscription_or_is_lost() {
    let mut shop = shop("openings", ALLOWANCES, ROWS).await;
    shop.reference.balances = vec![
        balance(2, "plan:seat/tree", "2026-09", "4"),
        balance(1, "plan:seat/tree", "2026-09", "1"),
        balance(2, "plan:seat/own", "2026-09", "2"),
        balance(0, "plan:seat/own", "2026-07", "3"),
        balance(4, "plan:seat/own", "2026-09", "9"),
        balance(3, "plan:money/credit", "2026-09", "0"),
    ];
    let found = granted(&shop);
    let earlier: Vec<&String> = found.iter().filter(|row| !row.contains("2026-10")).collect();
    let expected = [
        "plan:seat/own S1 ROOT 2026-07 3 lost",
        "plan:seat/tree S1 ROOT 2026-09 5 lost",
        "plan:seat/own S3 SITE 2026-09 2",
        "plan:seat/own S5 LONE 2026-09 9 lost",
    ];
    assert_eq!(earlier, expected);
}

#[tokio::test]
async fn balances_of_no_allowance_or_of_no_earlier_period_are_faults() {
    let mut shop = shop("strange", ALLOWANCES, ROWS).await;
    shop.reference.balances =
        vec![balance(0, "plan:seat/won", "2026-09", "4"), balance(0, "plan:seat/own", "2026-10", "4")];
    let shown = [
        "balances.csv:2: B003 there is no allowance `plan:seat/won`",
        "balances.csv:2: R003 the balance of 2026-10 is not of a period before 2026-10",
    ];
    let mut found = shop.faults();
    found.sort();
    assert_eq!(found, shown);
}

#[tokio::test]
async fn a_pool_of_money_has_one_currency() {
    let rows = [("S1", "ROOT", "money"), ("S2", "SITE", "p")];
    let mut shop = shop("currency", ALLOWANCES, &rows).await;
    assert!(shop.catalog().is_ok());
    shop.reference.accounts[2].currency = "EUR".to_owned();
    let found = shop.faults();
    assert_eq!(found.len(), 1);
    let message = "B010 the amount of subscription `S1` is in USD, but `S2` below it is priced in EUR";
    assert!(found[0].ends_with(message), "{found:?}");
}

#[tokio::test]
async fn a_grant_that_does_not_fit_is_a_fault() {
    let mut shop = shop("too-much", ALLOWANCES, &[("S1", "ROOT", "seat")]).await;
    shop.reference.subscriptions[0].quantity = Decimal::parse("99999999999999999999").unwrap();
    let found = shop.faults();
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("B001 the allowance of subscription `S1` has more than 20 digits"), "{found:?}");
}
