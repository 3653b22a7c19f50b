//! `memberbase jobs`: the jobs of a running server.

mod revert;

use std::process::ExitCode;

use serde_json::Value;

use super::client::{self, Client, Refusal, Target};
use super::{Error, base, job, output};
use crate::api::grpc::v1;

/// The arguments of `jobs`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Lists the jobs of a memberbase, newest first
    List {
        /// The memberbase, by name or id
        #[arg(long, value_name = "NAME-OR-ID")]
        base: String,
        #[command(flatten)]
        target: Target,
    },
    /// Shows a job and its plan
    Show(One),
    /// Writes what happened to each row and member, as NDJSON
    Results {
        #[command(flatten)]
        one: One,
        /// Only failed rows, and members that were to be removed and stayed
        #[arg(long)]
        failed: bool,
        /// With the rows as they were sent
        #[arg(long)]
        input: bool,
    },
    /// Approves the plan of a held job, and follows the job to its end
    Approve {
        #[command(flatten)]
        one: One,
        /// The hash of the plan, as `memberbase jobs show` prints it
        #[arg(long, value_name = "HASH")]
        plan: String,
    },
    /// Rejects the plan of a held job
    Reject(One),
    /// Ends a job; what it has written stays
    Cancel(One),
    /// Takes back what a job did, or other changes: shows the plan, and asks
    Revert(revert::Args),
}

#[derive(Debug, clap::Args)]
struct One {
    /// The id of the job
    id: String,
    #[command(flatten)]
    target: Target,
}

/// Runs one of the commands about jobs.
pub async fn run(args: Args) -> Result<ExitCode, Error> {
    match args.action {
        Action::List { base, target } => list(&mut target.connect().await?, &base).await,
        Action::Show(one) => {
            let mut client = one.target.connect().await?;
            let reply = client.jobs.get_job(v1::GetJobRequest { id: one.id }).await.map_err(Refusal::from)?;
            show(reply.into_inner().job)
        }
        Action::Results { one, failed, input } => {
            let request = v1::ListJobResultsRequest { id: one.id, failed_only: failed, with_input: input };
            results(&mut one.target.connect().await?, request).await
        }
        Action::Approve { one, plan } => {
            let mut client = one.target.connect().await?;
            let request = v1::ApproveJobRequest { id: one.id.clone(), plan_hash: plan };
            client.jobs.approve_job(request).await.map_err(Refusal::from)?;
            finish(&mut client, &one.id).await
        }
        Action::Reject(one) => {
            let mut client = one.target.connect().await?;
            let reply = client.jobs.reject_job(v1::RejectJobRequest { id: one.id }).await;
            let job = reply.map_err(Refusal::from)?.into_inner().job;
            output::line(job::summary(&job.unwrap_or_default()))?;
            Ok(ExitCode::SUCCESS)
        }
        Action::Revert(args) => revert::run(args).await,
        Action::Cancel(one) => {
            let mut client = one.target.connect().await?;
            let reply = client.jobs.cancel_job(v1::CancelJobRequest { id: one.id }).await;
            let job = reply.map_err(Refusal::from)?.into_inner().job;
            output::line(job::summary(&job.unwrap_or_default()))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn list(client: &mut Client, base: &str) -> Result<ExitCode, Error> {
    let member_base_id = base::need(client, base).await?;
    let mut cursor = None;
    loop {
        let pagination = Some(v1::Pagination { cursor: cursor.take(), ..v1::Pagination::default() });
        let member_base_id = member_base_id.clone();
        let request = v1::ListJobsRequest { member_base_id, states: Vec::new(), pagination };
        let reply = client.jobs.list_jobs(request).await.map_err(Refusal::from)?.into_inner();
        for job in &reply.jobs {
            output::line(job::listed(job))?;
        }
        cursor = reply.page.and_then(|page| page.cursor);
        if cursor.is_none() {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

fn show(job: Option<v1::Job>) -> Result<ExitCode, Error> {
    let job = job.ok_or_else(|| Error::Broken("the server's reply has no job".to_owned()))?;
    output::line(job::listed(&job))?;
    output::text(job::plan(&job))?;
    Ok(ExitCode::SUCCESS)
}

/// Follows a job, and prints how it ended.
async fn finish(client: &mut Client, id: &str) -> Result<ExitCode, Error> {
    let job = job::follow(client, id, false).await?;
    job::show_end(client, &job).await?;
    Ok(job::exit_code(&job))
}

async fn results(client: &mut Client, request: v1::ListJobResultsRequest) -> Result<ExitCode, Error> {
    let mut stream = client.jobs.list_job_results(request).await?.into_inner();
    while let Some(message) = client::next(&mut stream).await? {
        for result in message.results {
            output::line(line(result))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A result as a JSON object, without fields that have no value.
fn line(result: v1::JobResult) -> Value {
    let outcome = match result.outcome() {
        v1::Outcome::Unspecified if result.removed => "removed",
        v1::Outcome::Unspecified => "spared",
        v1::Outcome::Created => "created",
        v1::Outcome::Updated => "updated",
        v1::Outcome::Unchanged => "unchanged",
        v1::Outcome::Reactivated => "reactivated",
        v1::Outcome::Failed => "failed",
    };
    let error = result.error.unwrap_or_default();
    let texts = [
        ("key", result.key),
        ("member_id", result.member_id),
        ("spared", result.spared),
        ("reason", error.reason),
        ("message", error.message),
        ("input", result.input.unwrap_or_default()),
    ];
    let line = (result.line > 0).then(|| ("line".to_owned(), Value::from(result.line)));
    let known = [("outcome".to_owned(), Value::from(outcome)), ("applied".to_owned(), result.applied.into())];
    let texts = texts.into_iter().filter(|(_, text)| !text.is_empty());
    let texts = texts.map(|(name, text)| (name.to_owned(), Value::from(text)));
    line.into_iter().chain(known).chain(texts).collect()
}
