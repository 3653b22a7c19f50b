//! The gRPC door: package `publisher.v1`.
//!
//! Requests are checked for their form where they become values of the model, with the path of every fault;
//! the directory decides everything else. Strings are moved between messages and the model, never copied.
//!
//! A call passes `edge` (deadline), `auth` (caller and access, from the path alone), `receiving` (memory for
//! its messages), `codec`, its service in `calls`, `convert`, and `replies` on its way out.

mod access;
pub mod auth;
mod calls;
pub mod codec;
mod convert;
pub mod deadline;
pub mod edge;
mod faults;
pub mod fields;
pub(crate) mod fuzz;
pub mod methods;
pub mod plain;
pub mod receiving;
mod replies;
pub mod v1;

pub use self::convert::token::to_wire as token_to_wire;
