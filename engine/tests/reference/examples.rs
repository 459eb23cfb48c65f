//! Examples worked out by hand, most of them from what other billing systems assert: the rater itself must be right.

use chrono::{NaiveDate, TimeZone, Utc};

use super::bill;
use super::exact::Mode;
use super::generate_around::one;
use super::words::{
    Account, Allowance, Case, Charge, Contract, Days, Field, Fields, Meter, Plan, Product, Rate, Rated, Record, Row,
    Settings, Subscription, row,
};

/// `key=value` pairs.
fn fields(text: &str) -> Fields {
    text.split_whitespace()
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(key, value)| (key.to_owned(), one(value)))
        .collect()
}

fn day(text: &str) -> Option<NaiveDate> {
    Some(text.parse().unwrap())
}

/// September 2026 (30 days): account A, with a product, a meter and a charge of 1 a unit.
fn case() -> Case {
    let settings = Settings {
        zone: chrono_tz::UTC,
        year: 2026,
        month: 9,
        rounding: Mode::HalfUp,
        rounded_base: false,
        percent_first: false,
        tax_per_invoice: false,
        fx: None,
    };
    let meter = Meter {
        id: "m".to_owned(),
        kind: "use".to_owned(),
        divide: Some(1),
        aggregate: "sum",
        round_each: None,
        dimensions: Vec::new(),
        attributes: Vec::new(),
        more: Fields::new(),
    };
    let mut case = Case {
        settings,
        meters: vec![meter],
        products: vec![Product { id: "p".to_owned(), category: String::new() }],
        charges: Vec::new(),
        plans: vec![Plan { id: "l".to_owned(), products: vec![0], prices: [].into(), allowances: Vec::new() }],
        contracts: Vec::new(),
        layers: Vec::new(),
        overrides: Vec::new(),
        discounts: Vec::new(),
        account_bounds: Vec::new(),
        thresholds: Vec::new(),
        rates: Vec::new(),
        accounts: vec![account("A", None)],
        subscriptions: Vec::new(),
        records: Vec::new(),
        tables: [].into(),
    };
    charge(&mut case, "p/x", Some(0), "model=per_unit unit_price=1");
    case
}

fn account(id: &str, parent: Option<usize>) -> Account {
    Account {
        id: id.to_owned(),
        parent,
        currency: "USD".to_owned(),
        bill_to: None,
        segment: "a".to_owned(),
        jurisdiction: "J".to_owned(),
        exemptions: String::new(),
        agreed: String::new(),
        more: Row::new(),
    }
}

fn charge(case: &mut Case, id: &str, meter: Option<usize>, price: &str) {
    let versions = Vec::new();
    case.charges.push(Charge { id: id.to_owned(), product: 0, meter, price: fields(price), versions, steady: true });
}

/// Adds a subscription to the plan that uses this much on the 20th of September.
fn subscribe(case: &mut Case, account: usize, used: &str) {
    let id = format!("S{}", case.subscriptions.len());
    let start = day("2026-01-01");
    case.subscriptions.push(Subscription {
        id: id.clone(),
        account,
        plan: Some(0),
        product: None,
        quantity: "1".to_owned(),
        days: Days { from: start, to: None },
        contract: None,
        start,
        several: false,
        more: Row::new(),
    });
    if used != "0" {
        case.records.push(Record {
            id: format!("r{id}"),
            kind: "use".to_owned(),
            who: id,
            time: Utc.with_ymd_and_hms(2026, 9, 20, 12, 0, 0).unwrap(),
            amount: used.to_owned(),
            marks: [].into(),
        });
    }
}

/// `column column` of the lines, in order of their text.
fn lines(rated: &Rated, columns: &[&str]) -> Vec<String> {
    let cells = |row: &Row| columns.iter().map(|column| row[*column].as_str()).collect::<Vec<_>>().join(" ");
    let mut all: Vec<String> = rated.lines.iter().map(cells).collect();
    all.sort();
    all
}

