//! Requests that arrive: what they need is there before they are decoded.
//!
//! - Small messages that come in one piece and become little go their way at once. Of every other one its whole length is taken
//!   from the memory for messages before its bytes are read (`messages`), so messages that are not finished hold no more than
//!   that, and none waits for the memory that it needs to become complete.
//! - What a message becomes is known before it is decoded (`methods`). It waits for that too, and then for its turn to
//!   compute. It does not go through tonic, which would copy it and keep the copy: it is `Large`, and the codec finds it
//!   when tonic hands over an empty message in its place.
//! - A message whose bytes come too slowly is refused, and one that is compressed is unpacked here, where its size is bounded.
//!
//! A call carries what it is through its task, because the codec is told nothing but types. What its request takes is given back
//! when the call ends, or earlier, when the request has become rows ([`became_rows`]).

mod collect;
mod messages;
mod prefix;
mod requests;
mod terms;
mod unpack;

pub use self::messages::Messages;
pub use self::requests::{Arriving, became_rows, is_counted};
pub use self::terms::Terms;
