//! Receives requests: the memory that a message needs is taken before the message is decoded.
//!
//! - A small message that arrives in one piece and becomes little is passed on at once. For every other
//!   message, memory for its whole length is taken before its bytes are read (`messages`). So an incomplete
//!   message holds no more than that, and never waits for more memory to become complete.
//! - What a message becomes is known before it is decoded (`methods`). The message waits for that memory, and
//!   then for its turn to compute. It does not pass through tonic, which would copy it and keep the copy: it
//!   is `Large`, and the codec finds it when tonic passes on an empty message in its place.
//! - A message that arrives too slowly is refused. A compressed message is unpacked here, where its size is
//!   limited.
//! - The members of a chunk of an import are not decoded at all: the codec sets them aside for the call,
//!   which parses them where they lie.
//!
//! The state of a call is kept in its task, because the codec receives nothing but types. The memory of a
//! request is given back when the call ends, or earlier, when the request has become rows ([`became_rows`]).

mod collect;
mod members;
mod messages;
mod prefix;
mod requests;
mod terms;
mod unpack;

pub use self::members::SentMembers;
pub use self::messages::{Messages, whole};
pub use self::prefix::PREFIX_BYTES;
pub use self::requests::{Arriving, Ready, became_rows, is_counted};
pub use self::terms::Terms;
