//! The difference between two line sets of a period, line by line, as the tables `adjustments` and `adjustment_taxes`.

use std::collections::BTreeMap;

use arrow::array::AsArray;
use arrow::array::RecordBatch;
use arrow::datatypes::TimestampMicrosecondType;
use hashbrown::{HashMap, HashSet};

use super::{exact, money, text};
use crate::columns::named as column;
use crate::fault::{Fault, Outcome, codes};
use crate::lines::LineKind;
use crate::lineset::Manifest;
use crate::lineset::parts::{of_all, read_part};
use crate::money::Decimal;
use crate::store::Location;
use crate::tables::{Table, build};

/// What is compared of a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Line {
    account: String,
    bill_to: String,
    subscription: String,
    charge: String,
    tier: String,
    currency: String,
    price_ref: String,
    service: (i64, i64),
    quantity: Decimal,
    unit_price: Decimal,
    records: i64,
    /// After discount, with included taxes.
    amount: Decimal,
    net: Decimal,
    taxes: BTreeMap<TaxKey, TaxAmounts>,
}

/// Tax, jurisdiction, category, rate, whether exempt, code and reason.
type TaxKey = (String, String, String, Decimal, bool, String, String);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct TaxAmounts {
    taxable: Decimal,
    amount: Decimal,
    included: Decimal,
}

/// The rows of both tables: what the lines of `after` come to more than those of `before`. No rows when nothing differs.
///
/// # Errors
/// `O001` and `O006` for parts that cannot be read, `G003` for a difference that does not fit.
pub(in crate::run) async fn between(
    output: &Location,
    before: &Manifest,
    after: &Manifest,
    threads: usize,
) -> Outcome<[RecordBatch; 2]> {
    let mut old = lines(output, before, threads).await?;
    let new = lines(output, after, threads).await?;
    let mut changed: Vec<(String, Line, Line)> = Vec::new();
    for (id, line) in new {
        let was = old.remove(&id).unwrap_or_else(|| nothing(&line));
        if billed(&was) != billed(&line) {
            changed.push((id, was, line));
        }
    }
    for (id, was) in old {
        let gone = nothing(&was);
        if billed(&was) != billed(&gone) {
            changed.push((id, was, gone));
        }
    }
    changed.sort_by(|(a, _, one), (b, _, other)| {
        (&one.account, &one.subscription, &one.charge, a).cmp(&(&other.account, &other.subscription, &other.charge, b))
    });
    let rows = Rows { period: &before.period, run_id: &after.run_id, changed: &changed };
    Ok([rows.lines()?, rows.taxes()?])
}

/// What makes a difference on a bill.
fn billed(line: &Line) -> (Decimal, Decimal, Decimal, &BTreeMap<TaxKey, TaxAmounts>) {
    (line.quantity, line.amount, line.net, &line.taxes)
}

/// The same line with nothing on it.
fn nothing(line: &Line) -> Line {
    let (zero, taxes) = (Decimal::ZERO, BTreeMap::new());
    Line { quantity: zero, records: 0, amount: zero, net: zero, taxes, ..line.clone() }
}

async fn lines(output: &Location, manifest: &Manifest, threads: usize) -> Outcome<HashMap<String, Line>> {
    let parts = |table: Table| manifest.tables.get(table.name()).into_iter().flatten();
    let mut lines: HashMap<String, Line> = HashMap::new();
    // What the period itself has billed of others stands: it is not rated again.
    let mut of_others: HashSet<String> = HashSet::new();
    let read = |part| read_part(output, Table::InvoiceLines, part);
    for batch in of_all(parts(Table::InvoiceLines), threads, read).await?.iter().flatten() {
        for row in 0..batch.num_rows() {
            let text = |name: &str| text(batch, name, row).map(str::to_owned);
            let instant = |name: &str| -> Outcome<i64> {
                Ok(column(batch, name)?.as_primitive::<TimestampMicrosecondType>().value(row))
            };
            if self::text(batch, "line_kind", row)? == LineKind::Adjustment.label() {
                of_others.insert(text("line_id")?);
                continue;
            }
            let (list, discount) = (money(batch, "amount_list", row)?, money(batch, "amount_discount", row)?);
            let line = Line {
                account: text("account_id")?,
                bill_to: text("bill_to_account_id")?,
                subscription: text("subscription_id")?,
                charge: text("charge")?,
                tier: text("tier")?,
                currency: text("currency")?,
                price_ref: text("price_ref")?,
                service: (instant("service_start")?, instant("service_end")?),
                quantity: exact(batch, "quantity", row)?,
                unit_price: exact(batch, "unit_price", row)?,
                records: column(batch, "record_count")?.as_primitive::<arrow::datatypes::Int64Type>().value(row),
                amount: list.minus(discount).ok_or_else(too_much)?,
                net: money(batch, "amount_net", row)?,
                taxes: BTreeMap::new(),
            };
            lines.insert(text("line_id")?, line);
        }
    }
    let read = |part| read_part(output, Table::InvoiceTaxes, part);
    for batch in of_all(parts(Table::InvoiceTaxes), threads, read).await?.iter().flatten() {
        for row in 0..batch.num_rows() {
            let text = |name: &str| text(batch, name, row).map(str::to_owned);
            let exempt = column(batch, "exempt")?.as_boolean().value(row);
            let (tax, place, category) = (text("tax")?, text("tax_jurisdiction")?, text("tax_category")?);
            let percent = exact(batch, "rate_percent", row)?;
            let key = (tax, place, category, percent, exempt, text("category_code")?, text("reason")?);
            let line_id = text("line_id")?;
            if of_others.contains(&line_id) {
                continue;
            }
            let line = lines.get_mut(&line_id).ok_or_else(|| Fault::ours("a tax row without a line"))?;
            let amounts = line.taxes.entry(key).or_default();
            let add = |sum: Decimal, name: &str| -> Outcome<Decimal> {
                Ok(sum.plus(money(batch, name, row)?).ok_or_else(too_much)?)
            };
            amounts.taxable = add(amounts.taxable, "taxable_amount")?;
            amounts.amount = add(amounts.amount, "amount")?;
            amounts.included = add(amounts.included, "amount_included")?;
        }
    }
    Ok(lines)
}

