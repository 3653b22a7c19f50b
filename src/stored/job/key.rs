//! The keys of jobs, part of the registry in [`crate::stored::key`].

use std::ops::Bound;

use crate::engine::{Key, KeyRange};
use crate::model::{BaseNumber, JobNumber};
use crate::stored::key::{BASE_BYTES, JOB, JOB_DATA, of_base, own_part};

const JOB_BYTES: usize = 8;

/// What the data values of a job hold. The number is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum JobPart {
    /// The input, as it was received.
    Input,
    /// What the plan says about each row of the input.
    Plan,
    /// What each step did.
    Results,
    /// The members that the plan removes, in the order of their rows.
    Removals,
    /// Examples of what the plan does.
    Examples,
    /// The changes that a revert takes back.
    Reverts,
    /// That somebody has cancelled the job while it was planned or applied: one empty value.
    Cancelled,
}

impl JobPart {
    /// Every part, each at its number less 1.
    pub const ALL: [Self; 7] = [
        Self::Input,
        Self::Plan,
        Self::Results,
        Self::Removals,
        Self::Examples,
        Self::Reverts,
        Self::Cancelled,
    ];

    /// Its place in [`JobPart::ALL`].
    #[must_use]
    pub fn place(self) -> usize {
        usize::from(self.number() - 1)
    }

    const fn number(self) -> u8 {
        match self {
            Self::Input => 1,
            Self::Plan => 2,
            Self::Results => 3,
            Self::Removals => 4,
            Self::Examples => 5,
            Self::Reverts => 6,
            Self::Cancelled => 7,
        }
    }
}

/// The key of a job.
#[must_use]
pub fn job(base: BaseNumber, job: JobNumber) -> Key {
    let mut key = of_base(JOB, base, JOB_BYTES);
    key.extend_from_slice(&job.0.to_be_bytes());
    key
}

/// The number of the job in its key.
#[must_use]
pub fn job_number(key: &[u8]) -> Option<(BaseNumber, JobNumber)> {
    let (base, number) = key.strip_prefix(&[JOB])?.split_at_checked(4)?;
    Some((
        BaseNumber(u32::from_be_bytes(base.try_into().ok()?)),
        JobNumber(u64::from_be_bytes(number.try_into().ok()?)),
    ))
}

/// Every job of every base.
#[must_use]
pub fn jobs() -> KeyRange {
    KeyRange::prefix(&[JOB])
}

/// The jobs of a base; only those before `before` if it is given.
#[must_use]
pub fn jobs_of(base: BaseNumber, before: Option<JobNumber>) -> KeyRange {
    let mut range = KeyRange::prefix(&of_base(JOB, base, 0));
    if let Some(before) = before {
        range.end = Bound::Excluded(job(base, before));
    }
    range
}

/// The key of a data value: `n` counts the values of its part.
#[must_use]
pub fn value(base: BaseNumber, job: JobNumber, part: JobPart, n: u64) -> Key {
    let mut key = prefix(base, job, Some(part));
    key.extend_from_slice(&n.to_be_bytes());
    key
}

/// The key that is there once somebody has cancelled a job while it was planned or applied.
#[must_use]
pub fn cancelled(base: BaseNumber, job: JobNumber) -> Key {
    value(base, job, JobPart::Cancelled, 0)
}

/// All data values of a job; of one part, if it is given.
#[must_use]
pub fn values(base: BaseNumber, job: JobNumber, part: Option<JobPart>) -> KeyRange {
    KeyRange::prefix(&prefix(base, job, part))
}

/// Where the data values after those of a job begin.
#[must_use]
pub fn after_values(base: BaseNumber, job: JobNumber) -> Bound<Key> {
    match values(base, job, None).end {
        Bound::Excluded(end) | Bound::Included(end) => Bound::Included(end),
        // No key begins with a table byte so high that its range has no end.
        Bound::Unbounded => Bound::Unbounded,
    }
}

/// All data values of the jobs of all bases.
#[must_use]
pub fn values_of() -> KeyRange {
    KeyRange::prefix(&[JOB_DATA])
}

/// The base, the job, the part and the place in the key of a data value.
#[must_use]
pub fn job_parts(key: &[u8]) -> Option<(BaseNumber, JobNumber, JobPart, u64)> {
    if key.first() != Some(&JOB_DATA) {
        return None;
    }
    let base = BaseNumber(u32::from_be_bytes(key.get(1..BASE_BYTES)?.try_into().ok()?));
    let (job, rest) = own_part(JOB_DATA, key)?.split_at_checked(JOB_BYTES)?;
    let (part, n) = rest.split_first()?;
    let part = JobPart::ALL.into_iter().find(|known| known.number() == *part)?;
    Some((
        base,
        JobNumber(u64::from_be_bytes(job.try_into().ok()?)),
        part,
        u64::from_be_bytes(n.try_into().ok()?),
    ))
}

fn prefix(base: BaseNumber, job: JobNumber, part: Option<JobPart>) -> Key {
    let mut key = of_base(JOB_DATA, base, JOB_BYTES + 9);
    key.extend_from_slice(&job.0.to_be_bytes());
    key.extend(part.map(JobPart::number));
    key
}
