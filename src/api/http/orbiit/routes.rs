//! The router of this door.

use axum::Router;

use super::call::{Call, handle};
use super::calls::{Visitor, every_call};
use super::failure::Failure;
use super::openapi;
use crate::api::bearer::bearer;
use crate::api::http::door::Door;
use crate::api::http::openapi::{NAME, serve};
use crate::api::http::routes::Routes;

/// The prefix of this door's paths.
pub const PREFIX: &str = "/v0/";

/// The calls of this door and its document.
pub fn routes(door: Door) -> Router {
    let mut routes = Routes::default();
    every_call(&mut routes);
    routes.add(&format!("{PREFIX}{NAME}"), serve(openapi::document));
    routes.finish(door, bearer, |rejection| Failure::from(rejection).into_response_for(""))
}

impl Visitor for Routes {
    fn visit<C: Call>(&mut self) {
        self.add(C::ABOUT.path, C::ABOUT.route(handle::<C>));
    }
}

/// The paths of this door's calls and of its document, with the names of parameters in braces.
#[must_use]
pub fn paths() -> Vec<String> {
    let mut paths = Paths(vec![format!("{PREFIX}{NAME}")]);
    every_call(&mut paths);
    paths.0
}

struct Paths(Vec<String>);

impl Visitor for Paths {
    fn visit<C: Call>(&mut self) {
        self.0.push(C::ABOUT.path.to_owned());
    }
}