fn rate(percent: &str, more: Row) -> Rate {
    let (jurisdiction, tax, percent) = ("J".to_owned(), "vat".to_owned(), percent.to_owned());
    Rate { jurisdiction, tax, category: String::new(), percent, days: Days::ALWAYS, compound: false, more }
}

fn discount(text: &str) -> Fields {
    Fields::from([("exclusive".to_owned(), one("false"))]).into_iter().chain(fields(text)).collect()
}

#[test]
fn a_pool_of_an_account_is_drawn_before_or_after_ones_own() {
    // BillRun: account-shared 10 and own 5; the second subscriber finds the shared part used up but has his own 5.
    let mut case = case();
    case.plans[0].allowances = vec![
        Allowance { meter: 0, fields: fields("id=shared quantity=10 shared_over=account") },
        Allowance { meter: 0, fields: fields("id=own quantity=5") },
    ];
    subscribe(&mut case, 0, "20");
    subscribe(&mut case, 0, "20");
    let found = lines(&bill::rate(&case), &["subscription_id", "line_kind", "quantity"]);
    assert_eq!(found, ["S0 allowance 15", "S0 usage 5", "S1 allowance 5", "S1 usage 15"]);
    // A pool for each holder, 10 x 2, of all below the account.
    case.plans[0].allowances =
        vec![Allowance { meter: 0, fields: fields("id=pool quantity=10 shared_over=subtree multiply_by=holders") }];
    case.accounts.push(account("B", Some(0)));
    subscribe(&mut case, 1, "7");
    case.subscriptions[2].plan = None;
    case.subscriptions[2].product = Some(0);
    let found = lines(&bill::rate(&case), &["subscription_id", "line_kind", "quantity"]);
    assert_eq!(found, ["S0 allowance 20", "S1 usage 20", "S2 usage 7"]);
}

#[test]
fn what_was_carried_over_is_used_first() {
    let mut case = case();
    case.plans[0].allowances = vec![Allowance { meter: 0, fields: fields("id=a quantity=10 rollover=1") }];
    let balance = |month: &str, left: &str| {
        row([
            ("subscription_id", "S0".to_owned()),
            ("allowance", "plan:l/a".to_owned()),
            ("granted_period", month.to_owned()),
            ("left", left.to_owned()),
        ])
    };
    case.tables.insert("allowance_balances", vec![balance("2026-08", "3"), balance("2026-07", "9")]);
    subscribe(&mut case, 0, "5");
    let mut whole = case.clone();
    super::versions::expand(&mut whole);
    let grants = super::pools::grants(&whole);
    let order = super::pools::drawn_on(&whole, &grants, 0, 0, false);
    let units: Vec<String> = order.iter().map(|at| grants[*at].units.to_string()).collect();
    assert_eq!(units, ["3", "10"]);
    assert_eq!(lines(&bill::rate(&case), &["line_kind", "quantity"]), ["allowance 5"]);
}

#[test]
fn an_amount_that_is_included_covers_usage_after_its_price() {
    let mut case = case();
    case.plans[0].allowances = vec![Allowance { meter: 0, fields: fields("id=a amount=3.5") }];
    subscribe(&mut case, 0, "5");
    assert_eq!(lines(&bill::rate(&case), &["line_kind", "amount_net"]), ["allowance -3.5", "usage 5"]);
}

