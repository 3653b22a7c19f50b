//! Changes of the audiences of a base in a plan.
//!
//! - A new filter is evaluated for the members that there are. If sets know who matches it, or in a small
//!   base, the request that brings the filter does so at once. Otherwise the lane goes on with it between
//!   other requests ([`Build`](crate::table::index::audiences::Build)), and until it has come to the end, the
//!   audience is kept by the filter before. Then one commit changes who is in the audience.
//! - The filter of an archived audience is not evaluated before it is unarchived.
//! - Who enters and leaves with a write of a member is the business of [`Keeper`](super::keeper::Keeper).

mod build;
mod by_sets;
mod change;
mod hands;
