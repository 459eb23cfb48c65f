//! A month of usage that comes file by file, with everything that can go wrong in it, for jobs of several nights.
//!
//! Apart from the tests so that each of them says only in what order and how often files come. The same seed makes the same
//! month.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::harness::{Call, folder, ratemill, write};

const PIPELINE: &str = r#"pipeline: nights
timezone: America/Denver
period: month
book: book.yaml
incremental: {}
usage:
  calls:
    path: ${USAGE_ROOT:-usage}/*.csv
    format: csv
    schema: { id: string, kind: string, who: string, at: timestamp, amount: "decimal(18,3)", region: string, person: string }
    mediate: |
      SELECT id AS record_id, kind AS record_type, who AS identifier, at AS record_time, amount, region, person FROM input
    dedup: { key: [record_id], window: 35 days }
    suspend: [ { code: negative, when: "amount < 0" } ]
reference:
  accounts: ${REFERENCE_ROOT:-.}/accounts.csv
  subscriptions: ${REFERENCE_ROOT:-.}/subscriptions.csv
  identifiers: ${REFERENCE_ROOT:-.}/identifiers.csv
limits: { suspense_records: 1 }
output: ${OUTPUT_ROOT:-out}
"#;

/// Meters whose buckets add up, and such that only single records can tell.
const BOOK: &str = "book: nights
currency: account
meters:
  minutes: { record_type: call, quantity: amount / 60, aggregate: sum, dimensions: [region], unit: minute }
  calls: { record_type: call, aggregate: count }
  people: { record_type: call, of: person, aggregate: unique }
  longest: { record_type: call, quantity: amount, aggregate: max }
  seats: { record_type: seat, quantity: amount, aggregate: latest }
  traffic: { record_type: traffic, quantity: amount, aggregate: percentile, percentile: { percent: 95 } }
  dialled: { record_type: dial, quantity: amount, aggregate: sum, unit: second }
products:
  voice:
    name: Voice
    charges:
      minutes:
        meter: minutes
        model: matrix
        by: [region]
        cells: [ { region: EU, unit_price: 0.02 }, { region: US, unit_price: 0.03 } ]
      calls: { meter: calls, model: graduated, tiers: [ { up_to: 10, unit_price: 0.10 }, { unit_price: 0.05 } ] }
      people: { meter: people, model: per_unit, unit_price: 2 }
      longest: { meter: longest, model: per_unit, unit_price: 0.001 }
      seats: { meter: seats, model: per_unit, unit_price: 1 }
      traffic: { meter: traffic, model: per_unit, unit_price: 0.50 }
      dialled: { meter: dialled, model: increments, initial: 30, increment: 6, unit_price: 0.01, per: 60 }
";

const ACCOUNTS: &str =
    "account_id,parent_id,level,name,currency\nA1,,customer,Ann,USD\nA2,A1,site,Annex,USD\nB1,,customer,Bea,EUR\n";
const SUBSCRIPTIONS: &str = "subscription_id,account_id,product,start,end\nS1,A1,voice,2026-01-01,\nS2,A2,voice,2026-01-01,2026-10-20\nS3,B1,voice,2026-10-10,\n";
const IDENTIFIERS: &str =
    "identifier,subscription_id,valid_from,valid_to\nann,S1,2026-01-01,\nannex,S2,2026-01-01,\nbea,S3,2026-01-01,\n";
const HEADER: &str = "id,kind,who,at,amount,region,person\n";

/// The usage files by name, in the order they come.
pub(crate) type Drops = Vec<(String, String)>;

/// A row of well mixed bits for a number or a text.
pub(crate) fn mixed(seed: u64, of: impl std::fmt::Display) -> u64 {
    let hash = blake3::hash(format!("{seed} {of}").as_bytes());
    u64::from_le_bytes(hash.as_bytes()[..8].try_into().unwrap())
}

/// A file for each day of October and the first of November; most records of a file are of its day, some are late. Copies of
/// records come again later, and others of the same id with other contents. The names do not sort by day.
pub(crate) fn drops(seed: u64, records: u64) -> Drops {
    let mut written: Vec<String> = Vec::new();
    let mut drops = Drops::new();
    for day in 1..=32_u64 {
        let mut text = HEADER.to_owned();
        for nth in 0..records {
            let number = day * 100_000 + nth;
            let roll = |salt: u64, below: u64| mixed(seed, number * 100 + salt) % below;
            if roll(0, 12) == 0 && !written.is_empty() {
                let old = &written[usize::try_from(roll(1, written.len() as u64)).unwrap()];
                if roll(2, 2) == 0 {
                    writeln!(text, "{old}").unwrap();
                    continue;
                }
            }
            let of_day = if roll(3, 8) == 0 { 1 + roll(4, day) } else { day };
            let stamp = 1_790_834_400 + (of_day - 1) * 86_400 + roll(5, 86_400);
            let at = chrono::DateTime::from_timestamp(i64::try_from(stamp).unwrap(), 0).unwrap().to_rfc3339();
            // An id of an earlier record now and then: with other contents it is a conflict, on whatever day.
            let id =
                if roll(6, 25) == 0 { day.saturating_sub(roll(7, 4)) * 100_000 + roll(8, records) } else { number };
            let kind =
                ["call", "call", "call", "seat", "traffic", "dial", "chat"][usize::try_from(roll(9, 7)).unwrap()];
            let who = ["ann", "ann", "annex", "bea", "nobody"][usize::try_from(roll(10, 5)).unwrap()];
            let region = ["EU", "US", "US", "MARS", ""][usize::try_from(roll(11, 5)).unwrap()];
            let amount =
                if roll(12, 30) == 0 { "-1".to_owned() } else { format!("{}.{:03}", roll(13, 900), roll(14, 1000)) };
            let amount = if roll(15, 40) == 0 { "many".to_owned() } else { amount };
            let row = format!("r{id},{kind},{who},{at},{amount},{region},p{}", roll(16, 9));
            writeln!(text, "{row}").unwrap();
            written.push(row);
        }
        drops.push((format!("{:04x}-{day:02}.csv", mixed(seed, day) % 65_536), text));
    }
    drops
}

/// The job in a folder of its own.
pub(crate) struct Month {
    here: TempDir,
}

impl Month {
    pub(crate) fn new() -> Self {
        let month = Self { here: folder() };
        for (name, text) in [
            ("pipeline.yaml", PIPELINE),
            ("book.yaml", BOOK),
            ("accounts.csv", ACCOUNTS),
            ("subscriptions.csv", SUBSCRIPTIONS),
            ("identifiers.csv", IDENTIFIERS),
        ] {
            month.put(name, text);
        }
        month
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.here.path().join(name)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.here.path()
    }

    pub(crate) fn put(&self, name: &str, text: &str) {
        write(&self.path(name), text);
    }

    /// A file arrives.
    pub(crate) fn arrives(&self, (name, text): &(String, String)) {
        self.put(&format!("usage/{name}"), text);
    }

    /// The command with this name on October.
    pub(crate) fn call(&self, name: &str) -> Call {
        ratemill(&[name, "pipeline.yaml", "--period", "2026-10", "--format", "json"]).cwd(self.folder())
    }

    /// The newest manifest's text, and every file it names by its digest.
    pub(crate) fn committed(&self) -> (String, BTreeMap<String, String>) {
        committed(&self.path("out"))
    }
}

/// The newest manifest of October below `output`, and the digests of all files that it names.
pub(crate) fn committed(output: &Path) -> (String, BTreeMap<String, String>) {
    let manifests = crate::harness::files(&output.join("runs/period=2026-10"));
    let (_, path) = manifests.into_iter().rfind(|(name, _)| !name.contains('/')).unwrap();
    let text = std::fs::read_to_string(path).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
    let parts = manifest["tables"].as_object().unwrap().values().flat_map(|parts| parts.as_array().unwrap().clone());
    let named = parts.map(|part| part["path"].as_str().unwrap().to_owned());
    let digests = named.map(|path| (path.clone(), crate::harness::digest(&std::fs::read(output.join(path)).unwrap())));
    (text, digests.collect())
}
