//! Books and reference tables in memory, and the prices that accounts end up with.

use super::*;
use crate::book;
use crate::book::model::Model;
use crate::discount::Discounts;
use crate::fault::{Located, Place};
use crate::pipeline::model::ReferencePaths;
use crate::reference;
use crate::store::Location;

const BOOK: &str = "\
book: b
meters: { m: { record_type: r, quantity: q, dimensions: [region, device] } }
products:
  p:
    charges:
      use: { meter: m, model: graduated, tiers: [ { up_to: 10, unit_price: 2 }, { unit_price: 1 } ] }
      fee: { meter: m, model: percentage, percent: 5, maximum: 20 }
plans:
  flat:
    includes: [p]
    prices:
      p/use: { model: per_unit, unit_price: 0.9 }
      p/fee: { model: per_unit, unit_price: 3, scope: account, lines_by: [region] }
  other:
    includes: [p]
    prices: { p/use: { model: package, size: 10, price: 7 } }
";
const ACCOUNTS: &str = "account_id,parent_id,currency,discount\nROOT,,USD,5\nSITE,ROOT,USD,\nLONE,,USD,0\n";

struct Shop {
    book: PriceBook,
    reference: Reference,
}

/// A shop whose subscriptions are `(id, account, plan)`.
async fn shop(name: &str, more: &str, subscriptions: &[(&str, &str, &str)]) -> Shop {
    let rows = subscriptions.iter().map(|(id, account, plan)| format!("{id},{account},{plan},,2026-01-01\n"));
    let rows = format!("subscription_id,account_id,plan,product,start\n{}", rows.collect::<String>());
    let identifiers = "identifier,subscription_id,account_id,valid_from,valid_to\n";
    let files = [
        ("book.yaml", format!("{BOOK}{more}")),
        ("accounts.csv", ACCOUNTS.to_owned()),
        ("subscriptions.csv", rows),
        ("identifiers.csv", identifiers.to_owned()),
    ];
    for (file, text) in files {
        Location::parse(&format!("memory://catalog-{name}/{file}"))
            .unwrap()
            .put(text.into_bytes().into())
            .await
            .unwrap();
    }
    let at =
        |file: &str| Located { text: format!("memory://catalog-{name}/{file}"), place: Place::file("nightly.yaml") };
    let paths = ReferencePaths {
        accounts: at("accounts.csv"),
        subscriptions: at("subscriptions.csv"),
        identifiers: at("identifiers.csv"),
        tax_rates: None,
        fx_rates: None,
        price_overrides: None,
    };
    let reference = reference::load(&paths, chrono_tz::UTC).await.unwrap();
    Shop { book: book::load(&at("book.yaml")).await.unwrap(), reference }
}

impl Shop {
    fn catalog(&self) -> Outcome<Catalog> {
        Catalog::new(&self.book, &self.reference, &Period::month("2026-10", chrono_tz::UTC).unwrap())
    }

    /// The price of `charge` for the subscription at `position`.
    fn price(&self, position: Index, charge: &str) -> Price {
        let catalog = self.catalog().unwrap();
        let charge = self.book.charges.iter().position(|known| known.id == charge).unwrap();
        let nth = catalog.offer(position).charges.binary_search(&charge).unwrap();
        catalog.prices[catalog.price_of(&self.reference, position, nth) as usize].clone()
    }

    fn faults(&self) -> Vec<String> {
        self.catalog().unwrap_err().0.iter().map(ToString::to_string).collect()
    }
}

#[tokio::test]
async fn an_override_lies_over_the_price_its_account_would_have() {
    let more = "overrides: [ { account: SITE, charge: p/use, unit_price: 1.5 } ]\n";
    let shop = shop("over", more, &[("S1", "SITE", "flat"), ("S2", "LONE", "other"), ("S3", "SITE", "other")]).await;
    let price = shop.price(0, "p/use");
    assert!(matches!(price.model, Model::PerUnit { unit_price, .. } if unit_price.to_string() == "1.5"));
    assert_eq!(price.layer, "override:SITE");
    // The same account has a package elsewhere, which takes no unit price: it stays.
    assert_eq!(
        (shop.price(2, "p/use").layer, shop.price(1, "p/use").layer),
        ("plan:other".into(), "plan:other".into())
    );
}

