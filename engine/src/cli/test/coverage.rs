//! What no test has touched, as a person reads it.

use crate::trial::coverage::{BookPiece, Coverage, PieceKind};

/// Parts of one price that are told one by one.
const PARTS: usize = 12;

/// The pieces of a book without a test; of those in use in `period`, how many lines.
pub(super) fn text(coverage: &Coverage, period: Option<&str>) -> String {
    let totals = coverage.totals.iter().map(|(kind, total)| {
        let share = format!("{} of {}", total.touched, total.all);
        format!("  {:<12}{share:>12}\n", plural(*kind))
    });
    let mut text = format!("\nCoverage of {}\n{}", coverage.book, totals.collect::<String>());
    if coverage.untouched.is_empty() {
        return text;
    }
    let used = coverage.untouched.iter().filter(|piece| piece.used.is_some_and(|lines| lines > 0)).count();
    text.push_str("\nNot touched by any test");
    if let Some(period) = period {
        text.push_str(&format!("; {used} of {} in use in {period}", coverage.untouched.len()));
    }
    text.push_str("\n(tiers are also windows, prefixes, fees and free units)\n");
    let mut rows: Vec<[String; 4]> = Vec::new();
    for (price, parts) in grouped(&coverage.untouched) {
        let whole = price.is_some();
        rows.extend(price.map(|piece| row(piece, period)));
        // What is untouched as a whole has no part that is touched.
        let (told, untold): (Vec<&BookPiece>, Vec<&BookPiece>) =
            parts.into_iter().partition(|piece| !whole || piece.used.unwrap_or_default() > 0);
        rows.extend(told.iter().take(PARTS).map(|piece| row(piece, period)));
        let more = told.len().saturating_sub(PARTS);
        if more > 0 {
            rows.push([String::new(), format!("  and {more} more"), String::new(), String::new()]);
        } else if !untold.is_empty() {
            let named = format!("(with {})", counted(&untold));
            rows.last_mut().into_iter().for_each(|row| row[2] = format!("{} {named}", row[2]).trim().to_owned());
        }
    }
    let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or_default();
    let (first, second, third) = (width(0), width(1), width(2));
    for [place, what, part, used] in &rows {
        let row = format!("  {place:<first$}  {what:<second$}  {part:<third$}  {used}");
        text.push_str(row.trim_end());
        text.push('\n');
    }
    text
}

/// How many tiers and cells these parts are.
fn counted(parts: &[&BookPiece]) -> String {
    let some = |kind: PieceKind, one: &str| match parts.iter().filter(|part| part.kind == kind).count() {
        0 => None,
        1 => Some(format!("1 {one}")),
        many => Some(format!("{many} {one}s")),
    };
    let counts = [some(PieceKind::Tier, "tier"), some(PieceKind::Cell, "cell")];
    counts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// The pieces price by price: the price itself when it is untouched, and its parts.
fn grouped(pieces: &[BookPiece]) -> Vec<(Option<&BookPiece>, Vec<&BookPiece>)> {
    let mut groups: Vec<(Option<&BookPiece>, Vec<&BookPiece>)> = Vec::new();
    for piece in pieces.iter().filter(|piece| !is_part(piece)) {
        let parts = if piece.kind == PieceKind::Price { parts(pieces, piece) } else { Vec::new() };
        groups.push((Some(piece), parts));
    }
    let told =
        |piece: &&BookPiece| groups.iter().any(|(_, parts)| parts.iter().any(|part| std::ptr::eq(*part, *piece)));
    let rest: Vec<&BookPiece> = pieces.iter().filter(|piece| is_part(piece) && !told(piece)).collect();
    for same in rest.chunk_by(|a, b| a.price == b.price) {
        groups.push((None, same.to_vec()));
    }
    groups.sort_by_key(|(price, parts)| {
        let first = price.or_else(|| parts.first().copied());
        first.map(|piece| (piece.file.clone(), piece.line, piece.kind))
    });
    groups
}

fn is_part(piece: &BookPiece) -> bool {
    matches!(piece.kind, PieceKind::Tier | PieceKind::Cell)
}

fn parts<'p>(pieces: &'p [BookPiece], price: &BookPiece) -> Vec<&'p BookPiece> {
    let own = |part: &&BookPiece| is_part(part) && part.price == price.price;
    pieces.iter().filter(own).collect()
}

fn row(piece: &BookPiece, period: Option<&str>) -> [String; 4] {
    let what = match piece.kind {
        PieceKind::Price | PieceKind::Tier | PieceKind::Cell => format!("{} {}", piece.layer, piece.charge),
        PieceKind::Allowance => format!("{} allowance", piece.layer),
        PieceKind::Discount => "discount".to_owned(),
        PieceKind::When => piece.layer.clone(),
    };
    let used = match (piece.used, period) {
        (Some(1), Some(_)) => "in use: 1 line".to_owned(),
        (Some(lines), Some(_)) if lines > 0 => format!("in use: {lines} lines"),
        _ => String::new(),
    };
    [format!("{}:{}", piece.file, piece.line), what, piece.part.clone(), used]
}

fn plural(kind: PieceKind) -> &'static str {
    match kind {
        PieceKind::Price => "prices",
        PieceKind::Tier => "tiers",
        PieceKind::Cell => "cells",
        PieceKind::Allowance => "allowances",
        PieceKind::Discount => "discounts",
        PieceKind::When => "conditions",
    }
}
