//! The paths on which members and audiences are written.

use std::sync::atomic::{AtomicU64, Ordering};

/// The paths of writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    Bulk,
    Atomic,
    Import,
    Create,
    Update,
    Replace,
    Rename,
    Offboard,
    Activate,
    Attributes,
    LostAttributes,
    Delete,
    Undelete,
    DeleteByFilter,
    Sync,
    Revert,
    Add,
    Remove,
    Filter,
    Archive,
    Unarchive,
}

/// All paths. A caller takes every one of them in turn.
pub const PATHS: [Path; 21] = [
    Path::Bulk,
    Path::Atomic,
    Path::Import,
    Path::Create,
    Path::Update,
    Path::Replace,
    Path::Rename,
    Path::Offboard,
    Path::Activate,
    Path::Attributes,
    Path::LostAttributes,
    Path::Delete,
    Path::Undelete,
    Path::DeleteByFilter,
    Path::Sync,
    Path::Revert,
    Path::Add,
    Path::Remove,
    Path::Filter,
    Path::Archive,
    Path::Unarchive,
];

impl Path {
    /// Whether all members are read: to plan a job, or to evaluate a filter, now or because of this later.
    pub fn reads_all(self) -> bool {
        matches!(self, Self::DeleteByFilter | Self::Sync | Self::Filter | Self::Archive | Self::Unarchive)
    }
}

/// What callers did.
#[derive(Debug, Default)]
pub struct Done([AtomicU64; PATHS.len()]);

impl Done {
    /// Notes a write on the path at this place of [`PATHS`].
    pub fn note(&self, place: usize) {
        self.0[place].fetch_add(1, Ordering::Relaxed);
    }

    /// How many writes there were on all paths.
    pub fn total(&self) -> u64 {
        self.0.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// The paths on which nothing was written.
    pub fn missing(&self) -> Vec<Path> {
        let missing = PATHS.iter().zip(&self.0).filter(|(_, count)| count.load(Ordering::Relaxed) == 0);
        missing.map(|(path, _)| *path).collect()
    }
}
