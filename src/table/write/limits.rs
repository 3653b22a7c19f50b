//! The size of batches.

/// Most rows in one batch, unless it has one atomic request with more.
pub const BATCH_ROWS: usize = 1000;
