//! Reads YAML text into a tree of [`Node`]s, event by event.
//!
//! Positions come from the parser's own markers (counted in characters) and are turned into bytes by a cursor that only
//! walks from one marker to the next, so that a long file costs no more per line than a short one.

use std::collections::BTreeSet;
use std::sync::Arc;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span};

use super::{Node, Value};
use crate::fault::{Fault, Faults, Located, Place, SourceText, codes};

/// How deep lists and mappings may be nested.
const DEPTH_MAX: usize = 64;

/// The tree of a file, and what is wrong with it as YAML. Without a tree the file could not be read to its end.
#[must_use]
pub fn parse(source: &Arc<SourceText>) -> (Option<Node>, Faults) {
    let mut builder = Builder::new(source);
    let mut parser = Parser::new_from_str(&source.text);
    while let Some(event) = parser.next_event() {
        let outcome = match event {
            Ok((event, span)) => builder.take(event, span),
            Err(cause) => Err(builder.syntax(cause.info(), *cause.marker())),
        };
        if let Err(fault) = outcome {
            builder.faults.push(fault);
            return (None, builder.faults);
        }
    }
    let nothing = || Node { place: Place::at(source, 0, 0), value: Value::Null };
    (Some(builder.root.unwrap_or_else(nothing)), builder.faults)
}

/// A list or mapping whose end has not come yet.
enum Open {
    List { place: Place, list: Vec<Node> },
    Map { place: Place, entries: Vec<(Located, Node)>, key: Option<Located> },
}

struct Builder<'a> {
    source: &'a Arc<SourceText>,
    cursor: Cursor<'a>,
    open: Vec<Open>,
    documents: usize,
    root: Option<Node>,
    faults: Faults,
}

impl<'a> Builder<'a> {
    fn new(source: &'a Arc<SourceText>) -> Self {
        let cursor = Cursor { text: &source.text, ascii: source.text.is_ascii(), index: 0, offset: 0 };
        Self { source, cursor, open: Vec::new(), documents: 0, root: None, faults: Faults::default() }
    }

