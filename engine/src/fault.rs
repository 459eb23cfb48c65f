//! Faults: what went wrong, where, what to do, and who must act.
//!
//! One struct for every fault of the engine, so that each of them reaches the user with a stable code, a place in the
//! user's own file and a hint. A fault never knows how it is drawn: `cli/report.rs` does that. A bad usage *record* is
//! not a fault but a row of the `suspense` table.

use std::fmt;
use std::sync::Arc;

pub mod codes;

/// Who must act on a fault; decides the exit code (DESIGN section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The user's configuration, price book or rules: exit 2.
    Rules,
    /// The input is missing, unreadable or not of the declared shape: exit 3.
    Input,
    /// Another process committed this period first: exit 4.
    Committed,
    /// A fault of Ratemill itself: exit 70.
    Ours,
    /// The environment failed in a way that may pass: exit 75.
    Temporary,
}

impl Blame {
    /// The process exit code of this blame.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Rules => 2,
            Self::Input => 3,
            Self::Committed => 4,
            Self::Ours => 70,
            Self::Temporary => 75,
        }
    }
}

/// A stable fault code with who must act and one line of meaning; all of them stand in [`codes`].
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// The short code printed with the fault, such as `B010`.
    pub id: &'static str,
    /// Who must act.
    pub blame: Blame,
    /// What the code means in general.
    pub meaning: &'static str,
}

/// One of the user's text files, kept to draw snippets from.
#[derive(Debug, PartialEq, Eq)]
pub struct SourceText {
    /// The file's name as the user would write it.
    pub name: String,
    /// The whole text; empty when it is not known (a binary table).
    pub text: String,
}

/// A place in one of the user's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub source: Arc<SourceText>,
    /// Line, from 1; 0 when the whole file is meant.
    pub line: usize,
    /// Column in characters, from 1; 0 when the whole line is meant.
    pub column: usize,
    /// Byte offset of the place in `source.text`.
    pub offset: usize,
    /// Length in bytes of what is meant.
    pub length: usize,
}

impl Place {
    /// The file as a whole.
    #[must_use]
    pub fn file(name: &str) -> Self {
        let source = Arc::new(SourceText { name: name.to_owned(), text: String::new() });
        Self { source, line: 0, column: 0, offset: 0, length: 0 }
    }

    /// A row of a table whose text is not kept; `line` counts from 1.
    #[must_use]
    pub fn row(name: &str, line: usize) -> Self {
        Self { line, ..Self::file(name) }
    }

    /// The place of byte `offset` (and `length` bytes) in `source`, with line and column worked out.
    #[must_use]
    pub fn at(source: &Arc<SourceText>, offset: usize, length: usize) -> Self {
        let before = source.text.get(..offset).unwrap_or(&source.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        Self { source: Arc::clone(source), line, column, offset, length }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.column) {
            (0, _) => write!(f, "{}", self.source.name),
            (line, 0) => write!(f, "{}:{line}", self.source.name),
            (line, column) => write!(f, "{}:{line}:{column}", self.source.name),
        }
    }
}

/// A text of the user's with its place, such as an SQL expression inside the YAML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// The text itself.
    pub text: String,
    /// Where it stands; `place.offset` is the first byte of the text when it is written in one piece.
    pub place: Place,
}

/// One fault.
#[derive(Clone, Debug)]
pub struct Fault {
    /// Stable code.
    pub code: &'static Code,
    /// One sentence without a full stop, readable without colour.
    pub message: String,
    /// Where in the user's files.
    pub place: Option<Place>,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Fault {
    /// A fault without a place yet.
    #[must_use]
    pub fn new(code: &'static Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), place: None, hint: None }
    }

    /// A broken promise of Ratemill's own code.
    #[must_use]
    pub fn ours(message: impl Into<String>) -> Self {
        Self::new(&codes::X001, message)
    }

    /// The same fault, placed.
    #[must_use]
    pub fn at(mut self, place: &Place) -> Self {
        self.place = Some(place.clone());
        self
    }

    /// The same fault with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        write!(f, "{} {}", self.code.id, self.message)
    }
}

/// All the faults found in one go; never empty when used as an error.
#[derive(Clone, Debug, Default)]
pub struct Faults(pub Vec<Fault>);

impl Faults {
    /// Adds a fault.
    pub fn push(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    /// Keeps the value of `outcome`, or its faults.
    pub fn keep<T>(&mut self, outcome: Outcome<T>) -> Option<T> {
        match outcome {
            Ok(value) => Some(value),
            Err(faults) => {
                self.0.extend(faults.0);
                None
            }
        }
    }

    /// `value` when nothing was found, the faults otherwise.
    ///
    /// # Errors
    /// The collected faults.
    pub fn or<T>(self, value: T) -> Outcome<T> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }

    /// The same faults, at `place` where they have none.
    #[must_use]
    pub fn placed(mut self, place: &Place) -> Self {
        for fault in self.0.iter_mut().filter(|fault| fault.place.is_none()) {
            fault.place = Some(place.clone());
        }
        self
    }

    /// Sorts by file, line and column, and drops repetitions.
    pub fn sort(&mut self) {
        self.0.sort_by_cached_key(|fault| {
            let place = fault.place.as_ref();
            let at = place.map(|place| (place.source.name.clone(), place.line, place.column));
            (at, fault.code.id, fault.message.clone())
        });
        self.0.dedup_by(|a, b| a.code == b.code && a.message == b.message && a.place == b.place);
    }

    /// The exit code of the whole: our own bugs first, then what the user must change, then what may pass.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        let order = [Blame::Ours, Blame::Rules, Blame::Input, Blame::Committed, Blame::Temporary];
        let first = order.into_iter().find(|blame| self.0.iter().any(|fault| fault.code.blame == *blame));
        first.unwrap_or(Blame::Ours).exit_code()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(Fault::to_string).collect();
        write!(f, "{}", lines.join("\n"))
    }
}

impl std::error::Error for Faults {}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Self(vec![fault])
    }
}

/// The result of everything that can go wrong in the engine.
pub type Outcome<T> = Result<T, Faults>;
