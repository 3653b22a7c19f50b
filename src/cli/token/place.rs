//! Where the tokens are: on a running server, or in a store that no server uses.

use std::path::PathBuf;

use crate::api::grpc::v1;
use crate::cli::Error;
use crate::cli::client::Target;
use crate::config::Config;
use crate::server;

/// The server or store that the tokens belong to.
#[derive(Debug, clap::Args)]
pub struct Place {
    /// The data directory of a stopped server; without it, the command calls a running server
    #[arg(long, value_name = "FOLDER")]
    pub data: Option<PathBuf>,
    #[command(flatten)]
    pub target: Target,
}

impl Place {
    /// The store to open, with `--data`. It must exist, so that a misspelt folder is not created.
    pub fn store(&self, new_store: bool) -> Result<Option<Config>, Error> {
        let Some(data) = &self.data else { return Ok(None) };
        if !new_store && !server::is_store(data) {
            let text = format!("{} is not the data directory of a server", data.display());
            return Err(Error::Usage(text));
        }
        Ok(Some(Config { data: data.clone(), ..Config::default() }))
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
