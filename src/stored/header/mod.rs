//! The header of a base, stored as two values: the *head*, which every batch that changes the base rewrites
//! and checks, and the *settings*, which only batches that change the settings write.
//!
//! The head is small, because it is written more often than any other value. It has the revision of the base,
//! its counters, its state, and the random id of the batch that wrote it. The settings have the name, the
//! rules and the attribute schema. In memory both are one [`Header`].
//!
//! Up to version 3 both were one value, under the key of the head. Programs will always read it. The first
//! batch that changes such a base writes head and settings in its place.

mod form;
mod head;
mod older;
mod order;
mod settings;
mod stored;
#[cfg(test)]
mod tests;

pub use self::form::{BaseState, Head, Header};
pub use self::order::{TIMELINE_JUMP, follows, may_precede};
