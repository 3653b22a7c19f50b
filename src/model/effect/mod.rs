//! What rows and edits do to a member.
//!
//! This room promises pure rules: the same member, change and time give the same result, and a change that
//! changes nothing is recognised without a copy of the member. Rules that need more than one member are in
//! other layers.

mod blind;
pub mod counted;
pub mod edit;
pub mod mask;
pub mod rename;
pub mod upsert;
