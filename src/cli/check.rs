//! `memberbase check`: checks a store that no server uses.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use super::{Error, output};
use crate::config::Config;
use crate::server;

/// More than any `delete-retention` in use.
const LONGEST: &str = "36500d";

/// The arguments of `check`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Reads every snapshot and every entry of the log, and writes nothing. With --deep it then \
                  opens the store, as the server does when it starts, and checks its contents. Exit code 0: \
                  no findings; 1: there are findings, which are listed with their files; 74: the store \
                  cannot be read or opened."
)]
pub struct Args {
    /// The data directory
    #[arg(long, env = "MEMBERBASE_DATA", value_name = "FOLDER", default_value = "./memberbase-data")]
    data: PathBuf,
    /// Check every invariant as well: records, lookups, sets, counters, and the log of commits
    #[arg(long)]
    deep: bool,
    /// How much memory to use [default: 512MiB]
    #[arg(long, value_name = "SIZE")]
    memory: Option<String>,
    /// How long deleted memberbases and members can be undeleted; those deleted earlier are not checked [default: 30d]
    #[arg(long, value_name = "TIME")]
    delete_retention: Option<String>,
}

/// Checks the store, and prints what was checked and what was found.
pub async fn run(args: Args) -> Result<ExitCode, Error> {
    if !args.data.is_dir() {
        return Err(Error::Usage(format!("there is no data directory {}", args.data.display())));
    }
    let config = load(&args)?;
    let files = server::backup::check_files(&args.data, output::note).await?;
    files.notes.iter().try_for_each(output::line)?;
    files.damage.iter().try_for_each(output::line)?;
    let damaged = files.damage.len();
    output::line(format_args!("damaged files {damaged}"))?;
    // A store with damaged files cannot be opened.
    let audited = if args.deep && damaged == 0 { audit(&config).await? } else { 0 };
    let findings = u64::try_from(damaged).unwrap_or(u64::MAX).saturating_add(audited);
    output::line(format_args!("findings {findings}"))?;
    Ok(if findings == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Checks every invariant of the store, prints the findings and returns their number.
async fn audit(config: &Config) -> Result<u64, Error> {
    let report = server::check(config, &output::note).await?;
    report.findings.iter().try_for_each(output::line)?;
    if report.more_findings > 0 {
        output::line(format_args!("and {} more", report.more_findings))?;
    }
    output::line(format_args!("memberbases {}", report.bases))?;
    output::line(format_args!("memberbases past their grace period, not checked {}", report.past_grace))?;
    output::line(format_args!("members {}", report.members))?;
    output::line(format_args!("entries of lookups {}", report.entries))?;
    output::line(format_args!("commits {}", report.commits))?;
    output::line(format_args!("jobs {}", report.jobs))?;
    Ok(u64::try_from(report.findings.len()).unwrap_or(u64::MAX).saturating_add(report.more_findings))
}

fn load(args: &Args) -> Result<Config, Error> {
    // `check` does not use the history's retention, which may not be shorter than that of deleted things.
    let history = args.delete_retention.as_ref().map(|_| LONGEST.to_owned());
    let given = [
        ("commit-retention", history),
        ("data", Some(args.data.display().to_string())),
        ("memory", args.memory.clone()),
        ("delete-retention", args.delete_retention.clone()),
    ];
    let flags: BTreeMap<_, _> = given.into_iter().filter_map(|(key, text)| Some((key, text?))).collect();
    Config::load(&flags, |_| None, None).map_err(|problems| Error::Usage(problems.to_string()))
}
