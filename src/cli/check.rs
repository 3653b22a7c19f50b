//! `memberbase check`: whether a store that nobody serves is as it has to be.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use super::{Error, output};
use crate::config::Config;
use crate::server;

/// The arguments of `check`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Every snapshot and every entry of the log is read, and nothing is written; --deep then opens the store, as a \
                        start of the server does, and looks at what is in it. Exit code 0: all is well; 1: something was \
                        found, and is listed with its file; 74: the store cannot be looked at, or not opened."
)]
pub struct Args {
    /// The data directory
    #[arg(long, env = "MEMBERBASE_DATA", value_name = "FOLDER", default_value = "./memberbase-data")]
    data: PathBuf,
    /// Check every invariant as well: records, lookups, sets, counters, and the log of commits
    #[arg(long)]
    deep: bool,
    /// Memory to use [default: 512MiB]
    #[arg(long, value_name = "SIZE")]
    memory: Option<String>,
    /// How long deleted memberbases can be brought back; older ones are not checked [default: 30d]
    #[arg(long, value_name = "TIME")]
    delete_retention: Option<String>,
}

/// Checks, and prints what was looked at and what was found.
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
    // What is in damaged files cannot be opened.
    let audited = if args.deep && damaged == 0 { audit(&config).await? } else { 0 };
    let findings = u64::try_from(damaged).unwrap_or(u64::MAX).saturating_add(audited);
    output::line(format_args!("findings {findings}"))?;
    Ok(if findings == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// How much in the store is not as it has to be; prints what was found.
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
    Ok(u64::try_from(report.findings.len()).unwrap_or(u64::MAX).saturating_add(report.more_findings))
}

fn load(args: &Args) -> Result<Config, Error> {
    let given = [
        ("data", Some(args.data.display().to_string())),
        ("memory", args.memory.clone()),
        ("delete-retention", args.delete_retention.clone()),
    ];
    let flags: BTreeMap<_, _> = given.into_iter().filter_map(|(key, text)| Some((key, text?))).collect();
    Config::load(&flags, |_| None, None).map_err(|problems| Error::Usage(problems.to_string()))
}