#[test]
fn a_quarter_in_advance_is_credited_and_billed_anew_from_the_day_of_a_change() {
    let mut case = case();
    // The third quarter has 92 days, 16 of them from the 15th of September on.
    charge(&mut case, "p/fee", None, "model=recurring every=quarter amount=92");
    subscribe(&mut case, 0, "0");
    assert_eq!(lines(&bill::rate(&case), &["amount_net"]), [] as [&str; 0]);
    let change = [("subscription_id", "S0"), ("from", "2026-09-15"), ("kind", "change"), ("quantity", "2")];
    case.tables.insert("amendments", vec![row(change.map(|(key, value)| (key, value.to_owned())))]);
    let found = lines(&bill::rate(&case), &["line_kind", "amount_net", "service_start"]);
    assert_eq!(found, ["credit -16 2026-09-15T00:00:00Z", "recurring 32 2026-09-15T00:00:00Z"]);
    let end = [("subscription_id", "S0"), ("from", "2026-09-15"), ("kind", "pause")];
    case.tables.insert("amendments", vec![row(end.map(|(key, value)| (key, value.to_owned())))]);
    assert_eq!(lines(&bill::rate(&case), &["line_kind", "amount_net"]), ["credit -16"]);
    // In arrears the quarter ends with the period: 76 days of one and 16 of two.
    case.charges[1].price.insert("bill".to_owned(), one("arrears"));
    case.tables.insert("amendments", vec![row(change.map(|(key, value)| (key, value.to_owned())))]);
    assert_eq!(lines(&bill::rate(&case), &["line_kind", "amount_net"]), ["recurring 32", "recurring 76"]);
}

#[test]
fn days_are_counted_as_the_price_says() {
    let mut case = case();
    charge(&mut case, "p/fee", None, "model=recurring amount=31 prorate=both_ends");
    subscribe(&mut case, 0, "0");
    case.settings.month = 3;
    let change = [("subscription_id", "S0"), ("from", "2026-03-15"), ("kind", "change"), ("quantity", "2")];
    case.tables.insert("amendments", vec![row(change.map(|(key, value)| (key, value.to_owned())))]);
    // Flexprice: the day of the change counts for both, 15 and 17 of 31.
    assert_eq!(lines(&bill::rate(&case), &["amount_net"]), ["15", "34"]);
    // 14 of 30 and 16 of 30: the 31st is none.
    case.charges[1].price = fields("model=recurring amount=30 prorate=thirty_day");
    assert_eq!(lines(&bill::rate(&case), &["amount_net"]), ["14", "32"]);
    case.subscriptions[0].more.insert("trial_end".to_owned(), "2026-03-25".to_owned());
    case.charges[1].price = fields("model=recurring amount=31 every=week anchor=start");
    case.tables.clear();
    // Weeks from the 1st of January, a Thursday: that of the 19th is paid from its last day on, that of the 26th is whole.
    assert_eq!(lines(&bill::rate(&case), &["amount_net"]), ["31", "4.43"]);
}

#[test]
fn discounts_stack_and_never_go_below_zero() {
    let mut case = case();
    subscribe(&mut case, 0, "100");
    let net = |case: &Case| lines(&bill::rate(case), &["amount_discount", "amount_net"]).join(" ");
    // Meteroid: 10 % and 25 % of 100.00.
    case.discounts = vec![discount("id=a percent=10 level=account"), discount("id=b percent=25 level=account")];
    assert_eq!(net(&case), "32.5 67.5");
    case.discounts = vec![discount("id=a amount=80 level=account"), discount("id=b amount=50 level=invoice")];
    assert_eq!(net(&case), "100 0");
    case.discounts = vec![discount("id=a amount=10 level=account"), discount("id=b percent=50 level=account cap=20")];
    assert_eq!(net(&case), "30 70");
    case.settings.percent_first = true;
    assert_eq!(net(&case), "30 70");
    case.discounts[1] = discount("id=b percent=50 level=account");
    assert_eq!(net(&case), "60 40");
}

#[test]
fn an_amount_off_is_split_over_the_lines_it_is_for() {
    let mut case = case();
    subscribe(&mut case, 0, "10");
    subscribe(&mut case, 0, "20");
    case.discounts = vec![discount("id=a amount=10 level=account")];
    assert_eq!(lines(&bill::rate(&case), &["amount_discount"]), ["3.33", "6.67"]);
    // BillRun: a discount over two tax rates; Lago: never more than there is.
    case.discounts = vec![discount("id=a amount=40 level=account")];
    assert_eq!(lines(&bill::rate(&case), &["amount_net"]), ["0", "0"]);
}

