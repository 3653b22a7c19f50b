//! `GET /v1/members/jobs/{jobId}`, `POST …/approve` and `POST …/reject`

use http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::call::{Call, CallRequest, Input};
use super::failure::Failure;
use super::fields::{Fields, Presence};
use super::input::entries;
use super::issues::Issues;
use super::query::no_parameters;
use crate::api::http::about::About;
use crate::api::http::openapi::Document;
use crate::api::http::openapi::values::{id, values};
use crate::directory::Error;
use crate::model::id::{JOB_PREFIX, JOB_PREFIX_ONSI};
use crate::model::{self, Change, JobState, JobTask, Reason, Refusal, RowTally};

/// The id of a job, `maj_…`; `job_…` is accepted too.
pub struct JobId;
/// The hash of a plan.
pub struct PlanHash;

values! {
    JobId, |g| id(g, &[JOB_PREFIX_ONSI, JOB_PREFIX]);
    PlanHash, |_g| ::schemars::json_schema!({ "type": "string", "pattern": "^[0-9A-Fa-f]{32}$" });
}

/// A job.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    #[schemars(with = "JobId")]
    id: String,
    progress: Progress,
    /// The day on which it was created (UTC).
    #[schemars(with = "model::Date")]
    created_at: String,
    /// What it would do, by its last plan.
    summary: Option<Summary>,
    /// The hash of its last plan, which an approval names.
    #[schemars(with = "Option<PlanHash>")]
    plan_hash: Option<String>,
    /// When it came to its end.
    #[schemars(with = "Option<model::Timestamp>")]
    finished_at: Option<String>,
    /// Why it waits for a review, was rejected or failed: a word for programs.
    reason: Option<String>,
    /// The same for people.
    message: Option<String>,
}

/// How far a job has come.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct Progress {
    #[serde(rename = "type")]
    stage: Stage,
    /// Actions of the batch; or rows of the file, and members to be offboarded once there is a plan; or
    /// members whose changes are taken back.
    total_actions: u64,
    /// Those that are done.
    total_complete: u64,
    /// Those that are still to be done, while the plan is applied.
    total_processing: u64,
}

/// The stage of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(inline)]
pub enum Stage {
    /// It waits, or its plan is being made.
    NotReady,
    /// Its plan waits for an approval. Nothing was written, except before the store was restored.
    AwaitingReview,
    /// Its plan is being applied.
    Processing,
    /// It did everything that it could.
    Completed,
    /// Its plan was rejected, or the job failed or was cancelled.
    Rejected,
}

/// What a plan would do.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct Summary {
    to_add: u64,
    to_update: u64,
    to_reactivate: u64,
    to_offboard: u64,
    unchanged: u64,
    failed: u64,
}

/// The job in the path, which must belong to the memberbase of the request.
pub async fn find(request: &CallRequest) -> Result<model::Job, Failure> {
    let job = request.directory.job(&request.id).await?;
    if job.base == request.base {
        Ok(job)
    } else {
        Err(Error::from(Refusal::new(Reason::JobNotFound)).into())
    }
}

fn render(request: &CallRequest, job: &model::Job) -> Job {
    let end = job.end.as_ref();
    Job {
        id: request.directory.sealer().job_id_onsi(job.base, job.number),
        progress: progress(job),
        created_at: job.created_at.date().to_string(),
        summary: job.plan.as_ref().map(|plan| {
            let RowTally { created, updated, reactivated, unchanged, failed } = plan.counts.rows;
            Summary {
                to_add: created,
                to_update: updated,
                to_reactivate: reactivated,
                to_offboard: plan.counts.removed,
                unchanged,
                failed,
            }
        }),
        plan_hash: job.plan.as_ref().map(|plan| plan.hash.to_string()),
        finished_at: job.is_finished().then(|| job.changed_at.to_string()),
        reason: end.map(|end| end.reason.clone()),
        message: end.map(|end| end.message.clone()),
    }
}

