//! Writes the parts of a commit.

use roaring::RoaringBitmap;

use super::form::{
    AudienceDelta, AudienceRows, Change, CommitHead, HAS_MOVES, LookupDelta, LookupOp, MAX_PART_BYTES,
    PART_BYTES, PLAIN, SetDelta, WITH_AUDIENCES,
};
use crate::model::Row;
use crate::stored::bytes::Writer;
use crate::stored::origin;

/// The position of the version.
const VERSION_AT: usize = 0;
/// The position of the byte that marks the last part.
const LAST_AT: usize = 1;
/// The three counts of deltas take at most this many bytes.
const COUNTS_BYTES: usize = 30;
/// A delta of a lookup takes at most this many bytes.
const LOOKUP_BYTES: usize = 2 + 8 + 16;
/// A delta of a set takes at most this many bytes besides its value: for the field, and for the length of the
/// value.
const SET_BYTES: usize = 3 + 3;
/// A delta of an audience takes at most this many bytes.
const AUDIENCE_BYTES: usize = 5;

/// The commit of one member takes about so many bytes. A commit begins with memory for them: memory for a
/// whole part would be touched and given back for each of many small commits.
const ONE_MEMBER_BYTES: usize = 1024;

/// Writes the parts of one commit.
#[derive(Debug)]
pub struct CommitWriter {
    head: CommitHead,
    parts: Vec<Vec<u8>>,
    part: Writer,
    last_row: u64,
}

/// What a change does to the indexes and to audiences.
#[derive(Debug, Clone, Copy, Default)]
pub struct Deltas<'a> {
    /// Deltas of lookups.
    pub lookups: &'a [LookupDelta],
    /// Deltas of sets.
    pub sets: &'a [SetDelta<'a>],
    /// Deltas of audiences, in the order of their numbers.
    pub audiences: &'a [AudienceDelta],
}

impl<'a> Deltas<'a> {
    fn is_empty(self) -> bool {
        self.lookups.is_empty() && self.sets.is_empty() && self.audiences.is_empty()
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
        let (lookups, lookups_later) = self.lookups.split_at(lookups);
        let mut sets = 0;
        if lookups_later.is_empty() {
            sets = self.sets.iter().take_while(|delta| fits(SET_BYTES + delta.value.len())).count();
        }
        let (sets, sets_later) = self.sets.split_at(sets);
        let mut audiences = 0;
        if lookups_later.is_empty() && sets_later.is_empty() {
            audiences = self.audiences.iter().take_while(|_| fits(AUDIENCE_BYTES)).count();
        }
        let (audiences, audiences_later) = self.audiences.split_at(audiences);
        let later = Self { lookups: lookups_later, sets: sets_later, audiences: audiences_later };
        (Self { lookups, sets, audiences }, later)
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

    /// Adds one change, of any kind but [`Change::AudienceRows`].
    pub fn change(&mut self, row: Row, change: Change, before: Option<&[u8]>, deltas: Deltas<'_>) {
        self.end_full_part();
        let mut left = deltas;
        let (mut before, mut goes_on) = (before, false);
        loop {
            let head_at = self.begin_change(row, change, goes_on, before.take());
            let room = MAX_PART_BYTES.saturating_sub(self.part.0.len() + COUNTS_BYTES);
            // A continued change writes at least one delta into each part, so the loop ends.
            let (now, later) = left.split(room, goes_on);
            self.write_deltas(now, head_at);
            if later.is_empty() {
                return;
            }
            left = later;
            goes_on = true;
            self.next_part();
        }
    }

    /// Adds the rows of a chunk that enter or leave an audience. `first` is the first row of the chunk.
    pub fn audience_rows(&mut self, first: Row, rows: &AudienceRows) {
        self.end_full_part();
        self.begin_change(first, Change::AudienceRows, false, None);
        self.part.varint(u64::from(rows.audience.0));
        write_bitmap(&mut self.part, &rows.enter);
        write_bitmap(&mut self.part, &rows.leave);
    }

    fn end_full_part(&mut self) {
        if self.part.0.len() >= PART_BYTES {
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

    /// Begins a change, and returns the position of its head.
    fn begin_change(&mut self, row: Row, change: Change, goes_on: bool, before: Option<&[u8]>) -> usize {
        if matches!(change, Change::Audience | Change::AudienceRows) {
            self.has_audiences();
        }
        let w = &mut self.part;
        w.zigzag(row.0.wrapping_sub(self.last_row).cast_signed());
        self.last_row = row.0;
        let head_at = w.0.len();
        w.u8(change.byte() << 2 | u8::from(goes_on) << 1 | u8::from(before.is_some()));
        if let Some(before) = before {
            w.slice(before);
        }
        head_at
    }

    fn write_deltas(&mut self, deltas: Deltas<'_>, head_at: usize) {
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
        if deltas.audiences.is_empty() {
            return;
        }
        w.varint(deltas.audiences.len().try_into().unwrap_or(u64::MAX));
        let mut last = 0;
        for delta in deltas.audiences {
            let number = u64::from(delta.audience.0);
            w.varint(number.saturating_sub(last) << 1 | u64::from(delta.enters));
            last = number;
        }
        if let Some(head) = w.0.get_mut(head_at) {
            *head |= HAS_MOVES;
        }
        self.has_audiences();
    }

    /// Notes that this part has something that only the newest version has.
    fn has_audiences(&mut self) {
        if let Some(version) = self.part.0.get_mut(VERSION_AT) {
            *version = WITH_AUDIENCES;
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
        w.u8(PLAIN);
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

fn write_bitmap(w: &mut Writer, rows: &RoaringBitmap) {
    w.varint(rows.serialized_size().try_into().unwrap_or(u64::MAX));
    // Writing to a vector cannot fail.
    let written = rows.serialize_into(&mut w.0);
    debug_assert!(written.is_ok());
}