#[test]
fn a_minimum_is_prorated_and_a_maximum_takes_off_what_is_over() {
    let mut case = case();
    subscribe(&mut case, 0, "3");
    case.subscriptions[0].days.from = day("2026-09-16");
    case.charges[0].price = fields("model=per_unit unit_price=1 minimum=10");
    assert_eq!(lines(&bill::rate(&case), &["tier", "amount_net"]), [" 3", "minimum 2"]);
    case.charges[0].price = fields("model=per_unit unit_price=1 minimum=10 minimum_prorate=full");
    assert_eq!(lines(&bill::rate(&case), &["tier", "amount_net"]), [" 3", "minimum 7"]);
    case.charges[0].price = fields("model=per_unit unit_price=1 maximum=2.5");
    assert_eq!(lines(&bill::rate(&case), &["tier", "amount_net"]), [" 3", "maximum -0.5"]);
    case.records.clear();
    case.charges[0].price = fields("model=per_unit unit_price=1 minimum=10");
    assert_eq!(lines(&bill::rate(&case), &["tier", "amount_net"]), ["minimum 5"]);
}

/// Two subscriptions of 5 and 7 with a contract of this commitment.
fn committed(promise: &str) -> Case {
    let mut case = case();
    subscribe(&mut case, 0, "5");
    subscribe(&mut case, 0, "7");
    case.subscriptions.iter_mut().for_each(|known| known.contract = Some(0));
    let (id, prices, allowances) = ("k".to_owned(), [].into(), Vec::new());
    let commitments = vec![fields(promise)];
    case.contracts.push(Contract { id, days: Days::ALWAYS, prices, allowances, commitments });
    case
}

#[test]
fn what_lacks_of_a_commitment_is_billed_and_what_is_over_it_costs_more() {
    let net = |case: &Case| lines(&bill::rate(case), &["line_kind", "charge", "tier", "amount_net"]);
    // Lago: 650 of 200 owes nothing; 0 of 200 owes all of it.
    assert_eq!(net(&committed("id=c product=p amount=12")), ["usage p/x  5", "usage p/x  7"]);
    assert_eq!(net(&committed("id=c product=p amount=20"))[0], "commitment p/c  8");
    let case = committed("id=c product=p amount=10 overage_factor=2");
    assert_eq!(net(&case)[0], "commitment p/c overage 2");
    // Flexprice: 50 of 60 were billed before, so 10 of 12 are covered: 4.17 and 5.83, and 2 cost 2 more.
    let mut case = committed("id=c product=p amount=60 overage_factor=2 per=term term_months=12");
    let known = [("subscription_id", "S0"), ("commitment", "c"), ("period", "2026-08"), ("billed", "50")];
    case.tables.insert("commitment_balances", vec![row(known.map(|(key, value)| (key, value.to_owned())))]);
    assert_eq!(net(&case), ["commitment p/c overage 2", "usage p/x  5", "usage p/x  7"]);
    // The term ends with the period of its ninth month, and then what lacks is due.
    let mut case = committed("id=c product=p amount=60 per=term term_months=9");
    case.tables.insert("commitment_balances", vec![row(known.map(|(key, value)| (key, value.to_owned())))]);
    assert_eq!(net(&case), ["usage p/x  5", "usage p/x  7"]);
    case.charges[0].price = fields("model=per_unit unit_price=0.5");
    assert_eq!(net(&case)[0], "commitment p/c  4");
}

#[test]
fn a_price_that_includes_tax_is_taken_apart() {
    let mut case = case();
    subscribe(&mut case, 0, "10");
    case.rates = vec![rate("19", row([("inclusive", "true".to_owned())]))];
    let rated = bill::rate(&case);
    assert_eq!(lines(&rated, &["amount_list", "amount_net"]), ["10 8.4"]);
    assert_eq!(rated.taxes[0]["amount"], "1.6");
    assert_eq!(rated.invoices[0]["amount_gross"], "10");
    case.rates = vec![rate("19", row([("cap", "1".to_owned())]))];
    assert_eq!(bill::rate(&case).taxes[0]["amount"], "1");
}

