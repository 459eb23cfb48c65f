//! Which files the `path:` of a usage source means: the only place where `*`, `?`, `[…]` and `{a,b}` are more than
//! letters. A folder may be called `out[prod]`; only what the user has written as a pattern is one.

use globset::{GlobBuilder, GlobMatcher};

use super::{Found, Location};
use crate::fault::{Fault, Outcome, codes};

/// Letters with a meaning in a pattern.
const SPECIAL: [char; 6] = ['*', '?', '[', '{', '}', '\\'];

/// A path or URL whose later parts may be globs.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// What precedes the first part that is a glob.
    folder: Location,
    /// The rest, matched against paths below `folder`.
    glob: Option<GlobMatcher>,
}

/// `text` with every letter that would mean something in a pattern written so that it means itself: `[*]`.
#[must_use]
pub fn escaped(text: &str) -> String {
    let letter = |letter: char| if SPECIAL.contains(&letter) { format!("[{letter}]") } else { letter.to_string() };
    text.chars().map(letter).collect()
}

/// `text` with the letters of [`escaped`] as they are, and whether what else it holds makes it a glob.
fn unescaped(text: &str) -> (String, bool) {
    let (mut plain, mut glob) = (String::new(), false);
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        let mut ahead = letters.clone();
        match (letter, ahead.next(), ahead.next()) {
            ('[', Some(meant), Some(']')) if SPECIAL.contains(&meant) => {
                plain.push(meant);
                letters = ahead;
            }
            _ => {
                glob |= matches!(letter, '*' | '?' | '[' | '{');
                plain.push(letter);
            }
        }
    }
    (plain, glob)
}

impl Pattern {
    /// Reads a path or URL as [`Location::parse`] does, with the globs `*`, `**`, `?`, `[…]` and `{a,b}` in it.
    ///
    /// # Errors
    /// `O003` when it cannot be used.
    pub fn parse(text: &str) -> Outcome<Self> {
        let (scheme, rest) = text.split_once("://").map_or(("", text), |(scheme, rest)| (scheme, rest));
        let parts: Vec<&str> = rest.split('/').collect();
        let fixed = parts.iter().take_while(|part| !unescaped(part).1).count();
        let (fixed, globs) = parts.split_at(fixed);
        let folder = unescaped(&fixed.join("/")).0;
        let folder = match (scheme, folder.as_str()) {
            ("", "") if rest.starts_with('/') => "/".to_owned(),
            ("", "") if !globs.is_empty() => ".".to_owned(),
            ("", folder) => folder.to_owned(),
            (scheme, folder) => format!("{scheme}://{folder}"),
        };
        let folder = Location::parse(&folder)?;
        if globs.is_empty() {
            return Ok(Self { folder, glob: None });
        }
        let broken = |cause: String| Fault::new(&codes::O003, format!("`{text}` cannot be used: {cause}"));
        if globs.contains(&"..") {
            return Err(broken("`..` follows a pattern".to_owned()).hint("write the folder itself").into());
        }
        let glob = GlobBuilder::new(&globs.join("/")).literal_separator(true).build();
        let hint = "the patterns are *, **, ?, [abc] and {a,b}; write [*], [?], [[] or [{] for the letter itself";
        let glob = glob.map_err(|cause| broken(cause.to_string()).hint(hint))?;
        Ok(Self { folder, glob: Some(glob.compile_matcher()) })
    }

    /// Whether it names one file or folder, and no set of files.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.glob.is_none()
    }

    /// The pattern as the user would write it.
    #[must_use]
    pub fn display(&self) -> String {
        let folder = self.folder.display();
        let glob = self.glob.as_ref().map(|glob| glob.glob().glob());
        glob.map_or_else(|| folder.clone(), |glob| format!("{}/{glob}", folder.trim_end_matches('/')))
    }

    /// Every file it matches, sorted by name below the part that is no glob.
    ///
    /// # Errors
    /// `O001` when the store does not answer.
    pub async fn list(&self) -> Outcome<Vec<Found>> {
        let Some(glob) = &self.glob else { return self.folder.list().await };
        let mut found = self.folder.list_below().await?;
        found.retain(|found| glob.is_match(&found.name));
        Ok(found)
    }

    /// Where the file called `name` by [`Pattern::list`] lies, or lay.
    ///
    /// # Errors
    /// `O003` when it is no plain path.
    pub fn at(&self, name: &str) -> Outcome<Location> {
        if self.glob.is_none() && self.folder.file_name() == name {
            return Ok(self.folder.clone());
        }
        self.folder.join(name)
    }
}
