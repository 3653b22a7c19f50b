//! Tokens of a store that no server uses: made, listed and revoked on the machine that has its data directory.
//!
//! Whoever may write the data directory may do everything, so no token is asked for.

use std::path::Path;

use super::error::ServeError;
use super::opening::open_store;
use crate::api::grpc::{token_to_wire, v1};
use crate::config::{Config, EngineKind};
use crate::directory::{BaseList, CreatedToken, Directory, Error, Gate, NewToken, RawPage, TokenSeed};
use crate::engine::sled::SledConfig;
use crate::model::origin::Door;
use crate::model::token::AccessLevel;
use crate::model::{RawFilter, RawValue, Reason, Refusal, Timestamp};

/// How many memberbases of one name are told apart for somebody who meant one of them.
const NAMED: usize = 10;

/// A token as the command line asks for it.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// `read`, `write` or `admin`.
    pub access: String,
    /// What it is for.
    pub description: Option<String>,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
    /// The name or id of the memberbase that it is bound to.
    pub member_base: Option<String>,
    /// Whether it shows bank details and dates of birth.
    pub pii: Option<bool>,
    /// Requests that it is good for per second.
    pub requests_per_second: Option<u32>,
    /// Rows that it is good for per second.
    pub rows_per_second: Option<u32>,
}

/// Whether a folder is the data directory of a store.
#[must_use]
pub fn is_store(data: &Path) -> bool {
    SledConfig::new(data).has_store()
}

/// Makes a token in the store of `config`, which is made too if there is none. Tells also whether it is the first.
pub async fn create_token(config: &Config, wanted: Wanted) -> Result<(CreatedToken, bool), ServeError> {
    // A command that is refused leaves no store behind that it made: what may be refused is tried in memory first.
    if config.engine == EngineKind::Sled && !is_store(&config.data) {
        let trial = Config { engine: EngineKind::Memory, ..config.clone() };
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
            Some(named) => Some(base_id(&directory, named).await?),
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

/// Opens the store, has `work` done in it and closes it again.
async fn in_store<T>(
    config: &Config,
    work: impl AsyncFnOnce(&Gate) -> Result<T, Error>,
) -> Result<T, ServeError> {
    let table = open_store(config).await?;
    let done = work(&Gate::new(table.clone(), Door::CommandLine)).await;
    table.close().await.map_err(ServeError::Close)?;
    done.map_err(ServeError::Token)
}

/// The id of the memberbase that is named so, or whose id this is already.
async fn base_id(directory: &Directory, named: String) -> Result<String, Error> {
    if directory.sealer().open_base(&named).is_ok() {
        return Ok(named);
    }
    let eq = Some(RawValue::Text(named));
    let by_name = vec![RawFilter { key: Some("name".to_owned()), eq, ..RawFilter::default() }];
    let (mut ids, mut cursor) = (Vec::new(), None);
    loop {
        let page = RawPage { cursor, ..RawPage::default() };
        let list = BaseList { filters: by_name.clone(), page, ..BaseList::default() };
        let page = directory.list_bases(list).await?;
        ids.extend(page.bases.iter().map(|base| directory.sealer().base_id(base.number)));
        if page.cursor.is_none() || ids.len() > NAMED {
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
            ids.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", "),
            if ids.len() > NAMED { ", …" } else { "" }
        ))),
    }
}
