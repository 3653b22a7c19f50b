//! Writes the parts of a commit.

use super::form::{Change, CommitHead, LookupDelta, LookupOp, MAX_PART_BYTES, PART_BYTES, SetDelta, VERSION};
use crate::model::Row;
use crate::stored::bytes::Writer;
use crate::stored::origin;

/// The position of the byte that marks the last part.
const LAST_AT: usize = 1;
/// The two counts of deltas take at most this many bytes.
const COUNTS_BYTES: usize = 20;
/// A delta of a lookup takes at most this many bytes.
const LOOKUP_BYTES: usize = 2 + 8 + 16;
/// A delta of a set takes at most this many bytes besides its value: for the field, and for the length of the
/// value.
const SET_BYTES: usize = 3 + 3;

/// The commit of one member takes about so many bytes. A commit begins with memory for them: memory for a whole
/// part would be touched and given back for each of many small commits.
const ONE_MEMBER_BYTES: usize = 1024;

/// Writes the parts of one commit.
#[derive(Debug)]
pub struct CommitWriter {
    head: CommitHead,
    parts: Vec<Vec<u8>>,
    part: Writer,
    last_row: u64,
}

/// The deltas of a change that are not written yet.
#[derive(Clone, Copy)]
struct Deltas<'a> {
    lookups: &'a [LookupDelta],
    sets: &'a [SetDelta<'a>],
}

impl<'a> Deltas<'a> {
    fn is_empty(self) -> bool {
        self.lookups.is_empty() && self.sets.is_empty()
    }

    /// The deltas that fit into `room` bytes, in order, and the rest. With `at_least_one` the first of the
    /// two has at least one delta, however large.
    fn split(self, room: usize, at_least_one: bool) -> (Self, Self) {
        let mut left = room;
        let mut is_first = at_least_one;
        let mut fits = |bytes: usize| {
            let fits = bytes <= left || is_first;
            (left, is_first) = (left.saturating_sub(bytes), false);
            fits
        };
        let lookups = self.lookups.iter().take_while(|_| fits(LOOKUP_BYTES)).count();
        let (now, later) = self.lookups.split_at(lookups);
        let sets = if later.is_empty() {
            self.sets.iter().take_while(|delta| fits(SET_BYTES + delta.value.len())).count()
        } else {
            0
        };
        let (sets_now, sets_later) = self.sets.split_at(sets);
        (Self { lookups: now, sets: sets_now }, Self { lookups: later, sets: sets_later })
    }
}

impl CommitWriter {
    /// A commit that begins with `head`.
    #[must_use]
    pub fn new(head: CommitHead) -> Self {
        let mut writer = Self { head, parts: Vec::new(), part: Writer::default(), last_row: 0 };
        writer.begin_part(ONE_MEMBER_BYTES);
        writer
    }

    /// Adds one change.
    pub fn change(
        &mut self,
        row: Row,
        change: Change,
        before: Option<&[u8]>,
        lookups: &[LookupDelta],
        sets: &[SetDelta<'_>],
    ) {
        if self.part.0.len() >= PART_BYTES {
            self.next_part();
        }
        let mut left = Deltas { lookups, sets };
        let (mut before, mut goes_on) = (before, false);
        loop {
            self.begin_change(row, change, goes_on, before.take());
            let room = MAX_PART_BYTES.saturating_sub(self.part.0.len() + COUNTS_BYTES);
            // A continued change writes at least one delta into each part, so the loop ends.
            let (now, later) = left.split(room, goes_on);
            self.write_deltas(now);
            if later.is_empty() {
                return;
            }
            left = later;
            goes_on = true;
            self.next_part();
        }
    }

    /// The parts, in order.
    #[must_use]
    pub fn finish(mut self) -> Vec<Vec<u8>> {
        if let Some(mark) = self.part.0.get_mut(LAST_AT) {
            *mark = 1;
        }
        self.parts.push(self.part.0);
        self.parts
    }

    fn begin_change(&mut self, row: Row, change: Change, goes_on: bool, before: Option<&[u8]>) {
        let w = &mut self.part;
        w.zigzag(row.0.wrapping_sub(self.last_row).cast_signed());
        self.last_row = row.0;
        w.u8(change.byte() << 2 | u8::from(goes_on) << 1 | u8::from(before.is_some()));
        if let Some(before) = before {
            w.slice(before);
        }
    }

    fn write_deltas(&mut self, deltas: Deltas<'_>) {
        let w = &mut self.part;
        w.varint(deltas.lookups.len().try_into().unwrap_or(u64::MAX));
        for delta in deltas.lookups {
            write_lookup(w, delta);
        }
        w.varint(deltas.sets.len().try_into().unwrap_or(u64::MAX));
        for delta in deltas.sets {
            w.varint(u64::from(delta.field.0) << 1 | u64::from(delta.enters));
            w.slice(delta.value.as_bytes());
        }
    }

    fn next_part(&mut self) {
        let full = std::mem::take(&mut self.part.0);
        self.parts.push(full);
        self.begin_part(PART_BYTES + ONE_MEMBER_BYTES);
    }

    /// Begins a part, with memory for so many bytes.
    fn begin_part(&mut self, bytes: usize) {
        self.last_row = 0;
        self.part = Writer(Vec::with_capacity(bytes));
        let w = &mut self.part;
        let CommitHead { time, origin: from, batch } = self.head;
        w.u8(VERSION);
        w.u8(0);
        w.time(time);
        origin::write(w, from);
        w.u64(batch);
    }
}

fn write_lookup(w: &mut Writer, delta: &LookupDelta) {
    let (op, fingerprint) = match delta.op {
        LookupOp::Insert(fingerprint) => (0, fingerprint),
        LookupOp::Refresh(fingerprint) => (1, fingerprint),
        LookupOp::Remove => (2, 0),
    };
    w.varint(u64::from(delta.lookup) << 3 | op << 1 | u64::from(fingerprint != 0));
    w.u64(delta.hash);
    if fingerprint != 0 {
        w.u128(fingerprint);
    }
}
