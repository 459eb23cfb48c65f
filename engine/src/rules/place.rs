//! From a line and column inside rule SQL to a place in the file it is written in.
//!
//! Separate, because YAML may have indented, folded or quoted the text: the two texts are walked side by side and only
//! their white space and the quotes' escapes may differ. Never guesses: a text that cannot be followed keeps its own place.

use datafusion::common::Span;
use datafusion::sql::sqlparser::tokenizer;

use crate::fault::{Located, Place};

/// The place of the parser's `span`; the whole SQL's when that cannot be told.
pub(super) fn of_token(sql: &Located, span: tokenizer::Span) -> Place {
    Span::try_from_sqlparser_span(span).map_or_else(|| sql.place.clone(), |span| of_span(sql, span))
}

/// The place of the planner's `span`; the whole SQL's when that cannot be told.
pub(super) fn of_span(sql: &Located, span: Span) -> Place {
    let start = byte_at(&sql.text, span.start.line, span.start.column);
    let end = byte_at(&sql.text, span.end.line, span.end.column).unwrap_or(sql.text.len());
    start.map_or_else(|| sql.place.clone(), |start| of_bytes(sql, start, end))
}

/// The place of line `line`, column `column` (both from 1) of the SQL.
pub(super) fn of_line(sql: &Located, line: u64, column: u64) -> Place {
    byte_at(&sql.text, line, column).map_or_else(|| sql.place.clone(), |start| of_bytes(sql, start, start))
}

fn of_bytes(sql: &Located, start: usize, end: usize) -> Place {
    let source = &sql.place.source;
    let Some(written) = source.text.get(sql.place.offset..) else { return sql.place.clone() };
    for (skipped, quote) in openings(written) {
        let Some(body) = written.get(skipped..) else { continue };
        if let Some((first, last)) = follow(body, quote, &sql.text, start, end) {
            return Place::at(source, sql.place.offset + skipped + first, last.saturating_sub(first).max(1));
        }
    }
    sql.place.clone()
}

/// Where the text may begin: at once, behind an opening quote, or behind a block scalar's header line.
fn openings(written: &str) -> Vec<(usize, Option<char>)> {
    let mut openings = vec![(0, None)];
    match written.chars().next() {
        Some(quote @ ('\'' | '"')) => openings.push((1, Some(quote))),
        Some('|' | '>') => openings.extend(written.find('\n').map(|end| (end + 1, None))),
        _ => {}
    }
    openings
}

/// Walks `text` along `body` and tells where in `body` the bytes `start` and `end` of `text` are.
fn follow(body: &str, quote: Option<char>, text: &str, start: usize, end: usize) -> Option<(usize, usize)> {
    let mut written = body.char_indices().peekable();
    let (mut first, mut last) = (None, None);
    let mut behind = 0;
    for (at, wanted) in text.char_indices() {
        if wanted.is_whitespace() {
            continue;
        }
        while written.next_if(|(_, found)| found.is_whitespace()).is_some() {}
        let (mut offset, mut found) = written.next()?;
        let escaped = matches!((quote, found), (Some('"'), '\\') | (Some('\''), '\''));
        if escaped {
            (offset, found) = written.next()?;
        }
        if found != wanted {
            return None;
        }
        if at >= start {
            first.get_or_insert(offset);
        }
        if at < end {
            last = Some(offset + found.len_utf8());
        }
        behind = offset + found.len_utf8();
    }
    let first = first.unwrap_or(behind);
    Some((first, last.unwrap_or(first)))
}

/// The byte of `text` at a line and column that count characters from 1.
fn byte_at(text: &str, line: u64, column: u64) -> Option<usize> {
    let (line, column) = (usize::try_from(line).ok()?.checked_sub(1)?, usize::try_from(column).ok()?.checked_sub(1)?);
    let begin: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let rest = text.get(begin..)?;
    let within = rest.char_indices().nth(column).map_or(rest.len(), |(offset, _)| offset);
    Some(begin + within)
}
