//! Conditions of a book (`when`): for which subscriptions each holds, computed as a column over all of them at once.
//!
//! One place for all of them, whatever they decide: which layers lie over a price, which discounts and fixed amounts
//! apply. What a condition may ask for depends on when it is asked: nothing has been used while prices are resolved, and
//! nothing has an amount before it is rated.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::record_batch::RecordBatchOptions;
use hashbrown::HashMap;

use super::rater::Rater;
use super::subjects::{names, reference_column};
use crate::book::model::PriceBook;
use crate::catalog::Catalog;
use crate::charge::Cube;
use crate::fault::{Fault, Faults, Located, Outcome, codes};
use crate::lines::Line;
use crate::money::Decimal;
use crate::period::Period;
use crate::reference::model::{Reference, Subscription};
use crate::rules::{Names, Needed, Rules, SubjectExpression, Want};
use crate::tables::build;

/// When a condition is asked, which decides what it may ask for besides accounts, subscriptions and products.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Known {
    /// Before usage is read: nothing else.
    Products,
    /// Before anything is rated: `usage('meter')`.
    Usage,
    /// After rating: `amount('product/charge')` too.
    Amounts,
}

/// What conditions may name, given the ids of meters, charges and products.
pub(super) fn condition_names(reference: &Reference, ids: [Vec<String>; 3], known: Known) -> Names {
    let [meters, charges, products] = ids.map(Some);
    let meters = meters.filter(|_| known != Known::Products);
    let charges = charges.filter(|_| known == Known::Amounts);
    Names { meters, charges, products, ..names(reference) }
}

/// The conditions of `book` that are asked in the course of a run, and when.
pub(super) fn asked<'b>(book: &'b PriceBook, catalog: &'b Catalog) -> impl Iterator<Item = (Known, &'b Located)> {
    let fees = catalog.prices.iter().filter_map(|price| Some((Known::Usage, price.when.as_ref()?)));
    fees.chain(book.discounts.iter().filter_map(|discount| Some((Known::Amounts, discount.when.as_ref()?))))
}

/// Conditions that are asked in the course of a run, compiled; equal texts are one.
#[derive(Debug, Default)]
pub(crate) struct Conditions {
    compiled: HashMap<String, SubjectExpression>,
}

impl Conditions {
    /// Compiles all of `asked`.
    ///
    /// # Errors
    /// All faults of all of them.
    pub(super) fn compile<'w>(
        reference: &Reference,
        ids: &[Vec<String>; 3],
        asked: impl IntoIterator<Item = (Known, &'w Located)>,
    ) -> Outcome<Self> {
        let (rules, mut faults, mut compiled) = (Rules::new()?, Faults::default(), HashMap::new());
        let mut checked: HashMap<(Known, &str), ()> = HashMap::new();
        for (known, when) in asked {
            if checked.contains_key(&(known, when.text.as_str())) {
                continue;
            }
            let names = condition_names(reference, ids.clone(), known);
            if let Some(expression) = faults.keep(rules.subject_expression(when, &names, Want::Predicate)) {
                checked.insert((known, &when.text), ());
                compiled.insert(when.text.clone(), expression);
            }
        }
        faults.or(Self { compiled })
    }
}

/// For which subscriptions, by index, the condition of `of` (such as "discount `volume`") holds: usage, amounts and
/// products are those of the subscription's account; `lines` are those rated so far.
///
/// # Errors
/// `E007` where it cannot be computed, `G002` for sums that do not fit; our bug when it was never compiled.
pub(super) fn hold(rater: &Rater<'_>, lines: &[Line], of: &str, when: &Located) -> Outcome<Vec<bool>> {
    let job = rater.job;
    let expression = job.conditions.compiled.get(&when.text);
    let expression = expression.ok_or_else(|| Fault::ours(format!("the condition of {of} is not compiled")))?;
    let cube = Some(rater.cube);
    let subjects = Subjects { book: job.book, reference: job.reference, period: job.period, cube, lines };
    subjects.truths(expression, of, when)
}

/// All subscriptions, as what conditions are about.
pub(super) struct Subjects<'a> {
    pub(super) book: &'a PriceBook,
    pub(super) reference: &'a Reference,
    pub(super) period: &'a Period,
    /// What was used, once that is known.
    pub(super) cube: Option<&'a Cube<'a>>,
    /// What has been rated so far.
    pub(super) lines: &'a [Line],
}

