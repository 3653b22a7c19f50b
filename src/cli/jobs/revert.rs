//! `memberbase jobs revert`: takes changes back, after showing what that would do.

use std::process::ExitCode;

use crate::api::grpc::v1;
use crate::cli::client::{Client, Refusal, Target};
use crate::cli::job::{self, Review};
use crate::cli::{Error, base};

/// The arguments of `jobs revert`.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["job", "revisions", "by"]))]
pub struct Args {
    /// The job whose changes are taken back
    job: Option<String>,
    /// Take back all changes from revision A to revision B of a memberbase; without B, to the present one
    #[arg(long, value_name = "A..B", value_parser = revisions, requires = "base")]
    revisions: Option<(u64, u64)>,
    /// Take back what the holder of this token did to a memberbase, also by jobs
    #[arg(long, value_name = "TOKEN-ID", requires_all = ["since", "base"])]
    by: Option<String>,
    /// Only changes made at this time or later are taken back: 2026-02-03T04:05:06Z
    #[arg(long, value_name = "TIME", value_parser = job::time, requires = "by")]
    since: Option<prost_types::Timestamp>,
    /// The memberbase, by name or id
    #[arg(long, value_name = "NAME-OR-ID", conflicts_with = "job")]
    base: Option<String>,
    /// Only show what would change
    #[arg(long)]
    dry_run: bool,
    /// Apply the plan without asking, unless the limits of the memberbase hold it
    #[arg(long, short, conflicts_with = "dry_run")]
    yes: bool,
    /// A name for the job, shown by `memberbase jobs list`
    #[arg(long, value_name = "TEXT", default_value = "")]
    name: String,
    /// Show no progress
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    target: Target,
}

/// Takes the changes back.
pub async fn run(args: Args) -> Result<ExitCode, Error> {
    let mut client = args.target.connect().await?;
    let request = request(&mut client, &args).await?;
    let started = client.jobs.start_revert(request).await.map_err(Refusal::from)?.into_inner().job;
    let started = started.ok_or_else(|| Error::Broken("the server's reply has no job".to_owned()))?;
    let review = Review { quiet: args.quiet, yes: args.yes, under: None };
    let job = job::review(&mut client, &started.id, review).await?;
    Ok(job::exit_code(&job))
}

async fn request(client: &mut Client, args: &Args) -> Result<v1::StartRevertRequest, Error> {
    let member_base_id = match &args.base {
        Some(base) => base::need(client, base).await?,
        None => String::new(),
    };
    let (first_revision, last_revision) = args.revisions.unwrap_or_default();
    Ok(v1::StartRevertRequest {
        job_id: args.job.clone().unwrap_or_default(),
        member_base_id,
        first_revision,
        last_revision,
        api_token_id: args.by.clone().unwrap_or_default(),
        since: args.since,
        dry_run: args.dry_run,
        name: args.name.clone(),
        request_id: String::new(),
        ask_first: !args.dry_run && !args.yes,
    })
}

/// Parses `7..9`, `7..` or `7`.
fn revisions(text: &str) -> Result<(u64, u64), String> {
    let wrong =
        || "give the first and the last revision, such as 7..9, or 7.. for all since revision 7".to_owned();
    let number = |text: &str| text.parse::<u64>().ok().filter(|number| *number > 0).ok_or_else(wrong);
    match text.split_once("..") {
        None => number(text).map(|only| (only, only)),
        Some((first, "")) => Ok((number(first)?, 0)),
        Some((first, last)) => {
            let (first, last) = (number(first)?, number(last)?);
            if first <= last { Ok((first, last)) } else { Err(wrong()) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_of_revisions_has_a_beginning() {
        for (text, range) in [("7..9", (7, 9)), ("7..", (7, 0)), ("7", (7, 7)), ("7..7", (7, 7))] {
            assert_eq!(revisions(text), Ok(range), "{text}");
        }
        for text in ["", "..", "..9", "0..9", "9..7", "7...9", "a..b", "-1..2", "7..0"] {
            assert!(revisions(text).is_err(), "{text}");
        }
    }
}
