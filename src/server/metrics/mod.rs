//! What the server counts of its calls, and the parts from which `admin` makes the page of metrics.
//!
//! Invariants:
//!
//! - Each call is counted once, when its reply begins, or at the end of its stream, or when its caller has
//!   left. That takes two readings of the clock and one search by the path; nothing is counted for each row.
//! - Names and labels follow the semantic conventions of OpenTelemetry for RPC and HTTP. Labels are names of
//!   calls that exist, statuses and reasons: the path of a request that is no call's counts as `_OTHER`, so
//!   no caller can make a series.
//! - Health checks, reflection and probes on the port of the calls count like other calls.

mod calls;
mod cost;
mod known;
mod labels;
mod measured;
mod readings;
mod times;

pub use self::calls::CallMetrics;
pub use self::cost::{Call as CountedCall, Counting};
pub use self::known::{HELLO, LEASES, streams_in};
pub use self::readings::Readings;
