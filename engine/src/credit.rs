//! Prepaid credits: what was paid ahead is taken off the gross of invoices, the credits of lower priority number first,
//! of equal ones those that expire first, then in the order of their ids (DESIGN section 5).
//!
//! A credit pays for the lines of the account that holds it and of the accounts below, in its own currency, and only for
//! its products when it names some. It never makes an invoice negative, and what is credited on other lines it may pay
//! for is taken off first.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::{HashMap, HashSet};

use crate::book::model::PriceBook;
use crate::fault::{Fault, Faults, Outcome, codes};
use crate::lines::{CreditBalance, CreditDraw, Invoice, Line, TaxRow};
use crate::money::Decimal;
use crate::period::Period;
use crate::reference::model::{Credit, Index, Reference};
use crate::yaml::did_you_mean;

/// Checks credits against the book and the accounts they are for.
///
/// # Errors
/// `B003` for a product that does not exist, `B010` for a currency in which nobody a credit is for is billed.
pub fn check(reference: &Reference, book: &PriceBook) -> Outcome<()> {
    let mut faults = Faults::default();
    let products: BTreeSet<&str> = book.products.iter().map(|product| product.id.as_str()).collect();
    let currencies = currencies_below(reference);
    for (credit, billed) in reference.credits.iter().zip(currencies) {
        for product in credit.products.iter().filter(|product| !products.contains(product.as_str())) {
            let message = format!("credit `{}` is for the unknown product `{product}`", credit.id);
            let fault = Fault::new(&codes::B003, message).at(&credit.place);
            faults.push(Fault { hint: did_you_mean(product, products.iter().copied()), ..fault });
        }
        if !billed.contains(credit.currency.as_str()) {
            let account = &reference.accounts[credit.account as usize].id;
            let billed: Vec<&str> = billed.into_iter().collect();
            let message = format!(
                "credit `{}` is in {}, account `{account}` and those below it are billed in {}",
                credit.id,
                credit.currency,
                billed.join(", ")
            );
            let hint = "a credit pays invoices in its own currency only";
            faults.push(Fault::new(&codes::B010, message).at(&credit.place).hint(hint));
        }
    }
    faults.or(())
}

/// Of each credit: the currencies of the account that holds it and of those below.
fn currencies_below(reference: &Reference) -> Vec<BTreeSet<&str>> {
    let holders: HashSet<Index> = reference.credits.iter().map(|credit| credit.account).collect();
    let mut below: HashMap<Index, BTreeSet<&str>> = HashMap::with_capacity(holders.len());
    if !holders.is_empty() {
        for (at, account) in (0..).zip(&reference.accounts) {
            for holder in upwards(reference, at).filter(|above| holders.contains(above)) {
                below.entry(holder).or_default().insert(account.currency.as_str());
            }
        }
    }
    reference.credits.iter().map(|credit| below.get(&credit.account).cloned().unwrap_or_default()).collect()
}

/// An account and all above it, nearest first.
fn upwards(reference: &Reference, account: Index) -> impl Iterator<Item = Index> {
    std::iter::successors(Some(account), |at| reference.accounts.get(*at as usize)?.parent)
}

/// The gross of one account and product, as far as it is not paid yet; below zero where more is credited than charged.
struct Due {
    account: Index,
    product: usize,
    invoice: usize,
    left: Decimal,
}

/// Draws the credits, which lowers what is left to pay of `invoices`; the draws by credit and invoice, and what became
/// of each credit, in the order of the reference table.
///
/// # Errors
/// Our bug when an amount does not fit or a line is on no invoice.
pub fn draw(
    lines: &[Line],
    taxes: &[TaxRow],
    invoices: &mut [Invoice],
    (reference, book, period): (&Reference, &PriceBook, &Period),
) -> Outcome<(Vec<CreditDraw>, Vec<CreditBalance>)> {
    let usable = usable(&reference.credits, period);
    let holders: HashSet<Index> = usable.iter().map(|(_, credit)| credit.account).collect();
    let (mut dues, of_holder) = dues(lines, taxes, invoices, (reference, book, &holders)).ok_or_else(broken)?;
    let mut draws = Vec::new();
    let mut drawn = vec![Decimal::ZERO; reference.credits.len()];
    for (number, credit) in usable {
        let own = of_holder.get(&credit.account).map_or(&[][..], Vec::as_slice);
        for (invoice, dues_of) in covered(credit, own, &dues, (invoices, book)) {
            let left = credit.left.minus(drawn[number]).ok_or_else(broken)?;
            let amount = pay(left, &mut invoices[invoice], &dues_of, &mut dues).ok_or_else(broken)?;
            if amount.is_zero() {
                continue;
            }
            drawn[number] = drawn[number].plus(amount).ok_or_else(broken)?;
            let narrow = |at: usize| u32::try_from(at).map_err(|_| broken());
            draws.push(CreditDraw { credit: narrow(number)?, invoice: narrow(invoice)?, amount });
        }
    }
    draws.sort_by_key(|draw| (draw.credit, draw.invoice));
    let balance = |(credit, drawn): (&Credit, Decimal)| balance(credit, drawn, period);
    let balances: Option<Vec<CreditBalance>> = reference.credits.iter().zip(drawn).map(balance).collect();
    Ok((draws, balances.ok_or_else(broken)?))
}

