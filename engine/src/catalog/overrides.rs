//! Account overrides: those of the book and those of the price_overrides table together, by the account that holds them.

use hashbrown::HashMap;

use super::nearest;
use crate::book::model::{AccountOverride, PriceBook, Validity};
use crate::book::override_of_row;
use crate::fault::{Fault, Faults, Outcome, codes};
use crate::reference::model::Reference;

/// All overrides; of a row that cannot be read there are faults.
pub(super) fn overrides(book: &PriceBook, reference: &Reference, faults: &mut Faults) -> Vec<AccountOverride> {
    let mut rows = book.overrides.clone();
    let charges: HashMap<&str, usize> =
        book.charges.iter().enumerate().map(|(i, charge)| (charge.id.as_str(), i)).collect();
    for row in &reference.overrides {
        let Some(charge) = charges.get(row.charge.as_str()) else {
            let fault = Fault::new(&codes::B003, format!("there is no charge `{}`", row.charge)).at(&row.place);
            let known = book.charges.iter().map(|charge| charge.id.as_str());
            faults.push(Fault { hint: nearest(&row.charge, known, faults), ..fault });
            continue;
        };
        let valid = Validity { from: row.valid_from, to: row.valid_to };
        rows.extend(faults.keep(override_of_row((&row.account, *charge), &row.fields, valid, &row.place)));
    }
    if !book.overrides.is_empty() && !reference.overrides.is_empty() {
        check_apart(book, &rows, faults);
    }
    rows
}

/// Overrides of the book may not hold on the days of those of the table; each by itself has been checked.
fn check_apart(book: &PriceBook, rows: &[AccountOverride], faults: &mut Faults) {
    let mut of_book: HashMap<(&str, usize), Vec<&AccountOverride>> = HashMap::new();
    let (first, others) = rows.split_at(book.overrides.len());
    for row in first {
        of_book.entry((&row.account, row.patch.charge)).or_default().push(row);
    }
    for row in others {
        let same = of_book.get(&(row.account.as_str(), row.patch.charge)).into_iter().flatten();
        for other in same.filter(|other| !other.patch.valid.both(row.patch.valid).is_empty()) {
            let charge = &book.charges[row.patch.charge].id;
            let message = format!("account `{}` has this override of `{charge}` twice", row.account);
            let fault = Fault::new(&codes::B002, message).at(&row.patch.place);
            faults.push(fault.hint(format!("the other stands at {}", other.patch.place)));
        }
    }
}

/// The accounts of overrides that do not exist.
///
/// # Errors
/// `B003` for each of them.
pub fn check_accounts(rows: &[AccountOverride], reference: &Reference) -> Outcome<()> {
    let mut faults = Faults::default();
    for row in rows.iter().filter(|row| reference.account_index(&row.account).is_none()) {
        let fault = Fault::new(&codes::B003, format!("there is no account `{}`", row.account)).at(&row.patch.place);
        let hint = nearest(&row.account, reference.accounts.iter().map(|account| account.id.as_str()), &faults);
        let hint = hint.unwrap_or_else(|| "add it to the accounts table, or remove the override".to_owned());
        faults.push(fault.hint(hint));
    }
    faults.or(())
}
