//! Whose bytes a budget counts, and how much may wait.

use std::net::IpAddr;

use crate::model::BaseNumber;
use crate::model::token::TokenId;

/// Whose bytes are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Party {
    /// Whoever writes to this base.
    Base(BaseNumber),
    /// Whoever has this token.
    Token(TokenId),
    /// Whoever calls from this address, where callers have no token.
    Peer(IpAddr),
    /// The process itself, and callers that are not known yet.
    Nobody,
}

/// One connection of many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Connection(pub u64);

/// Where a caller is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// The address at the other end of its connection.
    pub address: IpAddr,
    /// That connection.
    pub connection: Connection,
}

/// Who has bytes: a party, on one of its connections where these share what the party may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Whose {
    /// Whose bytes are counted together.
    pub party: Party,
    /// Of callers alone: the rows of a memberbase are in one queue however they came.
    pub connection: Option<Connection>,
}

impl From<Party> for Whose {
    fn from(party: Party) -> Self {
        Self { party, connection: None }
    }
}

/// When requests are let in that are larger than they count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Giants {
    OneAtATime,
    AsTheyFit,
}

/// How much may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// As much of a party as may be in.
    Bounded,
    /// Anything: who waits so asks for nothing else meanwhile.
    Endless,
}
