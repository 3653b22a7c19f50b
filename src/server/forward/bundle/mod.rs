//! Bundles: light calls, which are gets of one member, that travel together, because a stream of HTTP/2 for
//! each costs both servers more than the call itself.
//!
//! A bundle is one stream on a shared connection, whose request carries the frames of calls and whose reply
//! those of their replies. Whatever has been written at one time leaves with one write, in both directions.
//!
//! # Invariants
//!
//! - **A call in a bundle is a call.** The active server makes of each frame the request that it would have
//!   got, and sends it through the same layers and services: the limits of the peer, metrics, traces,
//!   refusals, deadlines, authentication, and the look at the ownership as the reply leaves. All headers come
//!   along.
//! - **Only servers of the store open bundles.** The opening has a code that only readers of its tables can
//!   make, and goes out on a connection that has proven that its other side owns the store.
//! - **Nothing is done twice.** A call is begun in the order of its number. As the active server stops, it
//!   says up to which number it has begun calls, and begins no more; the later ones, and those whose frames
//!   had not left, go elsewhere. Any other call without a reply is `ANSWER_LOST`.
//! - **No caller holds up another.** Both sides read a bundle at all times: the standby keeps replies for
//!   callers that do not take them, which is why only calls with small replies travel so. A call that waits
//!   lets the others go on, and those that are not begun in time get tasks.
//! - **Whoever leaves ends the call**: a frame says so. A call that panics ends alone.
//! - **Everything has a limit**: calls of a bundle on either side, lengths of frames, frames that wait.
//!
//! A call that does not fit gets a stream of its own: one that is not light, is long, has very many headers, or
//! names no host. So does every call if the active server knows no bundles, which its first answer says.
//!
//! | file | what it is |
//! | --- | --- |
//! | `fields` | headers and trailers as bytes |
//! | `frame` | the frames, byte by byte, as `docs/formats.md` has them |
//! | `sending` | the side of the standby |
//! | `leaving` | a reply on its way into a frame |
//! | `ended` | calls at the active server, and how they end |
//! | `serving` | the calls of one bundle there |
//! | `service` | the service of a connection, which takes bundles beside calls |

mod ended;
mod fields;
mod frame;
mod leaving;
mod sending;
mod service;
mod serving;
#[cfg(test)]
mod tests;

pub use self::frame::Whole;
pub use self::sending::{Bundle, Unanswered};
pub use self::service::Bundling;
