//! What could not be priced, gathered over all accounts: each cause is told once, with one subscription that shows it.
//!
//! It words faults and decides who must act on them; it prices nothing.

use super::Job;
use crate::book::model::{Model, Span};
use crate::fault::{Code, Fault, Faults, Outcome, Place, codes};
use crate::lines::{Line, is_payable};
use crate::money::Decimal;

/// Faults told at most; the others are counted.
const TOLD: usize = 50;

/// What could not be priced.
#[derive(Debug, Default)]
pub(super) struct Unpriced {
    faults: Faults,
}

impl Unpriced {
    /// The usage of `subscription` for `charge` does not fit.
    pub(super) fn usage(&mut self, job: &Job<'_>, charge: usize, price: u32, subscription: u32) {
        let what =
            format!("the usage of {} has more than 20 digits before the point", whose(job, charge, subscription));
        self.push(job, &codes::G002, charge, price_place(job, price), &what, "look for a record with a wrong quantity");
    }

    /// The usage of all subscriptions for `charge` does not fit.
    pub(super) fn total(&mut self, job: &Job<'_>, charge: usize) {
        let meter = job.book.charges[charge].meter.map(|meter| format!(" (meter `{}`)", job.book.meters[meter].id));
        let what =
            format!("the usage of all accounts{} has more than 20 digits before the point", meter.unwrap_or_default());
        let place = &job.book.charges[charge].price.place;
        self.push(job, &codes::G002, charge, place, &what, "look for records with a wrong quantity");
    }

    /// The amount of `subscription` for `quantity` of `charge` does not fit a line.
    pub(super) fn amount(&mut self, job: &Job<'_>, charge: usize, price: u32, subscription: u32, quantity: Decimal) {
        self.too_much(job, (charge, price, subscription), quantity, "14 digits before the point");
    }

    /// The amount, or the units that are billed for `quantity`, are beyond what numbers hold.
    pub(super) fn range(&mut self, job: &Job<'_>, charge: usize, price: u32, subscription: u32, quantity: Decimal) {
        let most = "20 digits before the point, in money or in units billed";
        self.too_much(job, (charge, price, subscription), quantity, most);
    }

    fn too_much(
        &mut self,
        job: &Job<'_>,
        (charge, price, subscription): (usize, u32, u32),
        quantity: Decimal,
        most: &str,
    ) {
        let whose = whose(job, charge, subscription);
        let model = &job.catalog.prices[price as usize].model;
        let lasts = matches!(model, Model::Calendar(calendar) if calendar.spans != Span::None);
        let centuries = if lasts { ", or last for centuries" } else { "" };
        let what = format!("{quantity} units of {whose} come to more than {most}{centuries}");
        // Hardly a price is to blame for what such a number of units costs.
        let of_usage = job.book.charges[charge].meter.is_some() && (lasts || !is_payable(quantity));
        let (code, hint) = if of_usage {
            (&codes::G002, "look for a record with a wrong quantity")
        } else {
            (&codes::G003, "lower the price")
        };
        self.push(job, code, charge, price_place(job, price), &what, hint);
    }

    /// The tax of `line` does not fit.
    pub(super) fn tax(&mut self, job: &Job<'_>, line: &Line) {
        let charge = line.charge as usize;
        let whose = whose(job, charge, line.subscription);
        let what = format!("the tax on {} net of {whose} has more than 14 digits before the point", line.net);
        self.push(job, &codes::G003, charge, price_place(job, line.price), &what, "lower the price or the tax rate");
    }

    /// The formula or query of `price` cannot be computed for `subscription`.
    pub(super) fn computation(&mut self, job: &Job<'_>, charge: usize, price: u32, subscription: u32, cause: &str) {
        let what = format!("no amount for {}: {cause}", whose(job, charge, subscription));
        let hint = "guard it with CASE, nullif or coalesce";
        self.push(job, &codes::E007, charge, price_place(job, price), &what, hint);
    }

    /// The query of `price` gives a row for something that is no subscription it was asked about.
    pub(super) fn stranger(&mut self, job: &Job<'_>, price: u32, stranger: &str) {
        let charge = job.catalog.charge_of[price as usize];
        let what = format!("the query gives a row for `{stranger}`, which has no usage at this price");
        let hint = "give each subscription_id of `buckets` at most one row, and no other";
        self.push(job, &codes::E009, charge, price_place(job, price), &what, hint);
    }

    fn push(&mut self, job: &Job<'_>, code: &'static Code, charge: usize, place: &Place, what: &str, hint: &str) {
        let message = format!("charge `{}`: {what}", job.book.charges[charge].id);
        self.faults.push(Fault::new(code, message).at(place).hint(hint));
    }

    /// What another piece of the accounts, the next ones, gathered.
    pub(super) fn add(&mut self, next: Self) {
        self.faults.0.extend(next.faults.0);
    }

    /// Tells all of it, sorted by place.
    ///
    /// # Errors
    /// Whenever there is something to tell.
    pub(super) fn told(self) -> Outcome<()> {
        let mut faults = self.faults;
        faults.sort();
        if let Some(code) = faults.0.get(TOLD).map(|fault| fault.code) {
            let more = faults.0.len() - TOLD;
            faults.0.truncate(TOLD);
            faults.push(
                Fault::new(code, format!("{more} more faults like these are not shown")).hint("mend those first"),
            );
        }
        faults.or(())
    }
}

/// Subscription, account and meter in the words of a fault.
fn whose(job: &Job<'_>, charge: usize, subscription: u32) -> String {
    let subscription = &job.reference.subscriptions[subscription as usize];
    let account = &job.reference.accounts[subscription.account as usize].id;
    let meter = job.book.charges[charge].meter.map(|meter| format!(", meter `{}`", job.book.meters[meter].id));
    format!("subscription `{}` (account `{account}`{})", subscription.id, meter.unwrap_or_default())
}

fn price_place<'j>(job: &Job<'j>, price: u32) -> &'j Place {
    &job.catalog.prices[price as usize].place
}
