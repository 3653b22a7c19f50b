//! `memberbase refold`: updates an older store, which no server uses meanwhile, to the newest rule for
//! comparing e-mail addresses.

use std::path::PathBuf;
use std::process::ExitCode;

use super::store::{self, Database};
use super::{Error, output};
use crate::server;

/// The arguments of `refold`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A store keeps the rule that it was created with. The newest rule treats as equal: composed \
                  and decomposed letters, ß and SS, σ and ς, and the two forms of a domain with non-ASCII \
                  letters. If members of one memberbase have addresses that are equal by this rule, they are \
                  listed and nothing is changed (exit code 1): change one of the addresses, or delete one of \
                  the members, and run this again. Addresses that would not be accepted today are listed, \
                  but stay. Exit code 0: the store has the newest rule. An interrupted run is completed by \
                  the next one, or when the server starts."
)]
pub struct Args {
    /// The data directory
    #[arg(long, value_name = "FOLDER", required_unless_present = "store")]
    data: Option<PathBuf>,
    #[command(flatten)]
    database: Database,
}

/// Refolds the store, and prints the pairs of members that prevent it.
pub async fn run(args: Args) -> Result<ExitCode, Error> {
    let found = store::existing(args.data.as_deref(), &args.database, &[]).await?;
    let config = found.ok_or_else(|| Error::Usage("give --data or --store".to_owned()))?;
    let report = server::refold(&config, &|line| output::note(line)).await?;
    for (one, other) in &report.pairs {
        output::line(format_args!("memberbase {}: {one} and {other} would have the same address", one.base))?;
    }
    for holder in &report.outdated {
        output::line(format_args!(
            "memberbase {}: {holder} would not be accepted today, but stays",
            holder.base
        ))?;
    }
    // No members were looked at if a refold was completed or not needed.
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
