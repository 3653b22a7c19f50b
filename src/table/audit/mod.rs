//! The audit of a whole store: every invariant of its bases, checked against what is stored.
//!
//! | what | how |
//! | --- | --- |
//! | key space | every key is of a known table and form, and belongs to the store or to a base with a header (`keys`) |
//! | blocks | parts as their lists say, rows handed out, records readable and in line with the header (`blocks`) |
//! | counters | the header's numbers against a recount |
//! | sets | against the records, both ways, chunk by chunk (`sets`) |
//! | lookups | against the records, both ways, a range of buckets at a time; order, place and number of entries; no key held twice (`lookups`) |
//! | records of members | against members, names and counts, both ways (`records`) |
//! | tokens | readable (`keys`) |
//! | answers to requests | readable, each with its parts and its time, both ways (`requests`) |
//! | commit log | no gap, parts complete, times and images before in order, in line with the header (`commits`) |
//!
//! What is compared is what a base that opens would see: the stored indexes with the commits after their watermark on top.
//! Nothing is changed. The store must be quiet meanwhile: an audit next to writes finds what is not there.
//!
//! Memory: the sets and the overlay of one base, as when it opens, and [`AuditConfig::entries_at_once`] entries of
//! lookups. A larger base is read once more for each so many of its entries.

mod base;
mod commits;
mod finding;
mod findings;
mod idempotency;
mod keys;
mod lookups;
mod records;
mod report;
mod run;
mod sets;
mod state;
#[cfg(test)]
pub(super) mod tests;

pub use self::finding::Finding;
pub use self::report::{AuditConfig, AuditReport};
pub use self::run::audit;
