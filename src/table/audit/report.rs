//! The settings and the report of an audit.

use crate::model::Timestamp;
use crate::table::audit::finding::Finding;

/// Entries of lookups held in memory at the same time, 24 bytes each.
const ENTRIES_AT_ONCE: u64 = 4_000_000;
/// The most findings that are listed; further ones are only counted.
const MAX_FINDINGS: usize = 1_000;

/// The settings of an audit.
#[derive(Debug, Clone)]
pub struct AuditConfig {
    /// The time now.
    pub now: Timestamp,
    /// How long a deleted base can be restored, in microseconds. A base that was deleted longer ago may be
    /// half purged, so it is not checked.
    pub grace_micros: i64,
    /// Entries of lookups to hold in memory at the same time.
    pub entries_at_once: u64,
    /// The most findings to list; further ones are only counted.
    pub max_findings: usize,
}

impl AuditConfig {
    /// The usual limits.
    #[must_use]
    pub fn new(now: Timestamp, grace_micros: i64) -> Self {
        Self { now, grace_micros, entries_at_once: ENTRIES_AT_ONCE, max_findings: MAX_FINDINGS }
    }
}

/// The report of an audit: what it checked, and what it found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditReport {
    /// Jobs that were checked.
    pub jobs: u64,
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
    /// The first findings, in the order in which they were found.
    pub findings: Vec<Finding>,
    /// How many further findings there were.
    pub more_findings: u64,
}

impl AuditReport {
    /// Whether there are no findings.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }
}
