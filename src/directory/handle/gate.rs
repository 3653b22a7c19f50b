//! Where callers enter: a door passes the caller's secret, and gets a [`Directory`] for this caller.

use std::sync::Arc;
use std::time::Instant;

use super::directory::{Directory, Expected};
use crate::directory::access::{Caller, Guarded, Identity, check, check_token};
use crate::directory::{Error, RateLimit, Replies, Room, TokenFault};
use crate::model::origin::Door;
use crate::model::token::{AccessLevel, SecretHash};
use crate::table::Table;

/// Where callers enter at one door. Cloning it is cheap.
#[derive(Clone)]
pub struct Gate {
    table: Arc<Table>,
    door: Door,
}

impl Gate {
    /// The gate of the service over `table`, at this door.
    #[must_use]
    pub fn new(table: Arc<Table>, door: Door) -> Self {
        Self { table, door }
    }

    /// The same gate at another door.
    #[must_use]
    pub fn at(&self, door: Door) -> Self {
        Self { table: Arc::clone(&self.table), door }
    }

    /// The table behind the gate.
    pub(super) fn table(&self) -> &Table {
        &self.table
    }

    /// Finds the caller that holds `secret`, and counts the request against the rate limit of its token.
    pub async fn identify(&self, secret: Option<&str>) -> Result<Caller, Error> {
        if !self.table.tokens().any() {
            return Ok(Identity::Anyone.into());
        }
        let secret = secret.ok_or(TokenFault::Missing)?;
        let token = self.table.tokens().find(&SecretHash::of(secret)).ok_or(TokenFault::Invalid)?;
        check_token(&token, self.table.token_time())?;
        token.take_request(Instant::now()).map_err(|wait| Error::limited(RateLimit::Requests, wait))?;
        token.used(self.table.now());
        Ok(Identity::Holder(token).into())
    }

    /// A caller with access to the data directory. It may do everything, even where other callers need a
    /// token.
    #[must_use]
    pub fn owner(&self) -> Caller {
        Identity::Owner.into()
    }

    /// The memory for requests of `caller` that arrive.
    #[must_use]
    pub fn room(&self, caller: &Caller) -> Room {
        Room::new(self.table.arriving(), caller.whose())
    }

    /// The memory for large replies to `caller`.
    #[must_use]
    pub fn replies(&self, caller: &Caller) -> Replies {
        Replies::of(self.table.replies(), caller.whose())
    }

    /// Whether a token was ever created. From then on callers need one.
    #[must_use]
    pub fn has_tokens(&self) -> bool {
        self.table.tokens().any()
    }

    /// Checks that a caller may make a call that needs this level of access.
    pub async fn admit(&self, caller: &Caller, needs: AccessLevel) -> Result<(), Error> {
        check(&self.table, caller, needs).await
    }

    /// The service for a caller, for a call that needs this level of access.
    pub async fn enter(&self, caller: Caller, needs: AccessLevel) -> Result<Directory, Error> {
        self.admit(&caller, needs).await?;
        let guarded = Guarded::new(Arc::clone(&self.table), caller);
        Ok(Directory { guarded, door: self.door, request: None, expected: Expected::default() })
    }
}
