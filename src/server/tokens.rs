//! Creates, lists and revokes tokens of a store that no server uses.
//!
//! No token is needed: a user who may write to the data directory, or to the database, can do everything
//! anyway.

use super::error::ServeError;
use super::opening::{has_store, open_store};
use crate::api::grpc::{token_to_wire, v1};
use crate::config::{Config, EngineKind};
use crate::directory::{BaseList, CreatedToken, Directory, Error, Gate, NewToken, RawPage, TokenSeed};
use crate::model::origin::Door;
use crate::model::token::AccessLevel;
use crate::model::{RawFilter, RawValue, Reason, Refusal, Timestamp};

/// How many ids the error lists if several memberbases have the requested name.
const LISTED: usize = 10;

/// A token to create, as requested on the command line.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// `read`, `write` or `admin`.
    pub access: String,
    /// What it is for.
    pub description: Option<String>,
    /// When it expires.
    pub expires_at: Option<Timestamp>,
    /// The name or id of the memberbase that it is bound to.
    pub member_base: Option<String>,
    /// Whether it gives access to bank details and dates of birth.
    pub pii: Option<bool>,
    /// Most requests per second.
    pub requests_per_second: Option<u32>,
    /// Most rows per second.
    pub rows_per_second: Option<u32>,
}

/// Creates a token in the store of `config`, and the store too if it does not exist. Also returns whether
/// this is the first token.
pub async fn create_token(config: &Config, wanted: Wanted) -> Result<(CreatedToken, bool), ServeError> {
    // A failed command must not leave a new store behind, so try it in memory first.
    if config.engine != EngineKind::Memory && !has_store(config).await? {
        let trial = Config { engine: EngineKind::Memory, store: None, ..config.clone() };
        create_in(&trial, wanted.clone()).await?;
    }
    create_in(config, wanted).await
}

async fn create_in(config: &Config, wanted: Wanted) -> Result<(CreatedToken, bool), ServeError> {
    in_store(config, async |gate| {
        let is_first = !gate.has_tokens();
        let directory = gate.enter(gate.owner(), AccessLevel::Admin).await?;
        let member_base_id = match wanted.member_base {
            None => None,
            Some(base) => Some(base_id(&directory, base).await?),
        };
        let new = NewToken {
            access: wanted.access,
            description: wanted.description,
            expires_at: wanted.expires_at,
            member_base_id,
            pii: wanted.pii,
            requests_per_second: wanted.requests_per_second,
            rows_per_second: wanted.rows_per_second,
        };
        Ok((directory.create_token(new, TokenSeed::draw()?).await?, is_first))
    })
    .await
}

/// The tokens in the store of `config`, oldest first.
pub async fn list_tokens(config: &Config) -> Result<Vec<v1::ApiToken>, ServeError> {
    in_store(config, async |gate| {
        let directory = gate.enter(gate.owner(), AccessLevel::Admin).await?;
        let mut tokens = Vec::new();
        let mut page = RawPage::default();
        loop {
            let read = directory.list_tokens(page).await?;
            tokens.extend(read.tokens.into_iter().map(|token| token_to_wire(token, directory.sealer())));
            if read.cursor.is_none() {
                return Ok(tokens);
            }
            page = RawPage { cursor: read.cursor, ..RawPage::default() };
        }
    })
    .await
}

/// Revokes a token in the store of `config`.
pub async fn revoke_token(config: &Config, id: &str) -> Result<v1::ApiToken, ServeError> {
    in_store(config, async |gate| {
        let directory = gate.enter(gate.owner(), AccessLevel::Admin).await?;
        let revoked = directory.revoke_token(id).await?;
        Ok(token_to_wire(revoked, directory.sealer()))
    })
    .await
}

/// Opens the store, runs `work` on it and closes it.
async fn in_store<T>(
    config: &Config,
    work: impl AsyncFnOnce(&Gate) -> Result<T, Error>,
) -> Result<T, ServeError> {
    let table = open_store(config).await?;
    let result = work(&Gate::new(table.clone(), Door::CommandLine)).await;
    table.close().await.map_err(ServeError::Close)?;
    result.map_err(ServeError::Token)
}

/// The id of the memberbase with this id or name.
async fn base_id(directory: &Directory, base: String) -> Result<String, Error> {
    if directory.sealer().open_base(&base).is_ok() {
        return Ok(base);
    }
    let eq = Some(RawValue::Text(base));
    let by_name = vec![RawFilter { key: Some("name".to_owned()), eq, ..RawFilter::default() }];
    let (mut ids, mut cursor) = (Vec::new(), None);
    loop {
        let page = RawPage { cursor, ..RawPage::default() };
        let list = BaseList { filters: by_name.clone(), page, ..BaseList::default() };
        let page = directory.list_bases(list).await?;
        ids.extend(page.bases.iter().map(|base| directory.sealer().base_id(base.number)));
        if page.cursor.is_none() || ids.len() > LISTED {
            break;
        }
        cursor = page.cursor;
    }
    let refuse = |text: String| Error::from(Refusal::field(Reason::FieldInvalid, "base", text));
    match ids.as_slice() {
        [] => Err(refuse("must be the name or the id of a memberbase".to_owned())),
        [id] => Ok(id.clone()),
        ids => Err(refuse(format!(
            "must be an id, because several memberbases have this name: {}{}",
            ids.iter().take(LISTED).cloned().collect::<Vec<_>>().join(", "),
            if ids.len() > LISTED { ", …" } else { "" }
        ))),
    }
}
