//! How much is written at a time.

/// Rows of one batch, unless an atomic request has more.
pub const BATCH_ROWS: usize = 1000;
