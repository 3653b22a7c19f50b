//! How the rows of a lease change. A change names what the rows must be, so a late one does nothing.

use crate::engine::EngineError;
use crate::engine::postgres::rows::{Beat, Fence, Id, Meta, NOBODY, random_id};
use crate::engine::postgres::scope::Scope;
use crate::engine::postgres::tables::Rows;

/// A row that becomes `new` if it begins with `old`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) key: String,
    pub(super) old: Vec<u8>,
    pub(super) new: Vec<u8>,
}

/// Who has a lease from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    /// Nobody: the owner of the store writes its keys.
    Nobody,
    /// Whoever opens it with this grant.
    Granted(Id),
    /// This process, under a new name, whatever its tenant did since the rows were read. It never renews, so
    /// that after a term the tenant answers nothing any more.
    Stolen,
}

/// The changes of the rows of a lease, in the order in which rows are locked.
pub(super) fn moved(lease: u32, rows: &Rows, to: Holder) -> Result<[Change; 2], EngineError> {
    let (owner, renewer) = match to {
        Holder::Nobody => (NOBODY, NOBODY),
        Holder::Granted(grant) => (grant, NOBODY),
        Holder::Stolen => {
            let me = random_id()?;
            (me, me)
        }
    };
    let epoch = rows.fence.epoch.saturating_add(1);
    let fence = Fence { epoch, owner, last: rows.fence.last, write: random_id()? };
    let beat = Beat { epoch, owner: renewer, count: 0, name: String::new(), address: None };
    let (old_beat, old_fence) = match to {
        Holder::Stolen => (rows.fence.who(), rows.fence.who()),
        Holder::Nobody | Holder::Granted(_) => (rows.beat_bytes.clone(), rows.fence_bytes.clone()),
    };
    let scope = Scope::Lease(lease);
    Ok([
        Change { key: scope.beat(), old: old_beat, new: beat.encode() },
        Change { key: scope.fence(), old: old_fence, new: fence.encode() },
    ])
}

/// The change of the row `meta`: whether something may be lent, and the id of the last change.
pub(super) fn marked(rows: &Rows, lending: Option<Id>) -> Change {
    let meta = Meta { lending, ..rows.meta };
    Change { key: "meta".to_owned(), old: rows.meta_bytes.clone(), new: meta.encode() }
}
