//! Books and reference tables in memory, and the prices that accounts end up with.

use super::*;
use crate::book;
use crate::book::model::{DiscountOrder, Model};
use crate::discount::Discounts;
use crate::fault::{Located, Place};
use crate::pipeline::model::ReferencePaths;
use crate::reference;
use crate::store::Location;

mod grants;

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

/// A shop whose subscriptions are `(id, account, plan)`; behind a `@` of the plan stand contract, start and end.
async fn shop(name: &str, more: &str, subscriptions: &[(&str, &str, &str)]) -> Shop {
    let rows = subscriptions.iter().map(|(id, account, plan)| {
        let (plan, more) = plan.split_once('@').unwrap_or((plan, ",2026-01-01,"));
        let (plan, product) = if plan == "p" { ("", "p") } else { (plan, "") };
        format!("{id},{account},{plan},{product},{more}\n")
    });
    let rows = format!("subscription_id,account_id,plan,product,contract,start,end\n{}", rows.collect::<String>());
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
        levels: None,
        tax_exemptions: None,
        credits: None,
        commitment_balances: None,
        amendments: None,
        coupons: None,
        allowance_balances: None,
    };
    let reference = reference::load(&paths, chrono_tz::UTC).await.unwrap();
    Shop { book: book::load(&at("book.yaml")).await.unwrap(), reference }
}

impl Shop {
    fn catalog(&self) -> Outcome<Catalog> {
        self.catalog_of(&Applies::new())
    }

    fn catalog_of(&self, applies: &Applies) -> Outcome<Catalog> {
        Catalog::new(&self.book, &self.reference, &Period::month("2026-10", chrono_tz::UTC).unwrap(), applies)
    }

    /// The course of `charge` through the period for the subscription at `position`: first day, layer and, of a price per
    /// unit, the price.
    fn course(&self, position: Index, charge: &str) -> Vec<String> {
        course(&self.catalog().unwrap(), &self.book, position, charge)
    }

    /// The price of `charge` for the subscription at `position`.
    fn price(&self, position: Index, charge: &str) -> Price {
        let catalog = self.catalog().unwrap();
        let terms = terms(&catalog, &self.book, position, charge);
        assert_eq!(catalog.terms[terms as usize].len(), 1);
        catalog.prices[catalog.price_on(terms, 30).unwrap() as usize].clone()
    }

    fn faults(&self) -> Vec<String> {
        self.catalog().unwrap_err().0.iter().map(ToString::to_string).collect()
    }
}

fn terms(catalog: &Catalog, book: &PriceBook, position: Index, charge: &str) -> u32 {
    let charge = book.charges.iter().position(|known| known.id == charge).unwrap();
    catalog.terms_of(position, catalog.offer(position).charges.binary_search(&charge).unwrap())
}

