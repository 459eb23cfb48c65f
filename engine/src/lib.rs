//! Ratemill: a batch rating engine. Usage files in, exact and explainable Parquet invoice line sets out.
//!
//! The rooms, in the order a run walks through them. A room never imports a room above it; only [`run`] knows the order
//! of the stages.

// Words typed in, an exit code out.
pub mod cli;
// Rule tests: small jobs of usage and expected lines, each a whole run.
pub mod trial;
// The conductor: the only room that knows the order of the stages.
pub mod run;

// What goes in: the pipeline file, the price book, reference tables, usage files.
pub mod pipeline;
pub mod book;
pub mod yaml;
pub mod reference;
pub mod catalog;
pub mod read;
// Rule SQL with exact decimals, which cannot reach outside.
pub mod rules;

// The hot path: usage -> usage buckets.
pub mod mediate;
pub mod dedup;
pub mod guide;
pub mod meter;

// The price path: usage buckets -> invoice lines.
pub mod charge;
pub mod allowance;
pub mod rate;
pub mod fx;
pub mod discount;
pub mod bounds;
pub mod commitment;
pub mod tax;
pub mod invoice;
pub mod credit;

// What comes out: control totals, the line set, and the second engine that reads it back.
pub mod control;
pub mod lineset;
pub mod verify;

// Work cut into pieces, made in parallel and taken in order.
pub mod pieces;

// Words everybody uses: rows between stages, tables, stores, text columns, periods, decimals, faults.
pub mod usage;
pub mod lines;
pub mod tables;
pub mod store;
pub mod columns;
pub mod period;
pub mod money;
pub mod fault;
