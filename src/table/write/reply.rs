//! Sending replies from the lane to callers.

use std::sync::{Arc, OnceLock};

use tokio::sync::oneshot;

use crate::table::TableError;

/// Where a reply goes.
pub type ReplySender<T> = oneshot::Sender<Result<T, TableError>>;

/// The failure of an earlier slice of a request, if there was one.
pub type Failure = Arc<OnceLock<TableError>>;
