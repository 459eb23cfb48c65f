//! The coupons table: who has redeemed which discount, and when. Whether the discount exists, and is one of coupons, is the
//! book's to say.

use chrono_tz::Tz;

use super::check::Checker;
use super::ids::Ids;
use super::model::CouponRow;
use super::table::Table;
use crate::fault::{Outcome, codes};

/// Checks the coupons; sorted by coupon id.
pub(super) fn coupons(
    table: &Table,
    subscriptions: Option<&Ids<'_>>,
    accounts: Option<&Ids<'_>>,
    timezone: Tz,
) -> Outcome<Vec<CouponRow>> {
    let mut checker = Checker::new(table, timezone);
    let optional = ["account_id", "subscription_id", "redeemed_from", "valid_to"];
    if !(checker.columns(&["coupon_id", "discount"], &optional)
        & checker.either_column("account_id", "subscription_id"))
    {
        return checker.finish(Vec::new());
    }
    if let Some(ids) = Ids::of(table, "coupon_id") {
        checker.unique(&ids, checker.column("coupon_id"));
    }
    let rows = (0..table.rows()).filter_map(|row| coupon(&mut checker, row, subscriptions, accounts));
    let mut coupons: Vec<CouponRow> = rows.collect();
    coupons.sort_by(|a, b| a.id.cmp(&b.id));
    checker.finish(coupons)
}

fn coupon(
    checker: &mut Checker<'_>,
    row: usize,
    subscriptions: Option<&Ids<'_>>,
    accounts: Option<&Ids<'_>>,
) -> Option<CouponRow> {
    let columns = ["coupon_id", "discount", "account_id", "subscription_id", "redeemed_from", "valid_to"];
    let [id, discount, account, subscription, from, to] = columns.map(|name| checker.column(name));
    let id = checker.required(row, id);
    let discount = checker.required(row, discount);
    let named = [account, subscription].map(|column| !checker.blankable(row, column).is_empty());
    if named[0] == named[1] {
        let how = if named[0] { "both an account and" } else { "neither an account nor" };
        checker.fault(row, &codes::R003, || {
            (format!("the coupon is held by {how} a subscription"), "fill exactly one of the two".to_owned())
        });
    }
    let account = checker.pointer(row, account, accounts, "accounts");
    let known = checker.pointer(row, subscription, subscriptions, "subscriptions");
    let subscription = known.map(|_| checker.blankable(row, subscription).to_owned());
    let validity = checker.days(row, from, to);
    (account.is_some() || subscription.is_some()).then_some(())?;
    let (redeemed_from, valid_to) = validity?;
    let place = checker.table.place(row);
    Some(CouponRow {
        id: id?.to_owned(),
        discount: discount?.to_owned(),
        account,
        subscription,
        redeemed_from,
        valid_to,
        place,
    })
}