fn broken() -> Fault {
    Fault::ours("credits do not fit the invoices they pay")
}

/// The credits that hold on some day of the period, in the order in which they are used.
fn usable<'r>(credits: &'r [Credit], period: &Period) -> Vec<(usize, &'r Credit)> {
    let holds = |credit: &Credit| {
        let granted = credit.granted_on.is_none_or(|day| day < period.end_day());
        granted && credit.expires_on.is_none_or(|day| period.first_day < day) && !credit.left.is_zero()
    };
    let mut usable: Vec<(usize, &Credit)> = credits.iter().enumerate().filter(|(_, credit)| holds(credit)).collect();
    // Without an end comes last; the table is sorted by id, and the sort keeps that.
    usable.sort_by_key(|(_, credit)| (credit.priority, credit.expires_on.is_none(), credit.expires_on));
    usable
}

/// The positions of what is due, by holder of credits that may pay for it.
type OfHolder = HashMap<Index, Vec<usize>>;

/// What is due, account by account in the order of the lines, as far as some holder of a credit may pay for it.
fn dues(
    lines: &[Line],
    taxes: &[TaxRow],
    invoices: &[Invoice],
    (reference, book, holders): (&Reference, &PriceBook, &HashSet<Index>),
) -> Option<(Vec<Due>, OfHolder)> {
    let (mut dues, mut of_holder): (Vec<Due>, OfHolder) = (Vec::new(), HashMap::new());
    if holders.is_empty() {
        return Some((dues, of_holder));
    }
    let mut known: HashMap<(Index, usize), Option<usize>> = HashMap::new();
    let mut taxes = taxes.iter().peekable();
    for (number, line) in (0_u32..).zip(lines) {
        let mut gross = line.net;
        while let Some(tax) = taxes.next_if(|tax| tax.line == number) {
            gross = gross.plus(tax.amount)?;
        }
        let account = reference.subscriptions.get(line.subscription as usize)?.account;
        let product = book.charges.get(line.charge as usize)?.product;
        let at = match known.get(&(account, product)) {
            Some(at) => *at,
            None => {
                let paying: Vec<Index> = upwards(reference, account).filter(|above| holders.contains(above)).collect();
                let at = (!paying.is_empty()).then_some(dues.len());
                if at.is_some() {
                    let invoice = invoice_of(account, invoices, reference)?;
                    dues.push(Due { account, product, invoice, left: Decimal::ZERO });
                }
                for holder in paying {
                    of_holder.entry(holder).or_default().extend(at);
                }
                known.insert((account, product), at);
                at
            }
        };
        if let Some(due) = at.and_then(|at| dues.get_mut(at)) {
            due.left = due.left.plus(gross)?;
        }
    }
    // Whichever line stands first: products are paid in the order of the book.
    for own in of_holder.values_mut() {
        own.sort_by_key(|at| dues.get(*at).map(|due| (due.account, due.product)));
    }
    Some((dues, of_holder))
}

/// The position of the invoice of an account; they are sorted by bill-to account and currency.
fn invoice_of(account: Index, invoices: &[Invoice], reference: &Reference) -> Option<usize> {
    let account = reference.accounts.get(account as usize)?;
    let key = (account.bill_to, account.currency.as_str());
    invoices.binary_search_by(|invoice| (invoice.bill_to, invoice.currency.as_str()).cmp(&key)).ok()
}

/// What a credit may pay for, by invoice.
fn covered(
    credit: &Credit,
    own: &[usize],
    dues: &[Due],
    (invoices, book): (&[Invoice], &PriceBook),
) -> BTreeMap<usize, Vec<usize>> {
    let mut by_invoice: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for at in own {
        let due = &dues[*at];
        let product = &book.products[due.product].id;
        let fits = credit.products.is_empty() || credit.products.contains(product);
        if fits && invoices[due.invoice].currency == credit.currency {
            by_invoice.entry(due.invoice).or_default().push(*at);
        }
    }
    by_invoice
}

/// Pays with `left` what is due of one invoice, in the order of accounts and products; what was paid.
fn pay(left: Decimal, invoice: &mut Invoice, own: &[usize], dues: &mut [Due]) -> Option<Decimal> {
    let due = own.iter().try_fold(Decimal::ZERO, |sum, at| sum.plus(dues.get(*at)?.left))?;
    let payable = invoice.net.plus(invoice.tax)?.minus(invoice.credit)?;
    let amount = left.min(due).min(payable).max(Decimal::ZERO);
    invoice.credit = invoice.credit.plus(amount)?;
    let mut rest = amount;
    for at in own {
        let due = dues.get_mut(*at)?;
        let paid = rest.min(due.left).max(Decimal::ZERO);
        due.left = due.left.minus(paid)?;
        rest = rest.minus(paid)?;
    }
    rest.is_zero().then_some(amount)
}

/// What became of a credit; what holds no longer after the period is lost.
fn balance(credit: &Credit, drawn: Decimal, period: &Period) -> Option<CreditBalance> {
    let left = credit.left.minus(drawn)?;
    let ended = credit.expires_on.is_some_and(|day| day <= period.end_day());
    let (expired, left) = if ended { (left, Decimal::ZERO) } else { (Decimal::ZERO, left) };
    Some(CreditBalance { opening: credit.left, drawn, expired, left })
}
