//! When the recent level of a lookup is merged into the main one.

use crate::stored::index::RecentState;
use crate::table::index::overlay::Overlay;

/// The recent level is merged once it has this part of the entries of its lookup. A larger level would be
/// merged less often, but written more at each checkpoint.
pub const MERGED_FROM: u64 = 6;

/// Whether the recent level of a lookup with so many entries is merged into the main one, if it gets these
/// changes. Without changes, neither is written.
pub fn merges(recent: &RecentState, frozen: &Overlay, entries: u64) -> bool {
    let changes = recent.changes.saturating_add(u64::try_from(frozen.len()).unwrap_or(u64::MAX));
    frozen.len() > 0 && changes.saturating_mul(MERGED_FROM) >= entries
}
