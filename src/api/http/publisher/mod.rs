//! The Publisher door: `POST /publisher.v1/<resource>/<action>` with JSON bodies.
//!
//! A translation and no more: what the calls mean is the directory's. Requests are strict (unknown fields, fields given
//! twice and wrong types are refused with their paths), replies carry the names of the published documentation.

mod api_token;
mod attribute;
mod filter;
mod list;
mod member;
mod member_base;
mod record;
mod row;
mod upsert;

use axum::Router;
use axum::routing::post;

use super::Door;
use super::call::{Call, answer, no_such_call, no_such_method};

pub use super::call::starting;

/// What the paths of this door begin with.
pub const PREFIX: &str = "/publisher.v1/";

/// The calls of this door.
pub fn routes(door: Door) -> Router {
    let mut calls = Calls(Router::new());
    calls.add::<member_base::Create>();
    calls.add::<member_base::Get>();
    calls.add::<member_base::List>();
    calls.add::<member_base::Update>();
    calls.add::<member_base::Delete>();
    calls.add::<member_base::Undelete>();
    calls.add::<upsert::BulkUpsert>();
    calls.add::<member::Get>();
    calls.add::<member::List>();
    calls.add::<member::BulkDelete>();
    calls.add::<attribute::SetSchema>();
    calls.add::<attribute::GetSchema>();
    calls.add::<attribute::Set>();
    calls.add::<attribute::Delete>();
    calls.add::<attribute::List>();
    calls.add::<record::transaction::Ingest>();
    calls.add::<record::transaction::List>();
    calls.add::<record::clip::Save>();
    calls.add::<record::clip::ListWithCreative>();
    calls.add::<record::clip::Delete>();
    calls.add::<record::stamps::Create>();
    calls.add::<record::stamps::List>();
    calls.add::<record::stamps::AddStamps>();
    calls.add::<api_token::Create>();
    calls.add::<api_token::List>();
    calls.add::<api_token::Revoke>();
    let router = calls.0.method_not_allowed_fallback(no_such_method).fallback(no_such_call);
    router.with_state(door)
}

struct Calls(Router<Door>);

impl Calls {
    fn add<C: Call>(&mut self) {
        let router = std::mem::take(&mut self.0);
        self.0 = router.route(&format!("{PREFIX}{}", C::PATH), post(answer::<C>));
    }
}