#[test]
fn taxes_of_an_invoice_are_rounded_once_and_split() {
    let mut case = case();
    for _ in 0..3 {
        subscribe(&mut case, 0, "0.10");
    }
    case.rates = vec![rate("5", Row::new())];
    let taxes =
        |case: &Case| bill::rate(case).taxes.iter().map(|tax| tax["amount"].clone()).collect::<Vec<_>>().join(" ");
    assert_eq!(taxes(&case), "0.01 0.01 0.01");
    case.settings.tax_per_invoice = true;
    // 0.015 is 0.02: the first two of three equal remainders get a cent.
    assert_eq!(taxes(&case), "0 0.01 0.01");
    let exempt =
        [("account_id", "A"), ("tax", ""), ("valid_from", ""), ("valid_to", "2026-10-01"), ("category_code", "E")];
    case.tables.insert("tax_exemptions", vec![row(exempt.map(|(key, value)| (key, value.to_owned())))]);
    assert_eq!(taxes(&case), "0 0 0");
}

fn credit(id: &str, left: &str, priority: &str, expires: &str) -> Row {
    row([
        ("credit_id", id.to_owned()),
        ("account_id", "A".to_owned()),
        ("currency", "USD".to_owned()),
        ("left", left.to_owned()),
        ("priority", priority.to_owned()),
        ("granted_on", "2026-01-01".to_owned()),
        ("expires_on", expires.to_owned()),
        ("products", String::new()),
    ])
}

#[test]
fn credits_are_drawn_by_priority_and_then_by_what_expires_first() {
    let mut case = case();
    subscribe(&mut case, 0, "150");
    // OpenMeter: two credits of 75 cover 150; here the third, which expires first, comes before the second.
    let all = [credit("a", "75", "1", ""), credit("b", "75", "2", ""), credit("c", "5", "2", "2026-09-10")];
    case.tables.insert("credits", all.to_vec());
    let mut whole = case.clone();
    super::versions::expand(&mut whole);
    let mut line = super::stages::Line::settled(super::promises::draft(
        &{
            case.account_bounds = vec![fields("id=b product=p")];
            super::promises::expand(&mut case);
            case.clone()
        },
        0,
        &fields("id=b product=p"),
        String::new(),
        ("usage", "per_unit"),
        ("", super::exact::Exact::whole(150)),
    ));
    line.draft.kind = "usage";
    let drawn = super::credits::draw(&case, &[line]);
    let of = |rows: &[Row], column: &str| rows.iter().map(|row| row[column].clone()).collect::<Vec<_>>().join(" ");
    assert_eq!(of(&drawn.draws, "amount"), "75 5 70");
    assert_eq!(of(&drawn.balances, "left"), "0 0 5");
}

#[test]
fn amounts_are_converted_before_they_are_rounded() {
    let mut case = case();
    subscribe(&mut case, 0, "0.333");
    case.accounts[0].currency = "JPY".to_owned();
    case.settings.fx = Some(("USD".to_owned(), fields("max_age_days=7")));
    let rate = |date: &str, rate: &str| {
        let cells = [("from", "USD"), ("to", "JPY"), ("date", date), ("rate", rate)];
        row(cells.map(|(key, value)| (key, value.to_owned())))
    };
    case.tables
        .insert("fx_rates", vec![rate("2026-09-01", "140"), rate("2026-09-25", "150.5"), rate("2026-10-01", "1")]);
    // 0.333 x 150.5 = 50.1165.
    assert_eq!(lines(&bill::rate(&case), &["amount_rated", "amount_net"]), ["50.1165 50"]);
}

#[test]
fn conditions_look_at_the_account() {
    let mut case = case();
    subscribe(&mut case, 0, "100");
    let mut off = discount("id=a percent=10");
    off.insert("when".to_owned(), Field::One("usage('m') >= 100 AND has_product('p')".to_owned()));
    case.discounts = vec![off.clone()];
    assert_eq!(lines(&bill::rate(&case), &["amount_net"]), ["90"]);
    off.insert("when".to_owned(), Field::One("usage('m') >= 101".to_owned()));
    case.discounts = vec![off];
    assert_eq!(lines(&bill::rate(&case), &["amount_net"]), ["100"]);
}
