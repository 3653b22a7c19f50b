//! Starting, serving and stopping: the only layer that knows every other one.
//!
//! The order is bind, open, build, serve. The port answers health checks (NOT_SERVING) while the store opens, which can
//! take a while after a crash; every other call is UNAVAILABLE until then. Stopping goes the other way: health reports
//! NOT_SERVING, no new connections are accepted, running calls finish within the grace period, and the store is closed.
//!
//! The rooms, each of which uses only those above it:
//!
//! | room | what it promises |
//! | --- | --- |
//! | `log` | log lines on standard error that hold up nobody |
//! | `connections` | what one connection may do: TLS, places, stalls, running calls |
//! | `error` | [`ServeError`]: why a server could not start, or did not stop well |
//! | `store`, `opening` | picks the engine, and opens the store for a server or for a command |
//! | `backup`, `tokens` | work on a data directory that no server uses |
//! | `refusals` | refused calls in the log, one line a second for each reason and peer |
//! | `front` | routes each request to health, to a door, or to a refusal |
//! | `accept` | accepts connections, serves and drains them |
//! | `run` | the life of the process |

mod accept;
pub mod backup;
mod connections;
mod error;
#[cfg(test)]
mod failing;
mod front;
mod log;
mod opening;
mod refusals;
mod run;
mod store;
mod tokens;

pub use self::connections::TlsError;
pub use self::error::ServeError;
pub use self::opening::{check, open_store, refold};
pub use self::run::{Running, serve, start, worker_threads};
pub use self::tokens::{Wanted as WantedToken, create_token, is_store, list_tokens, revoke_token};
