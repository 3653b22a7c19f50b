//! Audiences of an open base: who is in them, and what decides it.
//!
//! - A [`World`] decides who is in which audience, for one member at a time. It looks only at the member and
//!   at what is kept by hand, so who was in an audience before a write follows from the member before it.
//! - [`Definitions`] are the audiences of a base and what is kept by hand, as of one commit. While an
//!   audience is built there are two worlds: the one that serves, and the next one. **What reads see is
//!   always of the serving world.**
//! - A [`Build`] is the next world as far as it is built.
//! - [`Members`] are the rows that are in each audience. Every change of them is in a commit, so replay
//!   brings them up to date without evaluating anything.

mod asked;
mod build;
mod definitions;
mod early;
mod evaluation;
mod evaluator;
mod hands;
mod load;
mod looked;
mod making;
mod mask;
mod members;
mod rule;
mod scratch;
mod world;

pub use self::build::{Ahead, Build, Piece};
pub use self::definitions::{Definitions, Next};
pub use self::early::{Early, Entered};
pub use self::evaluation::Sided;
pub use self::evaluator::Evaluator;
pub use self::hands::Hands;
pub use self::load::{load, read, renew};
pub use self::members::{AudienceChange, AudienceMembers, DirtyRows, Members};
