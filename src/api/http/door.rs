//! What the calls of every JSON door need of the server.

use std::sync::Arc;

use super::receive::Bodies;
use crate::directory::Gate;

/// What the calls of a door need of the server.
#[derive(Clone)]
pub struct Door {
    /// Identifies and admits callers.
    pub gate: Gate,
    /// Reads request bodies.
    pub bodies: Arc<Bodies>,
}
