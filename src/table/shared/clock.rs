//! The clock of a store.

use crate::model::Timestamp;

/// The moment passed in by whoever knows the time: the table never asks the system.
pub type Clock = std::sync::Arc<dyn Fn() -> Timestamp + Send + Sync>;
