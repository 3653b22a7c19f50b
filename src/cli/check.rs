//! `memberbase check`: checks a store that no server uses.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::store::{self, Database};
use super::{Error, output};
use crate::config::Config;
use crate::server;

/// The variable that names the data directory.
const DATA: &str = "MEMBERBASE_DATA";
/// More than any `delete-retention` in use.
const LONGEST: &str = "36500d";

/// The arguments of `check`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Reads every snapshot and every entry of the log, and writes nothing. With --deep it then \
                  opens the store, as the server does when it starts, and checks its contents. With --store it \
                  opens the store and checks its contents; the database checks its own files. Exit code 0: \
                  no findings; 1: there are findings, which are listed with their files; 74: the store \
                  cannot be read or opened."
)]
pub struct Args {
    /// The data directory [default: ./memberbase-data]
    #[arg(long, env = DATA, value_name = "FOLDER")]
    data: Option<PathBuf>,
    #[command(flatten)]
    database: Database,
    /// Check every invariant as well: records, lookups, sets, counters, and the log of commits
    #[arg(long)]
    deep: bool,
    /// How much memory to use [default: 512MiB]
    #[arg(long, value_name = "SIZE")]
    memory: Option<String>,
    /// How long deleted memberbases and members can be undeleted; those deleted earlier are not checked
    /// [default: 30d]
    #[arg(long, value_name = "TIME")]
    delete_retention: Option<String>,
}

/// Checks the store, and prints what was checked and what was found.
pub async fn run(args: Args) -> Result<ExitCode, Error> {
    if args.database.store.is_some() {
        // The variable of the data directory may be set for a server.
        let data = args.data.as_deref().filter(|data| std::env::var_os(DATA).is_none_or(|set| *data != set));
        let config = store::existing(data, &args.database, &settings(&args)).await?;
        let findings = audit(&config.unwrap_or_default()).await?;
        return conclude(findings);
    }
    let data = args.data.clone().unwrap_or_else(|| Config::default().data);
    if !data.is_dir() {
        return Err(Error::Usage(format!("there is no data directory {}", data.display())));
    }
    let config = load(&args, &data)?;
    let files = server::backup::check_files(&data, output::note).await?;
    files.notes.iter().try_for_each(output::line)?;
    files.damage.iter().try_for_each(output::line)?;
    let damaged = files.damage.len();
    output::line(format_args!("damaged files {damaged}"))?;
    // A store with damaged files cannot be opened.
    let audited = if args.deep && damaged == 0 { audit(&config).await? } else { 0 };
    conclude(u64::try_from(damaged).unwrap_or(u64::MAX).saturating_add(audited))
}

fn conclude(findings: u64) -> Result<ExitCode, Error> {
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

fn load(args: &Args, data: &Path) -> Result<Config, Error> {
    let mut flags: BTreeMap<_, _> = settings(args).into_iter().collect();
    flags.insert("data", data.display().to_string());
    Config::load(&flags, |_| None, None).map_err(|problems| Error::Usage(problems.to_string()))
}

/// The settings that both kinds of store have.
fn settings(args: &Args) -> Vec<(&'static str, String)> {
    // `check` does not use the history's retention, which may not be shorter than that of deleted things.
    let history = args.delete_retention.as_ref().map(|_| LONGEST.to_owned());
    let given = [
        ("commit-retention", history),
        ("memory", args.memory.clone()),
        ("delete-retention", args.delete_retention.clone()),
    ];
    given.into_iter().filter_map(|(key, text)| Some((key, text?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_folder_beside_a_database_is_refused() {
        let database = Database { store: Some("postgres://mb@db/m".to_owned()), ..Database::default() };
        let data = Some(PathBuf::from("/data"));
        let args = Args { data, database, deep: false, memory: None, delete_retention: None };
        let refused = run(args).await.unwrap_err();
        assert!(refused.to_string().contains("either --data or --store"), "{refused}");
        assert_eq!(refused.exit_code(), 64);
    }
}