    /// Takes one event; an error ends the reading of the file.
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Fault> {
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    let fault = Fault::new(&codes::Y001, "a second YAML document in the file");
                    return Err(fault.at(&self.place(span)).hint("write it into a file of its own"));
                }
            }
            Event::Alias(_) => {
                let place = self.place(span);
                self.refuse_anchor(&place);
                self.add(Node { place, value: Value::Refused })?;
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.plain(anchor, tag.is_some(), span)?;
                let place = self.scalar_place(span, style);
                let value = scalar(&text, style);
                self.add(Node { place, value })?;
            }
            Event::SequenceStart(anchor, tag) => {
                self.plain(anchor, tag.is_some(), span)?;
                let place = self.start_place(span);
                self.enter(Open::List { place, list: Vec::new() })?;
            }
            Event::MappingStart(anchor, tag) => {
                self.plain(anchor, tag.is_some(), span)?;
                let place = self.start_place(span);
                self.enter(Open::Map { place, entries: Vec::new(), key: None })?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.leave()?,
            Event::DocumentEnd | Event::StreamStart | Event::StreamEnd | Event::Nothing => {}
        }
        Ok(())
    }

    /// Reports an anchor and refuses a tag on the node that starts at `span`.
    fn plain(&mut self, anchor: usize, tagged: bool, span: Span) -> Result<(), Fault> {
        if anchor > 0 {
            let place = self.start_place(span);
            self.refuse_anchor(&place);
        }
        if tagged {
            let fault = Fault::new(&codes::Y001, "a YAML tag (`!…`)").at(&self.start_place(span));
            return Err(fault.hint("leave it out; quote the text if it starts with `!`"));
        }
        Ok(())
    }

    fn refuse_anchor(&mut self, place: &Place) {
        let fault = Fault::new(&codes::Y003, "anchors (`&`) and aliases (`*`) are not read").at(place);
        self.faults.push(fault.hint("write the value out; quote a text that starts with `&` or `*`"));
    }

    fn enter(&mut self, open: Open) -> Result<(), Fault> {
        let (Open::List { place, .. } | Open::Map { place, .. }) = &open;
        if self.open.len() >= DEPTH_MAX {
            return Err(Fault::new(&codes::Y001, format!("nested deeper than {DEPTH_MAX} levels")).at(place));
        }
        if matches!(self.open.last(), Some(Open::Map { key: None, .. })) {
            return Err(Fault::new(&codes::Y001, "a list or mapping as a key").at(place));
        }
        self.open.push(open);
        Ok(())
    }

    fn leave(&mut self) -> Result<(), Fault> {
        let node = match self.open.pop() {
            Some(Open::List { place, list }) => Node { place, value: Value::List(list) },
            Some(Open::Map { place, entries, .. }) => {
                let entries = self.each_key_once(entries);
                Node { place, value: Value::Map(entries) }
            }
            None => return Err(Fault::ours("a YAML collection ends that did not begin")),
        };
        self.add(node)
    }

    /// Puts a finished node where it belongs: as a key, a value, an element or the root.
    fn add(&mut self, node: Node) -> Result<(), Fault> {
        match self.open.last_mut() {
            Some(Open::List { list, .. }) => list.push(node),
            Some(Open::Map { entries, key, .. }) => match key.take() {
                // A merge key: its alias is reported, the key itself would only repeat that.
                Some(name) if name.text == "<<" && matches!(node.value, Value::Refused) => {}
                Some(name) => entries.push((name, node)),
                None => {
                    let text = match node.value {
                        Value::Scalar { text, .. } => text,
                        _ => self.source.text.get(node.place.offset..).map_or_else(String::new, first_word),
                    };
                    *key = Some(Located { text, place: node.place });
                }
            },
            None => self.root = Some(node),
        }
        Ok(())
    }

    fn each_key_once(&mut self, entries: Vec<(Located, Node)>) -> Vec<(Located, Node)> {
        let mut seen = BTreeSet::new();
        let twice: Vec<bool> = entries.iter().map(|(key, _)| !seen.insert(key.text.as_str())).collect();
        if !twice.contains(&true) {
            return entries;
        }
        let mut kept: Vec<(Located, Node)> = Vec::with_capacity(entries.len());
        for (entry, twice) in entries.into_iter().zip(twice) {
            if !twice {
                kept.push(entry);
                continue;
            }
            let first = kept.iter().find(|(key, _)| key.text == entry.0.text).map_or(0, |(key, _)| key.place.line);
            let fault = Fault::new(&codes::Y002, format!("the key `{}` stands twice here", entry.0.text));
            self.faults
                .push(fault.at(&entry.0.place).hint(format!("the first is in line {first}; remove one of them")));
        }
        kept
    }

    fn syntax(&mut self, message: &str, marker: Marker) -> Fault {
        let place = self.place(Span::empty(marker));
        if message.contains("unknown anchor") {
            return Fault::new(&codes::Y003, "an alias (`*`) of an anchor that is not there")
                .at(&place)
                .hint("write the value out; quote a text that starts with `*`");
        }
        let fault = Fault::new(&codes::Y001, message).at(&place);
        // The parser tells where it could not go on, which is often the line after a wrong one.
        let words = ["block", "indent", "mapping values", "simple key", "':'", "did not find"];
        if words.iter().any(|word| message.contains(word)) {
            let hint = "check the indentation of this line and the one before: what belongs together begins in the same \
                        column, with blanks and no tabs";
            return fault.hint(hint);
        }
        fault
    }

    fn place(&mut self, span: Span) -> Place {
        let offset = self.cursor.offset(span.start.index());
        let end = self.cursor.offset(span.end.index()).max(offset);
        let (line, column) = (span.start.line(), span.start.col() + 1);
        Place { source: Arc::clone(self.source), line, column, offset, length: end - offset }
    }

    /// The place where a list or mapping begins: its first character.
    fn start_place(&mut self, span: Span) -> Place {
        let mut place = self.place(Span::empty(span.start));
        let rest = self.source.text.get(place.offset..).unwrap_or_default();
        place.length = rest.chars().next().map_or(0, char::len_utf8);
        place
    }

    /// The place of a scalar's text: inside the quotes, and without the line break after a block.
    fn scalar_place(&mut self, span: Span, style: ScalarStyle) -> Place {
        let mut place = self.place(span);
        match style {
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => {
                place.offset += 1;
                place.column += 1;
                // The parser's span runs on to the end of the line, over blanks and comments.
                place.length = quoted_length(self.source.text.get(place.offset..).unwrap_or_default(), style);
            }
            ScalarStyle::Plain | ScalarStyle::Literal | ScalarStyle::Folded => {
                let text = self.source.text.get(place.offset..place.offset + place.length);
                place.length = text.map_or(place.length, |text| text.trim_end().len());
            }
        }
        place
    }
}

/// Bytes up to the closing quote.
fn quoted_length(text: &str, style: ScalarStyle) -> usize {
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        match (style, letter) {
            (ScalarStyle::DoubleQuoted, '"') => return at,
            (ScalarStyle::SingleQuoted, '\'') if letters.peek().is_none_or(|(_, next)| *next != '\'') => return at,
            (ScalarStyle::DoubleQuoted, '\\') | (ScalarStyle::SingleQuoted, '\'') => drop(letters.next()),
            _ => {}
        }
    }
    text.len()
}

fn first_word(text: &str) -> String {
    text.chars().take_while(|letter| !letter.is_whitespace() && *letter != ':').collect()
}

fn scalar(text: &str, style: ScalarStyle) -> Value {
    match style {
        ScalarStyle::Plain if matches!(text, "" | "~" | "null" | "Null" | "NULL") => Value::Null,
        ScalarStyle::Plain => Value::Scalar { text: text.to_owned(), quoted: false },
        // The place of a block is its first character that is no line break; the text must begin there too.
        ScalarStyle::Literal | ScalarStyle::Folded => {
            Value::Scalar { text: text.trim_start_matches('\n').to_owned(), quoted: true }
        }
        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Value::Scalar { text: text.to_owned(), quoted: true },
    }
}

/// Turns character indices into byte offsets by walking from the last one asked for.
struct Cursor<'a> {
    text: &'a str,
    ascii: bool,
    index: usize,
    offset: usize,
}

impl Cursor<'_> {
    fn offset(&mut self, index: usize) -> usize {
        if self.ascii {
            return index.min(self.text.len());
        }
        if index >= self.index {
            let rest = self.text.get(self.offset..).unwrap_or_default();
            self.offset += rest.chars().take(index - self.index).map(char::len_utf8).sum::<usize>();
        } else {
            let before = self.text.get(..self.offset).unwrap_or_default();
            self.offset -= before.chars().rev().take(self.index - index).map(char::len_utf8).sum::<usize>();
        }
        self.index = index;
        self.offset
    }
}
