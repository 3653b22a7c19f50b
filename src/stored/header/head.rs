//! The stored form of the head of a base.

use super::form::{BaseState, Head, Header, REMOVALS_ONLY, VERSION, WITHOUT_TIERS, is_whole};
use super::older;
use crate::model::{GuardCounts, GuardKind, GuardWindow, StatusCounts, TierCounts, TierSlot};
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
            window: header.window.clone(),
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut w = Writer(Vec::with_capacity(96));
        let version = version_of(&self.window);
        w.u8(version);
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
        w.varint(self.window.hours().len().try_into().unwrap_or(u64::MAX));
        let mut before = 0;
        for (hour, counts) in self.window.hours() {
            w.varint(hour.saturating_sub(before));
            before = *hour;
            if version == REMOVALS_ONLY {
                w.varint(counts.removals);
                continue;
            }
            let counted = || GuardKind::ALL.into_iter().filter(|kind| counts.get(*kind) > 0);
            let of_tiers = if counts.of_tiers.is_zero() { 0 } else { OF_TIERS };
            w.u8(counted().fold(of_tiers, |bits, kind| bits | bit(kind)));
            counted().for_each(|kind| w.varint(counts.get(kind)));
            if of_tiers > 0 {
                write_tiers(&mut w, &counts.of_tiers);
            }
        }
        w.0
    }

    /// Reads the head, also from a value of an older version with head and settings in one.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        if is_whole(bytes) {
            return older::decode(bytes).map(|header| Self::of(&header));
        }
        let version = bytes.first().copied().unwrap_or_default();
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
        let window = window(&mut r, version)?;
        r.end()?;
        Ok(Self { state, revision, next_row, counts, settings_revision, committed_at, nonce, window })
    }
}

/// The version in which a head with this window is written.
fn version_of(window: &GuardWindow) -> u8 {
    let is_removals_only = |counts: &GuardCounts| *counts == GuardCounts::of_removals(counts.removals);
    if window.hours().any(|(_, counts)| !counts.of_tiers.is_zero()) {
        VERSION
    } else if window.hours().all(|(_, counts)| is_removals_only(counts)) {
        REMOVALS_ONLY
    } else {
        WITHOUT_TIERS
    }
}

/// The bit that says that removals of single tiers follow.
const OF_TIERS: u8 = 32;

/// The bit of a kind in the byte that says which counts of an hour are stored.
fn bit(kind: GuardKind) -> u8 {
    match kind {
        GuardKind::Removals => 1,
        GuardKind::Identities => 2,
        GuardKind::Clears => 4,
        GuardKind::Reactivations => 8,
        GuardKind::Tiers => 16,
    }
}

fn window(r: &mut Reader<'_>, version: u8) -> Result<GuardWindow, DecodeError> {
    let mut hours = Vec::new();
    let mut hour: u64 = 0;
    for _ in 0..r.size()? {
        hour = hour.checked_add(r.varint()?).ok_or_else(|| r.damaged("an hour is too large"))?;
        let counts =
            if version == REMOVALS_ONLY { GuardCounts::of_removals(r.varint()?) } else { counts(r)? };
        hours.push((hour, counts));
    }
    let window = GuardWindow::from_hours(hours).ok_or_else(|| r.damaged("its hours are out of order"))?;
    // The next batch checks the stored head against the one that it would write.
    if version_of(&window) != version {
        return Err(r.damaged("its version is not the one of its hours"));
    }
    Ok(window)
}

fn counts(r: &mut Reader<'_>) -> Result<GuardCounts, DecodeError> {
    let stored = r.u8()?;
    let mut counts = GuardCounts::default();
    for kind in GuardKind::ALL.into_iter().filter(|kind| stored & bit(*kind) != 0) {
        *counts.get_mut(kind) = r.varint()?;
    }
    if stored & OF_TIERS != 0 {
        counts.of_tiers = read_tiers(r)?;
    }
    let has_zero = GuardKind::ALL.into_iter().any(|kind| stored & bit(kind) != 0 && counts.get(kind) == 0);
    if has_zero || stored >= 64 {
        return Err(r.damaged("its counts are not as they are written"));
    }
    Ok(counts)
}

fn write_tiers(w: &mut Writer, counts: &TierCounts) {
    w.varint(counts.counted().count().try_into().unwrap_or(u64::MAX));
    for (slot, count) in counts.counted() {
        w.varint(slot.number().try_into().unwrap_or(u64::MAX));
        w.varint(count);
    }
}

fn read_tiers(r: &mut Reader<'_>) -> Result<TierCounts, DecodeError> {
    let (mut counts, mut before) = (TierCounts::NONE, None);
    let size = r.size()?;
    for _ in 0..size {
        let number = r.varint()?;
        let slot = usize::try_from(number).ok().and_then(TierSlot::at);
        let count = r.varint()?;
        match slot {
            Some(slot) if Some(slot) > before && count > 0 => counts.set(slot, count),
            Some(_) | None => return Err(r.damaged("its counts of tiers are not as they are written")),
        }
        before = slot;
    }
    if size == 0 { Err(r.damaged("its counts of tiers are not as they are written")) } else { Ok(counts) }
}
