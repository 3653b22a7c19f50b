//! Jobs and their states in words.

use maud::Markup;

use crate::api::http::console::look::pill;
use crate::model::{Hold, Job, JobState, JobTask, ListFormat, RevertOf};

/// What a job is.
pub fn kind(job: &Job) -> &'static str {
    match &job.task {
        JobTask::Sync(_) => "Full list",
        JobTask::Batch { .. } => "Actions",
        JobTask::DeleteByFilter { .. } => "Delete by filter",
        JobTask::Revert(RevertOf::Job(_)) => "Undo of a job",
        JobTask::Revert(RevertOf::Revisions(..)) => "Undo of revisions",
        JobTask::Revert(RevertOf::Token(..)) => "Undo of a token's changes",
    }
}

/// What people call a job: its name, or else what it is.
pub fn title(job: &Job) -> String {
    if job.name.is_empty() { kind(job).to_owned() } else { job.name.clone() }
}

/// The format of its file.
pub fn format(format: ListFormat) -> &'static str {
    match format {
        ListFormat::Csv => "a CSV file",
        ListFormat::Tsv => "a file with tabs",
        ListFormat::Ndjson => "a file with a JSON object in each line",
        ListFormat::Xlsx | ListFormat::Xls | ListFormat::Ods => "a spreadsheet",
        ListFormat::Actions => "a list of actions",
    }
}

/// What a job does with members whom it removes, in the words of its kind.
pub struct Removal {
    /// They are …
    pub done: &'static str,
    /// The job is … them.
    pub doing: &'static str,
    /// The heading above them.
    pub whom: &'static str,
    /// What that means for them.
    pub means: &'static str,
}

/// What a job does with members whom it removes.
pub fn removal(job: &Job) -> Removal {
    match job.task {
        JobTask::Sync(_) | JobTask::Batch { .. } => Removal {
            done: "removed",
            doing: "removing",
            whom: "Whom it removes",
            means: "They become inactive. They keep their data, and can be brought back.",
        },
        JobTask::DeleteByFilter { .. } => Removal {
            done: "deleted",
            doing: "deleting",
            whom: "Whom it deletes",
            means: "An undo brings them back, for as long as the server keeps deleted members.",
        },
        JobTask::Revert(_) => Removal {
            done: "deleted",
            doing: "deleting",
            whom: "Whom it deletes",
            means: "What it takes back had added them. Whoever has records, or was changed since, becomes inactive \
                    instead.",
        },
    }
}

/// Its state as a label.
pub fn state(job: &Job) -> Markup {
    let (kind, word) = match job.state {
        JobState::Pending => ("off", "waits for its turn"),
        JobState::Planning => ("on", "is being planned"),
        JobState::Held => ("on", "waits for approval"),
        JobState::Running => ("on", "is being applied"),
        JobState::Succeeded if job.is_dry_run => ("off", "only planned"),
        JobState::Succeeded => ("off", "done"),
        JobState::Failed => ("off", "failed"),
        JobState::Rejected => ("off", "rejected"),
        JobState::Cancelled => ("off", "cancelled"),
    };
    pill(kind, word)
}

/// Whether it will change without anybody doing something.
pub fn goes_on(state: JobState) -> bool {
    match state {
        JobState::Pending | JobState::Planning | JobState::Running => true,
        JobState::Held
        | JobState::Succeeded
        | JobState::Failed
        | JobState::Rejected
        | JobState::Cancelled => false,
    }
}

/// How many steps of its present work are done, and of how many.
pub fn steps(job: &Job) -> (u64, u64) {
    match job.state {
        JobState::Running => {
            let removals = job.plan.as_ref().map_or(0, |plan| plan.counts.removed);
            (job.cursor.row + job.cursor.removal, job.rows() + removals)
        }
        JobState::Planning => (job.planned_rows, job.rows()),
        _ => (0, job.rows()),
    }
}

/// Why a plan waits, in words for the person who decides.
pub fn hold(hold: Hold) -> &'static str {
    match hold {
        Hold::Removals => "It removes more members than the memberbase allows without an approval.",
        Hold::Changes => {
            "It changes identities, clears data, brings members back or changes tiers more often than the memberbase \
             allows without an approval."
        }
        Hold::UnreadableRows => {
            "It removes members although some rows fail, and what can be read of those rows does not say whose they are: \
             they may be the very members that seem to be missing. Mend these rows and upload the whole list again, or \
             approve it if you know that they are others."
        }
        Hold::EmptyList => "The list has no rows, so everybody in it would be removed.",
        Hold::Everybody => "It removes everybody.",
        Hold::PlanChanged => "The memberbase has changed since the plan was approved, and so has the plan.",
        Hold::StoreRestored => "The store was restored from a backup while the job was running.",
        Hold::Requested => "Whoever sent it wants to see the plan before it is applied.",
        Hold::HiddenRows => {
            "It removes members although rows of the sheet are hidden, as by a filter. Those rows were not read, and may \
             be the very members that seem to be missing."
        }
    }
}

/// Whether a hold is a warning, rather than the wish of whoever sent the list.
pub fn is_warning(hold: Hold) -> bool {
    match hold {
        Hold::Requested => false,
        Hold::Removals
        | Hold::Changes
        | Hold::UnreadableRows
        | Hold::EmptyList
        | Hold::Everybody
        | Hold::PlanChanged
        | Hold::StoreRestored
        | Hold::HiddenRows => true,
    }
}