impl Subjects<'_> {
    /// For which subscriptions the condition of `of` holds.
    pub(super) fn truths(&self, expression: &SubjectExpression, of: &str, when: &Located) -> Outcome<Vec<bool>> {
        let computed = expression.evaluate(&self.batch(expression)?, |_| true)?;
        if let Some(failed) = computed.failed.first() {
            let id = self.reference.subscriptions.get(failed.row).map_or("", |subscription| subscription.id.as_str());
            let cause = &failed.cause;
            let message = format!("the condition of {of} cannot be computed for subscription `{id}`: {cause}");
            return Err(Fault::new(&codes::E007, message).at(&when.place).into());
        }
        let values = computed.values.as_boolean();
        Ok((0..values.len()).map(|row| values.is_valid(row) && values.value(row)).collect())
    }

    /// The columns that `expression` needs.
    fn batch(&self, expression: &SubjectExpression) -> Outcome<RecordBatch> {
        let rows: Vec<u32> = (0..).take(self.reference.subscriptions.len()).collect();
        let columns = expression.needs().iter().map(|needed| self.column(&rows, needed));
        let columns: Vec<ArrayRef> = columns.collect::<Outcome<_>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        let batch = RecordBatch::try_new_with_options(Arc::clone(expression.schema()), columns, &options);
        batch.map_err(|cause| Fault::ours(format!("the columns of a condition: {cause}")).into())
    }

    fn column(&self, rows: &[u32], needed: &Needed) -> Outcome<ArrayRef> {
        let unknown = || Fault::ours(format!("no column for {}", needed.field_name()));
        Ok(match needed {
            Needed::Column { of: Some(of), name } => {
                reference_column(self.reference, of, name, rows).ok_or_else(unknown)?
            }
            Needed::Column { of: None, .. } => return Err(unknown().into()),
            Needed::HasProduct(product) => {
                let has = self.has_product(product);
                Arc::new(BooleanArray::from_iter(self.of_accounts(&has).map(Some)))
            }
            Needed::Usage(meter) => {
                let meter = self.book.meters.iter().position(|known| known.id == *meter).ok_or_else(unknown)?;
                let cube = self.cube.ok_or_else(unknown)?;
                self.sums(rows.iter().map(|row| (*row, cube.quantity(*row, meter))))?
            }
            Needed::Amount(charge) => {
                let charge = self.book.charges.iter().position(|known| known.id == *charge).ok_or_else(unknown)?;
                let own = self.lines.iter().filter(|line| line.charge as usize == charge);
                self.sums(own.map(|line| (line.subscription, Some(line.rated))))?
            }
        })
    }

    /// By subscription: the sum of `values` over its account.
    fn sums(&self, values: impl Iterator<Item = (u32, Option<Decimal>)>) -> Outcome<ArrayRef> {
        let too_much = || Fault::new(&codes::G002, "a total that a condition asks for has more than 20 digits");
        let mut sums = vec![Decimal::ZERO; self.reference.accounts.len()];
        for (subscription, value) in values {
            let account = self.reference.subscriptions[subscription as usize].account;
            let sum = &mut sums[account as usize];
            *sum = value.and_then(|value| sum.plus(value)).ok_or_else(too_much)?;
        }
        Ok(build::decimal38(self.of_accounts(&sums).map(Decimal::units).collect()))
    }

    /// By subscription: what is known of its account.
    fn of_accounts<'v, T: Copy>(&'v self, values: &'v [T]) -> impl Iterator<Item = T> + 'v {
        self.subscriptions().map(|row| values[row.account as usize])
    }

    fn subscriptions(&self) -> impl Iterator<Item = &Subscription> {
        self.reference.subscriptions.iter()
    }

    /// By account: whether it has a subscription, active on some day of the period, to the product or a plan with it.
    fn has_product(&self, product: &str) -> Vec<bool> {
        let position = self.book.products.iter().position(|known| known.id == product);
        let includes = |includes: &[usize]| position.is_some_and(|at| includes.binary_search(&at).is_ok());
        let plans: HashMap<&str, bool> =
            self.book.plans.iter().map(|plan| (plan.id.as_str(), includes(&plan.includes))).collect();
        let (start, end) = (self.period.start(), self.period.end());
        let mut has = vec![false; self.reference.accounts.len()];
        for subscription in self.subscriptions() {
            let active = subscription.starts_at < end && start < subscription.ends_at;
            let included = || plans.get(subscription.plan.as_str()).copied().unwrap_or(false);
            has[subscription.account as usize] |= active && (subscription.product == product || included());
        }
        has
    }
}
