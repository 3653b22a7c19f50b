//! The list of this door's calls, from which its routes and its document are built.

use super::audience_members::{self, Add, Remove};
use super::audiences::{self, Archive, Create, Get, Update};
use super::call::Call;
use super::members::{Delete, List};
use super::preview::Preview;
use super::upsert::Upsert;

/// Visits the calls of this door.
pub trait Visitor {
    /// Visits one call.
    fn visit<C: Call>(&mut self);
}

/// The calls of this door.
pub fn every_call(visitor: &mut impl Visitor) {
    visitor.visit::<Upsert>();
    visitor.visit::<List>();
    visitor.visit::<Delete>();
    visitor.visit::<Create>();
    visitor.visit::<audiences::List>();
    visitor.visit::<Get>();
    visitor.visit::<Update>();
    visitor.visit::<Archive>();
    visitor.visit::<Add>();
    visitor.visit::<audience_members::List>();
    visitor.visit::<Remove>();
    visitor.visit::<Preview>();
}