fn course(catalog: &Catalog, book: &PriceBook, position: Index, charge: &str) -> Vec<String> {
    let stretches = &catalog.terms[terms(catalog, book, position, charge) as usize];
    let shown = |stretch: &Stretch| {
        let price = &catalog.prices[stretch.price as usize];
        let unit =
            if let Model::PerUnit { unit_price, .. } = price.model { format!(" {unit_price}") } else { String::new() };
        format!("{} {}{unit}", stretch.days.start + 1, price.layer)
    };
    stretches.iter().map(shown).collect()
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
async fn another_model_keeps_what_is_said_beside_it() {
    let more = "overrides: [ { account: SITE, charge: p/fee, model: percentage, percent: 10 } ]\n";
    let shop = shop("model", more, &[("S1", "SITE", "flat"), ("S2", "SITE", "other")]).await;
    let price = shop.price(0, "p/fee");
    assert!(matches!(price.model, Model::Percentage { maximum: None, .. }), "{price:?}");
    assert_eq!((price.scope, price.lines_by), (book::model::Scope::Account, vec!["region".to_owned()]));
    // Over the list price, which is a percentage already, it replaces the percentage alone.
    assert!(matches!(shop.price(1, "p/fee").model, Model::Percentage { maximum: Some(_), .. }));
}

#[tokio::test]
async fn only_prices_in_use_are_kept() {
    let more = "overrides: [ { account: ROOT, charge: p/use, model: per_unit, unit_price: 1 } ]\n";
    let shop = shop("lazy", more, &[("S1", "ROOT", "flat"), ("S2", "ROOT", "other"), ("S3", "LONE", "flat")]).await;
    // The override, the same over both plans; the two prices of `flat`; and the list price of the fee under `other`.
    assert_eq!(shop.catalog().unwrap().prices.len(), 4);
    assert_eq!(shop.price(2, "p/use").layer, "plan:flat");
}

#[tokio::test]
async fn an_override_that_fits_no_price_in_use_is_refused() {
    let more = "overrides:\n  - { account: ROOT, charge: p/use, unit_price: 1 }\n  - { account: LONE, charge: p/use, unit_price: 1 }\n  - { account: LOAN, charge: p/use, unit_price: 1 }\n";
    let shop = shop("unfit", more, &[("S1", "ROOT", "other")]).await;
    // LONE has no subscription: it is enough that some plan's price takes it.
    assert_eq!(
        shop.faults(),
        [
            "memory://catalog-unfit/book.yaml:18:37: B005 `package` does not take `unit_price`",
            "memory://catalog-unfit/book.yaml:20:30: B003 there is no account `LOAN`"
        ]
    );
    let hints: Vec<_> = shop.catalog().unwrap_err().0.into_iter().filter_map(|fault| fault.hint).collect();
    assert_eq!(
        hints,
        ["it lies over the price of plan:other, memory://catalog-unfit/book.yaml:16:15", "known: LONE, ROOT, SITE"]
    );
}

/// Something of every kind for `p/use`; whoever has all of it has prices of 1 to 7.
const EVERY: &str = "  plain: { includes: [p] }
  deal: { includes: [p], prices: { p/use: { model: per_unit, unit_price: 6 } } }
  site: { includes: [p], prices: { p/use: { model: per_unit, unit_price: 3 } } }
contracts:
  own: { prices: { p/use: { model: per_unit, unit_price: 5 } } }
  site: { prices: { p/use: { model: per_unit, unit_price: 2 } } }
layers:
  - { id: first, prices: { p/use: { model: per_unit, unit_price: 0.5 } } }
  - { id: second, prices: { p/use: { model: per_unit, unit_price: 1 } } }
overrides:
";
const OVER_SITE: &str = "  - { account: SITE, charge: p/use, unit_price: 7 }\n";
const OVER_ROOT: &str = "  - { account: ROOT, charge: p/use, unit_price: 4 }\n";

#[tokio::test]
async fn the_strongest_of_all_layers_wins() {
    let all = [("S1", "SITE", "deal@own,2026-01-01,"), ("R1", "ROOT", "site@site,2026-01-01,")];
    let cases = [
        (&[OVER_SITE, OVER_ROOT][..], all[0].2, all[1].2, "override:SITE 7"),
        (&[OVER_ROOT], all[0].2, all[1].2, "plan:deal 6"),
        (&[OVER_ROOT], "plain@own,2026-01-01,", all[1].2, "contract:own 5"),
        (&[OVER_ROOT], "p@own,2026-01-01,", all[1].2, "contract:own 5"),
        (&[OVER_ROOT], "plain", all[1].2, "override:ROOT 4"),
        (&[], "plain", all[1].2, "plan:site 3"),
        (&[], "plain", "plain@site,2026-01-01,", "contract:site 2"),
        (&[], "plain", "plain", "layer:second 1"),
    ];
    for (number, (overrides, own, above, expected)) in cases.into_iter().enumerate() {
        let more = format!("{EVERY}{}", overrides.concat());
        let more = if overrides.is_empty() { more.replace("overrides:\n", "") } else { more };
        let shop = shop(&format!("all-{number}"), &more, &[("S1", "SITE", own), ("R1", "ROOT", above)]).await;
        // R1 stands first.
        assert_eq!(shop.course(1, "p/use"), [format!("1 {expected}")], "{own} below {above}");
    }
}

#[tokio::test]
async fn of_layers_only_those_that_apply_are_laid_and_field_by_field() {
    let more = "layers:\n  - { id: a, prices: { p/fee: { percent: 4 } } }\n  - { id: b, prices: { p/fee: { maximum: 10 } } }\n";
    let shop =
        shop("applies", more, &[("S1", "SITE", "other"), ("S2", "LONE", "other"), ("S3", "ROOT", "other")]).await;
    let catalog = shop.catalog_of(&vec![Some(vec![true, false, true]), Some(vec![true, true, false])]).unwrap();
    let found = [0, 1, 2].map(|position| {
        let number = catalog.price_on(terms(&catalog, &shop.book, position, "p/fee"), 0).unwrap();
        let price = &catalog.prices[number as usize];
        let Model::Percentage { percent, maximum, .. } = &price.model else { panic!("{price:?}") };
        format!("{} {percent} {}", price.layer, maximum.unwrap())
    });
    assert_eq!(found, ["layer:b 4 10", "layer:b 5 10", "layer:a 4 20"]);
}

#[tokio::test]
async fn the_period_is_cut_where_something_begins_or_ends() {
    let more = "  dated: { includes: [p], prices: { p/use: [ { model: per_unit, unit_price: 3, valid_to: 2026-10-11 }, { model: per_unit, unit_price: 2, valid_from: 2026-10-21 } ] } }
overrides:
  - { account: LONE, charge: p/use, model: per_unit, unit_price: 9, valid_from: 2026-10-06, valid_to: 2026-10-16 }
  - { account: SITE, charge: p/use, model: per_unit, unit_price: 9, valid_from: 2026-11-01 }
  - { account: SITE, charge: p/use, model: per_unit, unit_price: 8, valid_to: 2026-10-01 }
";
    let shop = shop("cut", more, &[("S1", "LONE", "dated"), ("S2", "SITE", "dated"), ("S3", "SITE", "flat")]).await;
    assert_eq!(shop.course(0, "p/use"), ["1 plan:dated 3", "6 override:LONE 9", "16 list", "21 plan:dated 2"]);
    assert_eq!(shop.course(1, "p/use"), ["1 plan:dated 3", "11 list", "21 plan:dated 2"]);
    assert_eq!(shop.course(2, "p/use"), ["1 plan:flat 0.9"]);
}

#[tokio::test]
async fn packages_are_passed_on_while_they_are_active_that_of_the_lowest_subscription_first() {
    let more = "  late: { includes: [p], prices: { p/use: { model: per_unit, unit_price: 4 } } }
  plain: { includes: [p] }
";
    let rows =
        [("S1", "SITE", "plain"), ("R1", "ROOT", "late@,2026-10-11,2026-10-21"), ("R2", "ROOT", "flat@,2026-10-06,")];
    let shop = shop("passed", more, &rows).await;
    assert_eq!(shop.course(2, "p/use"), ["1 list", "6 plan:flat 0.9", "11 plan:late 4", "21 plan:flat 0.9"]);
}

#[tokio::test]
async fn what_a_plan_does_not_fit_gives_way_to_it() {
    let more = "  part: { includes: [p], prices: { p/fee: { percent: 3 }, p/use: { tiers: [ { unit_price: 3 } ] } } }
layers:
  - { id: flat, prices: { p/fee: { model: per_unit, unit_price: 1 } } }
overrides:
  - { account: ROOT, charge: p/fee, free_units: 5 }
";
    let shop = shop("gives-way", more, &[("S1", "SITE", "part"), ("R1", "ROOT", "flat")]).await;
    let price = shop.price(1, "p/fee");
    // Neither the layer, nor ROOT's plan, nor what lies over them: the plan was written over the list price.
    assert!(matches!(price.model, Model::Percentage { maximum: Some(_), .. }), "{price:?}");
    assert_eq!((price.layer.as_str(), price.free_units.is_zero()), ("plan:part", true));
    let price = shop.price(1, "p/use");
    assert!(matches!(price.model, Model::Graduated { .. }), "{price:?}");
    assert_eq!(shop.price(0, "p/fee").layer, "override:ROOT");
}

#[tokio::test]
async fn what_fits_nothing_below_it_is_refused() {
    let more = "contracts:
  acme: { prices: { p/fee: { unit_price: 2 } } }
layers:
  - { id: flat, prices: { p/fee: { model: per_unit, unit_price: 1 } } }
";
    let shop = shop("nothing-below", more, &[("S1", "SITE", "other@acme,2026-01-01,")]).await;
    shop.catalog().unwrap();
    // Without the layer there is no price per unit.
    let faults = shop.catalog_of(&vec![Some(vec![false])]).unwrap_err();
    assert_eq!(
        faults.to_string(),
        "memory://catalog-nothing-below/book.yaml:18:30: B005 `percentage` does not take `unit_price`"
    );
    assert_eq!(
        faults.0[0].hint.as_deref(),
        Some("it lies over the price of list, memory://catalog-nothing-below/book.yaml:7:7")
    );
}

#[tokio::test]
async fn a_book_with_contracts_knows_those_of_the_subscriptions() {
    let rows = [("S1", "SITE", "flat@acme,2026-01-01,"), ("S2", "SITE", "flat@acne,2026-01-01,")];
    shop("no-contracts", "", &rows).await.catalog().unwrap();
    let shop = shop("contracts", "contracts: { acme: { prices: {} } }\n", &rows).await;
    let found = shop.catalog().unwrap_err();
    assert_eq!(
        found.to_string(),
        "memory://catalog-contracts/subscriptions.csv:3: B003 subscription `S2` names the unknown contract `acne`"
    );
    assert_eq!(found.0[0].hint.as_deref(), Some("did you mean `acme`?"));
}

#[tokio::test]
async fn those_who_have_the_same_share_it() {
    let rows: Vec<(String, &str, &str)> = (0..40).map(|at| (format!("S{at:02}"), "LONE", "flat")).collect();
    let rows: Vec<(&str, &str, &str)> = rows.iter().map(|(id, account, plan)| (id.as_str(), *account, *plan)).collect();
    let shop = shop("same", "", &rows).await;
    let catalog = shop.catalog().unwrap();
    assert_eq!((catalog.rows.len(), catalog.terms.len(), catalog.prices.len()), (2, 2, 2));
}

#[tokio::test]
async fn an_opening_level_is_one_of_a_meter_that_carries_it() {
    let mut shop = shop("levels", "", &[("S1", "SITE", "flat")]).await;
    let row = |line, meter: &str, column: &str| reference::model::LevelRow {
        subscription: 0,
        meter: meter.to_owned(),
        level: crate::money::Decimal::ONE,
        values: [(column.to_owned(), "x".to_owned())].into(),
        place: Place::row("levels.csv", line),
    };
    shop.reference.levels = vec![row(2, "n", "region"), row(3, "m", "region")];
    let shown = [
        "levels.csv:2: B003 there is no meter `n`",
        "levels.csv:3: B005 the meter `m` carries no level into the period",
    ];
    assert_eq!(shop.faults(), shown);
    let carried = book::model::Level { absolute: false, carry: true };
    shop.book.meters[0].aggregate = book::model::Aggregate::WeightedSum(carried);
    shop.reference.levels = vec![row(2, "m", "device"), row(3, "m", "room")];
    assert_eq!(shop.faults(), ["levels.csv:3: B007 the meter `m` has no dimension `room`"]);
    shop.reference.levels.truncate(1);
    assert_eq!(shop.catalog().unwrap().openings[0].values, ["".into(), "x".into()]);
}

#[tokio::test]
async fn a_discount_column_is_one_the_accounts_have() {
    let more = "discounts:\n  - { id: a, percent_column: discount }\n";
    let shop1 = shop("discount", more, &[("S1", "SITE", "flat")]).await;
    let discounts = Discounts::new(&shop1.book.discounts, DiscountOrder::Declared, &shop1.reference).unwrap();
    let percents: Vec<_> = (0..3).map(|account| discounts.percent(0, account).unwrap().to_string()).collect();
    // LONE, ROOT, SITE: a blank takes the ancestor's, 0 is none.
    assert_eq!(percents, ["0", "5", "5"]);
    let shop2 = shop("discoumt", &more.replace("discount }", "discoumt }"), &[("S1", "SITE", "flat")]).await;
    let fault =
        Discounts::new(&shop2.book.discounts, DiscountOrder::Declared, &shop2.reference).unwrap_err().0.remove(0);
    let shown = "memory://catalog-discoumt/book.yaml:18:30: B003 the accounts have no column `discoumt` of their own";
    assert_eq!((fault.to_string().as_str(), fault.hint.as_deref()), (shown, Some("did you mean `discount`?")));
}
