//! The index state of a base, which says up to which revision its stored indexes go, and the chunks of its
//! sets.

use roaring::RoaringBitmap;

use super::bytes::{Reader, Writer};
use super::decode::{DecodeError, versioned};
use crate::model::schema::FieldNumber;
use crate::model::search::SEARCH_VERSION;
use crate::model::{AudienceNumber, Row};

const VALUE: &str = "index state";
const CHUNK: &str = "set chunk";
/// The version of index states. In version 1 fields had one byte, and the sets were in table `32`. Up to
/// version 2 there were no search sets, up to version 3 nothing was said about audiences, version 4 does not
/// say which of them are evaluated, and up to version 5 lookups had one level.
const VERSION: u8 = 6;
/// The version of chunks.
const CHUNK_VERSION: u8 = 1;

/// Lookups of a base: `ref`, folded e-mail, worker id. The order is stored.
pub const LOOKUPS: usize = 3;

/// The state of one lookup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LookupState {
    /// Buckets of the linear hash, at least 1.
    pub buckets: u32,
    /// Entries as of the watermark.
    pub entries: u64,
}

impl Default for LookupState {
    fn default() -> Self {
        Self { buckets: 1, entries: 0 }
    }
}

/// The state of the recent level of a lookup. Without buckets there are no changes in it, whatever keys there
/// are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RecentState {
    /// Its buckets, whose number stays until the main level has its changes.
    pub buckets: u32,
    /// The changes in them.
    pub changes: u64,
}

/// Up to which revision the stored indexes of a base go, and where they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IndexState {
    /// Every commit up to this revision is in the stored indexes; later ones are replayed at open.
    pub watermark: u64,
    /// The main level of each lookup.
    pub lookups: [LookupState; LOOKUPS],
    /// The recent level of each lookup.
    pub recent: [RecentState; LOOKUPS],
    /// Fields that have no sets any more, because they had too many distinct values.
    pub unindexed: Vec<FieldNumber>,
    /// Which table has the chunks of its sets.
    pub sets: SetTable,
    /// The version of the words in its search sets ([`SEARCH_VERSION`]); 0 if they were not built.
    pub search: u8,
    /// How far the filters of audiences are evaluated for the members that there are; `None` if none is.
    pub built: Option<BuiltUpTo>,
    /// The fields whose sets are being built: the members of rows below the given one are in them.
    pub indexing: Vec<(FieldNumber, Row)>,
}

/// How far the filters of audiences are evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltUpTo {
    /// The members of lower rows are evaluated.
    pub below: Row,
    /// The rule by which addresses were folded.
    pub fold: u32,
    /// The audiences whose new filters are evaluated, in order. Others wait. Version 4 does not say it; then
    /// it is empty, and they are all.
    pub audiences: Vec<AudienceNumber>,
}

/// The table that has the chunks of a base's sets. Keys in the other one are ignored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SetTable {
    /// Table `32`, where a field has one byte. Bases of format 1 start with it; their first checkpoint moves
    /// them to the other.
    Narrow,
    /// Table `33`, where a field has two bytes.
    #[default]
    Wide,
}

