//! Stores in a database, for commands that work on one that no server uses.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Error;
use crate::config::{Config, PASSWORD};
use crate::server;

/// The database of a store that no server uses.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Database {
    /// The database with the store of stopped servers, such as postgres://user@host1,host2/database, without
    /// a password; that may be in MEMBERBASE_STORE_PASSWORD
    #[arg(long, value_name = "URL")]
    pub store: Option<String>,
    /// A file with the password for the database
    #[arg(long, value_name = "FILE", requires = "store")]
    pub store_password_file: Option<PathBuf>,
    /// Use a database that acknowledges writes before a quorum of its nodes has them
    #[arg(long, requires = "store")]
    pub allow_async_replicas: bool,
}

impl Database {
    /// The settings of the store, with `others`; `None` if no database was given.
    pub fn config(&self, others: &[(&'static str, String)]) -> Result<Option<Config>, Error> {
        let Some(store) = &self.store else { return Ok(None) };
        let mut flags: BTreeMap<_, _> = others.iter().cloned().collect();
        flags.insert("store", store.clone());
        if let Some(path) = &self.store_password_file {
            flags.insert("store-password-file", path.display().to_string());
        }
        if self.allow_async_replicas {
            flags.insert("allow-async-replicas", true.to_string());
        }
        // A password in the variable is for the database that has none in a file.
        let variable = |name: &str| std::env::var(name).ok().filter(|_| name == PASSWORD);
        let environment = |name: &str| variable(name).filter(|_| self.store_password_file.is_none());
        let config = Config::load(&flags, environment, None);
        config.map(Some).map_err(|problems| Error::Usage(problems.to_string()))
    }
}

/// The settings of the store that exists in `data` or in `database`, of which there must be one; `None` if
/// neither was given.
pub async fn existing(
    data: Option<&Path>,
    database: &Database,
    others: &[(&'static str, String)],
) -> Result<Option<Config>, Error> {
    match (data, database.config(others)?) {
        (Some(_), Some(_)) => Err(Error::Usage("give either --data or --store, not both".to_owned())),
        (None, None) => Ok(None),
        (None, Some(config)) => {
            if !server::has_store(&config).await? {
                let url = config.store.as_ref().map(ToString::to_string).unwrap_or_default();
                return Err(Error::Usage(format!("there is no store in {url}")));
            }
            Ok(Some(config))
        }
        (Some(data), None) => {
            if !server::is_store(data) {
                return Err(Error::Usage(format!(
                    "{} is not the data directory of a server",
                    data.display()
                )));
            }
            Ok(Some(Config { data: data.to_owned(), ..Config::default() }))
        }
    }
}
