//! Benchmarks and sample data of Ratemill.
