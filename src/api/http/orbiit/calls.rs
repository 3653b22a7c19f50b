//! The list of this door's calls, from which its routes and its document are built.

use super::call::Call;
use super::members::{Delete, List};
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
}
