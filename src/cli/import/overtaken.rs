//! Failed rows whose member a later row of the file has written.
//!
//! - Such a row is older than what its member has now. Tried again, or mended and imported once more, it would undo the later
//!   one. So it is not tried again, and it is marked in the file of failed rows, with a reason under which it fails again until
//!   somebody decides.
//! - A row is overtaken when a row of a later line was applied that has the same key, or any other key of the same member. The
//!   server is asked which keys a member has, at the end of the file or when as much is remembered as may be, and only if a
//!   row was applied after one that failed.
//! - A failed row of which that cannot be found out is not tried again, and a warning says that marks may be missing.
//!
//! Memory is bounded: up to [`MAX_KEYS`] hashes of keys of failed rows, and until the server is asked up to [`MAX_OPEN`] keys
//! themselves and [`MAX_APPLIED`] hashes of rows that were applied, beside those of one chunk.

use std::collections::{BTreeMap, BTreeSet};

use super::RowFailure;
use super::columns::Told;
use super::who::Key;

/// The reason of a failed row that a later one has overtaken.
pub const OVERTAKEN: &str = "LATER_ROW_APPLIED";
/// Keys of failed rows that are remembered; each takes about 20 bytes.
const MAX_KEYS: usize = 1 << 21;
/// Failed rows after which the server is asked who they are about.
const MAX_OPEN: usize = 10_000;
/// Applied rows after which it is asked; each takes 16 bytes.
const MAX_APPLIED: usize = 1 << 20;

/// The failed rows so far.
#[derive(Debug, Default)]
pub struct Overtaken {
    /// The hashes of the keys of failed rows, as far as they are known, and the lines.
    failed: BTreeSet<(u64, u64)>,
    /// Failed rows of whose members not all keys are known.
    open: Vec<Open>,
    /// The hashes of the keys of rows that were applied since the first of those, and their lines.
    applied: Vec<(u64, u64)>,
    /// The lines of those that were overtaken, and by which.
    lines: BTreeMap<u64, u64>,
    /// The last line up to which failed rows may be overtaken without anybody knowing.
    unknown: Option<u64>,
    /// Whether more rows failed than are remembered.
    is_full: bool,
}

/// A failed row of whose member one key is known.
#[derive(Debug)]
pub struct Open {
    pub line: u64,
    pub key: Key,
}

impl Overtaken {
    /// Whether no row has failed so far, so that none can be overtaken.
    pub fn is_empty(&self) -> bool {
        self.failed.is_empty()
    }

    /// The row of this line has failed. It looked for its member by `key`, and the server says that it found the one of `id`.
    pub fn failed(&mut self, line: u64, key: Option<Key>, id: Option<Key>) {
        if self.failed.len() >= MAX_KEYS {
            self.is_full = true;
            return;
        }
        self.failed.extend(key.iter().chain(&id).map(|key| (key.hash(), line)));
        self.open.extend(id.or(key).map(|key| Open { line, key }));
    }

    /// The row of this line was applied: it overtakes those before it that are about the same member.
    pub fn applied(&mut self, line: u64, key: &Key) {
        let hash = key.hash();
        self.overtake(hash, line);
        if !self.open.is_empty() {
            self.applied.push((hash, line));
        }
    }

