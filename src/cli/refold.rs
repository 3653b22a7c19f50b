//! `memberbase refold`: the newest rule of comparing e-mail addresses for an older store that nobody serves.

use std::path::PathBuf;
use std::process::ExitCode;

use super::{Error, output};
use crate::config::Config;
use crate::server;

/// The arguments of `refold`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A store keeps the rule that it was made with. By the newest one, composed and decomposed letters, ß and SS, σ \
                        and ς are one, and so are the two forms of a domain in other letters than ASCII. Members of one \
                        memberbase that would become one by it are listed, and then nothing is changed (exit code 1): give \
                        one of them another address, or delete it, and run this again. Addresses that would not be \
                        accepted today are listed, and stay. Exit code 0: the store has the newest rule. A run that is cut \
                        short is finished by the next one, or by the start of the server."
)]
pub struct Args {
    /// The data directory
    #[arg(long, value_name = "FOLDER")]
    data: PathBuf,
}

/// Refolds, and prints who stands in the way.
pub async fn run(args: Args) -> Result<ExitCode, Error> {
    if !server::is_store(&args.data) {
        return Err(Error::Usage(format!("{} is not the data directory of a server", args.data.display())));
    }
    let config = Config { data: args.data, ..Config::default() };
    let report = server::refold(&config, &|line| output::note(line)).await?;
    for (one, other) in &report.pairs {
        output::line(format_args!("memberbase {}: {one} and {other} would be one", one.base))?;
    }
    for holder in &report.outdated {
        output::line(format_args!(
            "memberbase {}: {holder} would not be accepted today, and stays",
            holder.base
        ))?;
    }
    // Where a refold was finished or not needed, nothing was looked at.
    if report.members > 0 {
        let count = |listed: usize, more: u64| u64::try_from(listed).unwrap_or(u64::MAX).saturating_add(more);
        output::line(format_args!("members with an e-mail address {}", report.members))?;
        let outdated = count(report.outdated.len(), report.more_outdated);
        output::line(format_args!("addresses that would not be accepted today {outdated}"))?;
        output::line(format_args!(
            "pairs that would become one {}",
            count(report.pairs.len(), report.more_pairs)
        ))?;
    }
    output::line(report.outcome)?;
    Ok(if report.pairs.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
