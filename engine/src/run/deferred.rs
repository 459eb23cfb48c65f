//! Charges whose amount is computed by SQL: formulas over accounts, subscriptions and their usage, and SELECTs over
//! buckets. They wait until everything else is rated, and are then evaluated once for all accounts, column by column; a
//! formula that asks for the amount of another charge comes after it.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Decimal128Type, SchemaRef};
use hashbrown::HashMap;

use super::Job;
use super::rater::{Piece, Rater};
use super::subjects::{Subjects, bucket_columns};
use super::unpriced::Unpriced;
use crate::book::model::{Model, PriceBook};
use crate::catalog::Catalog;
use crate::fault::{Fault, Outcome, Place, codes};
use crate::lines::{Band, Line, Part, Portion};
use crate::money::Decimal;
use crate::rules::{Limits, Needed, Query, SubjectExpression};

/// Portions that wait for the SQL of their price.
#[derive(Clone, Debug)]
pub(super) struct Deferred {
    pub(super) charge: usize,
    /// Number in the catalog's terms.
    pub(super) terms: u32,
    /// Position of the stretch in them.
    pub(super) stretch: u16,
    pub(super) portions: Vec<Portion>,
}

/// The SQL of every price that has some, compiled.
#[derive(Debug, Default)]
pub(crate) struct Computations {
    pub(super) formulas: HashMap<u32, SubjectExpression>,
    pub(super) queries: HashMap<u32, Query>,
}

impl Computations {
    /// The charges whose amounts the price `number` asks for.
    fn asks(&self, number: u32) -> impl Iterator<Item = &str> {
        let needs = self.formulas.get(&number).map_or(&[][..], SubjectExpression::needs);
        needs.iter().filter_map(|needed| if let Needed::Amount(charge) = needed { Some(charge.as_str()) } else { None })
    }

    /// By charge: the meters that its formulas ask for.
    pub(crate) fn asked_meters(&self, book: &PriceBook, catalog: &Catalog) -> Vec<Vec<usize>> {
        let mut asked: Vec<Vec<usize>> = vec![Vec::new(); book.charges.len()];
        for (number, charge) in (0_u32..).zip(&catalog.charge_of) {
            let needs = self.formulas.get(&number).map_or(&[][..], SubjectExpression::needs);
            let meters = needs.iter().filter_map(|needed| match needed {
                Needed::Usage(meter) => book.meters.iter().position(|known| known.id == *meter),
                _ => None,
            });
            asked[*charge].extend(meters);
        }
        asked
    }

    /// The charges in an order in which every formula comes after the amounts it asks for.
    ///
    /// # Errors
    /// `B013` for formulas that wait for each other.
    pub(crate) fn order(&self, book: &PriceBook, catalog: &Catalog) -> Outcome<Vec<usize>> {
        let charge = |id: &str| book.charges.iter().position(|charge| charge.id == id);
        let mut asked: Vec<Vec<usize>> = vec![Vec::new(); book.charges.len()];
        for (number, of) in (0_u32..).zip(&catalog.charge_of) {
            asked[*of].extend(self.asks(number).filter_map(charge));
        }
        let told = |stuck: usize| circular(&book.charges[stuck].id, &book.charges[stuck].price.place);
        ordered(&asked).map_err(|stuck| told(stuck).into())
    }
}

/// The positions in an order in which each comes after those it has `asked` for; the first that never can, else.
pub(super) fn ordered(asked: &[Vec<usize>]) -> Result<Vec<usize>, usize> {
    let (mut order, mut placed) = (Vec::new(), vec![false; asked.len()]);
    while order.len() < asked.len() {
        let ready = |at: &usize| !placed[*at] && asked[*at].iter().all(|other| placed[*other]);
        let Some(next) = (0..asked.len()).find(ready) else {
            return Err((0..asked.len()).find(|at| !placed[*at]).unwrap_or_default());
        };
        placed[next] = true;
        order.push(next);
    }
    Ok(order)
}

/// The amount of a charge that depends on itself.
pub(super) fn circular(charge: &str, place: &Place) -> Fault {
    let fault = Fault::new(&codes::B013, format!("the amount of `{charge}` depends on itself")).at(place);
    fault.hint("a formula may ask for amounts of charges that do not ask for its own")
}

/// Rates what was deferred, charge by charge, and adds its lines to `lines`.
pub(super) fn rate_deferred(
    rater: &Rater<'_>,
    deferred: Vec<Deferred>,
    lines: &mut Vec<Line>,
    unpriced: &mut Unpriced,
) -> Outcome<Vec<(usize, Decimal)>> {
    let job = rater.job;
    let order = job.computations.order(job.book, job.catalog)?;
    let mut given = Vec::new();
    for charge in order {
        let mut by_price: BTreeMap<(u32, usize), Vec<&Deferred>> = BTreeMap::new();
        for own in deferred.iter().filter(|own| own.charge == charge) {
            by_price.entry(price_of(job, own)).or_default().push(own);
        }
        for ((price, _), own) in by_price {
            let mut piece = Piece::default();
            match &job.catalog.prices[price as usize].model {
                Model::Formula { .. } => formula(rater, price, &own, lines, &mut piece)?,
                Model::Sql { .. } => query(rater, price, &own, &mut piece)?,
                _ => return Err(Fault::ours("a charge without SQL was deferred").into()),
            }
            lines.extend(piece.lines);
            given.extend(piece.given);
            unpriced.add(piece.unpriced);
        }
    }
    Ok(given)
}

