//! Who calls, and what they may do. The only way to the table leads through here.
//!
//! A door shows the caller's secret to the [`Gate`] and enters with the level of access that the call needs; what it
//! gets is a [`Directory`] for this caller. Inside, [`Guarded`] holds the table, and hands it out, or a memberbase of
//! it, only against a level of access: so an operation that forgets to ask does not compile. Permission is judged
//! before existence, and again at each step of a call that lasts, so that a token that is revoked ends its streams too.
//!
//! Asking who calls is asynchronous, though today all tokens are in memory: several servers of one store will have to ask
//! it what became of a token. What a token was made with never changes, so what only depends on that is plain code.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use super::error::RateLimit;
use super::{Directory, Error, Replies, Room};
use crate::model::field::ProfileField;
use crate::model::origin::{Actor, Door};
use crate::model::token::{AccessLevel, SecretHash, Token, TokenId};
use crate::model::{BaseNumber, CursorKey, Filter, Fold, Member, Sealer, Sight, Timestamp};
use crate::table::{Base, Idempotency, LiveToken, MayMake, Party, Peer, Table, TableError, Tokens, Whose};

/// Why a caller is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenFault {
    /// There is no token.
    Missing,
    /// It is not a token of this store.
    Invalid,
    /// Its time is over.
    Expired,
    /// It was revoked.
    Revoked,
}

impl fmt::Display for TokenFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "a token is needed: send it as `authorization: Bearer TOKEN`",
            Self::Invalid => "the token is not valid",
            Self::Expired => "the token has expired",
            Self::Revoked => "the token was revoked",
        })
    }
}

/// What a known caller's token lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lacking {
    /// The level of access.
    Level(AccessLevel),
    /// This memberbase: the token is bound to another.
    Base,
    /// The whole store: the token is bound to one memberbase.
    Store,
    /// The right to see bank details and dates of birth.
    Pii(Shows),
}

/// What would show bank details and dates of birth to whoever asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shows {
    /// A filter that looks at them.
    Filter,
    /// A backup, which has everything.
    Backup,
}

impl fmt::Display for Lacking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Level(level) => {
                write!(f, "this call needs a token with the access level {}", level.as_str())
            }
            Self::Base => f.write_str("the token is bound to another memberbase"),
            Self::Store => f.write_str("this call needs a token that is not bound to a memberbase"),
            Self::Pii(Shows::Filter) => f.write_str(
                "this filter looks at bank details or dates of birth, which the token has no right to see",
            ),
            Self::Pii(Shows::Backup) => f.write_str(
                "a backup has bank details and dates of birth in it, which the token has no right to see",
            ),
        }
    }
}

/// Who calls, and from where. Only the [`Gate`] makes one.
#[derive(Clone)]
pub struct Caller {
    identity: Identity,
    /// The address, as far as it is known.
    peer: Option<Peer>,
}

#[derive(Clone)]
enum Identity {
    /// Somebody, while the store has no tokens and everybody may do everything.
    Anyone,
    /// Somebody who has the data directory.
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
    fn token(&self) -> Option<&LiveToken> {
        match &self.identity {
            Identity::Holder(token) => Some(token),
            Identity::Anyone | Identity::Owner => None,
        }
    }

    /// The same at this address, on this connection.
    #[must_use]
    pub fn at(mut self, peer: Option<Peer>) -> Self {
        self.peer = peer;
        self
    }

    /// Whose bytes its requests are: the token's, or those of the address that they come from, and of its connection.
    fn whose(&self) -> Whose {
        let party = match self.token() {
            Some(token) => Party::Token(token.made().id),
            None => self.peer.map_or(Party::Nobody, |peer| Party::Peer(peer.address)),
        };
        Whose { party, connection: self.peer.map(|peer| peer.connection) }
    }
}

