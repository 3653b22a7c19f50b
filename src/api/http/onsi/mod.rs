//! The Onsi door: `/v1/…` with JSON bodies in camelCase, as in the published documentation of the Onsi member
//! interface.
//!
//! A translation and no more: the directory decides what the calls mean. Requests are strict: unknown fields
//! and parameters, fields given twice and values of a wrong type are rejected. Every error is `{"issues":
//! […]}` with all faults that were found.

mod accept;
mod action;
mod answer;
mod batch;
mod call;
mod calls;
mod csv;
mod failure;
mod fields;
mod handle;
mod input;
mod issue;
mod issues;
mod job;
mod job_results;
mod job_revert;
mod member;
mod openapi;
mod query;
mod read;
mod routes;
mod shape;
mod write;

pub use self::failure::{forbidden, not_serving, overloaded};
pub use self::routes::{BODY_BYTES, PREFIXES, paths, routes};