impl IndexState {
    /// The stored form.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::default();
        w.u8(VERSION);
        w.varint(self.watermark);
        for lookup in &self.lookups {
            w.varint(u64::from(lookup.buckets));
            w.varint(lookup.entries);
        }
        w.u8(match self.sets {
            SetTable::Narrow => 0,
            SetTable::Wide => 1,
        });
        w.varint(self.unindexed.len().try_into().unwrap_or(u64::MAX));
        self.unindexed.iter().for_each(|field| w.varint(u64::from(field.0)));
        w.u8(self.search);
        w.varint(self.built.as_ref().map_or(0, |built| built.below.0.saturating_add(1)));
        if let Some(built) = &self.built {
            w.varint(u64::from(built.fold));
            w.varint(built.audiences.len().try_into().unwrap_or(u64::MAX));
            built.audiences.iter().for_each(|audience| w.varint(u64::from(audience.0)));
        }
        w.varint(self.indexing.len().try_into().unwrap_or(u64::MAX));
        for (field, below) in &self.indexing {
            w.varint(u64::from(field.0));
            w.varint(below.0);
        }
        for recent in &self.recent {
            w.varint(u64::from(recent.buckets));
            w.varint(recent.changes);
        }
        w.0
    }

    /// The main level of the lookup with this number.
    #[must_use]
    pub fn lookup(&self, number: u8) -> &LookupState {
        let [of_ref, of_email, of_worker_id] = &self.lookups;
        match number {
            0 => of_ref,
            1 => of_email,
            _ => of_worker_id,
        }
    }

    /// The recent level of the lookup with this number.
    #[must_use]
    pub fn recent(&self, number: u8) -> &RecentState {
        let [of_ref, of_email, of_worker_id] = &self.recent;
        match number {
            0 => of_ref,
            1 => of_email,
            _ => of_worker_id,
        }
    }

    /// The state of a new base.
    #[must_use]
    pub fn new() -> Self {
        Self { search: SEARCH_VERSION, ..Self::default() }
    }

    /// The state of a base without a stored one: an older program created it without an index state, and it
    /// has had no checkpoint yet.
    #[must_use]
    pub fn none() -> Self {
        Self { sets: SetTable::Narrow, ..Self::default() }
    }

    /// Reads the stored form.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let version = bytes.first().copied().unwrap_or_default();
        let mut r = Reader::new(VALUE, versioned(VALUE, VERSION, bytes)?);
        let mut state = Self { watermark: r.varint()?, ..Self::default() };
        for lookup in &mut state.lookups {
            let buckets = u32::try_from(r.varint()?).ok().filter(|buckets| *buckets > 0);
            lookup.buckets = buckets.ok_or_else(|| r.damaged("a number of buckets is out of range"))?;
            lookup.entries = r.varint()?;
        }
        if version == 1 {
            state.sets = SetTable::Narrow;
            state.unindexed = r.slice()?.iter().map(|field| FieldNumber(u16::from(*field))).collect();
            return Ok(state);
        }
        state.sets = match r.u8()? {
            0 => SetTable::Narrow,
            1 => SetTable::Wide,
            _ => return Err(r.damaged("the table of its sets is unknown")),
        };
        for _ in 0..r.size()? {
            let field = u16::try_from(r.varint()?).map_err(|_| r.damaged("a field is out of range"))?;
            state.unindexed.push(FieldNumber(field));
        }
        if version > 2 {
            state.search = r.u8()?;
        }
        if version > 3
            && let Some(below) = r.varint()?.checked_sub(1)
        {
            let fold = u32::try_from(r.varint()?).map_err(|_| r.damaged("a fold is out of range"))?;
            let mut audiences = Vec::new();
            if version > 4 {
                for _ in 0..r.size()? {
                    let number = u32::try_from(r.varint()?).ok().filter(|number| *number > 0);
                    let number =
                        number.ok_or_else(|| r.damaged("the number of an audience is out of range"))?;
                    audiences.push(AudienceNumber(number));
                }
            }
            state.built = Some(BuiltUpTo { below: Row(below), fold, audiences });
        }
        if version > 4 {
            for _ in 0..r.size()? {
                let field = u16::try_from(r.varint()?).map_err(|_| r.damaged("a field is out of range"))?;
                state.indexing.push((FieldNumber(field), Row(r.varint()?)));
            }
        }
        if version > 5 {
            for recent in &mut state.recent {
                recent.buckets = u32::try_from(r.varint()?)
                    .map_err(|_| r.damaged("a number of buckets is out of range"))?;
                recent.changes = r.varint()?;
            }
        }
        r.end()?;
        Ok(state)
    }
}

/// The stored form of a chunk of a set: a version byte and the bitmap in the portable roaring format.
#[must_use]
pub fn encode_chunk(chunk: &RoaringBitmap) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + chunk.serialized_size());
    bytes.push(CHUNK_VERSION);
    // Writing to a vector cannot fail.
    let written = chunk.serialize_into(&mut bytes);
    debug_assert!(written.is_ok());
    bytes
}

