//! Tests of the `ratemill` binary as its users meet it: words typed, exit code, what is said, files written.
//!
//! One binary for all of them, so that the engine is linked once. `bash .ci/test` sets up what they need.

// The books and usage worked out by hand, in `engine/tests/cases`.
#[cfg(test)]
mod cases;
// Numbers of invoices, and taxes of a tax service.
#[cfg(test)]
mod assembly;
// Bounds, commitments and thresholds.
#[cfg(test)]
mod around;
// Allowances from month to month, and balances that cannot be.
#[cfg(test)]
mod allowances;
// Bad usage, references and rules: the documented code, exit status and suspense reason of each.
#[cfg(test)]
mod bad_input;
// What other billing and rating systems assert, asked of Ratemill.
#[cfg(test)]
mod conformance;
// Prepaid credits: bad tables, the next period, what is told of them.
#[cfg(test)]
mod credits;
// Exchange of currencies: rates that are missing, too old or of another type.
#[cfg(test)]
mod exchange;
// Files that break off, come empty, explode or carry what no number is, in every format.
#[cfg(test)]
mod bad_files;
// Rules and YAML that try to reach outside or to fill the memory.
#[cfg(test)]
mod bad_rules;
// Discounts, conditions and coupons that are mistaken.
#[cfg(test)]
mod bad_discounts;
// Price lists of a hundred thousand prefixes.
#[cfg(test)]
mod long_lists;
// A book with one of every mistake, and what is said of it.
#[cfg(test)]
mod mistakes;
// What is said to somebody who writes prices for the first time.
#[cfg(test)]
mod newcomers;
#[cfg(test)]
mod adjustments;
#[cfg(test)]
mod month;
#[cfg(test)]
mod nights;
// The same on an S3 server: jobs of several nights in which something goes wrong.
#[cfg(test)]
mod remote_month;
// Nights killed at every fail point and at any moment.
#[cfg(test)]
mod kills;
// Nights on a server that does not always answer, and the proxy that sees to it.
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod s3_faults;
// What a commit promises: whose line set stands, and what is said of it.
#[cfg(test)]
mod commits;
// Reads what a run has committed, from a folder.
#[cfg(test)]
mod committed;
// Parquet files with damaged pages: a fault, and no stack trace.
#[cfg(test)]
mod damaged;
// What is decided of records in suspense.
#[cfg(test)]
mod decisions;
// What changed between two line sets.
#[cfg(test)]
mod diff;
// A third engine reads the line set and finds the sums of the summary.
#[cfg(test)]
mod duckdb;
// Why a line says what it says, and the line again from that alone.
#[cfg(test)]
mod explain;
// All faults of a price book at once, as they are shown.
#[cfg(test)]
mod faults;
// Calls the binary, makes folders to call it in, finds the tools of the tests.
#[cfg(test)]
mod harness;
// Pools, overrides and commitments over a hierarchy of four levels.
#[cfg(test)]
mod hierarchy;
// Bills that others have drawn up, rated again from their own usage.
#[cfg(test)]
mod real_bills;
// What is told of a run while it goes on and when it has ended.
#[cfg(test)]
mod observed;
// Folders of every name, and places nothing can be written to.
#[cfg(test)]
mod places;
// A race for one period, and runs killed in the middle, on a folder and on S3.
#[cfg(test)]
mod races;
// The reference page: up to date, and every example on it can be used as it stands.
#[cfg(test)]
mod reference_page;
// The sample job on an S3 server.
#[cfg(test)]
mod s3;
// The sample job: its counts, its second run, the same bytes however it is run.
#[cfg(test)]
mod sample;
// Generated books and usage, rated by a second rater that shares no code with the engine.
#[cfg(test)]
#[path = "../reference/mod.rs"]
mod reference;
// Tests of pricing rules, as pricing people run them.
#[cfg(test)]
mod rule_tests;
// How resolving prices grows.
#[cfg(test)]
mod scale;
// Rated records of charges that publish them.
#[cfg(test)]
mod itemised;
// Levels that go from one month into the next.
#[cfg(test)]
mod levels;
// What a run would go by, and secrets that are never shown.
#[cfg(test)]
mod settings;
// Reasons of suspense, and what is set aside with them.
#[cfg(test)]
mod suspense;
// Lines without a tax rate.
#[cfg(test)]
mod taxes;
// The smallest job there is, to be broken in one place.
#[cfg(test)]
mod tiny;
// What the house looks like: import directions, sizes, words, floats and clocks.
#[cfg(test)]
mod tidy;
// Plans of runs, and what shows and clears up an output.
#[cfg(test)]
mod upkeep;
// Usage and amounts that cannot be priced.
#[cfg(test)]
mod unpriced;
// Words typed that are not a run: schemas, completions, a check without a period.
#[cfg(test)]
mod typed;
// An S3 server of our own, on loopback.
#[cfg(test)]
mod weed;
