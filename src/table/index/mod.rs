//! The indexes of a base: lookups from keys to rows, sets of rows by value, and what is published of both.
//!
//! What this room promises to the others:
//!
//! - [`published::Published`] is the state that reads see. A [`layer::Layer`] holds the changes of one batch; applying
//!   it shows them in one step.
//! - A lookup ([`resolve`]) may name rows that do not hold the value any more, but never misses one that does. Callers
//!   verify each hit against the member.
//! - [`replay::load`] brings the stored indexes up to the last commit, so an open base never lags behind its log.
//! - Nothing here writes, except [`rewrite`], which rewrites the e-mail lookups of a store that nobody serves.

pub mod block;
pub mod damage;
pub mod entries;
pub mod hash;
pub mod layer;
pub mod lookup;
pub mod overlay;
pub mod published;
pub mod replay;
pub mod resolve;
pub mod rewrite;
pub mod scan;
pub mod sets;
pub mod walk;
