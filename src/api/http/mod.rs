//! The JSON doors: HTTP on the same port as gRPC, told apart by the path.
//!
//! Every call is a type that says its path, the access that it needs, its request and its reply; what surrounds all calls
//! (who calls, the body and its limits, errors and their numbers in the log) stands in the `call` of each door, once.

mod body;
mod failure;
mod json;
mod named;
pub mod onsi;
mod openapi;
pub mod publisher;
mod reply;
mod structure;
mod tree;
mod whole;

use std::sync::Arc;

use axum::Router;
use axum::routing::MethodRouter;

pub use self::body::Bodies;
use crate::directory::Gate;

/// What every call has at hand.
#[derive(Clone)]
pub struct Door {
    /// Who knows the callers.
    pub gate: Gate,
    /// How bodies are read.
    pub bodies: Arc<Bodies>,
}

/// The routes of a door in the making.
#[derive(Default)]
struct Routes(Router<Door>);

impl Routes {
    /// Adds a call.
    fn add(&mut self, path: &str, call: MethodRouter<Door>) {
        self.0 = std::mem::take(&mut self.0).route(path, call);
    }
}
