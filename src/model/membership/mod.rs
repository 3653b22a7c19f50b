//! A member of a memberbase, its former refs, and its life from invitation to leaving.
//!
//! This room promises that a status changes only along one table. It knows nothing of the rows that change a
//! member.

pub mod alias;
pub mod borrowed;
pub mod difference;
pub mod lifecycle;
pub mod member;