    fn overtake(&mut self, hash: u64, line: u64) {
        while let Some(&older) = self.failed.range((hash, 0)..(hash, line)).next() {
            self.failed.remove(&older);
            self.lines.entry(older.1).or_insert(line);
        }
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

    /// The server has told the hashes of all keys of the members of these lines. The other open rows have no member.
    pub fn learn(&mut self, known: &[(u64, Vec<u64>)]) {
        self.open.clear();
        self.failed.extend(known.iter().flat_map(|(line, keys)| keys.iter().map(|key| (*key, *line))));
        for (hash, line) in std::mem::take(&mut self.applied) {
            self.overtake(hash, line);
        }
    }

    /// The server tells nothing of the open rows.
    pub fn cannot_learn(&mut self) {
        if self.has_to_learn() {
            self.unknown = self.unknown.max(self.open.last().map(|row| row.line));
        }
        self.open.clear();
        self.applied.clear();
    }

    /// Whether a failed row was overtaken, or may have been.
    pub fn may_have(&self, line: u64) -> bool {
        self.lines.contains_key(&line) || self.unknown.is_some_and(|unknown| line <= unknown)
    }

    /// The lines that were overtaken, and by which.
    pub fn lines(&self) -> &BTreeMap<u64, u64> {
        &self.lines
    }

    /// Whether more rows failed than are remembered.
    pub fn is_full(&self) -> bool {
        self.is_full
    }

    /// Whether more rows may have been overtaken than are known.
    pub fn is_unsure(&self) -> bool {
        self.is_full || self.unknown.is_some()
    }
}

/// Why a row that has failed is not to be imported as it is, once the row of line `later` was applied.
pub fn overtaken(later: u64, reason: &str, field: &str, message: &str) -> RowFailure {
    let said = if message.is_empty() { reason.to_owned() } else { format!("{reason}, {message}") };
    let message = format!(
        "the row failed ({said}), and that of line {later}, which is newer, was applied to the same member: delete this row, or, \
         to write it over the newer one, put MENDED in the place of its reason"
    );
    RowFailure::new(OVERTAKEN, field, message)
}

/// A row that an earlier import marked fails again, and keeps its mark.
pub fn check(told: Option<Told<'_>>) -> Result<(), RowFailure> {
    match told.filter(|told| told.reason == OVERTAKEN) {
        Some(told) => Err(RowFailure::new(OVERTAKEN, "", told.message)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Option<Key> {
        Some(Key::Ref(text.to_owned()))
    }

    fn apply(rows: &mut Overtaken, line: u64, text: &str) {
        rows.applied(line, &Key::Ref(text.to_owned()));
    }

    #[test]
    fn a_later_row_overtakes_all_before_it_that_failed_and_none_after_it() {
        let mut rows = Overtaken::default();
        for (line, text) in [(2, "a"), (3, "b"), (5, "a"), (9, "a")] {
            rows.failed(line, key(text), None);
        }
        apply(&mut rows, 4, "c");
        assert_eq!(rows.lines().len(), 0);
        apply(&mut rows, 7, "a");
        assert_eq!(rows.lines(), &BTreeMap::from([(2, 7), (5, 7)]));
        apply(&mut rows, 12, "a");
        assert_eq!(rows.lines(), &BTreeMap::from([(2, 7), (5, 7), (9, 12)]));
        assert!(!rows.is_unsure());
    }

    #[test]
    fn a_row_that_has_another_key_of_the_member_overtakes_too() {
        let mut rows = Overtaken::default();
        let id = Key::Id(7);
        rows.failed(2, key("a"), Some(id.clone()));
        rows.failed(3, key("b"), None);
        rows.failed(9, key("c"), None);
        rows.applied(5, &id);
        assert_eq!(rows.lines(), &BTreeMap::from([(2, 5)]), "the answer to the row told its id");
        apply(&mut rows, 6, "new b");
        apply(&mut rows, 7, "new c");
        assert!(rows.has_to_learn() && !rows.has_to_learn_now() && !rows.may_have(3));
        let told =
            |line, texts: [&str; 2]| (line, texts.map(|text| Key::Ref(text.to_owned()).hash()).to_vec());
        rows.learn(&[told(3, ["b", "new b"]), told(9, ["c", "new c"])]);
        assert_eq!(rows.lines(), &BTreeMap::from([(2, 5), (3, 6)]), "line 7 is older than line 9");
        assert!(rows.may_have(3) && !rows.may_have(9) && !rows.has_to_learn());
        // What was told holds for later rows as well.
        apply(&mut rows, 10, "new c");
        assert_eq!(rows.lines().get(&9), Some(&10));
    }

    #[test]
    fn rows_about_whom_nothing_can_be_learnt_may_have_been_overtaken() {
        let mut rows = Overtaken::default();
        rows.failed(2, key("a"), None);
        rows.cannot_learn();
        assert!(!rows.may_have(2) && !rows.is_unsure(), "no row came after it");
        rows.failed(3, key("b"), None);
        apply(&mut rows, 4, "c");
        rows.cannot_learn();
        rows.failed(5, key("d"), None);
        assert!(rows.may_have(3) && !rows.may_have(5) && rows.is_unsure());
        assert!(rows.lines().is_empty(), "nothing is marked that is not known");
    }

    #[test]
    fn the_server_is_asked_before_more_is_remembered_than_may_be() {
        let mut rows = Overtaken::default();
        (1..=MAX_OPEN as u64).for_each(|line| rows.failed(line, key(&line.to_string()), None));
        assert!(!rows.has_to_learn_now(), "nothing was applied yet");
        apply(&mut rows, MAX_OPEN as u64 + 1, "other");
        assert!(rows.has_to_learn_now());
        rows.learn(&[]);
        rows.failed(MAX_OPEN as u64 + 2, key("last"), None);
        rows.applied = vec![(0, 0); MAX_APPLIED - 1];
        assert!(!rows.has_to_learn_now());
        apply(&mut rows, MAX_OPEN as u64 + 3, "other");
        assert!(rows.has_to_learn_now());
    }
}
