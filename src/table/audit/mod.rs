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
pub(in crate::table) mod blocks;
mod commits;
mod finding;
mod findings;
mod idempotency;
mod keys;
mod lookups;
mod records;
mod sets;
#[cfg(test)]
pub(super) mod tests;

use std::sync::Arc;

use super::TableError;
use crate::engine::Engine;
use crate::model::Timestamp;
use finding::Findings;
pub use finding::{Damage, Finding};

/// Entries of lookups held in memory at a time, each of 24 bytes.
const ENTRIES_AT_ONCE: u64 = 4_000_000;
/// Findings reported; further ones are counted.
const MAX_FINDINGS: usize = 1_000;

/// How an audit is done.
#[derive(Debug, Clone)]
pub struct AuditConfig {
    /// The time now.
    pub now: Timestamp,
    /// How long a deleted base can be brought back, in microseconds. One that was deleted before that may be half purged
    /// and is left out.
    pub grace_micros: i64,
    /// Entries of lookups to hold in memory at a time.
    pub entries_at_once: u64,
    /// Findings to report; further ones are only counted.
    pub max_findings: usize,
}

impl AuditConfig {
    /// The usual limits.
    #[must_use]
    pub fn new(now: Timestamp, grace_micros: i64) -> Self {
        Self { now, grace_micros, entries_at_once: ENTRIES_AT_ONCE, max_findings: MAX_FINDINGS }
    }
}

/// What an audit looked at, and what it found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditReport {
    /// Bases that were checked.
    pub bases: u64,
    /// Deleted bases that are past their grace period and were not checked.
    pub past_grace: u64,
    /// Members that were checked.
    pub members: u64,
    /// Entries of lookups that were checked.
    pub entries: u64,
    /// Commits that were checked.
    pub commits: u64,
    /// What was found, in the order in which it was.
    pub findings: Vec<Finding>,
    /// How many further findings there were.
    pub more_findings: u64,
}

impl AuditReport {
    /// Whether everything is as it has to be.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }
}

/// Checks the store in `engine`, which nobody writes to meanwhile, and tells `progress` where it is. An error means that
/// the engine failed and the audit could not be finished; damage is a finding.
pub async fn audit(
    engine: &Arc<dyn Engine>,
    config: &AuditConfig,
    progress: &(dyn Fn(String) + Sync),
) -> Result<AuditReport, TableError> {
    let mut audit = Audit {
        engine,
        config,
        progress,
        report: AuditReport::default(),
        findings: Findings::new(config.max_findings),
    };
    keys::check_unclaimed(&mut audit).await?;
    let hashes = keys::check_meta(&mut audit).await?;
    keys::check_tokens(&mut audit).await?;
    idempotency::check(&mut audit).await?;
    keys::check_orphans(&mut audit).await?;
    base::check_all(&mut audit, hashes.as_ref()).await?;
    let Audit { mut report, findings, .. } = audit;
    report.findings = findings.list;
    report.more_findings = findings.more;
    Ok(report)
}

/// An audit under way.
struct Audit<'a> {
    engine: &'a Arc<dyn Engine>,
    config: &'a AuditConfig,
    progress: &'a (dyn Fn(String) + Sync),
    report: AuditReport,
    findings: Findings,
}
