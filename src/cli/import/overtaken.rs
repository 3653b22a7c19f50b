//! Failed rows whose member a later row of the file has written.
//!
//! - Such a row is older than what its member has now. Tried again, or mended and imported once more, it
//!   would undo the later one. So it is not tried again, and it is marked in the file of failed rows, with a
//!   reason under which it fails again until somebody decides.
//! - A row is overtaken when a row of a later line was applied that has the same key, or that the server
//!   applied to the member which the row had found: its answers name both ([`super::who`]).
//! - **Only what the answers tell decides whether a row is tried again.** They are the same whenever the
//!   import goes on under its id, so it takes the same decisions then. A server that names no members leaves
//!   open whether an applied row was about the member of one before it; none of those is tried again, and
//!   they fail with a reason of their own.
//! - A failed row that found no member is about whomever its key names when it is imported once more. So the
//!   server is asked for that, at the end of the file or when as much is remembered as may be, and only if a
//!   row was applied after one that failed. What it says marks rows and decides nothing else. Where it says
//!   nothing, a warning says that marks may be missing.
//!
//! Memory is bounded: up to [`MAX_KEYS`] hashes of keys of failed rows and as many of ids that were asked
//! for, and until the server is asked up to [`MAX_OPEN`] keys themselves and [`MAX_APPLIED`] hashes of rows
//! that were applied, beside those of one chunk.

use std::collections::{BTreeMap, BTreeSet};

use super::row_failure::RowFailure;
use super::told::Told;
use super::who::Key;

/// The reason of a failed row that a later one has overtaken.
pub const OVERTAKEN: &str = "LATER_ROW_APPLIED";
/// The reason of a row that is not tried again because a later one may have overtaken it.
pub const MAY_BE_OVERTAKEN: &str = "LATER_ROW_POSSIBLE";
/// Keys of failed rows that are remembered; each takes about 20 bytes.
const MAX_KEYS: usize = 1 << 21;
/// Failed rows after which the server is asked who they are about.
const MAX_OPEN: usize = 10_000;
/// Applied rows after which it is asked; each takes 16 bytes.
const MAX_APPLIED: usize = 1 << 20;

/// The failed rows so far.
#[derive(Debug, Default)]
pub struct Overtaken {
    /// What the answers tell of them.
    told: Known,
    /// Whom their keys name by now, as far as the server was asked.
    asked: Known,
    /// Failed rows of whose members no id is known.
    open: Vec<Open>,
    /// The hashes of the ids of members to which rows were applied since the first of those, and the lines of
    /// the rows.
    applied: Vec<(u64, u64)>,
    /// The last line of a row that was applied to a member whom nobody named, after others had failed.
    unnamed: Option<u64>,
    /// The lines of rows that had failed and went through when they were tried again.
    through: BTreeSet<u64>,
    /// Whether the server did not say whom a key names.
    is_unsure: bool,
    /// Whether more rows failed than are remembered.
    is_full: bool,
}

/// Whose the failed rows are.
#[derive(Debug, Default)]
struct Known {
    /// The hashes of keys and the lines of the failed rows.
    failed: BTreeSet<(u64, u64)>,
    /// The lines of those that were overtaken, and by which.
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

/// A failed row of whose member one key is known.
#[derive(Debug)]
pub struct Open {
    pub line: u64,
    pub key: Key,
}

/// What is known of a failed row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// No later row was applied to its member.
    Newest,
    /// One was.
    Overtaken,
    /// One may have been: that of this line was applied, nobody knows to whom.
    Unknown { later: u64 },
}

impl Overtaken {
    /// Whether no row has failed so far that can be overtaken.
    pub fn is_empty(&self) -> bool {
        self.told.failed.is_empty()
    }

    /// The row of this line has failed. It looked for its member by `key`, and the server says that it found
    /// the one of `id`.
    pub fn failed(&mut self, line: u64, key: Option<Key>, id: Option<Key>) {
        if self.told.failed.len() >= MAX_KEYS {
            self.is_full = true;
            return;
        }
        self.told.failed.extend(key.iter().chain(&id).map(|key| (key.hash(), line)));
        if id.is_none() {
            self.open.extend(key.filter(|key| !key.is_id()).map(|key| Open { line, key }));
        }
    }

