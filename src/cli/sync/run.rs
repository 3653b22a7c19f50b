//! Sends the list, shows the plan, asks, and follows the job to its end.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use super::args::Args;
use super::send::send;
use crate::api::grpc::v1;
use crate::cli::job::{self, Review};
use crate::cli::{Error, base, draw, files, filter, output};

/// Makes the memberbase equal to the list.
pub async fn run(args: Args) -> Result<ExitCode, Error> {
    let failed = failed_path(&args);
    files::refuse_inside_store(&failed)?;
    files::refuse_overwriting(&failed, args.target.tls.files().chain([args.file.as_path()]))?;
    files::check_place(&failed)?;
    let mut client = args.target.connect().await?;
    let member_base_id = base::need(&mut client, &args.base).await?;
    let options = options(&args, member_base_id)?;
    if let Some(as_of) = options.as_of.filter(|_| args.as_of.is_none() && !args.quiet) {
        output::note(format_args!(
            "the list is of {as_of}, when the file was last written (or give --as-of); members created later stay"
        ));
    }
    let sent = send(&mut client, options, &args.file).await?;
    let review = Review { quiet: args.quiet, yes: args.yes, under: args.yes_if_under };
    let planned = job::review(&mut client, &sent.id, review).await?;
    if matches!(planned.state(), v1::JobState::Succeeded | v1::JobState::Failed) && !planned.dry_run {
        job::write_failed(&mut client, &planned.id, &failed).await?;
    }
    Ok(job::exit_code(&planned))
}

fn options(args: &Args, member_base_id: String) -> Result<v1::SyncOptions, Error> {
    let match_by = match args.match_by.as_str() {
        "email" => v1::MatchBy::Email,
        "worker-id" | "worker_id" => v1::MatchBy::WorkerId,
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
        audience_id: String::new(),
        name: args.name.clone(),
        expect_removals: None,
        apply_status: args.apply_status,
        dry_run: args.dry_run,
        format: args.format.clone().or_else(|| by_name.filter(known)).unwrap_or_default(),
        sheet: args.sheet.clone().unwrap_or_default(),
        request_id: draw::id()?.to_string(),
        ask_first: !args.dry_run && !args.yes,
        expect: Some(args.expect.to_wire()),
        columns: args
            .columns
            .iter()
            .cloned()
            .map(|(heading, name)| v1::ListColumn { heading, name })
            .collect(),
    })
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
