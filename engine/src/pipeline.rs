//! The pipeline file: which usage, which reference tables, which book, which period, where to.

pub mod model;
