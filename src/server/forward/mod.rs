//! Passes calls on to the active server while this one stands by, so that every server answers every call.
//!
//! # Invariants
//!
//! - **One server decides.** Nothing is answered, kept or decided on the way: a call gets the answer of the
//!   server that owns the store, unchanged. So what holds at that server holds at all of them.
//! - **One hop.** A call that is passed on carries [`FORWARDED`]. A server that is not active refuses such a
//!   call, and passes it on to nobody. From outside, the header can only cause that refusal.
//! - **Nothing is done twice.** A call waits for another server only while nothing of it has been sent, or
//!   after a server that stops has said that it did not begin it. Otherwise a lost answer is `ANSWER_LOST`;
//!   whether to repeat the call is the caller's decision.
//! - **Proof before trust.** A connection carries calls, and the tokens in them, only after the other side
//!   has proven that it owns the store. An address of a caller counts only with a code that the servers of
//!   this store alone can make ([`proof`](self::proof)).
//! - **Memory does not grow with a body.** At most `body::SHORT_BYTES` of a request are read ahead.
//!   Everything else is read when the other side has room for it, in both directions. Only the replies about
//!   one member are kept here until their callers take them ([`bundle`]).
//! - **No caller holds up another.** A request that is long, or whose length is not known, has a connection
//!   of its own. The others share connections whose windows have room for the unread replies of all their
//!   calls.
//! - **Everything has a limit**: calls that wait, for how long, connections, calls on each of them.
//!
//! Left out: calls are never answered from this server's memory, not even reads, because only the owner knows
//! what was acknowledged last.
//!
//! | file | what it is |
//! | --- | --- |
//! | `proof` | what servers prove to each other |
//! | `counts` | what is counted for operators |
//! | `head` | the head of a call for the next hop |
//! | `body` | request bodies that are read ahead, and replies that may be lost |
//! | `bundle` | light calls, which travel together |
//! | `connect` | one connection to the active server |
//! | `active` | all connections to it |
//! | `passing` | the way of a call, and where it waits |

mod active;
mod body;
mod bundle;
mod connect;
mod counts;
mod head;
mod passing;
mod proof;
#[cfg(test)]
mod tests;

pub use self::body::Read;
pub use self::bundle::Bundling;
pub use self::connect::{Lent, PeerTls};
pub use self::counts::ForwardCounts;
pub use self::passing::{Forward, Passed, Toward};
pub use self::proof::{Callers, FORWARDED, Forwarded, PROOF, lent, seconds};
