//! For whom the layers of a book hold: their conditions, computed as columns over all subscriptions at once.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::record_batch::RecordBatchOptions;
use hashbrown::HashMap;

use super::subjects::{names, reference_column};
use crate::book::model::PriceBook;
use crate::catalog::Applies;
use crate::fault::{Fault, Faults, Located, Outcome, codes};
use crate::period::Period;
use crate::reference::model::{Index, Reference, Subscription};
use crate::rules::{Names, Needed, Rules, SubjectExpression, Want};

/// By layer: the subscriptions for which it holds.
///
/// # Errors
/// All faults of the conditions; `E007` where one cannot be computed.
pub(super) fn applies(book: &PriceBook, reference: &Reference, period: &Period) -> Outcome<Applies> {
    let conditions = book.layers.iter().map(|layer| (format!("layer `{}`", layer.id), layer.when.as_ref()));
    Conditions::new(book, reference, period).all(conditions)
}

/// By bound of accounts: the subscriptions for which it holds.
///
/// # Errors
/// As [`applies`].
pub(super) fn account_bounds(book: &PriceBook, reference: &Reference, period: &Period) -> Outcome<Applies> {
    let bounds = book.account_bounds.iter();
    let conditions = bounds.map(|bound| (format!("bound `{}`", bound.id), bound.when.as_ref()));
    Conditions::new(book, reference, period).all(conditions)
}

/// All subscriptions, as what conditions are about.
struct Conditions<'a> {
    book: &'a PriceBook,
    reference: &'a Reference,
    period: &'a Period,
    names: Names,
}

impl<'a> Conditions<'a> {
    fn new(book: &'a PriceBook, reference: &'a Reference, period: &'a Period) -> Self {
        let mut names = names(reference);
        names.products = Some(book.products.iter().map(|product| product.id.clone()).collect());
        Self { book, reference, period, names }
    }

    /// For which subscriptions each of these holds.
    fn all<'w>(&self, conditions: impl Iterator<Item = (String, Option<&'w Located>)>) -> Outcome<Applies> {
        let mut faults = Faults::default();
        let rules = Rules::new()?;
        let mut applies = Vec::new();
        for (what, when) in conditions {
            let condition = when.map(|when| self.condition(&rules, &what, when));
            applies.push(condition.and_then(|condition| faults.keep(condition)));
        }
        faults.or(applies)
    }

    /// For which subscriptions the condition of `what` holds.
    fn condition(&self, rules: &Rules, what: &str, when: &Located) -> Outcome<Vec<bool>> {
        let expression = rules.subject_expression(when, &self.names, Want::Predicate)?;
        let computed = expression.evaluate(&self.batch(&expression)?, |_| true)?;
        if let Some(failed) = computed.failed.first() {
            let id = self.reference.subscriptions.get(failed.row).map_or("", |subscription| subscription.id.as_str());
            let cause = &failed.cause;
            let message = format!("the condition of {what} cannot be computed for subscription `{id}`: {cause}");
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
        let found = match needed {
            Needed::HasProduct(product) => {
                let has = self.has_product(product);
                let has: Vec<bool> = self.rows().map(|(_, account)| has[account as usize]).collect();
                Some(Arc::new(BooleanArray::from(has)) as ArrayRef)
            }
            Needed::Column { of: Some(of), name } => reference_column(self.reference, of, name, rows),
            // Nothing has been used yet: the names have neither meters nor charges.
            _ => None,
        };
        found.ok_or_else(|| Fault::ours(format!("no column for {}", needed.field_name())).into())
    }

    fn rows(&self) -> impl Iterator<Item = (&Subscription, Index)> {
        self.reference.subscriptions.iter().map(|subscription| (subscription, subscription.account))
    }

    /// By account: whether it has a subscription, active on some day of the period, to the product or a plan with it.
    fn has_product(&self, product: &str) -> Vec<bool> {
        let position = self.book.products.iter().position(|known| known.id == product);
        let includes = |includes: &[usize]| position.is_some_and(|at| includes.binary_search(&at).is_ok());
        let plans: HashMap<&str, bool> =
            self.book.plans.iter().map(|plan| (plan.id.as_str(), includes(&plan.includes))).collect();
        let (start, end) = (self.period.start(), self.period.end());
        let mut has = vec![false; self.reference.accounts.len()];
        for (subscription, account) in self.rows() {
            let active = subscription.starts_at < end && start < subscription.ends_at;
            let included = || plans.get(subscription.plan.as_str()).copied().unwrap_or(false);
            has[account as usize] |= active && (subscription.product == product || included());
        }
        has
    }
}
