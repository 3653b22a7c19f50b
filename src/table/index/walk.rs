//! Walking all blocks of a base in order, and checking that their parts fit together.

use std::ops::Range;
use std::sync::Arc;

use crate::engine::{Engine, KeyRange, Value};
use crate::model::{BaseNumber, Member};
use crate::stored::block::{Block, ROWS_PER_BLOCK};
use crate::stored::{key, member};
use crate::table::TableError;
use crate::table::index::damage::Damage;
use crate::table::index::damage::hex;
use crate::table::index::scan::for_each_while;

/// Something found on the walk.
pub enum Seen {
    /// The member of a row.
    Member(u64, Box<Member>),
    /// Damage.
    Damaged(Damage),
}

/// Calls `see` with every member in row order, and with all damage of the blocks.
pub async fn walk(
    engine: &Arc<dyn Engine>,
    base: BaseNumber,
    mut see: impl FnMut(Seen),
) -> Result<(), TableError> {
    walk_while(engine, base, |seen| {
        see(seen);
        true
    })
    .await
}

/// The same, until `see` returns false. It may be called a few more times after that.
pub async fn walk_while(
    engine: &Arc<dyn Engine>,
    base: BaseNumber,
    see: impl FnMut(Seen) -> bool,
) -> Result<(), TableError> {
    walk_range(engine, base, key::blocks(base), see).await
}

/// The same for the blocks in a range.
pub async fn walk_range(
    engine: &Arc<dyn Engine>,
    base: BaseNumber,
    range: KeyRange,
    mut see: impl FnMut(Seen) -> bool,
) -> Result<(), TableError> {
    let mut goes_on = true;
    // The parts of a block are next to each other.
    let mut open: Option<(u64, Vec<(u8, Value)>)> = None;
    for_each_while(engine, range, |key, value| {
        let Some((block, first)) = key::block_parts(&key) else {
            return Ok(see(Seen::Damaged(Damage::UnknownKey { key: hex(&key) })));
        };
        match &mut open {
            Some((number, parts)) if *number == block => parts.push((first, value)),
            _ => {
                if let Some((number, parts)) = open.replace((block, vec![(first, value)])) {
                    check(base, number, &parts, &mut |seen| goes_on &= see(seen));
                }
            }
        }
        Ok(goes_on)
    })
    .await?;
    if let Some((number, parts)) = open.filter(|_| goes_on) {
        check(base, number, &parts, &mut |seen| goes_on &= see(seen));
    }
    Ok(())
}

/// The buckets of part number `part`, if a lookup is divided into `parts` parts whose entries each fit into
/// memory.
pub fn part_of(buckets: u32, part: u64, parts: u64) -> Range<u32> {
    let at = |part: u64| {
        let place = u128::from(buckets) * u128::from(part) / u128::from(parts);
        u32::try_from(place).unwrap_or(u32::MAX)
    };
    at(part)..at(part + 1)
}

/// Checks one block. Members of a damaged part are not seen, so other checks report them as missing.
fn check(base: BaseNumber, number: u64, parts: &[(u8, Value)], see: &mut impl FnMut(Seen)) {
    let mut listed: Vec<u8> = Vec::new();
    let mut whole = Block::default();
    let mut is_readable = true;
    for (first, value) in parts {
        let part = if *first == 0 {
            Block::decode_first(value)
        } else {
            let mut part = Block::default();
            part.decode_more(value).map(|()| part)
        };
        match part {
            Ok(part) => {
                if *first == 0 {
                    listed.clone_from(&part.parts);
                } else if !listed.contains(first) {
                    see(Seen::Damaged(Damage::PartSurplus { block: number, first: *first }));
                }
                take(&mut whole, &part, number, *first, &listed, see);
            }
            Err(error) => {
                is_readable = false;
                let key = hex(&key::block(base, number, *first));
                see(Seen::Damaged(Damage::Unreadable { key, error }));
            }
        }
    }
    for first in std::iter::once(0).chain(listed) {
        if !parts.iter().any(|(found, _)| *found == first) {
            see(Seen::Damaged(Damage::PartMissing { block: number, first }));
        }
    }
    if whole.is_empty() && is_readable {
        see(Seen::Damaged(Damage::EmptyBlock { block: number }));
    }
    hand_over(number, &whole, see);
}

/// Takes the members of a part, whose slots end where the next listed part begins.
fn take(whole: &mut Block, part: &Block, number: u64, first: u8, listed: &[u8], see: &mut impl FnMut(Seen)) {
    let end = listed.iter().copied().filter(|next| *next > first).min().unwrap_or(u8::MAX);
    for (slot, _) in part.members() {
        if slot < first || slot >= end {
            see(Seen::Damaged(Damage::SlotMisplaced { block: number, first, slot }));
        }
        whole.set(usize::from(slot), part.shared(usize::from(slot)));
    }
}

fn hand_over(number: u64, block: &Block, see: &mut impl FnMut(Seen)) {
    for (slot, record) in block.members() {
        // Blocks with rows that can be assigned have far smaller numbers.
        let row = number.saturating_mul(ROWS_PER_BLOCK).saturating_add(slot.into());
        match member::decode(record) {
            Ok(member) => see(Seen::Member(row, Box::new(member))),
            Err(error) => see(Seen::Damaged(Damage::UnreadableMember { row, error })),
        }
    }
}
