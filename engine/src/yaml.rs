//! YAML files as trees of texts with places, and the tables of keys that say what may stand in them.
//!
//! Separate from the rooms that give the keys a meaning, so that one table drives both the check of a file and the JSON
//! Schema editors read. A scalar stays the text the user wrote: nothing here ever turns a number into a float, expands
//! an alias or reads another file.

use std::sync::Arc;

use crate::fault::{Fault, Located, Outcome, Place, SourceText, codes};
use crate::money::Decimal;

mod check;
pub mod keys;
pub mod reference;
mod schema;
mod suggest;
#[cfg(test)]
pub(crate) mod tests;
mod tree;

pub use check::check;
pub use schema::json_schema;
pub use suggest::{closest, did_you_mean};
pub use tree::parse;

/// Bytes a YAML file or a table of prices may have.
pub const SIZE_MAX: usize = 64 << 20;

/// A value in a YAML file.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where it stands: of a quoted or block scalar, its first character.
    pub place: Place,
    /// What it is.
    pub value: Value,
}

/// What a [`Node`] is.
#[derive(Clone, Debug)]
pub enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// Something a fault has been reported for already (an alias); checks pass over it.
    Refused,
    /// A text, number or truth value, as written.
    Scalar {
        /// The text without quotes, escapes resolved.
        text: String,
        /// Whether it stood in quotes or in a block.
        quoted: bool,
    },
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order of the file, each key once.
    Map(Vec<(Located, Node)>),
}

impl Node {
    /// The keys and values of a mapping; none for anything else.
    #[must_use]
    pub fn entries(&self) -> &[(Located, Node)] {
        if let Value::Map(entries) = &self.value { entries } else { &[] }
    }

    /// The values of a sequence; none for anything else.
    #[must_use]
    pub fn list(&self) -> &[Node] {
        if let Value::List(list) = &self.value { list } else { &[] }
    }

    /// The value of `key` in a mapping, unless it is null.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|(name, _)| name.text == key).map(|(_, node)| node).filter(|node| !node.is_null())
    }

    /// Whether there is nothing here.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// The text of a scalar.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        if let Value::Scalar { text, .. } = &self.value { Some(text) } else { None }
    }

    /// The text of a scalar with its place.
    #[must_use]
    pub fn located(&self) -> Option<Located> {
        self.text().map(|text| Located { text: text.to_owned(), place: self.place.clone() })
    }

    /// The texts of a scalar or of a sequence of scalars, with their places.
    #[must_use]
    pub fn texts(&self) -> Vec<Located> {
        self.located().into_iter().chain(self.list().iter().filter_map(Node::located)).collect()
    }

    /// The decimal number of a scalar, if it is one.
    #[must_use]
    pub fn decimal(&self) -> Option<Decimal> {
        self.text().and_then(|text| Decimal::parse(text).ok())
    }
}

/// The bytes of a file as a text to read and to quote from; a byte order mark is left out.
///
/// # Errors
/// `Y001` when it is not UTF-8, has a NUL character or is too large.
pub fn source(name: &str, bytes: &[u8]) -> Outcome<Arc<SourceText>> {
    let broken = |message: &str| Fault::new(&codes::Y001, message).at(&Place::file(name));
    if bytes.len() > SIZE_MAX {
        return Err(broken("the file is larger than 64 MiB")
            .hint("long price lists can be tables in CSV or Parquet")
            .into());
    }
    let text = std::str::from_utf8(bytes);
    let text =
        text.map_err(|cause| broken(&format!("the file is not UTF-8 text after byte {}", cause.valid_up_to())))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let source = Arc::new(SourceText { name: name.to_owned(), text: text.to_owned() });
    // YAML readers take NUL for the end of the file: what follows would be lost without a word.
    match text.find('\0') {
        Some(at) => Err(Fault::new(&codes::Y001, "a NUL character").at(&Place::at(&source, at, 1)).into()),
        None => Ok(source),
    }
}

/// `path` as meant by the file `name` it stands in: relative to that file, `.` and `..` resolved, URLs and absolute
/// paths as they are.
#[must_use]
pub fn beside(name: &str, path: &str) -> String {
    if path.starts_with('/') || path.contains("://") {
        return path.to_owned();
    }
    let (scheme, rest) = name.split_once("://").map_or((None, name), |(scheme, rest)| (Some(scheme), rest));
    let folder = rest.rsplit_once('/').map(|(folder, _)| folder);
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.unwrap_or_default().split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let root = if rest.starts_with('/') { "/" } else { "" };
    let plain = format!("{root}{}", parts.join("/"));
    match scheme {
        Some(scheme) => format!("{scheme}://{plain}"),
        None if plain.is_empty() => ".".to_owned(),
        None => plain,
    }
}
