//! Changes of the audiences of a base in a plan.
//!
//! - A new filter is evaluated for the members that there are. In a small base the request that brings the
//!   filter does so at once. In a large one the lane goes on with it between other requests ([`Build`](crate::table::index::audiences::Build)), and
//!   until it has come to the end, the audience is kept by the filter before. Then one commit changes who is
//!   in the audience.
//! - Who enters and leaves with a write of a member is the business of [`Keeper`](super::keeper::Keeper).

mod build;
mod change;
mod hands;
