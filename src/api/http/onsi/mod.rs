//! The Onsi door: `/v1/…` with JSON bodies in camelCase, as the published documentation of the Onsi member interface has it.
//!
//! A translation and no more: what the calls mean is the directory's. Requests are strict (unknown fields and parameters,
//! fields given twice and wrong types are refused), and every error is `{"issues": […]}` with all faults that were found.

mod answer;
mod body;
mod call;
mod failure;
mod input;
mod member;
mod openapi;
mod query;
mod read;
mod shape;
mod write;

use axum::Router;
use axum::routing::{MethodFilter, on};

use self::answer::{answer, no_such_call, no_such_method};
use self::call::Call;
use self::read::{Get, Search, Tiers};
use self::write::{Activate, Create, Offboard, Replace, Update};
use super::openapi::{NAME, serve};
use super::{Door, Routes};

pub use self::failure::{forbidden, overloaded, starting};

/// What the paths of this door begin with. Under the second there is no call yet.
pub const PREFIXES: [&str; 2] = ["/v1/", "/v2/"];
/// Largest body, in bytes: a member has 32 KiB at most. It is read in one step, of which nothing stays but the fields of a
/// member. So what it becomes, some megabytes, is there for no more calls at a time than there are threads, and takes no room.
pub const BODY_BYTES: usize = 256 * 1024;

/// What walks through the calls of this door.
trait Visitor {
    /// Meets one of them.
    fn visit<C: Call>(&mut self);
}

/// The calls of this door.
fn every_call(visitor: &mut impl Visitor) {
    visitor.visit::<Search>();
    visitor.visit::<Create>();
    visitor.visit::<Get>();
    visitor.visit::<Update>();
    visitor.visit::<Replace>();
    visitor.visit::<Offboard>();
    visitor.visit::<Activate>();
    visitor.visit::<Tiers>();
}

/// The calls of this door and its document.
pub fn routes(door: Door) -> Router {
    let mut routes = Routes::default();
    every_call(&mut routes);
    routes.add(&format!("/v1/{NAME}"), serve(openapi::document));
    routes.0.method_not_allowed_fallback(no_such_method).fallback(no_such_call).with_state(door)
}

impl Visitor for Routes {
    fn visit<C: Call>(&mut self) {
        // Every method of a call is one that axum knows.
        let methods = MethodFilter::try_from(C::ABOUT.method).map(|method| on(method, answer::<C>));
        self.add(C::ABOUT.path, methods.unwrap_or_default());
    }
}
