//! Writing a block: which of its parts changed, and by what.

use bytes::Bytes;

use super::form::{Block, PART_BYTES, VERSION, bit};
use crate::stored::bytes::Writer;

/// A part to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its first slot.
    pub first: u8,
    /// Its bytes.
    pub bytes: Bytes,
    /// What makes them from the stored ones, if that is much shorter.
    pub difference: Option<Vec<u8>>,
}

/// What writing a block writes.
#[derive(Debug, Default)]
pub struct Written {
    /// The parts that differ from the stored ones.
    pub parts: Vec<Part>,
    /// The first slots of stored parts that there are no more.
    pub stale: Vec<u8>,
}

/// The members of a part.
type Members<'a> = Vec<(u8, &'a [u8])>;

impl Block {
    /// The parts to write. From now on they count as stored. An empty block has no part, and so its part of
    /// slot 0 is stale too.
    pub fn write(&mut self) -> Written {
        let groups = if self.is_empty() { Vec::new() } else { self.grouped() };
        let firsts: Vec<u8> = groups.iter().map(|(first, _)| *first).collect();
        let further = firsts.get(1..).unwrap_or_default();
        let are_same = self.stored != 0 && !groups.is_empty() && *further == *self.parts;
        let mut written = Written::default();
        for (index, (first, members)) in groups.iter().enumerate() {
            let end = further.get(index).map_or(16, |next| usize::from(*next));
            let range = (usize::from(*first)..end).fold(0, |all, slot| all | bit(slot));
            let now = bits(members);
            let (stored, changed) = (self.stored & range, self.changed & range);
            if are_same && changed == 0 && stored == now {
                continue;
            }
            let bytes = encode(*first, further, members);
            // Nothing was removed, and something stays as it is.
            let is_like_stored = are_same && stored != 0 && stored & !now == 0;
            let difference = is_like_stored.then(|| difference(*first, further, members, changed));
            let difference = difference.filter(|difference| difference.len() <= bytes.len() / 2);
            written.parts.push(Part { first: *first, bytes: bytes.into(), difference });
        }
        let stored = groups.iter().fold(0, |all, (_, members)| all | bits(members));
        let was = std::iter::once(0).chain(self.parts.iter().copied());
        written.stale = was.filter(|first| !firsts.contains(first)).collect();
        self.parts = further.to_vec();
        (self.stored, self.changed) = (stored, 0);
        written
    }

    /// The members, grouped into parts, each with its first slot.
    fn grouped(&self) -> Vec<(u8, Members<'_>)> {
        let mut groups: Vec<(u8, Members<'_>)> = vec![(0, Vec::with_capacity(16))];
        let mut bytes = 0;
        for (slot, member) in self.members() {
            let fits = bytes == 0 || bytes + member.len() <= PART_BYTES;
            match groups.last_mut() {
                Some((_, members)) if fits => members.push((slot, member)),
                _ => {
                    groups.push((slot, vec![(slot, member)]));
                    bytes = 0;
                }
            }
            bytes += member.len();
        }
        groups
    }
}

/// The bytes of a part.
fn encode(first: u8, further: &[u8], members: &Members<'_>) -> Vec<u8> {
    let bytes: usize = members.iter().map(|(_, member)| member.len() + 4).sum();
    let mut w = Writer(Vec::with_capacity(bytes + 18));
    w.u8(VERSION);
    if first == 0 {
        w.varint(further.len().try_into().unwrap_or_default());
        further.iter().for_each(|first| w.u8(*first));
    }
    members.iter().for_each(|member| write(&mut w, member));
    w.0
}

/// What makes a part from a stored one with the same further parts: the members in `changed`.
fn difference(first: u8, further: &[u8], members: &Members<'_>, changed: u16) -> Vec<u8> {
    let is_changed = |(slot, _): &&(u8, &[u8])| changed & bit(usize::from(*slot)) != 0;
    let members = members.iter().filter(is_changed);
    let bytes: usize = members.clone().map(|(_, member)| member.len() + 4).sum();
    let mut w = Writer(Vec::with_capacity(bytes + 1));
    // The version, and in the part of slot 0 the list of the others, whose length takes a byte.
    let head = if first == 0 { 2 + further.len() } else { 1 };
    w.varint(head.try_into().unwrap_or_default());
    members.for_each(|member| write(&mut w, member));
    w.0
}

fn write(w: &mut Writer, (slot, member): &(u8, &[u8])) {
    w.u8(*slot);
    w.slice(member);
}

fn bits(members: &Members<'_>) -> u16 {
    members.iter().fold(0, |all, (slot, _)| all | bit(usize::from(*slot)))
}
