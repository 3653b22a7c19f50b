//! Which revision may follow which one, within a base.

use super::form::is_whole;
use super::{older, settings};

/// How far rows and revisions jump when a store is restored to an earlier time: further than the lost time
/// can have used.
pub const TIMELINE_JUMP: u64 = 1 << 32;

/// Whether a commit with number `revision` may follow one with number `before`.
#[must_use]
pub fn follows(before: u64, revision: u64) -> bool {
    [1, TIMELINE_JUMP].iter().any(|step| before.checked_add(*step) == Some(revision))
}

/// Whether the commit `revision` may have stored `before` as the state of the base before it. `before` holds
/// settings or, in a commit of version 1, a whole header.
#[must_use]
pub fn may_precede(before: &[u8], revision: u64) -> bool {
    if is_whole(before) {
        return older::decode(before).is_ok_and(|before| follows(before.revision, revision));
    }
    settings::decode(before).is_ok_and(|before| before.revision < revision)
}