/// Where callers enter, by one door. Cloning it is cheap.
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

    /// The caller that holds `secret`.
    pub async fn identify(&self, secret: Option<&str>) -> Result<Caller, Error> {
        if !self.table.tokens().any() {
            return Ok(Identity::Anyone.into());
        }
        let secret = secret.ok_or(TokenFault::Missing)?;
        let token = self.table.tokens().find(&SecretHash::of(secret)).ok_or(TokenFault::Invalid)?;
        let now = self.table.now();
        check_token(&token, now)?;
        token.take_request(Instant::now()).map_err(|wait| Error::limited(RateLimit::Requests, wait))?;
        token.used(now);
        Ok(Identity::Holder(token).into())
    }

    /// Whoever sits at the machine and has the data directory: may do everything, whatever tokens there are.
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

    /// Whether a token was ever made, from when on callers need one.
    #[must_use]
    pub fn has_tokens(&self) -> bool {
        self.table.tokens().any()
    }

    /// Whether a caller may make a call that needs this level of access.
    pub async fn admit(&self, caller: &Caller, needs: AccessLevel) -> Result<(), Error> {
        check(&self.table, caller, needs).await
    }

    /// The service for a caller, for a call that needs this level of access.
    pub async fn enter(&self, caller: Caller, needs: AccessLevel) -> Result<Directory, Error> {
        self.admit(&caller, needs).await?;
        let guarded = Guarded { table: Arc::clone(&self.table), caller };
        Ok(Directory { guarded, door: self.door, asked: None })
    }
}

/// The table, for one caller.
#[derive(Clone)]
pub(super) struct Guarded {
    table: Arc<Table>,
    caller: Caller,
}

impl Guarded {
    /// Whether the caller is (still) known and has this level of access.
    async fn check(&self, needs: AccessLevel) -> Result<(), Error> {
        check(&self.table, &self.caller, needs).await
    }

    /// A memberbase, which need not be one that is not deleted.
    pub async fn base(&self, needs: AccessLevel, number: BaseNumber) -> Result<Arc<Base>, Error> {
        self.check_base(needs, number).await?;
        Ok(self.table.base(number).await?)
    }

    /// Whether the caller may do that to this memberbase, if it exists.
    pub async fn check_base(&self, needs: AccessLevel, number: BaseNumber) -> Result<(), Error> {
        self.check(needs).await?;
        if self.sees_base(number) { Ok(()) } else { Err(Lacking::Base.into()) }
    }

    /// Takes rows from what the caller's token may write per second.
    pub fn take_rows(&self, rows: usize) -> Result<(), Error> {
        let Some(token) = self.caller.token() else { return Ok(()) };
        let rows = u64::try_from(rows).unwrap_or(u64::MAX);
        token.take_rows(rows, Instant::now()).map_err(|wait| Error::limited(RateLimit::Rows, wait))
    }

    /// Whether the caller's token is good for this memberbase.
    pub fn sees_base(&self, number: BaseNumber) -> bool {
        self.bound_to().is_none_or(|bound| bound == number)
    }

    /// The table, to list what the caller may see of all memberbases.
    pub async fn bases(&self, needs: AccessLevel) -> Result<&Table, Error> {
        self.check(needs).await?;
        Ok(&self.table)
    }

    /// The table, for what is not about one memberbase.
    pub async fn store(&self, needs: AccessLevel) -> Result<&Table, Error> {
        self.check(needs).await?;
        if self.bound_to().is_some() { Err(Lacking::Store.into()) } else { Ok(&self.table) }
    }

    /// The table, for what shows everything that is in it.
    pub async fn everything(&self) -> Result<&Table, Error> {
        let table = self.store(AccessLevel::Admin).await?;
        if self.sees_pii() { Ok(table) } else { Err(Lacking::Pii(Shows::Backup).into()) }
    }

    /// The requests that name themselves, and whose names the caller's are.
    pub fn idempotency(&self) -> (&Arc<Idempotency>, Option<TokenId>) {
        (self.table.idempotency(), self.token().map(|token| token.id))
    }

    /// The caller, as commits name it.
    pub fn actor(&self) -> Actor {
        match &self.caller.identity {
            Identity::Anyone => Actor::Nobody,
            Identity::Owner => Actor::Owner,
            Identity::Holder(token) => Actor::Token(token.made().id),
        }
    }

    /// The tokens.
    pub async fn tokens(&self) -> Result<&Arc<Tokens>, Error> {
        Ok(self.store(AccessLevel::Admin).await?.tokens())
    }

