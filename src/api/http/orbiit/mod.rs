//! The Orbiit door: `/v0/workspaces/{workspaceId}/…` with JSON bodies, as in the published documentation of
//! the Orbiit interface for members and audiences. A workspace is a memberbase.
//!
//! A translation and no more: the directory decides what the calls mean. Requests are strict: unknown fields
//! and parameters, fields given twice and values of a wrong type are rejected. Every error is `{"error": "…",
//! "code": "…"}` and lists the faults that were found.

mod audience;
mod audience_members;
mod audiences;
mod call;
mod calls;
mod failure;
mod filter;
mod member;
mod members;
mod openapi;
mod page;
mod preview;
mod query;
mod routes;
mod row;
mod save;
mod sent;
mod upsert;

pub use self::failure::{forbidden, not_serving, overloaded};
pub use self::routes::{PREFIX, paths, routes};
