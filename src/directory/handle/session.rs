//! Sessions of people who sign in with a token.
//!
//! - A session is as good as its token at every request: one that is revoked or has expired ends its sessions
//!   at once, and every request counts against its rate limit.
//! - Nothing is stored about a session, so any server of the store takes it.
//! - While the store has no tokens, nobody needs a session.

use std::time::Instant;

use super::gate::Gate;
use crate::directory::access::{Caller, Identity, check_token};
use crate::directory::{Error, RateLimit, TokenFault};
use crate::model::session::{FormProof, Session};
use crate::table::LiveToken;

impl Gate {
    /// Begins a session of the person who knows `secret`; returns it sealed. Each is different, so nobody can
    /// prepare one for somebody else.
    pub async fn sign_in(&self, secret: &str) -> Result<String, Error> {
        let Identity::Holder(token) = self.identify(Some(secret)).await?.identity else {
            return Err(TokenFault::Invalid.into());
        };
        let mut salt = [0; 16];
        getrandom::fill(&mut salt)
            .map_err(|error| Error::Internal { private: format!("no random numbers: {error}") })?;
        let session = Session { token: token.made().id, began: self.table().now(), salt };
        Ok(session.seal(self.table().cursor_key()))
    }

    /// The caller whose sealed session this is.
    pub async fn resume(&self, sealed: Option<&str>) -> Result<Caller, Error> {
        let table = self.table();
        if !table.tokens().any() {
            return Ok(Identity::Anyone.into());
        }
        let sealed = sealed.ok_or(TokenFault::Missing)?;
        let session = Session::open(sealed, table.cursor_key()).ok_or(TokenFault::Invalid)?;
        let now = table.now();
        if session.is_over(now) {
            return Err(TokenFault::Expired.into());
        }
        let token = table.tokens().live(session.token).filter(is_readable).ok_or(TokenFault::Invalid)?;
        check_token(&token, table.token_time())?;
        token.take_request(Instant::now()).map_err(|wait| Error::limited(RateLimit::Requests, wait))?;
        token.used(now);
        Ok(Identity::Holder(token).into())
    }

    /// The proof that forms of this session carry.
    #[must_use]
    pub fn form_proof(&self, sealed: Option<&str>) -> FormProof {
        FormProof::of(self.table().cursor_key(), sealed)
    }
}

/// Nobody knows what a token may do whose stored form is damaged.
fn is_readable(token: &std::sync::Arc<LiveToken>) -> bool {
    !token.made().is_damaged
}