/// The price of the portions, and how often it held before: a price that comes back has a stretch of its own.
fn price_of(job: &Job<'_>, deferred: &Deferred) -> (u32, usize) {
    let (before, from) = job.catalog.terms[deferred.terms as usize].split_at(usize::from(deferred.stretch));
    let price = from.first().map_or(0, |stretch| stretch.price);
    (price, before.iter().filter(|stretch| stretch.price == price).count())
}

/// All portions of one formula at once.
fn formula(rater: &Rater<'_>, price: u32, deferred: &[&Deferred], lines: &[Line], piece: &mut Piece) -> Outcome<()> {
    let job = rater.job;
    let expression = job.computations.formulas.get(&price).ok_or_else(|| Fault::ours("a formula is not compiled"))?;
    let portions: Vec<Portion> = deferred.iter().flat_map(|own| own.portions.iter().copied()).collect();
    let subjects = Subjects { rater, scope: job.catalog.prices[price as usize].scope, lines, portions: &portions };
    let columns = expression.needs().iter().map(|needed| subjects.column(needed)).collect::<Outcome<Vec<_>>>()?;
    let batch = batch(expression.schema(), columns, portions.len())?;
    let computed = expression.evaluate(&batch, |_| true)?;
    let amounts = computed.values.as_primitive::<Decimal128Type>();
    let mut row = 0;
    for own in deferred {
        let mut parts = Vec::new();
        for (at, portion) in own.portions.iter().enumerate() {
            let cause = computed.cause(row).map(|cause| cause.to_string());
            let missing = amounts.is_null(row).then(|| "it gives no amount".to_owned());
            let amount = rounded(job, price, amounts.value(row));
            if let Some(cause) = cause.or(missing) {
                piece.unpriced.computation(job, own.charge, price, portion.subscription, &cause);
            } else if let Some(amount) = amount {
                parts.push(part(at, portion, portion.quantity, amount));
            } else {
                piece.unpriced.amount(job, own.charge, price, portion.subscription, portion.quantity);
            }
            row += 1;
        }
        rater.add_deferred(own, &own.portions, &parts, piece)?;
    }
    Ok(())
}

/// The amount after `round_amount` of the price.
fn rounded(job: &Job<'_>, price: u32, units: i128) -> Option<Decimal> {
    let amount = Decimal::from_units(units);
    let rounding = job.catalog.prices[price as usize].round_amount;
    rounding.map_or(Some(amount), |rounding| amount.rounded(rounding.digits, rounding.mode))
}

/// The subscriptions of one SELECT at once.
fn query(rater: &Rater<'_>, price: u32, deferred: &[&Deferred], piece: &mut Piece) -> Outcome<()> {
    let job = rater.job;
    let query = job.computations.queries.get(&price).ok_or_else(|| Fault::ours("a query is not compiled"))?;
    let (schema, columns, rows) = bucket_columns(rater, price, deferred)?;
    let result = query.run(&batch(&schema, columns, rows)?, &Limits::default())?;
    let ids = result.column(0).as_string::<i32>();
    let numbers = |column: usize| result.column(column).as_primitive::<Decimal128Type>();
    let (quantities, amounts) = (numbers(1), numbers(2));
    let mut found: BTreeMap<&str, usize> = BTreeMap::new();
    (0..ids.len()).filter(|row| ids.is_valid(*row)).for_each(|row| {
        found.insert(ids.value(row), row);
    });
    for own in deferred {
        let Some(first) = own.portions.first() else { continue };
        let id = job.reference.subscriptions[first.subscription as usize].id.as_str();
        // A subscription that the query leaves out has nothing to pay.
        let Some(row) = found.remove(id) else { continue };
        if quantities.is_null(row) || amounts.is_null(row) {
            piece.unpriced.computation(job, own.charge, price, first.subscription, "it gives no quantity or no amount");
            continue;
        }
        let quantity = Decimal::from_units(quantities.value(row));
        piece.given.push((own.charge, quantity));
        let records = own.portions.iter().map(|portion| portion.records).sum();
        let of = Part { records, ..part(0, first, quantity, Decimal::from_units(amounts.value(row))) };
        rater.add_deferred(own, &own.portions, &[of], piece)?;
    }
    let stranger = found.keys().next().copied().or_else(|| (ids.null_count() > 0).then_some("NULL"));
    if let Some(stranger) = stranger {
        piece.unpriced.stranger(job, price, stranger);
    }
    Ok(())
}

fn part(at: usize, portion: &Portion, quantity: Decimal, amount: Decimal) -> Part {
    Part { portion: at, band: Band::Whole, quantity, unit_price: None, amount, records: portion.records }
}

fn batch(schema: &SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> Outcome<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    let batch = RecordBatch::try_new_with_options(std::sync::Arc::clone(schema), columns, &options);
    Ok(batch.map_err(|cause| Fault::ours(format!("columns of a rule: {cause}")))?)
}