#[tokio::test]
async fn another_model_keeps_what_the_plan_says_beside_it() {
    let more = "overrides: [ { account: ROOT, charge: p/fee, model: percentage, percent: 10 } ]\n";
    let shop = shop("model", more, &[("S1", "SITE", "flat"), ("S2", "ROOT", "other")]).await;
    let price = shop.price(0, "p/fee");
    assert!(matches!(price.model, Model::Percentage { maximum: None, .. }), "{price:?}");
    assert_eq!((price.scope, price.lines_by), (book::model::Scope::Account, vec!["region".to_owned()]));
    // Over the list price, which is a percentage already, it replaces the percentage alone.
    assert!(matches!(shop.price(1, "p/fee").model, Model::Percentage { maximum: Some(_), .. }));
}

#[tokio::test]
async fn only_prices_in_use_are_made() {
    let more = "overrides: [ { account: ROOT, charge: p/use, model: per_unit, unit_price: 1 } ]\n";
    let shop = shop("lazy", more, &[("S1", "SITE", "flat"), ("S2", "ROOT", "other"), ("S3", "LONE", "flat")]).await;
    // Two list prices, three of plans, and one that is the same over both plans.
    assert_eq!(shop.catalog().unwrap().prices.len(), 6);
    assert_eq!(shop.price(2, "p/use").layer, "plan:flat");
}

#[tokio::test]
async fn an_override_that_fits_no_price_in_use_is_refused() {
    let more = "overrides:\n  - { account: ROOT, charge: p/use, unit_price: 1 }\n  - { account: LONE, charge: p/use, unit_price: 1 }\n  - { account: LOAN, charge: p/use, unit_price: 1 }\n";
    let shop = shop("unfit", more, &[("S1", "SITE", "other")]).await;
    // LONE has no subscription: it is enough that some plan's price takes it.
    assert_eq!(
        shop.faults(),
        [
            "memory://catalog-unfit/book.yaml:18:30: B005 `package` does not take `unit_price`",
            "memory://catalog-unfit/book.yaml:20:30: B003 there is no account `LOAN`"
        ]
    );
    let hints: Vec<_> = shop.catalog().unwrap_err().0.into_iter().filter_map(|fault| fault.hint).collect();
    assert_eq!(
        hints,
        ["it lies over the price of plan:other, memory://catalog-unfit/book.yaml:16:15", "known: LONE, ROOT, SITE"]
    );
}

#[tokio::test]
async fn a_discount_column_is_one_the_accounts_have() {
    let more = "discounts:\n  - { id: a, percent_column: discount }\n";
    let shop1 = shop("discount", more, &[("S1", "SITE", "flat")]).await;
    let discounts = Discounts::new(&shop1.book.discounts, &shop1.reference).unwrap();
    let percents: Vec<_> = (0..3).map(|account| discounts.percent(0, account).unwrap().to_string()).collect();
    // LONE, ROOT, SITE: a blank takes the ancestor's, 0 is none.
    assert_eq!(percents, ["0", "5", "5"]);
    let shop2 = shop("discoumt", &more.replace("discount }", "discoumt }"), &[("S1", "SITE", "flat")]).await;
    let fault = Discounts::new(&shop2.book.discounts, &shop2.reference).unwrap_err().0.remove(0);
    let shown = "memory://catalog-discoumt/book.yaml:18:30: B003 the accounts have no column `discoumt` of their own";
    assert_eq!((fault.to_string().as_str(), fault.hint.as_deref()), (shown, Some("did you mean `discount`?")));
}