fn progress(job: &model::Job) -> Progress {
    let removals = match job.task {
        // The actions of a batch remove members themselves, and the members of a revert count as its rows.
        JobTask::Batch { .. } | JobTask::Revert(_) => (0, 0),
        JobTask::Sync(_) | JobTask::DeleteByFilter { .. } => {
            (job.plan.as_ref().map_or(0, |plan| plan.counts.removed), job.cursor.removal)
        }
    };
    let total_actions = job.rows().saturating_add(removals.0);
    // The cursor is behind the last row that the plan changes, so it never counts too much.
    let applied = job.cursor.row.saturating_add(removals.1).min(total_actions);
    let (stage, total_complete) = match job.state {
        JobState::Pending | JobState::Planning => (Stage::NotReady, 0),
        JobState::Held => (Stage::AwaitingReview, 0),
        JobState::Running => (Stage::Processing, applied),
        JobState::Succeeded => (Stage::Completed, total_actions),
        JobState::Failed | JobState::Rejected | JobState::Cancelled => (Stage::Rejected, applied),
    };
    let total_processing = if stage == Stage::Processing { total_actions - total_complete } else { 0 };
    Progress { stage, total_actions, total_complete, total_processing }
}

/// `GET /v1/members/jobs/{jobId}`
pub struct Get;

impl Call for Get {
    const ABOUT: About = About::read("/v1/members/jobs/{jobId}", "jobs get", "Shows a job.");
    type Input = ();
    type Reply = Job;

    async fn run(request: CallRequest, (): ()) -> Result<Job, Failure> {
        let job = find(&request).await?;
        Ok(render(&request, &job))
    }
}

/// `POST /v1/members/jobs/{jobId}/approve`
pub struct Approve;

/// The plan that is approved.
pub struct Approved(String);

/// An approval.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is made")]
struct Approval {
    plan_hash: PlanHash,
}

impl Input for Approved {
    const BODY: Option<fn(&mut Document) -> Value> = Some(Document::request::<Approval>);

    fn read(request: &CallRequest, issues: &mut Issues) -> Option<Self> {
        no_parameters(&request.query, issues);
        let bytes = request.body.bytes.as_slice();
        let mut body = Fields::new("", entries(bytes, issues)?, issues);
        let hash = body.text("planHash", Presence::Required);
        if let Change::Set(text) = &hash
            && model::PlanHash::parse(text).is_none()
        {
            let rule = "must be the 32 hexadecimal digits of the plan's hash";
            body.issues().add(super::issue::Code::BodyValidation, "planHash".to_owned(), rule);
        }
        body.finish();
        hash.as_set().cloned().map(Self)
    }
}

impl Call for Approve {
    const ABOUT: About = About::write(
        Method::POST,
        "/v1/members/jobs/{jobId}/approve",
        "jobs approve",
        "Approves the plan of a job that awaits a review. The plan is made again, and applied if it does the same.",
    )
    .refusing(&[StatusCode::CONFLICT]);
    type Input = Approved;
    type Reply = Job;

    async fn run(request: CallRequest, Approved(hash): Approved) -> Result<Job, Failure> {
        find(&request).await?;
        let job = request.directory.approve_job(&request.id, &hash).await?;
        Ok(render(&request, &job))
    }
}

/// `POST /v1/members/jobs/{jobId}/reject`
pub struct Reject;

impl Call for Reject {
    const ABOUT: About = About::write(
        Method::POST,
        "/v1/members/jobs/{jobId}/reject",
        "jobs reject",
        "Rejects the plan of a job that awaits a review. Nothing of it is written.",
    )
    .refusing(&[StatusCode::CONFLICT]);
    type Input = ();
    type Reply = Job;

    async fn run(request: CallRequest, (): ()) -> Result<Job, Failure> {
        find(&request).await?;
        let job = request.directory.reject_job(&request.id).await?;
        Ok(render(&request, &job))
    }
}
