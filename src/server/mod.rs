//! Starting, serving and stopping: the only layer that knows every other one.
//!
//! The order is bind, open, build, serve. While the store opens, which can take a while after a crash, health
//! checks return NOT_SERVING, and every other call returns UNAVAILABLE. A store in a database opens once no
//! other server owns it; if another server takes it over, the process ends at once. Stopping takes the
//! reverse order: health checks return NOT_SERVING, a pause lets load balancers notice that, no new
//! connections and calls are accepted, running calls finish within the grace period, and the store is closed.
//!
//! The rooms, each of which uses only those above it:
//!
//! | room | what it promises |
//! | --- | --- |
//! | `log` | writes log lines to standard error without delaying callers |
//! | `connections` | what one connection may do: TLS, places, stalled replies, running calls |
//! | `error` | [`ServeError`]: why a server could not start or stop cleanly |
//! | `tenure` | whether this server may answer |
//! | `ending` | how a reply ends that cannot be completed |
//! | `backing`, `store`, `opening` | choose the engine, and open the store for a server or for a command |
//! | `backup`, `copy`, `adopt`, `tokens` | work on a store that no server uses |
//! | `around` | what happens before each call, and when its reply is ready |
//! | `outgoing` | encrypted connections to other servers: whom they trust |
//! | `otlp` | sends the spans of calls to a collector |
//! | `traced` | puts the trace id of a call on its log lines |
//! | `web` | translates gRPC-Web calls of web pages into gRPC |
//! | `metrics` | counts calls, for the page of metrics and the access log |
//! | `forward` | passes calls on to the active server while this one stands by |
//! | `refusals` | logs rejected calls, one line a second for each reason and peer |
//! | `front` | routes each request to health, to a door, or to a rejection |
//! | `accept` | accepts connections, serves and drains them |
//! | `admin` | serves the page of metrics and the probes on an address of its own |
//! | `recent` | keeps the counts of the last hour, for the console |
//! | `run` | starts and stops the server |

mod accept;
mod admin;
mod adopt;
mod around;
mod backing;
pub mod backup;
mod connections;
mod copy;
mod ending;
mod error;
#[cfg(test)]
mod failing;
mod forward;
mod front;
mod leases;
mod log;
mod metrics;
mod opening;
mod otlp;
mod outgoing;
mod recent;
mod refusals;
mod run;
mod standby;
mod store;
mod tenure;
mod tokens;
mod traced;
mod web;

pub use self::adopt::adopt;
pub use self::connections::TlsError;
pub use self::copy::copy;
pub use self::error::{Place, ServeError};
#[doc(hidden)]
pub use self::metrics::{CountedCall, Counting};
pub use self::opening::{check, has_store, is_store, open_store, refold};
pub use self::run::{Running, serve, start, worker_threads};
pub use self::tokens::{Wanted as WantedToken, create_token, list_tokens, revoke_token};
