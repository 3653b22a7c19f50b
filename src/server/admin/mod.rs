//! What the server tells programs that watch it: the page of metrics, and probes.
//!
//! | path | reply |
//! | --- | --- |
//! | `/metrics` | all metrics as OpenMetrics text (`docs/metrics.md`) |
//! | `/healthz` | 200 as long as the server replies |
//! | `/readyz` | 200 while calls are served or passed on, and otherwise 503 with the reason |
//! | `/activez` | 200 on the active server, and otherwise 503 |
//!
//! Invariants:
//!
//! - The address is another one than that of the calls, so nobody who may call can read the metrics. It is
//!   served without encryption and without tokens; nothing on it is personal data, and nothing can be changed.
//! - It is served from before the store is opened until after it is closed, so that a long opening and a stop
//!   can be watched.
//! - On a loopback address web pages cannot read the metrics (`front::home`). Probes accept any host name.
//! - Its few connections do not count among those of the calls, and cannot take their places.

mod page;
mod serve;
mod store;

pub use self::page::{Labelled, Page};
pub use self::serve::Admin;
