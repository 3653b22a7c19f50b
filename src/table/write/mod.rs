//! Writing to an open base: the queue, the lane, batches in flight, and the publisher.
//!
//! What this room promises to the others:
//!
//! - All writes to a base pass through its [`lane`], one after another.
//! - Each batch checks that the stored header is the one that it was planned on.
//! - No reply is sent before every commit that it was planned on is durable ([`publisher`]).
//! - Only [`validate`] plans outside the lane, and it never writes.

mod counted;
pub mod in_flight;
pub mod indexing;
pub mod job;
pub mod lane;
pub mod limits;
pub mod narrowing;
mod pressure;
pub mod publisher;
pub mod reply;
pub mod validate;
