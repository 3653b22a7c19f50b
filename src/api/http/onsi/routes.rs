//! The router of this door, its paths and its limit of bodies.

use axum::Router;

use super::call::Call;
use super::calls::{Visitor, every_call};
use super::failure::Failure;
use super::handle::handle;
use super::openapi;
use crate::api::bearer::api_key;
use crate::api::http::door::Door;
use crate::api::http::openapi::{NAME, serve};
use crate::api::http::routes::Routes;

/// The prefixes of this door's paths.
pub const PREFIXES: [&str; 2] = ["/v1/", "/v2/"];
/// Largest body other than a file, in bytes; a member has 32 KiB at most. A body is parsed in one step, which
/// keeps nothing but the fields of a member. So no more bodies are parsed at a time than there are threads,
/// and the few megabytes that one may need for that are not counted.
pub const BODY_BYTES: usize = 256 * 1024;

/// The calls of this door and its document.
pub fn routes(door: Door) -> Router {
    let mut routes = Routes::default();
    every_call(&mut routes);
    routes.add(&format!("/v1/{NAME}"), serve(openapi::document));
    routes.finish(door, api_key, |rejection| Failure::from(rejection).into_response_for(""))
}

impl Visitor for Routes {
    fn visit<C: Call>(&mut self) {
        self.add(C::ABOUT.path, C::ABOUT.route(handle::<C>));
    }
}

/// The paths of this door's calls and of its document, with the names of parameters in braces.
#[must_use]
pub fn paths() -> Vec<String> {
    let mut paths = Paths(vec![format!("/v1/{NAME}")]);
    every_call(&mut paths);
    paths.0
}

struct Paths(Vec<String>);

impl Visitor for Paths {
    fn visit<C: Call>(&mut self) {
        self.0.push(C::ABOUT.path.to_owned());
    }
}
