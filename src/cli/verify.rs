//! `memberbase verify`: whether a backup can be restored.

use std::path::PathBuf;
use std::process::ExitCode;

use super::{Error, output};
use crate::model::words;
use crate::server::backup;

/// The arguments of `verify`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit code 0: the backup is whole; 1: it is damaged, and the damage is listed; 74: there is \
                  no backup, or its manifest cannot be read."
)]
pub struct Args {
    /// The folder of the backup
    #[arg(value_name = "FOLDER")]
    dir: PathBuf,
}

/// Reads the whole backup, and prints what is damaged.
pub async fn run(args: Args) -> Result<ExitCode, Error> {
    let found = backup::verify_backup(&args.dir).await?;
    found.damage.iter().try_for_each(output::line)?;
    if found.damage.is_empty() {
        let begins =
            if found.base == 0 { "the first write".to_owned() } else { format!("write {}", found.base) };
        let (files, bytes) = (words::count(found.files, "file"), words::count(found.bytes, "byte"));
        output::line(format_args!("whole: from {begins} to write {}, {files}, {bytes}", found.position))?;
        return Ok(ExitCode::SUCCESS);
    }
    output::line("damaged: take another backup, and keep this one until the new one is whole")?;
    Ok(ExitCode::FAILURE)
}
