//! How often a recurring amount is due, which run bills it, and what parts of an interval cost.

/// When a recurring amount is due, and for which part of the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The length of an interval.
    pub every: Every,
    /// What intervals are counted from.
    pub anchor: Anchor,
    /// Billed by the run whose period holds its first day; otherwise, in arrears, by the one in which it ends.
    pub advance: bool,
    /// What a part of an interval costs.
    pub prorate: Prorate,
    /// Whether the days before the subscription's `trial_end` are billed.
    pub billed_in_trial: bool,
    /// Of what was billed in advance: whether what a change leaves unused is given back.
    pub credit_unused: bool,
}

/// The length of an interval; a number is at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Every {
    /// Local days; a week is seven of them.
    Days(u16),
    /// Calendar months; a quarter is three of them, a year twelve.
    Months(u16),
}

/// What intervals are counted from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Anchor {
    /// The calendar: first days of months, quarters and years; Mondays.
    #[default]
    Calendar,
    /// The calendar moved to the account's `bill_cycle_day`.
    Cycle,
    /// The first day of the subscription.
    Start,
}

/// What a part of an interval costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Prorate {
    /// Its days, of those of the interval.
    #[default]
    ByDay,
    /// Its seconds, of those of the interval: a day of 23 hours is shorter.
    BySecond,
    /// The same in months of 30 days and years of 360.
    ThirtyDay,
    /// Its days; the day of a change counts for what ends and for what begins.
    BothEnds,
    /// All of it, once in the interval.
    None,
}
