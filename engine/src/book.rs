//! The price book: what a seller charges for, as checked values. YAML never leaves this room.

pub mod model;
