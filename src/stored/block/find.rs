//! Finding a member in a part, without decoding the others.

use super::form::{VALUE, VERSION};
use crate::stored::DecodeError;
use crate::stored::bytes::Reader;
use crate::stored::decode::versioned;

/// The stored member in `slot` of a part, or `None` if the part has none. Skips the other members undecoded.
pub fn find(part: &[u8], is_first: bool, slot: usize) -> Result<Option<&[u8]>, DecodeError> {
    let mut r = Reader::new(VALUE, versioned(VALUE, VERSION, part)?);
    if is_first {
        let more = r.size()?;
        r.take(more)?;
    }
    while !r.is_empty() {
        let (at, member) = (usize::from(r.u8()?), r.slice()?);
        if at >= slot {
            return Ok((at == slot).then_some(member));
        }
    }
    Ok(None)
}

/// The first slots of all parts except that of slot 0, ascending.
pub fn further_parts(first: &[u8]) -> Result<&[u8], DecodeError> {
    let mut r = Reader::new(VALUE, versioned(VALUE, VERSION, first)?);
    let more = r.size()?;
    r.take(more)
}
