//! Durable jobs: the record of each job, and its data (input, plan and results).
//!
//! The data of a job are values of at most 64 KiB, each compressed by itself ([`value`]). What they hold is
//! said by their `JobPart`.

mod example;
mod key;
mod record;
mod reversal;
mod rows;
mod task;
#[cfg(test)]
mod tests;
mod value;

pub use self::example::{PlannedExample, decode_examples, encode_example};
pub use self::key::{
    JobPart, after_values, cancelled, job, job_number, job_parts, jobs, jobs_of, value, values, values_of,
};
#[cfg(test)]
pub use self::record::encode_as;
pub use self::record::{decode, encode, is_older, lacks_kinds};
pub use self::reversal::{Reversal, Undo, decode_reversals, encode_reversal};
pub use self::rows::{
    PlannedResult, RemovedResult, StepResults, decode_planned, decode_removals, decode_step, encode_planned,
    encode_removals, encode_step,
};
pub use self::value::{PLAIN_MAX_BYTES, pack, unpack};
