//! The list of this door's calls, from which its routes and its document are built.

use super::call::Call;
use super::record::{clip, stamps, transaction};
use super::{api_token, attribute, history, member, member_base, upsert};

/// The prefix of this door's paths.
pub const PREFIX: &str = "/publisher.v1/";

/// Visits the calls of this door.
pub trait Visitor {
    /// Visits one call.
    fn visit<C: Call>(&mut self);
}

/// The calls of this door.
pub fn every_call(visitor: &mut impl Visitor) {
    visitor.visit::<member_base::Create>();
    visitor.visit::<member_base::Get>();
    visitor.visit::<member_base::List>();
    visitor.visit::<member_base::Update>();
    visitor.visit::<member_base::Delete>();
    visitor.visit::<member_base::Undelete>();
    visitor.visit::<upsert::BulkUpsert>();
    visitor.visit::<member::Get>();
    visitor.visit::<member::List>();
    visitor.visit::<history::ListChanges>();
    visitor.visit::<member::BulkDelete>();
    visitor.visit::<attribute::SetSchema>();
    visitor.visit::<attribute::GetSchema>();
    visitor.visit::<attribute::Set>();
    visitor.visit::<attribute::Delete>();
    visitor.visit::<attribute::List>();
    visitor.visit::<transaction::Ingest>();
    visitor.visit::<transaction::List>();
    visitor.visit::<clip::Save>();
    visitor.visit::<clip::ListWithCreative>();
    visitor.visit::<clip::Delete>();
    visitor.visit::<stamps::Create>();
    visitor.visit::<stamps::List>();
    visitor.visit::<stamps::AddStamps>();
    visitor.visit::<api_token::Create>();
    visitor.visit::<api_token::List>();
    visitor.visit::<api_token::Revoke>();
}