fn too_much() -> Fault {
    Fault::new(&codes::G003, "the difference of a line does not fit")
}

/// Why a line differs.
fn cause(was: &Line, is: &Line) -> String {
    let mut causes = Vec::new();
    if (was.quantity, was.records) != (is.quantity, is.records) {
        causes.push("usage");
    }
    if (was.unit_price, &was.price_ref) != (is.unit_price, &is.price_ref) {
        causes.push("price");
    }
    if causes.is_empty() && (was.amount, was.net) != (is.amount, is.net) {
        causes.push("terms");
    }
    let rates = |line: &Line| line.taxes.keys().cloned().collect::<Vec<_>>();
    if !was.taxes.is_empty() && !is.taxes.is_empty() && rates(was) != rates(is) {
        causes.push("tax");
    }
    causes.join("+")
}

struct Rows<'r> {
    period: &'r str,
    run_id: &'r str,
    changed: &'r [(String, Line, Line)],
}

impl Rows<'_> {
    fn lines(&self) -> Outcome<RecordBatch> {
        let all = self.changed;
        let texts =
            |of: fn(&Line) -> &String| build::text(&all.iter().map(|(_, _, line)| of(line)).collect::<Vec<_>>());
        let less = |of: fn(&Line) -> Decimal| -> Option<Vec<Decimal>> {
            all.iter().map(|(_, was, is)| of(is).minus(of(was))).collect()
        };
        let money = |of: fn(&Line) -> Decimal| less(of).and_then(build::decimal18_4).ok_or_else(too_much);
        let quantity = less(|line| line.quantity).ok_or_else(too_much)?;
        let causes: Vec<String> = all.iter().map(|(_, was, is)| cause(was, is)).collect();
        let ids: Vec<&str> = all.iter().map(|(id, ..)| id.as_str()).collect();
        Table::Adjustments.batch(vec![
            build::text(&ids),
            build::constant(self.period, all.len()),
            build::constant(self.run_id, all.len()),
            texts(|line| &line.account),
            texts(|line| &line.bill_to),
            texts(|line| &line.subscription),
            texts(|line| &line.charge),
            texts(|line| &line.tier),
            build::instants(all.iter().map(|(_, _, line)| line.service.0).collect()),
            build::instants(all.iter().map(|(_, _, line)| line.service.1).collect()),
            build::text(&causes),
            build::decimal38(quantity.iter().map(|quantity| quantity.units()).collect()),
            money(|line| line.amount)?,
            money(|line| line.net)?,
            texts(|line| &line.currency),
        ])
    }

    fn taxes(&self) -> Outcome<RecordBatch> {
        let mut rows: Vec<(&str, &Line, &TaxKey, [Decimal; 3])> = Vec::new();
        for (id, was, is) in self.changed {
            let keys: std::collections::BTreeSet<&TaxKey> = was.taxes.keys().chain(is.taxes.keys()).collect();
            for key in keys {
                let of = |line: &Line| line.taxes.get(key).copied().unwrap_or_default();
                let (was, now) = (of(was), of(is));
                if was != now {
                    let less = |of: fn(&TaxAmounts) -> Decimal| of(&now).minus(of(&was)).ok_or_else(too_much);
                    let amounts = [less(|one| one.taxable)?, less(|one| one.amount)?, less(|one| one.included)?];
                    rows.push((id, is, key, amounts));
                }
            }
        }
        let texts = |of: fn(&TaxKey) -> &String| build::text(&rows.iter().map(|row| of(row.2)).collect::<Vec<_>>());
        let money = |at: usize| build::decimal18_4(rows.iter().map(|row| row.3[at])).ok_or_else(too_much);
        Table::AdjustmentTaxes.batch(vec![
            build::text(&rows.iter().map(|row| row.0).collect::<Vec<_>>()),
            build::constant(self.run_id, rows.len()),
            build::text(&rows.iter().map(|row| &row.1.account).collect::<Vec<_>>()),
            texts(|key| &key.0),
            texts(|key| &key.1),
            texts(|key| &key.2),
            build::decimal38(rows.iter().map(|row| row.2.3.units()).collect()),
            money(0)?,
            money(1)?,
            money(2)?,
            build::flags(rows.iter().map(|row| row.2.4).collect()),
            texts(|key| &key.5),
            texts(|key| &key.6),
            build::text(&rows.iter().map(|row| &row.1.currency).collect::<Vec<_>>()),
        ])
    }
}