    /// The row of this line was applied, to the member of `id` as the server says: it overtakes those before
    /// it that are about the same member.
    pub fn applied(&mut self, line: u64, key: Option<Key>, id: Option<Key>) {
        let mut is_named = false;
        for key in key.iter().chain(&id) {
            let hash = key.hash();
            self.told.applied(line, hash);
            if key.is_id() {
                is_named = true;
                self.asked.applied(line, hash);
                if !self.open.is_empty() {
                    self.applied.push((hash, line));
                }
            }
        }
        if !is_named && !self.is_empty() {
            self.unnamed = Some(line);
        }
    }

    /// The row of this line has failed before and created a member now, whom no other key names.
    pub fn created(&mut self, line: u64, key: &Key) {
        self.told.applied(line, key.hash());
        self.is_through(line);
    }

    /// The row of this line has failed before and went through now.
    pub fn is_through(&mut self, line: u64) {
        self.through.insert(line);
    }

    /// The failed rows that the server is to be asked about.
    pub fn open(&self) -> &[Open] {
        &self.open
    }

    /// Whether a row was applied that may be about the member of one of them.
    pub fn has_to_learn(&self) -> bool {
        !self.open.is_empty() && !self.applied.is_empty()
    }

    /// Whether asking the server can wait no longer.
    pub fn has_to_learn_now(&self) -> bool {
        self.has_to_learn() && (self.open.len() >= MAX_OPEN || self.applied.len() >= MAX_APPLIED)
    }

    /// The server has told the ids of the members whom the keys of these lines name. The other open rows have
    /// no member.
    pub fn learn(&mut self, known: &[(u64, Key)]) {
        self.open.clear();
        self.asked.failed.extend(known.iter().map(|(line, id)| (id.hash(), *line)));
        for (hash, line) in std::mem::take(&mut self.applied) {
            self.asked.applied(line, hash);
        }
    }

    /// The server tells nothing of the open rows.
    pub fn cannot_learn(&mut self) {
        self.is_unsure |= self.has_to_learn();
        self.open.clear();
        self.applied.clear();
    }

    /// What the answers tell of a failed row.
    pub fn standing(&self, line: u64) -> Standing {
        match self.unnamed.filter(|later| line < *later) {
            _ if self.told.overtaken.contains_key(&line) => Standing::Overtaken,
            Some(later) => Standing::Unknown { later },
            None => Standing::Newest,
        }
    }

    /// The lines that were overtaken, and by which.
    pub fn lines(&self) -> BTreeMap<u64, u64> {
        let mut lines = self.asked.overtaken.clone();
        lines.extend(&self.told.overtaken);
        lines.retain(|line, _| !self.through.contains(line));
        lines
    }

    /// Whether more rows failed than are remembered.
    pub fn is_full(&self) -> bool {
        self.is_full
    }

    /// Whether more rows may have been overtaken than are known.
    pub fn is_unsure(&self) -> bool {
        self.is_full || self.is_unsure || self.unnamed.is_some()
    }
}

/// Why a row that has failed is not to be imported as it is, once the row of line `later` was applied.
pub fn overtaken(later: u64, reason: &str, field: &str, message: &str) -> RowFailure {
    let message = format!(
        "the row failed ({}), and that of line {later}, which is newer, was applied to the same member: {}",
        said(reason, message),
        decide("to write it over the newer one")
    );
    RowFailure::new(OVERTAKEN, field, message)
}

/// Why a row that has failed is not tried again, if it is not known whether that of line `later` is about the
/// same member.
pub fn may_be_overtaken(later: u64, failure: &RowFailure) -> RowFailure {
    let message = format!(
        "the row failed ({}) and was not tried again, because that of line {later}, which is newer, may be \
         about the same member and the server does not say: {}",
        said(&failure.reason, &failure.message),
        decide("to write it all the same")
    );
    RowFailure::new(MAY_BE_OVERTAKEN, failure.field.clone(), message)
}

fn said(reason: &str, message: &str) -> String {
    if message.is_empty() { reason.to_owned() } else { format!("{reason}, {message}") }
}

fn decide(to_write_it: &str) -> String {
    format!("delete this row, or, {to_write_it}, put MENDED in the place of its reason")
}

/// A row that an earlier import marked fails again, and keeps its mark.
pub fn check(told: Option<Told<'_>>) -> Result<(), RowFailure> {
    let Some(Told { reason, message }) = told else { return Ok(()) };
    match [OVERTAKEN, MAY_BE_OVERTAKEN].into_iter().find(|mark| *mark == reason) {
        Some(mark) => Err(RowFailure::new(mark, "", message)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
