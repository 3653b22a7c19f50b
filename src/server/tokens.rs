//! Tokens made on the machine of the server, while it does not run: how the first one comes into the world.

use super::{ServeError, open_store};
use crate::config::Config;
use crate::directory::{CreatedToken, Error, Gate, NewToken, TokenSeed};
use crate::model::origin::Door;
use crate::model::token::AccessLevel;

/// A token as the command line asks for it.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// `read`, `write` or `admin`.
    pub access: String,
    /// What it is for.
    pub description: Option<String>,
    /// From when on it is refused, in RFC 3339.
    pub expires_at: Option<String>,
    /// The id of the memberbase that it is bound to.
    pub member_base_id: Option<String>,
    /// Whether it shows bank details and dates of birth.
    pub pii: Option<bool>,
    /// Requests that it is good for per second.
    pub requests_per_second: Option<u32>,
    /// Rows that it is good for per second.
    pub rows_per_second: Option<u32>,
}

/// Makes a token in the store of `config`, which is made too if there is none. Whoever may write the data directory may
/// do everything, so no token is asked for.
pub async fn create_token(config: &Config, wanted: Wanted) -> Result<CreatedToken, ServeError> {
    let table = open_store(config).await?;
    let created = create(&Gate::new(table.clone(), Door::CommandLine), wanted).await;
    table.close().await.map_err(ServeError::Close)?;
    created.map_err(ServeError::Token)
}

async fn create(gate: &Gate, wanted: Wanted) -> Result<CreatedToken, Error> {
    let expires_at = wanted.expires_at.map(|text| crate::model::Timestamp::parse(&text)).transpose();
    let new = NewToken {
        access: wanted.access,
        description: wanted.description,
        expires_at: expires_at.map_err(|rule| crate::model::Refusal::rule("expires_at", &rule))?,
        member_base_id: wanted.member_base_id,
        pii: wanted.pii,
        requests_per_second: wanted.requests_per_second,
        rows_per_second: wanted.rows_per_second,
    };
    gate.enter(&gate.owner(), AccessLevel::Admin)?.create_token(new, TokenSeed::draw()?).await
}
