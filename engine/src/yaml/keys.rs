//! The words a key table is written in: what may stand in a mapping, declared once as constants.
//!
//! The tables themselves stand with the rooms that give them a meaning (`book/keys.rs`, `pipeline/keys.rs`).

/// A kind of mapping with fixed keys.
#[derive(Debug)]
pub struct Record {
    /// What one such mapping is called, with its article: `a meter`.
    pub title: &'static str,
    /// Its keys, in groups that several records may share.
    pub keys: &'static [&'static [Key]],
    /// Which of the keys go together.
    pub choice: Option<&'static Choice>,
}

/// A key of a [`Record`].
#[derive(Debug)]
pub struct Key {
    /// The key as written.
    pub name: &'static str,
    /// What its value must be.
    pub kind: Kind,
    /// Whether it must be there.
    pub required: bool,
    /// What leaving it out means.
    pub default: Option<&'static str>,
    /// One line for whoever writes the file.
    pub about: &'static str,
}

/// What a value must be.
#[derive(Debug)]
pub enum Kind {
    /// Any scalar; a number is a text here.
    Text,
    /// An SQL expression or SELECT.
    Sql,
    /// A path or URL.
    Path,
    /// An exact decimal number.
    Number,
    /// A whole number, not negative.
    Whole,
    /// `true` or `false`.
    Truth,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// One text or a list of texts.
    Texts,
    /// A list of this.
    List(&'static Kind),
    /// A mapping from names the user chooses to this.
    Map(&'static Kind),
    /// A mapping with fixed keys.
    Record(&'static Record),
    /// The first or the second, told apart by shape (scalar, list or mapping).
    Either(&'static Kind, &'static Kind),
}

/// The value of `key` decides which other keys may and must be there.
#[derive(Debug)]
pub struct Choice {
    /// The deciding key.
    pub key: &'static str,
    /// Its values.
    pub variants: &'static [Variant],
    /// A key that may say what a variant needs in other places.
    pub instead: Option<&'static str>,
}

/// The keys that go with one value of a deciding key.
#[derive(Debug)]
pub struct Variant {
    /// The value.
    pub name: &'static str,
    /// One line for whoever writes the file.
    pub about: &'static str,
    /// Keys that must be there with it.
    pub required: &'static [&'static str],
    /// Keys that may.
    pub optional: &'static [&'static str],
}

impl Record {
    /// All keys.
    pub fn all(&self) -> impl Iterator<Item = &'static Key> {
        self.keys.iter().flat_map(|group| group.iter())
    }
}

impl Key {
    /// A key that must be there.
    #[must_use]
    pub const fn required(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { name, kind, required: true, default: None, about }
    }

    /// A key that may be left out.
    #[must_use]
    pub const fn optional(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { name, kind, required: false, default: None, about }
    }

    /// A key with a default.
    #[must_use]
    pub const fn defaulted(name: &'static str, kind: Kind, default: &'static str, about: &'static str) -> Self {
        Self { name, kind, required: false, default: Some(default), about }
    }
}

impl Kind {
    /// What is expected, as a sentence says it.
    #[must_use]
    pub fn expected(&self) -> String {
        match self {
            Self::Text => "a text".to_owned(),
            Self::Sql => "SQL text".to_owned(),
            Self::Path => "a path or URL".to_owned(),
            Self::Number => "a number".to_owned(),
            Self::Whole => "a whole number".to_owned(),
            Self::Truth => "true or false".to_owned(),
            Self::OneOf([only]) => format!("`{only}`"),
            Self::OneOf(words) => format!("one of {}", words.join(", ")),
            Self::Texts => "a text or a list of texts".to_owned(),
            Self::List(_) => "a list".to_owned(),
            Self::Map(_) => "a mapping".to_owned(),
            Self::Record(record) => format!("a mapping ({})", record.title),
            Self::Either(one, other) => format!("{} or {}", one.expected(), other.expected()),
        }
    }
}
