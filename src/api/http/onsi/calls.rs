//! The list of this door's calls, from which its routes and its document are built.

use super::batch::PostBatch;
use super::call::Call;
use super::csv::PutList;
use super::job::{self, Approve, Reject};
use super::job_results::Results;
use super::job_revert::Revert;
use super::read::{Get, Search, Tiers};
use super::write::{Activate, Create, Offboard, Replace, Update};

/// Visits the calls of this door.
pub trait Visitor {
    /// Visits one call.
    fn visit<C: Call>(&mut self);
}

/// The calls of this door.
pub fn every_call(visitor: &mut impl Visitor) {
    visitor.visit::<Search>();
    visitor.visit::<Create>();
    visitor.visit::<Get>();
    visitor.visit::<Update>();
    visitor.visit::<Replace>();
    visitor.visit::<Offboard>();
    visitor.visit::<Activate>();
    visitor.visit::<Tiers>();
    visitor.visit::<PostBatch>();
    visitor.visit::<PutList<1>>();
    visitor.visit::<PutList<2>>();
    visitor.visit::<job::Get>();
    visitor.visit::<Results>();
    visitor.visit::<Approve>();
    visitor.visit::<Reject>();
    visitor.visit::<Revert>();
}