    /// Which token the caller may make, if it may make one at all.
    pub fn may_make(&self) -> MayMake {
        match self.caller.identity {
            Identity::Anyone => MayMake::First,
            Identity::Owner | Identity::Holder(_) => MayMake::Any,
        }
    }

    /// The caller's token, as it was made.
    pub fn token(&self) -> Option<&Token> {
        self.caller.token().map(LiveToken::made)
    }

    /// The memberbase that the caller's token is bound to.
    pub fn bound_to(&self) -> Option<BaseNumber> {
        self.token().and_then(|token| token.base)
    }

    /// The member as the caller may see it: with the former refs that it still answers to, and without the right to them, bank details and date of birth are left out.
    pub fn show(&self, mut member: Member) -> Member {
        if !member.aliases.is_empty() {
            member.drop_aliases(self.table.now());
        }
        self.sight().cover(&mut member);
        member
    }

    /// The fields that [`Self::show`] leaves out of every member.
    pub fn leaves_out(&self) -> &'static [ProfileField] {
        if self.sees_pii() { &[] } else { &[ProfileField::Dob, ProfileField::AccountDetails] }
    }

    /// Refuses a filter that would tell what the caller may not see.
    pub fn check_filter(&self, filter: &Filter) -> Result<(), Error> {
        if !self.sees_pii() && filter.looks_at_pii() {
            Err(Lacking::Pii(Shows::Filter).into())
        } else {
            Ok(())
        }
    }

    /// What of members the caller may see.
    pub fn sight(&self) -> Sight {
        if self.sees_pii() { Sight::Whole } else { Sight::WithoutPii }
    }

    fn sees_pii(&self) -> bool {
        self.token().is_none_or(|token| token.pii)
    }

    /// The open bases that share accounts with `base`, as [`Table::sharing_with`] has them. What is found in them shows in
    /// nothing but the status that a member of `base` begins with, so the caller needs no access to them.
    pub async fn sharing_with(&self, base: BaseNumber) -> Result<Vec<Arc<Base>>, Error> {
        Ok(self.table.sharing_with(base).await?)
    }

    /// Passes over for a while one of these that could not be read.
    pub fn pass_over(&self, base: &Base, error: TableError) -> Result<(), Error> {
        Ok(self.table.pass_over(base.number(), error)?)
    }

    /// Turns rows and base numbers into ids and back, which shows nothing.
    pub fn sealer(&self) -> &Sealer {
        self.table.sealer()
    }

    /// The rule by which e-mail addresses are compared.
    pub fn fold(&self) -> Fold {
        self.table.fold()
    }

    /// Seals cursors.
    pub fn cursor_key(&self) -> &CursorKey {
        self.table.cursor_key()
    }

    /// Whose bytes the caller's requests are.
    pub fn whose(&self) -> Whose {
        self.caller.whose()
    }

    /// The memory for large replies to the caller.
    pub fn replies(&self) -> Replies {
        Replies::of(self.table.replies(), self.whose())
    }

    /// The memory for requests of the caller that arrive.
    pub fn room(&self) -> Room {
        Room::new(self.table.arriving(), self.whose())
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        self.table.now()
    }
}

/// Whether the caller is (still) known and has this level of access.
async fn check(table: &Table, caller: &Caller, needs: AccessLevel) -> Result<(), Error> {
    match &caller.identity {
        Identity::Owner => Ok(()),
        // The first token may have been made since the call began.
        Identity::Anyone if table.tokens().any() => Err(TokenFault::Missing.into()),
        Identity::Anyone => Ok(()),
        Identity::Holder(token) => {
            check_token(token, table.now())?;
            if token.made().access < needs { Err(Lacking::Level(needs).into()) } else { Ok(()) }
        }
    }
}

fn check_token(token: &LiveToken, now: Timestamp) -> Result<(), TokenFault> {
    if token.revoked_at().is_some() {
        return Err(TokenFault::Revoked);
    }
    if token.made().expires_at.is_some_and(|at| at <= now) {
        return Err(TokenFault::Expired);
    }
    Ok(())
}
