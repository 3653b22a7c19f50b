//! How an audit is done, and what it reports.

use crate::model::Timestamp;
use crate::table::audit::finding::Finding;

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
