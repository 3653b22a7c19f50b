//! E-mail addresses: stored as sent, compared folded.

mod address;
mod domain;
mod fold;
mod lower;

pub use self::address::Email;
pub(in crate::model) use self::address::{check, may_be_stored, may_begin};
pub use self::fold::Fold;
