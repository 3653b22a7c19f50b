//! Requests with a request id: each is done once, and a repeat gets the stored result of the first run.
//!
//! A request with a request id first takes its claim ([`Idempotency::begin`]) and holds it until its result
//! can be found. So two requests with the same id never run concurrently, even in different memberbases. The
//! batch that makes the changes also stores the result ([`results`]): after a crash, either both are there or
//! neither is. So the holder of the claim can tell from what is stored whether the request was done.
//!
//! - Only results of successful requests are stored; a request that was refused runs again. The result of an
//!   upsert that wrote no row is stored only if its [`RequestIdentity`](crate::model::RequestIdentity) asks
//!   for that.
//! - A request of several batches stores its progress with each batch that changes something. If it is sent
//!   again after a crash, it continues where it stopped, and its result covers what the first run did.
//! - Stored results are deleted after [`IdempotencyLimits::retention_micros`]. If all of them together take
//!   more than [`IdempotencyLimits::bytes`], the oldest are deleted earlier ([`tidy`]). A request whose
//!   result was deleted runs as if it were new.
//! - A process that has a base on lease stores the results of its requests too, and deletes none. Whoever does
//!   the request next has the base, and then looks again whether it was done
//!   ([`Idempotency::is_as_found`]).
//!
//! **What does not hold yet while a base is lent**: the claim is of one process. Of two requests with one id
//! for different bases, one at the owner of the store and one at a process that has the other base on lease,
//! both are done. The result of one is written over that of the other, whose repeat is then refused. If one
//! of them has several parts, parts of both may be mixed: then a repeat gets rows of the other request, or
//! the result cannot be read.

mod claim;
mod results;
mod running;
#[cfg(test)]
mod tests;
mod tidy;
mod weight;

pub use self::claim::{Begun, Claim, Idempotency, IdempotencyLimits, IfRunning};
pub use self::results::{Progress, Tally};
