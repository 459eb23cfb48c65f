//! Ratemill: a batch rating engine. Usage files in, exact and explainable Parquet invoice line sets out.
//!
//! The rooms, in the order a run walks through them:

pub mod book;
pub mod fault;
pub mod money;
pub mod period;
pub mod pipeline;
pub mod reference;
pub mod store;
pub mod yaml;
