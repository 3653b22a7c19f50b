//! `POST /v1/members/jobs/{jobId}/revert`: takes back what a job did, as another job.

use http::{Method, StatusCode};
use serde_json::Value;

use super::call::{Call, CallRequest, Input};
use super::csv::{Accepted, DRY_RUN};
use super::failure::Failure;
use super::issues::Issues;
use super::job::find;
use super::query::{flag, flags};
use crate::api::http::about::About;
use crate::api::http::openapi::Document;
use crate::directory::{NewRevert, NewRevertOf};

/// `POST /v1/members/jobs/{jobId}/revert`
pub struct Revert;

/// Whether the job ends after its plan.
pub struct DryRun(bool);

impl Input for DryRun {
    fn read(request: &CallRequest, issues: &mut Issues) -> Option<Self> {
        let [is_dry_run] = flags([DRY_RUN], &request.query, issues)?;
        Some(Self(is_dry_run))
    }

    fn parameters(_document: &mut Document) -> Vec<Value> {
        vec![flag(DRY_RUN, "Whether the job ends after its plan, without writing anything.")]
    }
}

impl Call for Revert {
    const ABOUT: About = About::write(
        Method::POST,
        "/v1/members/jobs/{jobId}/revert",
        "jobs revert",
        "Takes back what a job did, by another job. Members that somebody else has changed since stay as they are.",
    )
    .administering()
    .succeeding(StatusCode::ACCEPTED)
    .refusing(&[StatusCode::CONFLICT]);
    type Input = DryRun;
    type Reply = Accepted;

    async fn run(request: CallRequest, DryRun(is_dry_run): DryRun) -> Result<Accepted, Failure> {
        find(&request).await?;
        let of = NewRevertOf::Job(request.id.clone());
        let new = NewRevert { of, name: String::new(), is_dry_run, asks_first: false };
        let job = request.directory.start_revert(new).await?;
        Ok(Accepted::new(request.directory.sealer(), &job))
    }
}
