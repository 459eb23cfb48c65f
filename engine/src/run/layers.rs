//! For whom the layers of a book hold: their conditions, computed as columns over all subscriptions at once.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Date32Array, Decimal128Array, RecordBatch, StringArray};
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatchOptions;
use chrono::NaiveDate;
use hashbrown::HashMap;

use crate::book::model::{Layer, PriceBook};
use crate::catalog::Applies;
use crate::fault::{Fault, Faults, Located, Outcome, codes};
use crate::period::Period;
use crate::reference::model::{Account, Index, Reference, Subscription};
use crate::rules::{Names, Needed, Rules, SubjectColumn, SubjectExpression, Want};

/// Quantities.
const EXACT: DataType = DataType::Decimal128(38, 18);
const ACCOUNT: &str = "account";
const SUBSCRIPTION: &str = "subscription";

/// Columns of every account, besides those of the user's own.
const OF_ACCOUNTS: [&str; 6] = ["account_id", "parent_id", "level", "name", "currency", "tax_jurisdiction"];
/// Columns of every subscription that hold texts, besides those of the user's own.
const OF_SUBSCRIPTIONS: [&str; 5] = ["subscription_id", "order_id", "plan", "product", "contract"];
const QUANTITY: &str = "quantity";
const DATES: [&str; 2] = ["start", "end"];

/// By layer: the subscriptions for which it holds.
///
/// # Errors
/// All faults of the conditions; `E007` where one cannot be computed.
pub(super) fn applies(book: &PriceBook, reference: &Reference, period: &Period) -> Outcome<Applies> {
    let mut faults = Faults::default();
    let rules = Rules::new()?;
    let subjects = Subjects { book, reference, period, names: names(book, reference) };
    let mut applies = Vec::with_capacity(book.layers.len());
    for layer in &book.layers {
        let condition = layer.when.as_ref().map(|when| subjects.condition(&rules, layer, when));
        applies.push(condition.and_then(|condition| faults.keep(condition)));
    }
    faults.or(applies)
}

/// What a condition may name.
fn names(book: &PriceBook, reference: &Reference) -> Names {
    let column =
        |of: &str, name: &str, kind: DataType| SubjectColumn { of: Some(of.to_owned()), name: name.to_owned(), kind };
    let own = reference.account_columns.iter().map(String::as_str);
    let accounts = OF_ACCOUNTS.into_iter().chain(own).map(|name| column(ACCOUNT, name, DataType::Utf8));
    let own = reference.subscription_columns.iter().map(String::as_str);
    let texts = OF_SUBSCRIPTIONS.into_iter().chain(own).map(|name| column(SUBSCRIPTION, name, DataType::Utf8));
    let dates = DATES.into_iter().map(|name| column(SUBSCRIPTION, name, DataType::Date32));
    let columns = accounts.chain(texts).chain([column(SUBSCRIPTION, QUANTITY, EXACT)]).chain(dates).collect();
    let products = Some(book.products.iter().map(|product| product.id.clone()).collect());
    Names { columns, products, ..Names::default() }
}

/// All subscriptions, as what conditions are about.
struct Subjects<'a> {
    book: &'a PriceBook,
    reference: &'a Reference,
    period: &'a Period,
    names: Names,
}

impl Subjects<'_> {
    /// For which subscriptions the condition of `layer` holds.
    fn condition(&self, rules: &Rules, layer: &Layer, when: &Located) -> Outcome<Vec<bool>> {
        let expression = rules.subject_expression(when, &self.names, Want::Predicate)?;
        let computed = expression.evaluate(&self.batch(&expression)?, |_| true)?;
        if let Some(failed) = computed.failed.first() {
            let id = self.reference.subscriptions.get(failed.row).map_or("", |subscription| subscription.id.as_str());
            let message = format!(
                "the condition of layer `{}` cannot be computed for subscription `{id}`: {}",
                layer.id, failed.cause
            );
            return Err(Fault::new(&codes::E007, message).at(&when.place).into());
        }
        let values = computed.values.as_boolean();
        Ok((0..values.len()).map(|row| values.is_valid(row) && values.value(row)).collect())
    }

    /// The columns that `expression` needs.
    fn batch(&self, expression: &SubjectExpression) -> Outcome<RecordBatch> {
        let columns: Vec<ArrayRef> = expression.needs().iter().map(|needed| self.column(needed)).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.reference.subscriptions.len()));
        let batch = RecordBatch::try_new_with_options(Arc::clone(expression.schema()), columns, &options);
        batch.map_err(|cause| Fault::ours(format!("the columns of a condition: {cause}")).into())
    }

    fn column(&self, needed: &Needed) -> ArrayRef {
        match needed {
            Needed::HasProduct(product) => {
                let has = self.has_product(product);
                let has: Vec<bool> = self.rows().map(|(_, account)| has[account as usize]).collect();
                Arc::new(BooleanArray::from(has))
            }
            Needed::Column { of: Some(of), name } if of == ACCOUNT => {
                self.texts(|_, account| self.of_account(account, name))
            }
            Needed::Column { name, .. } if name == QUANTITY => {
                let quantities = self.rows().map(|(subscription, _)| subscription.quantity.units());
                Arc::new(quantities.collect::<Decimal128Array>().with_data_type(EXACT))
            }
            Needed::Column { name, .. } if name == DATES[0] => self.days(|subscription| Some(subscription.start)),
            Needed::Column { name, .. } if name == DATES[1] => self.days(|subscription| subscription.end),
            Needed::Column { name, .. } => self.texts(|subscription, _| of_subscription(subscription, name)),
            // Nothing has been used yet: the names have neither meters nor charges.
            Needed::Usage(_) | Needed::Amount(_) => {
                arrow::array::new_null_array(&EXACT, self.reference.subscriptions.len())
            }
        }
    }

    fn rows(&self) -> impl Iterator<Item = (&Subscription, Index)> {
        self.reference.subscriptions.iter().map(|subscription| (subscription, subscription.account))
    }

    /// A column of texts; blank ones are NULL.
    fn texts<'s>(&'s self, text: impl Fn(&'s Subscription, Index) -> &'s str) -> ArrayRef {
        let texts = self.rows().map(|(subscription, account)| text(subscription, account));
        Arc::new(texts.map(|text| (!text.is_empty()).then_some(text)).collect::<StringArray>())
    }

    fn days(&self, day: impl Fn(&Subscription) -> Option<NaiveDate>) -> ArrayRef {
        let since = |day: NaiveDate| i32::try_from((day - NaiveDate::default()).num_days()).ok();
        let days = self.rows().map(|(subscription, _)| day(subscription).and_then(since));
        Arc::new(days.collect::<Date32Array>())
    }

    fn of_account(&self, account: Index, name: &str) -> &str {
        let accounts = &self.reference.accounts;
        let account = &accounts[account as usize];
        let parent = |account: &Account| account.parent.map_or("", |parent| accounts[parent as usize].id.as_str());
        match name {
            "account_id" => &account.id,
            "parent_id" => parent(account),
            "level" => &account.level,
            "name" => &account.name,
            "currency" => &account.currency,
            "tax_jurisdiction" => &account.tax_jurisdiction,
            own => account.custom.get(own).map_or("", String::as_str),
        }
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

fn of_subscription<'s>(subscription: &'s Subscription, name: &str) -> &'s str {
    match name {
        "subscription_id" => &subscription.id,
        "order_id" => &subscription.order_id,
        "plan" => &subscription.plan,
        "product" => &subscription.product,
        "contract" => &subscription.contract,
        own => subscription.custom.get(own).map_or("", String::as_str),
    }
}
