//! Changes the rule for comparing e-mail addresses (the fold) to the newest, in a store that no server uses.
//!
//! - If two members of a base would have equal addresses under the new fold, nothing changes and all such
//!   pairs are listed.
//! - One batch changes the fold of the store in its metadata. The e-mail lookups are rewritten after that
//!   batch; until all of them are, the metadata says so ([`REFOLDING`](crate::stored::meta::REFOLDING)),
//!   and opening the store first completes this. So a lookup of one fold is never used with the other.
//! - A rewritten bucket depends only on the stored members, so an interrupted refold starts again from the
//!   beginning.
//! - Commits have the changes of lookups as hashes of the old fold, and opening a base replays the commits
//!   that its stored indexes lack. So every base is opened and closed first; afterwards the indexes lack
//!   none.

mod look;
mod report;
pub mod run;
mod settle;

pub use self::report::{Holder, RefoldOutcome, RefoldReport};
pub use self::run::refold;
