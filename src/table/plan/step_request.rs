//! Steps of durable jobs, as requests to a base's lane.

use std::sync::Arc;

use tokio::sync::Mutex;

use crate::engine::{Key, Value};
use crate::model::{
    GuardCounts, GuardExpectation, MemberRow, Origin, Parsed, RecordCounts, Row, RowError, Sight, Tier,
    UpsertOptions,
};
use crate::stored::job::Reversal;
use crate::table::plan::request::{EditWhat, Edited};
use crate::table::read::returned::Returned;
use crate::table::shared::outcome::RowOutcome;

/// One step of a durable job: changes of members that become one commit, in a batch that also carries the
/// job's own record. So a crash leaves both or neither.
pub struct StepRequest {
    /// What it does. If the batch gets too large, only the first of it is done; the outcomes say how much.
    pub ops: StepOps<MemberRow>,
    /// How the guard judges it.
    pub judging: Judging,
    /// Whether the job makes no further step, whatever this one does.
    pub is_last: bool,
    /// What the batch stores about the job, from the outcomes and the revision after the step. Called once,
    /// when the step is planned.
    pub write: StepWrite,
    /// Where the job comes from; written with its commits.
    pub origin: Origin,
    /// Which fields of members the job's sender may see.
    pub sight: Sight,
}

/// What a step stores about its job.
pub type StepWrite = Box<dyn FnOnce(&[StepOutcome], u64) -> StepWrites + Send + Sync>;

/// Keys of a job that a step checks and sets.
#[derive(Debug, Default)]
pub struct StepWrites {
    /// Each key must hold this value.
    pub checks: Vec<(Key, Option<Value>)>,
    /// Keys to set.
    pub puts: Vec<(Key, Value)>,
}

/// How the guard judges a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judging {
    /// It is the first step: the guard judges the whole job, and refuses the step if it refuses the job.
    Whole {
        /// What the whole job does.
        wanted: GuardCounts,
        /// How many of the removals are of members of tiers that have a limit of their own.
        of_tiers: Vec<(Tier, u64)>,
        /// What of it an admin expects, or somebody has approved.
        expected: GuardExpectation,
    },
    /// The guard let the job begin.
    Done {
        /// What the job may still do, in this step and later ones.
        left: GuardCounts,
        /// The most of its removals that are of members of tiers with a limit of their own.
        of_tiers: Vec<(Tier, u64)>,
    },
}

/// The reply to a step.
#[derive(Debug, Clone, PartialEq)]
pub struct StepReply {
    /// What happened, in the order of the request; may be shorter than it.
    pub outcomes: Vec<StepOutcome>,
    /// The base's revision after the step; the same as before if no member changed.
    pub revision: u64,
}

/// What a step looks at again before it removes a member that a plan removes.
#[derive(Debug, Clone, Default)]
pub struct StillMeant {
    /// No commit after this revision has written the member.
    pub since: u64,
    /// It still matches this filter. `None` if that follows from the revision, because the filter names no
    /// audience.
    pub filter: Option<Arc<Parsed>>,
}

impl From<u64> for StillMeant {
    fn from(since: u64) -> Self {
        Self { since, filter: None }
    }
}

/// What a step does; all of one kind.
#[derive(Debug)]
pub enum StepOps<R> {
    /// Applies rows of a list, in order.
    Rows(Vec<Result<R, RowError>>, UpsertOptions),
    /// Makes members inactive that are still meant.
    Removals(Vec<Row>, StillMeant),
    /// Deletes such members for good.
    Deletes(Vec<Row>, StillMeant),
    /// Changes single members, in order.
    Edits(Vec<EditWhat>),
    /// Takes changes of members back, in order. Also which members came back since the plan, as far as earlier
    /// steps have looked.
    Reversals(Vec<Reversal>, Arc<Mutex<Returned>>),
}

impl<R> StepOps<R> {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Rows(rows, _) => rows.len(),
            Self::Removals(rows, _) | Self::Deletes(rows, _) => rows.len(),
            Self::Edits(edits) => edits.len(),
            Self::Reversals(reversals, _) => reversals.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What happened with one of them.
#[derive(Debug, Clone, PartialEq)]
pub enum StepOutcome {
    /// With a row.
    Row(RowOutcome),
    /// The member is inactive now.
    Removed,
    /// The member is deleted now, with these records.
    Deleted(RecordCounts),
    /// The member stayed as it was.
    Spared(Spared),
    /// With the change of a single member.
    Edited(Edited),
}

/// Why a member that was to be removed stayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Spared {
    /// There is no such member any more.
    Gone,
    /// It is inactive already.
    Inactive,
    /// It was written after the plan was made.
    Changed,
}
