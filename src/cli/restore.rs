//! `memberbase restore`: a data directory from a backup.

use std::path::PathBuf;
use std::process::ExitCode;

use super::{Error, files, output};
use crate::config::Config;
use crate::server::backup;

/// The arguments of `restore`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The restored store is a new one: members keep their ids, but rows, revisions and the \
                  numbers of new memberbases jump, so that ids and revisions from the time after the backup \
                  are never used again. Old list cursors are no longer valid."
)]
pub struct Args {
    /// The folder of the backup
    #[arg(long, value_name = "FOLDER")]
    from: PathBuf,
    /// The data directory to create; it must not exist, or must be empty
    #[arg(long, value_name = "FOLDER")]
    data: PathBuf,
    /// Restore only up to this time (such as 2026-02-03T04:05:06Z), or up to this revision of a memberbase
    /// (its id, a colon and the revision). Writes that were made durable together are restored together or
    /// not at all
    #[arg(long, value_name = "TIME|ID:REVISION")]
    until: Option<String>,
}

/// Restores, and prints up to where.
pub async fn run(args: Args) -> Result<ExitCode, Error> {
    files::refuse_nesting(&args.data, &args.from)?;
    let config = Config { data: args.data, ..Config::default() };
    let restored = backup::restore(&args.from, &config, args.until.as_deref()).await?;
    output::line(format_args!(
        "{}: restored up to write {} of the backup's {}",
        config.data.display(),
        restored.position,
        restored.last
    ))?;
    for (id, revision) in restored.bases {
        output::line(format_args!("memberbase {id} as of revision {revision}"))?;
    }
    Ok(ExitCode::SUCCESS)
}
