//! ratemill binary.
fn main() {}
