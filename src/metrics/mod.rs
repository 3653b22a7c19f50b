//! What operators measure: handles that count, and facts about the process.
//!
//! Invariants:
//!
//! - Counting is cheap. A [`Counter`] and a [`Histogram`] take a few relaxed atomic additions: no lock, no
//!   allocation, and no search for a label. Code that handles rows adds once for a batch of them.
//! - Counting decides nothing: no code reads a metric to choose what it does.
//! - Nothing is global. Whoever counts has its handles, and the server lists them (`server::metrics`). So
//!   several servers in one process do not mix their numbers, and a handle that nobody lists works as well.
//! - No label has personal data, and the values of every label come from a list with an end.
//!
//! Any layer may use this module, and it uses none. It does not know the names of metrics.

mod histogram;
pub mod process;
pub mod recent;

pub use prometheus_client::metrics::counter::Counter;
pub use prometheus_client::metrics::gauge::Gauge;

pub use self::histogram::Histogram;
