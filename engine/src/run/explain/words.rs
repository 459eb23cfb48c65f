//! The words of the book for what a price says, both ways.

use crate::book::model::{DiscountBase, Each, Scope, Span, ZeroUsage};
use crate::money::Rounding;

/// Finds the value that a word stands for.
pub(super) trait Word<T> {
    /// The one of these values whose word is `word`.
    fn read(self, of: fn(T) -> &'static str, word: &str) -> Option<T>;
}

impl<T: Copy, const N: usize> Word<T> for [T; N] {
    fn read(self, of: fn(T) -> &'static str, word: &str) -> Option<T> {
        self.into_iter().find(|value| of(*value) == word)
    }
}

pub(super) fn mode_word(mode: Rounding) -> &'static str {
    match mode {
        Rounding::HalfUp => "half_up",
        Rounding::HalfEven => "half_even",
        Rounding::Up => "up",
        Rounding::Down => "down",
    }
}

pub(super) fn read_mode(word: &str) -> Option<Rounding> {
    [Rounding::HalfUp, Rounding::HalfEven, Rounding::Up, Rounding::Down].read(mode_word, word)
}

pub(super) fn scope_word(scope: Scope) -> &'static str {
    match scope {
        Scope::Subscription => "subscription",
        Scope::Package => "package",
        Scope::Account => "account",
        Scope::Subtree => "subtree",
        Scope::Invoice => "invoice",
    }
}

pub(super) fn read_scope(word: &str) -> Option<Scope> {
    [Scope::Subscription, Scope::Package, Scope::Account, Scope::Subtree, Scope::Invoice].read(scope_word, word)
}

pub(super) fn each_word(each: Each) -> &'static str {
    match each {
        Each::Period => "period",
        Each::Window => "window",
        Each::Day => "day",
        Each::Record => "record",
    }
}

pub(super) fn read_each(word: &str) -> Option<Each> {
    [Each::Period, Each::Window, Each::Day, Each::Record].read(each_word, word)
}

pub(super) fn zero_word(zero_usage: ZeroUsage) -> &'static str {
    match zero_usage {
        ZeroUsage::None => "none",
        ZeroUsage::Fee => "fee",
        ZeroUsage::Line => "line",
    }
}

pub(super) fn span_word(span: Span) -> &'static str {
    match span {
        Span::None => "none",
        Span::Second => "second",
        Span::Minute => "minute",
        Span::Hour => "hour",
    }
}

pub(super) fn read_span(word: &str) -> Option<Span> {
    [Span::None, Span::Second, Span::Minute, Span::Hour].read(span_word, word)
}

pub(super) fn bounds_word(before_discounts: bool) -> &'static str {
    if before_discounts { "before_discounts" } else { "after_discounts" }
}

pub(super) fn base_word(base: DiscountBase) -> &'static str {
    match base {
        DiscountBase::Unrounded => "unrounded",
        DiscountBase::Rounded => "rounded",
    }
}

pub(super) fn read_base(word: &str) -> Option<DiscountBase> {
    [DiscountBase::Unrounded, DiscountBase::Rounded].read(base_word, word)
}
