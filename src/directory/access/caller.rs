//! Who calls, and whether the token of the caller is still valid and allows a call.

use std::sync::Arc;

use crate::directory::{Error, Lacking, TokenFault};
use crate::model::Timestamp;
use crate::model::token::AccessLevel;
use crate::table::{LiveToken, Party, Peer, Table, Whose};

/// Who calls, and from where. Only [`Gate`](crate::directory::Gate) makes one.
#[derive(Clone)]
pub struct Caller {
    pub(in crate::directory) identity: Identity,
    /// Its address and connection, if known.
    peer: Option<Peer>,
}

/// What the service knows about the caller's identity.
#[derive(Clone)]
pub enum Identity {
    /// Nothing: the store has no tokens, so everybody may do everything.
    Anyone,
    /// A caller with access to the data directory.
    Owner,
    /// The holder of a token.
    Holder(Arc<LiveToken>),
}

impl From<Identity> for Caller {
    fn from(identity: Identity) -> Self {
        Self { identity, peer: None }
    }
}

impl Caller {
    /// The token that the caller holds, if callers need one.
    pub(in crate::directory) fn token(&self) -> Option<&LiveToken> {
        match &self.identity {
            Identity::Holder(token) => Some(token),
            Identity::Anyone | Identity::Owner => None,
        }
    }

    /// The same caller, with its address and connection.
    #[must_use]
    pub fn at(mut self, peer: Option<Peer>) -> Self {
        self.peer = peer;
        self
    }

    /// The party that its requests are charged to (its token, or else its address), and its connection.
    pub(in crate::directory) fn whose(&self) -> Whose {
        let party = match self.token() {
            Some(token) => Party::Token(token.made().id),
            None => self.peer.map_or(Party::Nobody, |peer| Party::Peer(peer.address)),
        };
        Whose { party, connection: self.peer.map(|peer| peer.connection) }
    }
}

/// Checks that the caller's token is still valid, and that the caller has this level of access.
pub async fn check(table: &Table, caller: &Caller, needs: AccessLevel) -> Result<(), Error> {
    match &caller.identity {
        Identity::Owner => Ok(()),
        // The first token may have been made since the call began.
        Identity::Anyone if table.tokens().any() => Err(TokenFault::Missing.into()),
        Identity::Anyone => Ok(()),
        Identity::Holder(token) => {
            check_token(token, table.token_time())?;
            if token.made().access < needs { Err(Lacking::Level(needs).into()) } else { Ok(()) }
        }
    }
}

/// Checks that the token is neither revoked nor expired. `now` is the time by which tokens expire.
pub fn check_token(token: &LiveToken, now: Timestamp) -> Result<(), TokenFault> {
    if token.revoked_at().is_some() {
        return Err(TokenFault::Revoked);
    }
    if token.made().expires_at.is_some_and(|at| at <= now) {
        return Err(TokenFault::Expired);
    }
    Ok(())
}