/// Reads a chunk of a set.
pub fn decode_chunk(bytes: &[u8]) -> Result<RoaringBitmap, DecodeError> {
    let body = versioned(CHUNK, CHUNK_VERSION, bytes)?;
    RoaringBitmap::deserialize_from(body)
        .map_err(|_| DecodeError::Damaged { value: CHUNK, detail: "its bitmap cannot be read" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stored::documented::assert_documented;

    fn state() -> IndexState {
        let unindexed = vec![FieldNumber(1), FieldNumber(300)];
        let mut state = IndexState { watermark: 1 << 40, unindexed, ..IndexState::new() };
        state.lookups[1] = LookupState { buckets: 70_000, entries: 1 << 33 };
        state.recent[1] = RecentState { buckets: 300, changes: 70_000 };
        state
    }

    /// The state as version 5 has it, which ends before the recent levels.
    fn fifth(state: &IndexState) -> Vec<u8> {
        let mut bytes = state.encode();
        (bytes[0], _) = (5, bytes.truncate(bytes.len() - 9));
        bytes
    }

    fn building() -> IndexState {
        let audiences = vec![AudienceNumber(3), AudienceNumber(300)];
        let built = Some(BuiltUpTo { below: Row(1_000_000), fold: 2, audiences });
        IndexState { built, indexing: vec![(FieldNumber(17), Row(70_000))], ..state() }
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn the_state_comes_back_and_every_truncation_is_refused() {
        for state in [state(), building(), IndexState { sets: SetTable::Narrow, ..state() }] {
            let bytes = state.encode();
            assert_eq!(IndexState::decode(&bytes), Ok(state));
            for length in 0..bytes.len() {
                assert!(IndexState::decode(&bytes[..length]).is_err(), "{length} bytes");
            }
            assert!(IndexState::decode(&[bytes, vec![0]].concat()).is_err());
        }
    }

    #[test]
    fn the_state_has_its_golden_bytes_in_all_versions() {
        let golden = "06 808080808020 0100 f0a2048080808020 0100 01 02 01 ac02 02 00 00 0000 ac02f0a204 0000";
        assert_eq!(hex(&state().encode()), golden.replace(' ', ""));
        assert_documented(&state().encode());
        let of_one_level = |state: IndexState| IndexState { recent: Default::default(), ..state };
        for state in [state(), building()] {
            assert_documented(&fifth(&state));
            assert_eq!(IndexState::decode(&fifth(&state)), Ok(of_one_level(state)));
        }
        // Version 4 does not say which audiences are built.
        let mut fourth = fifth(&building());
        (fourth[0], _) = (4, fourth.truncate(fourth.len() - 9));
        assert_documented(&fourth);
        let BuiltUpTo { below, fold, .. } = building().built.unwrap();
        let built = Some(BuiltUpTo { below, fold, audiences: Vec::new() });
        let of_all = IndexState { built, ..of_one_level(state()) };
        assert_eq!(IndexState::decode(&fourth), Ok(of_all));
        // Version 3 ends before the audiences, version 2 before the search sets.
        let mut third = fifth(&state());
        (third[0], _) = (3, third.truncate(third.len() - 2));
        assert_eq!(IndexState::decode(&third), Ok(of_one_level(state())));
        let mut second = third;
        (second[0], _) = (2, second.pop());
        assert_eq!(IndexState::decode(&second), Ok(IndexState { search: 0, ..of_one_level(state()) }));
        let older = [1, 5, 1, 0, 2, 0x40, 1, 0, 2, 1, 200];
        assert_documented(&older);
        let mut expected = IndexState {
            watermark: 5,
            unindexed: vec![FieldNumber(1), FieldNumber(200)],
            sets: SetTable::Narrow,
            ..IndexState::default()
        };
        expected.lookups[1] = LookupState { buckets: 2, entries: 64 };
        assert_eq!(IndexState::decode(&older), Ok(expected));
        for length in 0..older.len() {
            assert!(IndexState::decode(&older[..length]).is_err(), "{length} bytes");
        }
        let mut unknown = state().encode();
        unknown[13 + 6] = 9;
        assert!(IndexState::decode(&unknown).is_err(), "{}", hex(&unknown));
    }

    #[test]
    fn a_lookup_without_buckets_is_refused() {
        let mut state = IndexState::default();
        state.lookups[0].buckets = 0;
        assert!(IndexState::decode(&state.encode()).is_err());
    }

    #[test]
    fn a_chunk_comes_back_and_a_damaged_one_is_refused() {
        let chunk: RoaringBitmap = (0..9_000).step_by(2).collect();
        let bytes = encode_chunk(&chunk);
        assert_eq!(decode_chunk(&bytes), Ok(chunk));
        let golden = encode_chunk(&[9].into_iter().collect());
        assert_eq!(hex(&golden), "01 3a300000 01000000 0000 0000 10000000 0900".replace(' ', ""));
        assert_documented(&golden);
        assert!(decode_chunk(&bytes[..bytes.len() / 2]).is_err());
        assert!(decode_chunk(&[]).is_err());
    }
}
