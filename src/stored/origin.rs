//! The stored form of an origin, in commits and in jobs.

use super::DecodeError;
use super::bytes::{Reader, Writer};
use crate::model::Origin;
use crate::model::origin::{Actor, Call, Cause, Door};
use crate::model::token::TokenId;

/// Appends an origin.
pub fn write(w: &mut Writer, origin: Origin) {
    let (actor, token) = match origin.actor {
        Actor::Nobody => (0, None),
        Actor::Owner => (1, None),
        Actor::Token(id) => (2, Some(id.0)),
        Actor::System => (3, None),
    };
    let (cause, id) = match origin.cause {
        Cause::None => (0, None),
        Cause::Job(id) => (1, Some(id)),
        Cause::Import(id) => (2, Some(id)),
        Cause::Request(hash) => (3, Some(hash)),
    };
    w.u8(origin.door.number() << 4 | cause << 2 | actor);
    w.varint(u64::from(origin.call.number()));
    [token, id].into_iter().flatten().for_each(|id| w.u128(id));
}

/// Reads an origin.
pub fn read(r: &mut Reader<'_>) -> Result<Origin, DecodeError> {
    let head = r.u8()?;
    let door = Door::from_number(head >> 4).ok_or_else(|| r.damaged("its door is unknown"))?;
    let call = u16::try_from(r.varint()?).map_err(|_| r.damaged("its call is out of range"))?;
    let actor = match head & 3 {
        0 => Actor::Nobody,
        1 => Actor::Owner,
        2 => Actor::Token(TokenId(r.u128()?)),
        _ => Actor::System,
    };
    let cause = match head >> 2 & 3 {
        0 => Cause::None,
        1 => Cause::Job(r.u128()?),
        2 => Cause::Import(r.u128()?),
        _ => Cause::Request(r.u128()?),
    };
    Ok(Origin { actor, door, call: Call::from_number(call), cause })
}
