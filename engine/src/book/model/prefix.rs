//! Prefixes: price lists by the longest beginning that fits, such as those of dialled numbers.

use super::price::Tier;
use crate::money::Decimal;

/// A list of prefixes with prices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prefixes {
    /// Sorted by prefix, each once.
    pub list: Vec<Destination>,
    /// By position in `list`: the longest shorter prefix in the list that it begins with.
    shorter: Vec<Option<u32>>,
    /// Names of destinations on lines, sorted.
    pub names: Vec<String>,
}

/// What a prefix costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The prefix.
    pub prefix: String,
    /// Position of its name in [`Prefixes::names`].
    pub name: u32,
    /// The first increment of a record, and all that follow; one open band without increments.
    pub tiers: Vec<Tier>,
    /// Due for each record of a quantity above zero.
    pub connect_fee: Decimal,
}

impl Prefixes {
    /// The list of these prefixes (each once) with their names.
    #[must_use]
    pub fn new(rows: Vec<(Destination, String)>) -> Self {
        let mut names: Vec<String> = rows.iter().map(|(_, name)| name.clone()).collect();
        names.sort_unstable();
        names.dedup();
        let named = |(mut row, name): (Destination, String)| {
            row.name = names.binary_search(&name).ok().and_then(|at| u32::try_from(at).ok()).unwrap_or(u32::MAX);
            row
        };
        let mut list: Vec<Destination> = rows.into_iter().map(named).collect();
        list.sort_by(|a, b| a.prefix.cmp(&b.prefix));
        let mut shorter: Vec<Option<u32>> = Vec::with_capacity(list.len());
        for at in 0..list.len() {
            // In sorted order whatever this one begins with stands before it, at the end of a chain from its neighbour.
            let mut before = at.checked_sub(1);
            while let Some(one) = before.filter(|one| !list[at].prefix.starts_with(&list[*one].prefix)) {
                before = shorter[one].and_then(|one| usize::try_from(one).ok());
            }
            shorter.push(before.and_then(|one| u32::try_from(one).ok()));
        }
        Self { list, shorter, names }
    }

    /// The longest prefix `text` begins with.
    #[must_use]
    pub fn longest(&self, text: &str) -> Option<&Destination> {
        let mut at = self.list.partition_point(|row| row.prefix.as_str() <= text).checked_sub(1);
        while let Some(one) = at {
            let row = self.list.get(one)?;
            if text.starts_with(&row.prefix) {
                return Some(row);
            }
            at = self.shorter[one].and_then(|one| usize::try_from(one).ok());
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_wins_and_none_is_none() {
        let row = |prefix: &str| {
            let tiers = vec![Tier::new(None, Decimal::ONE)];
            (Destination { prefix: prefix.to_owned(), name: 0, tiers, connect_fee: Decimal::ZERO }, prefix.to_owned())
        };
        let prefixes = Prefixes::new(["49", "4915", "491", "1", "4420", "44"].map(row).into());
        let longest = |text| prefixes.longest(text).map(|row| row.prefix.clone());
        assert_eq!(longest("49301234").as_deref(), Some("49"));
        assert_eq!(longest("49159").as_deref(), Some("4915"));
        assert_eq!(longest("4914").as_deref(), Some("491"));
        assert_eq!(longest("4419").as_deref(), Some("44"));
        assert_eq!(longest("4420").as_deref(), Some("4420"));
        assert_eq!(longest("48"), None);
        assert_eq!(longest(""), None);
        assert_eq!(longest("0"), None);
    }
}
