//! The calls of `JobService`.

use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use super::streams::{Input, Results, Watching};
use super::{revert, sync};
use crate::api::error;
use crate::api::grpc::access::enter;
use crate::api::grpc::calls::idempotency::{begin, marked_reply};
use crate::api::grpc::convert::{guard, job, list, value};
use crate::api::grpc::replies::pull::{self, Pulled, pull};
use crate::api::grpc::replies::reply;
use crate::api::grpc::v1;
use crate::api::grpc::v1::job_service_server::JobService;
use crate::directory::{Directory, Gate, NewDelete, ShownInput};
use crate::model::{Job, JobState, Reason, Refusal};

/// The service.
pub struct JobCalls {
    /// Identifies and admits callers.
    pub gate: Gate,
    /// Ends streams between two messages.
    pub stopping: CancellationToken,
}

/// A job on the wire.
fn wire(directory: &Directory, job: &Job) -> Option<v1::Job> {
    Some(job::to_wire(job, directory.sealer()))
}

#[tonic::async_trait]
impl JobService for JobCalls {
    async fn sync_members(
        &self,
        request: Request<Streaming<v1::SyncMembersRequest>>,
    ) -> Result<Response<v1::SyncMembersResponse>, Status> {
        let directory = enter(&self.gate).await?;
        sync::sync(directory, request, self.stopping.clone()).await
    }

    async fn delete_members_by_filter(
        &self,
        request: Request<v1::DeleteMembersByFilterRequest>,
    ) -> Result<Response<v1::DeleteMembersByFilterResponse>, Status> {
        let (directory, request, _) = begin(&self.gate, request).await?;
        let base = directory.base_number(&request.member_base_id, "member_base_id")?;
        let expect = guard::expected(request.expect, request.expect_removals);
        let expect = expect.map_err(|refusal| error::refused(&refusal))?.changes;
        let new = NewDelete {
            base,
            filters: value::filters_in(request.filters, request.audience_id),
            name: request.name,
            is_dry_run: request.dry_run,
            expect,
        };
        let job = directory.delete_by_filter(new).await?;
        let job = wire(&directory, &job);
        Ok(marked_reply(&directory, v1::DeleteMembersByFilterResponse { job }))
    }

    async fn start_revert(
        &self,
        request: Request<v1::StartRevertRequest>,
    ) -> Result<Response<v1::StartRevertResponse>, Status> {
        let (directory, request, _) = begin(&self.gate, request).await?;
        let job = directory.start_revert(revert::read(&directory, request)?).await?;
        let job = wire(&directory, &job);
        Ok(marked_reply(&directory, v1::StartRevertResponse { job }))
    }

    async fn get_job(
        &self,
        request: Request<v1::GetJobRequest>,
    ) -> Result<Response<v1::GetJobResponse>, Status> {
        let directory = enter(&self.gate).await?;
        let job = directory.job(&request.into_inner().id).await?;
        let mut shown = job::to_wire(&job, directory.sealer());
        if let Some(plan) = &mut shown.plan {
            let examples = directory.job_examples(&job).await?;
            plan.examples = job::examples(examples, job.base, directory.sealer());
        }
        Ok(reply(v1::GetJobResponse { job: Some(shown) }))
    }

    async fn list_jobs(
        &self,
        request: Request<v1::ListJobsRequest>,
    ) -> Result<Response<v1::ListJobsResponse>, Status> {
        let directory = enter(&self.gate).await?;
        let request = request.into_inner();
        let base = directory.base_number(&request.member_base_id, "member_base_id")?;
        let states = states(&request.states).map_err(|refusal| error::refused(&refusal))?;
        let page = request.pagination.unwrap_or_default();
        if page.skip.is_some_and(|skip| skip != 0) {
            let text = "is not supported for this list; use `cursor`";
            return Err(error::refused(&Refusal::field(Reason::SkipInvalid, "pagination.skip", text)));
        }
        let limit = page.limit.map(i64::from);
        let found = directory.list_jobs(base, &states, limit, page.cursor.as_deref()).await?;
        let info = list::page_info(found.jobs.len(), found.cursor);
        let jobs = found.jobs.iter().map(|job| job::to_wire(job, directory.sealer())).collect();
        Ok(reply(v1::ListJobsResponse { jobs, page: Some(info) }))
    }

    type WatchJobStream = Pulled<v1::WatchJobResponse>;

    async fn watch_job(
        &self,
        request: Request<v1::WatchJobRequest>,
    ) -> Result<Response<Self::WatchJobStream>, Status> {
        let directory = enter(&self.gate).await?;
        let (replies, ends) = pull::parts(&directory, &self.stopping, &request);
        let watch = directory.watch_job(&request.into_inner().id).await?;
        Ok(pull::stream(pull(Watching::new(directory, watch), replies, ends)))
    }

    async fn approve_job(
        &self,
        request: Request<v1::ApproveJobRequest>,
    ) -> Result<Response<v1::ApproveJobResponse>, Status> {
        let directory = enter(&self.gate).await?;
        let request = request.into_inner();
        let job = directory.approve_job(&request.id, &request.plan_hash).await?;
        Ok(reply(v1::ApproveJobResponse { job: wire(&directory, &job) }))
    }

    async fn reject_job(
        &self,
        request: Request<v1::RejectJobRequest>,
    ) -> Result<Response<v1::RejectJobResponse>, Status> {
        let directory = enter(&self.gate).await?;
        let job = directory.reject_job(&request.into_inner().id).await?;
        Ok(reply(v1::RejectJobResponse { job: wire(&directory, &job) }))
    }

    async fn cancel_job(
        &self,
        request: Request<v1::CancelJobRequest>,
    ) -> Result<Response<v1::CancelJobResponse>, Status> {
        let directory = enter(&self.gate).await?;
        let job = directory.cancel_job(&request.into_inner().id).await?;
        Ok(reply(v1::CancelJobResponse { job: wire(&directory, &job) }))
    }

    type ListJobResultsStream = Pulled<v1::ListJobResultsResponse>;

    async fn list_job_results(
        &self,
        request: Request<v1::ListJobResultsRequest>,
    ) -> Result<Response<Self::ListJobResultsStream>, Status> {
        let directory = enter(&self.gate).await?;
        let (replies, ends) = pull::parts(&directory, &self.stopping, &request);
        let request = request.into_inner();
        let shows = if request.with_input { ShownInput::Rows } else { ShownInput::Nothing };
        let reader = directory.job_results(&request.id, request.failed_only, shows).await?;
        Ok(pull::stream(pull(Results::new(directory, reader), replies, ends)))
    }

    type DownloadJobInputStream = Pulled<v1::DownloadJobInputResponse>;

    async fn download_job_input(
        &self,
        request: Request<v1::DownloadJobInputRequest>,
    ) -> Result<Response<Self::DownloadJobInputStream>, Status> {
        let directory = enter(&self.gate).await?;
        let (replies, ends) = pull::parts(&directory, &self.stopping, &request);
        let reader = directory.job_input(&request.into_inner().id).await?;
        Ok(pull::stream(pull(Input(reader), replies, ends)))
    }
}

fn states(numbers: &[i32]) -> Result<Vec<JobState>, Refusal> {
    let parse = |number: &i32| {
        let text = "is not a known value of this enum";
        job::state_from_wire(*number).ok_or_else(|| Refusal::field(Reason::FieldInvalid, "states", text))
    };
    numbers.iter().map(parse).collect()
}
