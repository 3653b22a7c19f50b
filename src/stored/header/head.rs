//! The stored form of the head of a base.

use super::form::{BaseState, Head, Header, VERSION, is_whole};
use super::older;
use crate::model::{Removals, StatusCounts};
use crate::stored::bytes::{Reader, Writer};
use crate::stored::decode::{DecodeError, versioned};

const VALUE: &str = "base head";

impl Head {
    pub(super) fn of(header: &Header) -> Self {
        Self {
            state: header.state(),
            revision: header.revision,
            next_row: header.next_row,
            counts: header.counts,
            settings_revision: header.settings_revision,
            committed_at: header.committed_at,
            nonce: header.nonce,
            removals: header.removals.clone(),
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut w = Writer(Vec::with_capacity(96));
        w.u8(VERSION);
        w.u8(match self.state {
            BaseState::Live => 0,
            BaseState::Deleted => 1,
            BaseState::Purging => 2,
        });
        let counts = [self.counts.invited, self.counts.active, self.counts.inactive];
        [self.revision, self.next_row]
            .into_iter()
            .chain(counts)
            .chain([self.settings_revision])
            .for_each(|number| w.varint(number));
        w.time(self.committed_at);
        w.u64(self.nonce);
        w.varint(self.removals.hours().len().try_into().unwrap_or(u64::MAX));
        let mut before = 0;
        for (hour, members) in self.removals.hours() {
            w.varint(hour.saturating_sub(before));
            w.varint(members);
            before = hour;
        }
        w.0
    }

    /// Reads the head, also from a value of an older version with head and settings in one.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        if is_whole(bytes) {
            return older::decode(bytes).map(|header| Self::of(&header));
        }
        let mut r = Reader::new(VALUE, versioned(VALUE, VERSION, bytes)?);
        let state = match r.u8()? {
            0 => BaseState::Live,
            1 => BaseState::Deleted,
            2 => BaseState::Purging,
            _ => return Err(r.damaged("its state is unknown")),
        };
        let (revision, next_row) = (r.varint()?, r.varint()?);
        let counts = StatusCounts { invited: r.varint()?, active: r.varint()?, inactive: r.varint()? };
        let settings_revision = r.varint()?;
        let (committed_at, nonce) = (r.time()?, r.u64()?);
        let removals = removals(&mut r)?;
        r.end()?;
        Ok(Self { state, revision, next_row, counts, settings_revision, committed_at, nonce, removals })
    }
}

fn removals(r: &mut Reader<'_>) -> Result<Removals, DecodeError> {
    let mut hours = Vec::new();
    let mut hour: u64 = 0;
    for _ in 0..r.size()? {
        hour = hour.checked_add(r.varint()?).ok_or_else(|| r.damaged("an hour is too large"))?;
        hours.push((hour, r.varint()?));
    }
    Removals::from_hours(hours).ok_or_else(|| r.damaged("its removals are out of order"))
}
