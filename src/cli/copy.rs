//! `memberbase copy`: moves a store, which no server uses, between a data directory and a database.

use std::path::PathBuf;
use std::process::ExitCode;

use super::store::Database;
use super::{Error, files, output};
use crate::config::{Config, PASSWORD, StoreUrl};
use crate::server;

/// The arguments of `copy`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Each side is a data directory, or a database such as postgres://user@host/database. Stop the \
                  servers of both first; a store that a server uses is refused. Members, history, tokens and \
                  ids are the same in the copy, so do not serve the original afterwards as well. At the end both \
                  sides are read once more and compared. An interrupted copy into a database is continued by the \
                  same command; until it is complete, no server opens it. To copy a backup, restore it into a data \
                  directory first. Exit code 0: the copy is complete; 64: there is no store to copy, or the target \
                  is not empty; 74: a side failed, or the sides differ. A password may be in \
                  MEMBERBASE_STORE_PASSWORD, or in the files below if both sides are databases."
)]
pub struct Args {
    /// The store to copy: a data directory, or the address of a database
    #[arg(long, value_name = "FOLDER|URL")]
    from: String,
    /// Where it goes: a data directory that does not exist or is empty, or the address of a database without
    /// a store
    #[arg(long, value_name = "FOLDER|URL")]
    to: String,
    /// A file with the password for the database that is copied
    #[arg(long, value_name = "FILE")]
    from_password_file: Option<PathBuf>,
    /// A file with the password for the database into which it is copied
    #[arg(long, value_name = "FILE")]
    to_password_file: Option<PathBuf>,
    /// Use databases that acknowledge writes before a quorum of their nodes has them
    #[arg(long)]
    allow_async_replicas: bool,
}

/// Copies, and prints what both sides hold.
pub async fn run(args: Args) -> Result<ExitCode, Error> {
    let Args { from, to, from_password_file, to_password_file, allow_async_replicas } = args;
    let from = side("--from", from, from_password_file, allow_async_replicas)?;
    let to = side("--to", to, to_password_file, allow_async_replicas)?;
    if from.store.is_none() && to.store.is_none() {
        files::refuse_nesting(&to.data, &from.data)?;
    }
    if from.store.is_some() && from.store == to.store {
        return Err(Error::Usage("--from and --to are the same database".to_owned()));
    }
    let copied = server::copy(&from, &to, &|line| output::note(line)).await?;
    output::line(format_args!("complete: {copied}"))?;
    Ok(ExitCode::SUCCESS)
}

/// The settings of one side. Whatever has a scheme is an address.
fn side(
    flag: &str,
    place: String,
    store_password_file: Option<PathBuf>,
    allow_async_replicas: bool,
) -> Result<Config, Error> {
    if !place.contains("://") {
        if store_password_file.is_some() {
            return Err(Error::Usage(format!(
                "{flag}-password-file: {flag} is not the address of a database"
            )));
        }
        return Ok(Config { data: PathBuf::from(place), ..Config::default() });
    }
    // The settings of a server have other names.
    if let Ok((_, Some(_))) = StoreUrl::parse(&place) {
        return Err(Error::Usage(format!(
            "{flag}: must have no password, because everybody on this machine can read command lines; put it in \
             {PASSWORD}, or in a file that {flag}-password-file names"
        )));
    }
    let database = Database { store: Some(place), store_password_file, allow_async_replicas };
    let config = database.config(&[]).map_err(|error| {
        Error::Usage(format!("{flag}: {}", error.to_string().trim_start_matches("--store: ")))
    })?;
    Ok(config.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_on_the_command_line_is_refused_with_the_options_that_exist_here() {
        let refused = side("--from", "postgres://mb:s3cret@db/m".to_owned(), None, false).unwrap_err();
        let text = refused.to_string();
        assert!(
            text.starts_with("--from: must have no password") && text.contains("--from-password-file"),
            "{text}"
        );
        assert!(!text.contains("s3cret") && !text.contains("store-password-file"), "{text}");
        let refused = side("--to", "postgres://mb@db:0/m".to_owned(), None, false).unwrap_err().to_string();
        assert!(refused.starts_with("--to: must be an address") && !refused.contains("--store"), "{refused}");
        let fits = side("--to", "postgres://mb@db/m".to_owned(), None, true).unwrap();
        assert!(fits.store.is_some() && fits.allow_async_replicas);
    }
}
