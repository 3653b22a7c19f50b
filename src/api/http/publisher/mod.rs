//! The Publisher door: `POST /publisher.v1/<resource>/<action>` with JSON bodies.
//!
//! A translation and no more: what the calls mean is the directory's. Requests are strict (unknown fields, fields given
//! twice and wrong types are refused with their paths), replies carry the names of the published documentation.

mod account;
mod api_token;
mod attribute;
mod call;
mod filter;
mod list;
mod member;
mod member_base;
mod openapi;
mod record;
mod row;
mod upsert;

use axum::Router;
use axum::routing::post;

use self::call::{Call, answer, no_such_call, no_such_method};
use super::openapi::{NAME, serve};
use super::{Door, Routes};

pub use self::openapi::words;
pub use super::failure::{forbidden, overloaded, starting};

/// What the paths of this door begin with.
pub const PREFIX: &str = "/publisher.v1/";

/// What walks through the calls of this door.
trait Visitor {
    /// Meets one of them.
    fn visit<C: Call>(&mut self);
}

/// The calls of this door.
fn every_call(visitor: &mut impl Visitor) {
    visitor.visit::<member_base::Create>();
    visitor.visit::<member_base::Get>();
    visitor.visit::<member_base::List>();
    visitor.visit::<member_base::Update>();
    visitor.visit::<member_base::Delete>();
    visitor.visit::<member_base::Undelete>();
    visitor.visit::<upsert::BulkUpsert>();
    visitor.visit::<member::Get>();
    visitor.visit::<member::List>();
    visitor.visit::<member::BulkDelete>();
    visitor.visit::<attribute::SetSchema>();
    visitor.visit::<attribute::GetSchema>();
    visitor.visit::<attribute::Set>();
    visitor.visit::<attribute::Delete>();
    visitor.visit::<attribute::List>();
    visitor.visit::<record::transaction::Ingest>();
    visitor.visit::<record::transaction::List>();
    visitor.visit::<record::clip::Save>();
    visitor.visit::<record::clip::ListWithCreative>();
    visitor.visit::<record::clip::Delete>();
    visitor.visit::<record::stamps::Create>();
    visitor.visit::<record::stamps::List>();
    visitor.visit::<record::stamps::AddStamps>();
    visitor.visit::<api_token::Create>();
    visitor.visit::<api_token::List>();
    visitor.visit::<api_token::Revoke>();
}

/// The calls of this door and its document.
pub fn routes(door: Door) -> Router {
    let mut routes = Routes::default();
    every_call(&mut routes);
    routes.add(&format!("{PREFIX}{NAME}"), serve(openapi::document));
    routes.0.method_not_allowed_fallback(no_such_method).fallback(no_such_call).with_state(door)
}

impl Visitor for Routes {
    fn visit<C: Call>(&mut self) {
        self.add(&format!("{PREFIX}{}", C::PATH), post(answer::<C>));
    }
}
