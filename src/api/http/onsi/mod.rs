//! The Onsi door: `/v1/…` with JSON bodies in camelCase, as the published documentation of the Onsi member interface has it.
//!
//! A translation and no more: what the calls mean is the directory's. Requests are strict (unknown fields and parameters,
//! fields given twice and wrong types are refused), and every error is `{"issues": […]}` with all faults that were found.

mod body;
mod call;
mod failure;
mod fields;
mod input;
mod member;
mod query;
mod read;
mod write;

use axum::Router;
use axum::routing::{get, post};

use self::call::{answer, no_such_call, no_such_method};
use self::read::{Get, Search, Tiers};
use self::write::{Activate, Create, Offboard, Replace, Update};
use super::Door;

pub use self::failure::starting;

/// What the paths of this door begin with.
pub const PREFIX: &str = "/v1/";
/// Largest body, in bytes: a member has 32 KiB at most.
pub const BODY_BYTES: usize = 256 * 1024;

/// The calls of this door.
pub fn routes(door: Door) -> Router {
    let member = get(answer::<Get>).patch(answer::<Update>).put(answer::<Replace>).delete(answer::<Offboard>);
    Router::new()
        .route("/v1/members", get(answer::<Search>).post(answer::<Create>))
        .route("/v1/members/{id}", member)
        .route("/v1/members/{id}/activate", post(answer::<Activate>))
        .route("/v1/tiers", get(answer::<Tiers>))
        .method_not_allowed_fallback(no_such_method)
        .fallback(no_such_call)
        .with_state(door)
}
