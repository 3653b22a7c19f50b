//! Sends the list, shows the plan, asks, and follows the job to its end.

use std::path::PathBuf;
use std::process::ExitCode;

use super::args::Args;
use super::decide::may_apply;
use super::send::send;
use crate::api::grpc::v1;
use crate::cli::client::{Client, Refusal};
use crate::cli::{Error, base, filter, job, output};

/// Makes the memberbase equal to the list.
pub async fn run(args: Args) -> Result<ExitCode, Error> {
    let mut client = args.target.connect().await?;
    let member_base_id = base::need(&mut client, &args.base).await?;
    let sent = send(&mut client, options(&args, member_base_id.clone())?, &args.file).await?;
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
    if planned.state() == v1::JobState::Succeeded && !planned.dry_run {
        let path = failed_path(&args);
        let failed = job::write_failed(&mut client, &planned.id, &path).await?;
        if failed > 0 {
            output::note(format_args!("failed rows: {}", path.display()));
        }
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
        as_of: args.as_of,
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

/// Where failed rows are written.
fn failed_path(args: &Args) -> PathBuf {
    if let Some(path) = &args.failed {
        return path.clone();
    }
    let is_json = args.file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("ndjson"));
    let mut name = args.file.clone().into_os_string();
    name.push(if is_json { ".failed.ndjson" } else { ".failed.csv" });
    name.into()
}
