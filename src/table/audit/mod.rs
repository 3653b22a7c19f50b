//! The audit of a whole store: it checks every invariant of the stored data.
//!
//! | what | checks | file |
//! | --- | --- | --- |
//! | keys | all have a known table and form, and belong to the store or a base with a header | `keys` |
//! | tokens | all readable | `keys` |
//! | results of requests | all readable; each has its parts and its time, each time its result | `idempotency` |
//! | jobs | all readable; their input, plan and results are what their records say | `jobs` |
//! | header | head and settings fit together | `base` |
//! | members | parts of blocks complete, rows handed out, members readable, fit the header | `base` |
//! | counters | the header's numbers equal a recount | `base` |
//! | sets | equal to the members, chunk by chunk | `sets` |
//! | audiences | readable; who is in them equals an evaluation of every member; nobody is both picked and removed | `audiences` |
//! | lookups | equal to the members, range by range; order and place of entries; no key twice | `lookups` |
//! | records of members | each has its member and names; names and counts have their records | `records` |
//! | search sets | exactly the members that have the words | `words` |
//! | commit log | no gap, parts complete, times and previous values in order, fits the header | `commits` |
//!
//! The audit compares what a base would have after opening: the stored indexes, with the commits after their
//! watermark on top. It changes nothing. Nothing may write to the store meanwhile, or the audit reports
//! damage that does not exist.
//!
//! It needs memory for the sets and the overlay of one base, like opening it, and for
//! [`AuditConfig::entries_at_once`] entries of lookups. If a base has more entries, its members are read once
//! for each such part of them.

mod audiences;
mod base;
mod commits;
mod finding;
mod findings;
mod idempotency;
mod jobs;
mod keys;
mod lookups;
mod records;
mod report;
mod run;
mod sets;
mod state;
#[cfg(test)]
pub(super) mod tests;
mod words;

pub use self::finding::Finding;
pub use self::report::{AuditConfig, AuditReport};
pub use self::run::audit;
