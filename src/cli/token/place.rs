//! Where the tokens are: on a running server, or in a store that no server uses.

use std::path::PathBuf;

use crate::api::grpc::v1;
use crate::cli::Error;
use crate::cli::client::Target;
use crate::cli::store::{self, Database};
use crate::config::Config;

/// The server or store that the tokens belong to.
#[derive(Debug, clap::Args)]
pub struct Place {
    /// The data directory of a stopped server; without it and without --store, the command calls a running
    /// server
    #[arg(long, value_name = "FOLDER")]
    pub data: Option<PathBuf>,
    #[command(flatten)]
    pub database: Database,
    #[command(flatten)]
    pub target: Target,
}

impl Place {
    /// The store to open, with `--data` or `--store`. It must exist, so that nothing is created in a misspelt
    /// place.
    pub async fn store(&self, new_store: bool) -> Result<Option<Config>, Error> {
        if !new_store {
            return store::existing(self.data.as_deref(), &self.database, &[]).await;
        }
        match (&self.data, self.database.config(&[])?) {
            (Some(_), Some(_)) => Err(Error::Usage("give either --data or --store, not both".to_owned())),
            (Some(data), None) => Ok(Some(Config { data: data.clone(), ..Config::default() })),
            (None, Some(config)) => Ok(Some(config)),
            (None, None) => Err(Error::Usage("--new-store needs --data or --store".to_owned())),
        }
    }
}

/// A new token.
pub struct Made {
    pub id: String,
    pub secret: String,
    pub is_first: bool,
}

/// Revokes a token of a running server.
pub async fn revoke_at(target: &Target, id: String) -> Result<v1::ApiToken, Error> {
    let request = v1::RevokeApiTokenRequest { id, request_id: String::new() };
    let revoked = target.connect().await?.tokens.revoke_api_token(request).await?.into_inner().api_token;
    revoked.ok_or_else(|| Error::Broken("the server's reply has no token".into()))
}
