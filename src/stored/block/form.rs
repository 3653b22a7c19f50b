//! A block in memory: parts as they were read, and what was set since.

use bytes::Bytes;

use crate::model::Row;
use crate::stored::DecodeError;
use crate::stored::bytes::Reader;
use crate::stored::decode::versioned;

pub(super) const VALUE: &str = "block";
pub(super) const VERSION: u8 = 1;

/// Rows of a block.
pub const ROWS_PER_BLOCK: u64 = 16;
/// A part is closed before another member would take it over this size, in bytes. One large member may have a
/// part of its own.
pub const PART_BYTES: usize = 8 * 1024;

/// The block of a row, and its slot in the block.
#[must_use]
pub fn place(row: Row) -> (u64, usize) {
    (row.0 / ROWS_PER_BLOCK, usize::try_from(row.0 % ROWS_PER_BLOCK).unwrap_or_default())
}

/// The members of 16 rows, as stored bytes.
#[derive(Debug, Clone, Default)]
pub struct Block {
    /// Members of parts that were read are not counted one by one: nearly all of them stay as they are.
    slots: [Slot; 16],
    read: Vec<Bytes>,
    /// First slots of the stored parts, except that of slot 0.
    pub parts: Vec<u8>,
    /// The slots that the stored parts have, and those that were set since, by their bits.
    pub(super) stored: u16,
    pub(super) changed: u16,
}

/// The stored member of a slot.
#[derive(Debug, Clone, Default)]
enum Slot {
    #[default]
    Empty,
    /// It lies in a part that was read, from a byte up to another.
    Read(usize, usize, usize),
    Set(Bytes),
}

impl Block {
    /// The stored member in `slot`.
    #[must_use]
    pub fn get(&self, slot: usize) -> Option<&[u8]> {
        match self.slots.get(slot)? {
            Slot::Empty => None,
            Slot::Read(part, start, end) => self.read.get(*part)?.get(*start..*end),
            Slot::Set(member) => Some(member),
        }
    }

    /// The stored member in `slot`, to keep.
    #[must_use]
    pub fn shared(&self, slot: usize) -> Option<Bytes> {
        match self.slots.get(slot)? {
            Slot::Empty => None,
            Slot::Read(part, ..) => Some(self.read.get(*part)?.slice_ref(self.get(slot)?)),
            Slot::Set(member) => Some(member.clone()),
        }
    }

    /// The members, each with its slot.
    pub fn members(&self) -> impl Iterator<Item = (u8, &[u8])> {
        (0_u8..16).filter_map(|slot| Some((slot, self.get(usize::from(slot))?)))
    }

    /// The bytes of its members.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.members().map(|(_, member)| member.len()).sum()
    }

    /// Sets or removes the stored member in `slot`.
    pub fn set(&mut self, slot: usize, member: Option<Bytes>) {
        if let Some(place) = self.slots.get_mut(slot) {
            *place = member.map_or(Slot::Empty, Slot::Set);
            self.changed |= bit(slot);
        }
    }

    /// Whether the slot was set since the block was stored.
    #[must_use]
    pub fn is_changed(&self, slot: usize) -> bool {
        self.changed & bit(slot) != 0
    }

    /// Whether every slot is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.iter().all(|slot| matches!(slot, Slot::Empty))
    }

    /// Reads the part of slot 0. [`Block::parts`] then lists the parts that must still be read.
    pub fn decode_first(bytes: &Bytes) -> Result<Self, DecodeError> {
        let mut r = Reader::new(VALUE, versioned(VALUE, VERSION, bytes)?);
        let more = r.size()?;
        let mut block = Self { parts: r.take(more)?.to_vec(), ..Self::default() };
        block.decode_members(bytes, r)?;
        Ok(block)
    }

    /// Reads a further part.
    pub fn decode_more(&mut self, bytes: &Bytes) -> Result<(), DecodeError> {
        let r = Reader::new(VALUE, versioned(VALUE, VERSION, bytes)?);
        self.decode_members(bytes, r)
    }

    fn decode_members(&mut self, whole: &Bytes, mut r: Reader<'_>) -> Result<(), DecodeError> {
        let part = self.read.len();
        while !r.is_empty() {
            let slot = usize::from(r.u8()?);
            let bytes = r.slice()?.len();
            let end = whole.len() - r.rest().len();
            *self.slots.get_mut(slot).ok_or_else(|| r.damaged("a slot is out of range"))? =
                Slot::Read(part, end - bytes, end);
            self.stored |= bit(slot);
        }
        self.read.push(whole.clone());
        Ok(())
    }
}

/// The bit of a slot.
pub(super) fn bit(slot: usize) -> u16 {
    u32::try_from(slot).ok().and_then(|slot| 1_u16.checked_shl(slot)).unwrap_or_default()
}
