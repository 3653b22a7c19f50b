//! The mover: it empties value files in which little lives, so that they can be removed.
//!
//! - It works in the thread that writes to sled, between the writes of a group and the position that follows
//!   them. So nothing else writes meanwhile, and every move belongs to a batch that is not confirmed.
//! - It copies an entry to another file, and then replaces the pointer **if sled still has the old one**. So a
//!   move never brings an old value back, and readers find the value at every moment.
//! - It goes through the entries of the file and asks sled for each. If that does not lead to everything that
//!   the tally says lives there (the file is damaged, or the tally is not exact), it goes through all keys of
//!   sled. Only then is the file let go of, and the next sync after the next position removes it.
//! - Each call does a bounded part of the work, in proportion to what was just written. So moving keeps up with
//!   writing, and an idle store moves nothing.

use std::ops::Bound;
use std::sync::Arc;

use super::copy::Sled;
use super::trouble::Trouble;
use super::values::{Emptying, Head, Pointer, Stream, ValueFile, Writer};
use crate::engine::lock::lock;

/// The bytes of a file that are looked at in one step. More than the longest entry has.
const PIECE_BYTES: usize = 256 * 1024;
/// The keys of sled that are looked at in one step.
const KEYS: usize = if cfg!(test) { 3 } else { 1024 };
/// What a step over keys counts as, in bytes.
const KEYS_BYTES: u64 = 64 * 1024;
/// The bytes that are looked at for one byte that was written. A file is emptied once half of it is dead, so
/// two bytes that are looked at free at least one.
const LOOKED_AT_PER_BYTE: u64 = 3;
/// The bytes of room on the disk for one byte that is moved, because sled writes more than it is given.
const ROOM_PER_BYTE: u64 = 4;

/// The bytes to look at after `written` bytes were written, with `room` bytes on the disk for moves.
pub(crate) fn share(written: u64, room: u64) -> u64 {
    let piece = u64::try_from(PIECE_BYTES).unwrap_or(u64::MAX);
    let wanted = written.saturating_mul(LOOKED_AT_PER_BYTE).saturating_add(piece);
    // A step looks at a piece, however little was asked for.
    if room / ROOM_PER_BYTE < piece { 0 } else { wanted.min(room / ROOM_PER_BYTE) }
}

/// What a step has led to.
enum Step {
    /// What is left to do for this file, and the bytes that were looked at.
    Done(Option<Emptying>, u64),
    /// No file can be created for what lives.
    Stuck,
}

/// A value that is moved.
struct Move {
    key: Vec<u8>,
    from: Pointer,
    to: Pointer,
}

impl Sled {
    /// Looks at about `bytes` bytes of value files in which little lives, and moves what lives there. Call it
    /// between the writes of a group and its position.
    pub(crate) fn move_values(&self, bytes: u64) -> Result<(), Trouble> {
        let mut writer = lock(&self.writer);
        let mut left = bytes;
        while left > 0 {
            let begin = |file| Emptying::Entries(file, ValueFile::FIRST_ENTRY);
            let emptying = writer.emptying.take().or_else(|| writer.next_to_empty(&self.values).map(begin));
            let Some(emptying) = emptying else { break };
            let step = match &emptying {
                Emptying::Entries(file, at) => self.move_entries(&mut writer, file, *at),
                Emptying::Keys(file, after) => self.move_keys(&mut writer, file, after),
            };
            match self.noted(step)? {
                Step::Done(next, looked_at) => {
                    writer.emptying = next;
                    left = left.saturating_sub(looked_at);
                }
                Step::Stuck => {
                    writer.emptying = Some(emptying);
                    break;
                }
            }
        }
        Ok(())
    }

    /// Moves what lives in the piece of `file` that begins at `at`.
    fn move_entries(&self, writer: &mut Writer, file: &Arc<ValueFile>, at: u64) -> Result<Step, Trouble> {
        let piece = file.piece(at, PIECE_BYTES).map_err(Trouble::Content)?;
        let (mut moves, mut end, mut rest) = (Vec::new(), at, piece.as_slice());
        while let Some((entry, key)) = first_entry(rest) {
            let from = self.pointer_of(key)?;
            if let Some(from) =
                from.filter(|from| from.file == file.number() && u64::from(from.offset) == end)
            {
                let value = file.value_in(entry, from).map_err(Trouble::Content)?;
                match writer.put(&self.values, Stream::Moved, key, value)? {
                    Some(to) => moves.push(Move { key: key.to_vec(), from, to }),
                    None => return Ok(Step::Stuck),
                }
            }
            end += u64::try_from(entry.len()).unwrap_or(u64::MAX);
            rest = rest.get(entry.len()..).unwrap_or_default();
        }
        self.move_pointers(writer, &moves)?;
        let looked_at = end - at;
        if looked_at > 0 {
            return Ok(Step::Done(Some(Emptying::Entries(Arc::clone(file), end)), looked_at));
        }
        // This is the end of the file, or nothing after it can be read.
        if file.living() == 0 {
            writer.emptied.push(file.number());
            return Ok(Step::Done(None, 1));
        }
        Ok(Step::Done(Some(Emptying::Keys(Arc::clone(file), Vec::new())), 1))
    }

    /// Moves what lives in `file` under the keys that follow `after`.
    fn move_keys(&self, writer: &mut Writer, file: &Arc<ValueFile>, after: &[u8]) -> Result<Step, Trouble> {
        let pairs = self.stored((Bound::Excluded(after), Bound::Unbounded), KEYS)?;
        let is_end = pairs.len() < KEYS;
        let (mut moves, mut last) = (Vec::new(), after.to_vec());
        for (key, stored) in pairs {
            if let Some(from) = Pointer::decode(&stored).filter(|from| from.file == file.number()) {
                let value = file.read(from, &key).map_err(Trouble::Content)?;
                match writer.put(&self.values, Stream::Moved, &key, &value)? {
                    Some(to) => moves.push(Move { key: key.clone(), from, to }),
                    None => return Ok(Step::Stuck),
                }
            }
            last = key;
        }
        self.move_pointers(writer, &moves)?;
        if is_end {
            file.set_living(0);
            writer.emptied.push(file.number());
            return Ok(Step::Done(None, KEYS_BYTES));
        }
        Ok(Step::Done(Some(Emptying::Keys(Arc::clone(file), last)), KEYS_BYTES))
    }

    /// Replaces pointers that sled still has by those to the copies.
    fn move_pointers(&self, writer: &mut Writer, moves: &[Move]) -> Result<(), Trouble> {
        writer.flush()?;
        for Move { key, from, to } in moves {
            #[cfg(test)]
            self.faults
                .before_move()
                .map_err(|e| Trouble::Machine(crate::engine::EngineError::Io(e.to_string())))?;
            if self.replace(key, &from.encode(), &to.encode())? {
                self.values.died(*from);
                self.values.lives(*to);
            }
        }
        Ok(())
    }
}

/// The first entry in `bytes` and its key; `None` if there is no whole one.
fn first_entry(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let head = Head::decode(bytes)?;
    let entry = bytes.get(..head.entry_bytes())?;
    Some((entry, head.key(entry)?))
}
