//! Why a request or a row is refused.
//!
//! This room promises that a reason never changes its meaning, that a refusal names every fault with its
//! field and rule, and that no text repeats a sent value. The doors map kinds of failure to their own codes.

pub mod error;
pub mod reason;
pub mod violation;
