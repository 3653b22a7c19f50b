//! The only way to the table: it hands out the table, or a memberbase of it, only for a level of access that the caller has.

use std::sync::Arc;
use std::time::Instant;

use super::caller::{Caller, Identity, check};
use crate::directory::{Error, Lacking, RateLimit, Replies, Room, Shows};
use crate::model::field::ProfileField;
use crate::model::origin::Actor;
use crate::model::token::{AccessLevel, Token, TokenId};
use crate::model::{BaseNumber, CursorKey, Filter, Fold, Member, Sealer, Sight, Timestamp};
use crate::table::{Base, Idempotency, LiveToken, MayMake, Table, TableError, Tokens, Whose};

/// The table, for one caller.
#[derive(Clone)]
pub struct Guarded {
    table: Arc<Table>,
    caller: Caller,
}

impl Guarded {
    /// The table, for this caller.
    pub fn new(table: Arc<Table>, caller: Caller) -> Self {
        Self { table, caller }
    }

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
