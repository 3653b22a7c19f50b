//! The indexes of a base: lookups from keys to rows, sets of rows by value, audiences, and what is published
//! of them.
//!
//! What this room promises to the others:
//!
//! - [`published::Published`] is the state that reads see. A [`layer::Layer`] holds the changes of one batch;
//!   applying it makes all of them visible in one step.
//! - A lookup ([`resolve`]) may return rows that no longer have the value, but never misses a row that has
//!   it. Callers verify each hit against the stored member.
//! - [`replay::load`] brings the stored indexes up to the last commit, so an open base never lags behind its
//!   log.
//! - [`search`] finds the rows of words, in stored sets and in what commits changed since.
//! - Nothing here writes, except [`rewrite`], which rewrites the e-mail lookups of a store while no server
//!   runs on it, and the building of search sets that a store does not have yet.

pub mod address;
pub mod audiences;
pub mod block;
pub mod damage;
pub mod entries;
pub mod hash;
pub mod image;
pub mod kind;
pub mod layer;
pub mod look_again;
pub mod lookup;
pub mod overlay;
pub mod published;
pub mod replay;
mod replayed;
pub mod resolve;
pub mod rewrite;
pub mod scan;
pub mod search;
pub mod sets;
pub mod walk;
