//! Failed rows whose member was written by a later row of the file.
//!
//! - Such a row is older than the current data of its member. If it were tried again, or corrected and
//!   imported again, it would undo the later row. So it is not tried again, and it is marked in the file of
//!   failed rows with a reason that makes it fail again until the user decides.
//! - A row is overtaken if a row of a later line was applied that has the same key, or that the server
//!   applied to the member that the failed row had found: its replies contain the ids of both
//!   ([`Key`]).
//! - **Only the replies decide whether a row is tried again.** They are the same if the import is continued
//!   under its id, so it then makes the same decisions. If the server sends no member ids, an applied row may
//!   be for the member of any failed row before it; none of those is tried again, and they fail with a reason
//!   of their own.
//! - A failed row that found no member is for the member that has its key when it is imported again. So the
//!   importer looks up the key, at the end of the file or when the limits below are reached, and only if a
//!   row was applied after the failed one. The result only marks rows. If the lookup fails, a warning says
//!   that marks may be missing.
//!
//! Memory is bounded: up to [`MAX_KEYS`] hashes of keys of failed rows and as many of ids that were looked
//! up, and until the lookup up to [`MAX_OPEN`] keys and [`MAX_APPLIED`] hashes of applied rows, plus those of
//! one chunk.

use std::collections::{BTreeMap, BTreeSet};

use crate::cli::import::reading::Key;

/// How many keys of failed rows are remembered; each takes about 20 bytes.
const MAX_KEYS: usize = 1 << 21;
/// How many failed rows may be open before their keys are looked up.
const MAX_OPEN: usize = 10_000;
/// How many applied rows may be remembered before the lookup; each takes 16 bytes.
const MAX_APPLIED: usize = 1 << 20;

/// The failed rows so far.
#[derive(Debug, Default)]
pub struct Overtaken {
    /// What the replies show.
    by_replies: Known,
    /// What lookups of their keys have shown so far.
    by_lookup: Known,
    /// Failed rows without a known member id.
    open: Vec<Open>,
    /// The hashes of the ids of members to which rows were applied since the first of those failed, each with
    /// the line of the applied row.
    applied: Vec<(u64, u64)>,
    /// The line of the last row that was applied to an unknown member after others had failed.
    unknown: Option<u64>,
    /// The lines of rows that failed, but were applied when they were tried again.
    through: BTreeSet<u64>,
    /// Whether a lookup failed.
    is_unsure: bool,
    /// Whether more rows failed than are remembered.
    is_full: bool,
}

/// The failed rows by key or id.
#[derive(Debug, Default)]
struct Known {
    /// The hashes of keys and ids, with the lines of the failed rows.
    failed: BTreeSet<(u64, u64)>,
    /// The lines of overtaken rows, with the line of the later row.
    overtaken: BTreeMap<u64, u64>,
}

impl Known {
    fn applied(&mut self, line: u64, hash: u64) {
        while let Some(&older) = self.failed.range((hash, 0)..(hash, line)).next() {
            self.failed.remove(&older);
            self.overtaken.entry(older.1).or_insert(line);
        }
    }
}

/// A failed row without a known member id.
#[derive(Debug)]
pub struct Open {
    pub line: u64,
    pub key: Key,
}

/// The state of a failed row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// No later row was applied to its member.
    Newest,
    /// A later row was applied to its member.
    Overtaken,
    /// A later row may have been applied to its member: that of this line was applied to an unknown one.
    Unknown { later: u64 },
}

impl Overtaken {
    /// Whether no row has failed so far that can be overtaken.
    pub fn is_empty(&self) -> bool {
        self.by_replies.failed.is_empty()
    }

    /// Records a failed row. It was matched by `key`, and the server reported that it found the member with
    /// `id`.
    pub fn failed(&mut self, line: u64, key: Option<Key>, id: Option<Key>) {
        if self.by_replies.failed.len() >= MAX_KEYS {
            self.is_full = true;
            return;
        }
        self.by_replies.failed.extend(key.iter().chain(&id).map(|key| (key.hash(), line)));
        if id.is_none() {
            self.open.extend(key.filter(|key| !key.is_id()).map(|key| Open { line, key }));
        }
    }

    /// Records an applied row, and the member `id` that the server reported: it overtakes the failed rows
    /// before it that are for the same member.
    pub fn applied(&mut self, line: u64, key: Option<Key>, id: Option<Key>) {
        let mut has_id = false;
        for key in key.iter().chain(&id) {
            let hash = key.hash();
            self.by_replies.applied(line, hash);
            if key.is_id() {
                has_id = true;
                self.by_lookup.applied(line, hash);
                if !self.open.is_empty() {
                    self.applied.push((hash, line));
                }
            }
        }
        if !has_id && !self.is_empty() {
            self.unknown = Some(line);
        }
    }

    /// Records that a row which had failed has now created a member, which no other key can find.
    pub fn created(&mut self, line: u64, key: &Key) {
        self.by_replies.applied(line, key.hash());
        self.is_through(line);
    }

    /// Records that a row which had failed was now applied.
    pub fn is_through(&mut self, line: u64) {
        self.through.insert(line);
    }

    /// The failed rows whose keys have to be looked up.
    pub fn open(&self) -> &[Open] {
        &self.open
    }

    /// Whether a row was applied that may be for the member of one of them.
    pub fn has_to_learn(&self) -> bool {
        !self.open.is_empty() && !self.applied.is_empty()
    }

    /// Whether the lookup can no longer be postponed.
    pub fn has_to_learn_now(&self) -> bool {
        self.has_to_learn() && (self.open.len() >= MAX_OPEN || self.applied.len() >= MAX_APPLIED)
    }

    /// Records the result of a lookup: the ids of the members that have the keys of these lines. The other
    /// open rows have no member.
    pub fn learn(&mut self, known: &[(u64, Key)]) {
        self.open.clear();
        self.by_lookup.failed.extend(known.iter().map(|(line, id)| (id.hash(), *line)));
        for (hash, line) in std::mem::take(&mut self.applied) {
            self.by_lookup.applied(line, hash);
        }
    }

    /// Records that the lookup failed.
    pub fn cannot_learn(&mut self) {
        self.is_unsure |= self.has_to_learn();
        self.open.clear();
        self.applied.clear();
    }

    /// The state of a failed row according to the replies.
    pub fn standing(&self, line: u64) -> Standing {
        match self.unknown.filter(|later| line < *later) {
            _ if self.by_replies.overtaken.contains_key(&line) => Standing::Overtaken,
            Some(later) => Standing::Unknown { later },
            None => Standing::Newest,
        }
    }

    /// The lines of overtaken rows, each with the line of the later row.
    pub fn lines(&self) -> BTreeMap<u64, u64> {
        let mut lines = self.by_lookup.overtaken.clone();
        lines.extend(&self.by_replies.overtaken);
        lines.retain(|line, _| !self.through.contains(line));
        lines
    }

    /// Whether more rows failed than are remembered.
    pub fn is_full(&self) -> bool {
        self.is_full
    }

    /// Whether more rows may have been overtaken than are known.
    pub fn is_unsure(&self) -> bool {
        self.is_full || self.is_unsure || self.unknown.is_some()
    }
}

#[cfg(test)]
mod tests;
