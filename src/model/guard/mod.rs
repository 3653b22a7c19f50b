//! The guard against requests that remove or change many members by mistake.
//!
//! - [`counts`]: what it counts. Each kind of change has a count and a limit of its own.
//! - [`limits`]: the settings of a memberbase, and [`tiers`]: limits of removals of single tiers,
//!   which [`slots`] counts.
//! - [`window`]: what was counted within the last 24 hours.
//! - [`state`]: what a request is judged by, and [`held`]: its refusal.
//! - [`allowance`]: what a request that was judged may still do, and the proof for each of its writes.
//! - [`judge`]: whether a request or the plan of a job may do what it does.
//!
//! This room promises that the guard decides by numbers alone. It knows no member (what one write counts as is
//! in `effect`) and no lane, so the plan of a job is judged by the same functions as a request.

pub mod allowance;
pub mod counts;
pub mod held;
pub mod judge;
pub mod limits;
pub mod slots;
pub mod state;
pub mod tiers;
pub mod window;
