//! Sends the list, shows the plan, asks, and follows the job to its end.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use super::args::Args;
use super::decide::may_apply;
use super::send::send;
use crate::api::grpc::v1;
use crate::cli::client::{Client, Refusal};
use crate::cli::{Error, base, files, filter, job, output};

/// Makes the memberbase equal to the list.
pub async fn run(args: Args) -> Result<ExitCode, Error> {
    let failed = failed_path(&args);
    files::refuse_inside_store(&failed)?;
    files::refuse_overwriting(&failed, args.target.tls.files().chain([args.file.as_path()]))?;
    files::check_place(&failed)?;
    let mut client = args.target.connect().await?;
    let member_base_id = base::need(&mut client, &args.base).await?;
    let options = options(&args, member_base_id.clone())?;
    if let Some(as_of) = options.as_of.filter(|_| args.as_of.is_none() && !args.quiet) {
        output::note(format_args!(
            "the list is of {as_of}, when the file was last written (or give --as-of); members created later stay"
        ));
    }
    let sent = send(&mut client, options, &args.file).await?;
    let planned = job::follow(&mut client, &sent.id, args.quiet).await?;
    let mut planned = get(&mut client, &planned.id).await?;
    output::text(job::plan(&planned))?;
    if planned.state() == v1::JobState::Held {
        let members = members(&mut client, &member_base_id).await?;
        if !may_apply(&planned, args.yes, args.yes_if_under, members)? {
            let hash = planned.plan.as_ref().map_or("", |plan| &plan.hash);
            let id = &planned.id;
            output::note(format_args!(
                "held: look at it with `memberbase jobs show {id}`, then `memberbase jobs approve {id} --plan \
                 {hash}` or `memberbase jobs reject {id}`"
            ));
            return Ok(job::exit_code(&planned));
        }
        let plan_hash = planned.plan.take().map(|plan| plan.hash).unwrap_or_default();
        let request = v1::ApproveJobRequest { id: planned.id.clone(), plan_hash };
        client.jobs.approve_job(request).await.map_err(Refusal::from)?;
        planned = job::follow(&mut client, &planned.id, args.quiet).await?;
    }
    output::line(job::summary(&planned))?;
    if matches!(planned.state(), v1::JobState::Succeeded | v1::JobState::Failed) && !planned.dry_run {
        job::write_failed(&mut client, &planned.id, &failed).await?;
    }
    Ok(job::exit_code(&planned))
}

fn options(args: &Args, member_base_id: String) -> Result<v1::SyncOptions, Error> {
    let match_by = match args.match_by.as_str() {
        "email" => v1::MatchBy::Email,
        "worker_id" => v1::MatchBy::WorkerId,
        _ => v1::MatchBy::Ref,
    };
    let by_name = args.file.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    let known = |ending: &String| ["csv", "tsv", "ndjson", "xlsx", "xls", "ods"].contains(&ending.as_str());
    let scope = args.scope.iter().map(|text| filter::parse(text)).collect::<Result<Vec<_>, _>>()?.concat();
    Ok(v1::SyncOptions {
        member_base_id,
        match_by: match_by.into(),
        as_of: args.as_of.or_else(|| written_at(args)),
        scope,
        name: args.name.clone(),
        expect_removals: args.expect_removals,
        apply_status: args.apply_status,
        dry_run: args.dry_run,
        format: args.format.clone().or_else(|| by_name.filter(known)).unwrap_or_default(),
        sheet: args.sheet.clone().unwrap_or_default(),
        request_id: String::new(),
        ask_first: !args.dry_run && !args.yes,
        expect: None,
    })
}

async fn get(client: &mut Client, id: &str) -> Result<v1::Job, Error> {
    let request = v1::GetJobRequest { id: id.to_owned() };
    let job = client.jobs.get_job(request).await.map_err(Refusal::from)?.into_inner().job;
    job.ok_or_else(|| Error::Broken("the server's reply has no job".to_owned()))
}

/// The active and invited members.
async fn members(client: &mut Client, id: &str) -> Result<u64, Error> {
    let request = v1::GetMemberBaseRequest { id: id.to_owned() };
    let base = client.bases.get_member_base(request).await.map_err(Refusal::from)?.into_inner().member_base;
    let counts = base.and_then(|base| base.counts).unwrap_or_default();
    Ok(counts.active.saturating_add(counts.invited))
}

/// When the file was last written: no list is older than that. `None` for a pipe, and for a time that is yet
/// to come.
fn written_at(args: &Args) -> Option<prost_types::Timestamp> {
    let there = std::fs::metadata(&args.file).ok().filter(std::fs::Metadata::is_file)?;
    let time = there.modified().ok().filter(|time| *time <= SystemTime::now())?;
    Some(time.into())
}

/// Where failed rows are written: `people.failed.csv` beside `people.csv`.
fn failed_path(args: &Args) -> PathBuf {
    let is_json = args.file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("ndjson"));
    let extension = if is_json { "failed.ndjson" } else { "failed.csv" };
    args.failed.clone().unwrap_or_else(|| args.file.with_extension(extension))
}
