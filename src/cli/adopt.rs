//! `memberbase adopt`: a store whose database was restored to an earlier time begins a new timeline.

use std::process::ExitCode;

use super::store::{self, Database};
use super::{Error, output};
use crate::server;

/// The arguments of `adopt`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Run it after the database was restored to an earlier time, before the servers start: rows, \
                  revisions and the numbers of new memberbases jump, so that ids and revisions from the lost \
                  time are never used again, and old list cursors are no longer valid. Jobs that were running \
                  are held. A store in a data directory needs none of this: `memberbase restore` does it."
)]
pub struct Args {
    #[command(flatten)]
    database: Database,
}

/// Begins the timeline, and prints what the store holds.
pub async fn run(args: Args) -> Result<ExitCode, Error> {
    let found = store::existing(None, &args.database, &[]).await?;
    let config = found.ok_or_else(|| Error::Usage("give --store".to_owned()))?;
    for (id, revision) in server::adopt(&config).await? {
        output::line(format_args!("memberbase {id} as of revision {revision}"))?;
    }
    Ok(ExitCode::SUCCESS)
}
