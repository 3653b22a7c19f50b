//! Tokens: made, shown once, revoked after a question.
//!
//! This room promises that a secret is on the one page that answers the form which made it, and nowhere else.

mod form;
mod list;
mod make;
mod revoke;

pub use self::list::tokens;
pub use self::make::create;
pub use self::revoke::{ask, revoke};
