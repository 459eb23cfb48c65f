//! What the engine can do so far: only this is generated. The reference rater knows all of it.

/// A part of the price language that a case can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Feature {
    /// `per` of prices and tiers.
    Per,
    /// `below`, `increment` and `beyond` of tiers.
    TierOptions,
    Stairstep,
    GraduatedPercentage,
    Dynamic,
    Increments,
    Prefix,
    Calendar,
    /// Terms of a percentage for each record.
    RecordTerms,
    /// A matrix without a default, so that records can be without a price.
    NoCell,
    /// `scope` of packages, subtrees and invoices.
    WideScopes,
    /// `each` of records, days and windows.
    Each,
    /// `groups: restart`.
    Groups,
    ZeroUsage,
    Convert,
    FreeUnits,
    RoundAmount,
    /// Layers and contracts.
    Layers,
    /// Validity inside the period.
    Validity,
    WeightedSum,
    Percentile,
    Windowed,
    /// `every`, `bill`, `anchor`, `prorate` and trials of recurring charges.
    Intervals,
    /// The table `amendments`.
    Amendments,
    /// Several allowances of a meter, of contracts too, with `priority`, `shared_over: subtree`, `multiply_by`, `prorate`.
    Pools,
    /// `rollover`, and the tables `allowance_balances`.
    Rollover,
    /// Allowances of money.
    MoneyAllowances,
    /// `minimum` and `maximum` of a charge.
    Bounds,
    /// `account_bounds`.
    AccountBounds,
    /// `thresholds`, and the table `notices`.
    Thresholds,
    /// Commitments by the month.
    Commitments,
    /// Commitments over a term, and the tables `commitment_balances`.
    Terms,
    /// Stacked discounts of a percentage or an amount, on lines, accounts and invoices.
    Discounts,
    /// `free_units` and `fixed_price` of discounts.
    UnitDiscounts,
    /// `when` of discounts.
    Conditions,
    Coupons,
    /// `when` of charges without usage.
    Due,
    /// Prices in one currency, accounts in many.
    Fx,
    /// `inclusive`, `cap`, thresholds and codes of tax rates, service locations.
    TaxTerms,
    /// The table `tax_exemptions`.
    Exemptions,
    /// `rounding.tax: invoice`.
    TaxPerInvoice,
    /// `tax: { missing: untaxed }` must be said.
    TaxMissing,
    Credits,
    Subtotals,
}

/// The features that main has and that have been compared without a difference; the others are compared by
/// `RATEMILL_FEATURES=+Name,Name`.
pub(crate) const ON: &[Feature] = &[
    Feature::Per,
    Feature::TierOptions,
    Feature::Stairstep,
    Feature::GraduatedPercentage,
    Feature::Dynamic,
    Feature::Increments,
    Feature::Prefix,
    Feature::Calendar,
    Feature::RecordTerms,
    Feature::NoCell,
    Feature::WideScopes,
    Feature::Each,
    Feature::Groups,
    Feature::ZeroUsage,
    Feature::Convert,
    Feature::FreeUnits,
    Feature::RoundAmount,
    Feature::Layers,
    Feature::Validity,
    Feature::WeightedSum,
    Feature::Percentile,
    Feature::Windowed,
    Feature::Amendments,
    Feature::Pools,
    Feature::Rollover,
    Feature::MoneyAllowances,
    Feature::Intervals,
    Feature::AccountBounds,
    Feature::Bounds,
    Feature::Due,
    Feature::TaxTerms,
    Feature::TaxPerInvoice,
    Feature::Exemptions,
    Feature::Fx,
    Feature::Thresholds,
    Feature::Commitments,
    Feature::Terms,
    Feature::Discounts,
    Feature::UnitDiscounts,
    Feature::Conditions,
    Feature::Coupons,
    Feature::TaxMissing,
    Feature::Credits,
    Feature::Subtotals,
];

/// Whether cases use a feature; `RATEMILL_FEATURES=Per,Prefix` looks at some of them alone, `RATEMILL_FEATURES=+Name` at
/// further ones as well.
pub(crate) fn on(feature: Feature) -> bool {
    let Ok(names) = std::env::var("RATEMILL_FEATURES") else { return ON.contains(&feature) };
    let (more, names) = names.strip_prefix('+').map_or((false, names.as_str()), |names| (true, names));
    names.split(',').any(|name| name == format!("{feature:?}")) || (more && ON.contains(&feature))
}

/// The names that cases are confined to, for the name of a folder.
pub(crate) fn alone() -> String {
    let Ok(names) = std::env::var("RATEMILL_FEATURES") else { return String::new() };
    let names = names.replace(',', "-");
    if names.len() < 80 { format!("{names}-") } else { format!("{}-features-", names.split('-').count()) }
}

/// Whether the plan of a subscription goes before the overrides of the accounts above its own.
pub(crate) const PLAN_OVER_ANCESTORS: bool = true;
/// Whether contracts and plans of the accounts above count.
pub(crate) const PRICES_OF_ANCESTORS: bool = true;
/// Whether only subscriptions of one price fill tiers together; the price language says no more than `scope`.
pub(crate) const SCOPE_BY_PRICE: bool = true;
/// Whether discounts may be of money.
pub(crate) const AMOUNTS: bool = true;
/// Whether discounts have a cap.
pub(crate) const CAPS: bool = true;
/// Whether the unit price of a tier of a percentage is the percentage as it is written, not the fraction.
pub(crate) const PERCENT_AS_WRITTEN: bool = false;
/// Whether what a discount takes off is rounded to 18 digits by itself, before the line is; DESIGN says one rounding a line.
pub(crate) const DISCOUNT_THROUGH_18: bool = true;
/// Whether an agreed percentage of 0 keeps the discounts declared after it away.
pub(crate) const ZERO_PERCENT_IS_A_DISCOUNT: bool = true;
/// Whether taxes of the same name that different places levy are rounded apart, where they are rounded once an invoice.
pub(crate) const TAX_BY_PLACE: bool = true;
