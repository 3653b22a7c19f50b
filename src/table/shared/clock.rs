//! The clock of a store.

use crate::model::Timestamp;

/// Returns the current time. It is passed in where a store is opened; the table never asks the system.
pub type Clock = std::sync::Arc<dyn Fn() -> Timestamp + Send + Sync>;
