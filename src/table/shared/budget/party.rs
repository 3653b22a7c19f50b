//! Whose bytes a budget counts, and how much may wait.

use std::net::IpAddr;

use crate::model::BaseNumber;
use crate::model::token::TokenId;

/// Whose bytes are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Party {
    /// All writers to this base.
    Base(BaseNumber),
    /// All callers with this token.
    Token(TokenId),
    /// All callers from this address, if callers have no tokens.
    Peer(IpAddr),
    /// The process itself, and callers that are not authenticated yet.
    Nobody,
}

/// The number of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Connection(pub u64);

/// The address and connection of a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// The address at the other end of its connection.
    pub address: IpAddr,
    /// The connection.
    pub connection: Connection,
}

/// To which party bytes belong, and to which of its connections, if these share what the party may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Whose {
    /// The party.
    pub party: Party,
    /// The connection of a caller. `None` for the rows of a memberbase, which wait in one queue.
    pub connection: Option<Connection>,
}

impl From<Party> for Whose {
    fn from(party: Party) -> Self {
        Self { party, connection: None }
    }
}

/// How requests that are larger than they count are admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Giants {
    OneAtATime,
    AsTheyFit,
}

/// Whether the amount with which a party waits is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// A party may wait with as many bytes as it may hold.
    Bounded,
    /// There is no limit: the caller requests nothing else while it waits.
    Endless,
}
