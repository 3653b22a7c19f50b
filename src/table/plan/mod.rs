//! The plan of one batch: what the requests in it do, decided one after another against the current state.
//!
//! What this room promises to the others:
//!
//! - The current state has three parts, newest first: what this batch did so far, what batches in flight will
//!   have done, and what is published. The first is read each time. What the other two contain is fetched
//!   once and remembered: only the lane writes, and publishing a batch in flight moves its changes from the
//!   second part to the third without changing what both say together.
//! - Deciding is plain, synchronous code. Where it needs something that was not fetched yet, it stops before
//!   it changes anything; its caller fetches that and tries again.
//! - A refused request leaves the plan unchanged. After any other error the caller drops the plan.
//! - A plan writes nothing: it becomes a batch, which the lane appends.

mod atomic;
mod attributes;
pub mod audience_request;
mod audiences;
mod batch;
mod blocks;
mod carried;
mod carry;
mod decide;
mod delete;
mod edit;
mod fetch;
mod finish;
mod foresee;
mod freed;
mod guard;
mod judge;
mod keeper;
mod listed;
mod member_records;
mod most;
mod prepare;
pub mod request;
mod restore;
mod results;
mod reversal;
mod schema;
mod seen;
mod settings;
mod step;
pub mod step_request;
mod undelete;
mod upsert;
mod valued;
mod weight;

pub use self::atomic::READ_TOGETHER;
pub use self::attributes::{Changes, Wish};
pub use self::batch::Plan;
pub use self::carried::Carried;
pub use self::delete::{Doomed, Gone};
pub use self::freed::Freed;
pub use self::guard::Counted;
pub use self::judge::{Budget, Expecting, judge_counts};
pub use self::prepare::{Prepared, prepare, prepare_all};
pub use self::restore::Reversed;
pub use self::reversal::{changed_since, is_same};
pub use self::schema::Fit;
pub use self::valued::Valued;
