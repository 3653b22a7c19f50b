//! The only way to the table: [`Guarded`] hands out the table, or one memberbase, only for an access level
//! that the caller has.

use std::sync::Arc;
use std::time::Instant;

use super::caller::{Caller, Identity, check};
use crate::directory::{Error, Lacking, RateLimit, Replies, Room, Shows};
use crate::model::field::ProfileField;
use crate::model::origin::Actor;
use crate::model::token::{AccessLevel, Token, TokenDescription, TokenId};
use crate::model::{
    BaseNumber, BorrowedMember, CursorKey, Filter, Fold, Member, MemberRow, Named, Sealer, Sight, Timestamp,
};
use crate::table::{Base, Idempotency, Jobs, LiveToken, MayMake, Table, Tokens, View, Whose};

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

    /// Checks that the caller's token is still valid, and that the caller has this level of access.
    async fn check(&self, needs: AccessLevel) -> Result<(), Error> {
        check(&self.table, &self.caller, needs).await
    }

    /// A memberbase, which may be deleted.
    pub async fn base(&self, needs: AccessLevel, number: BaseNumber) -> Result<Arc<Base>, Error> {
        self.check_base(needs, number).await?;
        Ok(self.table.base(number).await?)
    }

    /// Checks that the caller has this level of access to this memberbase, which need not exist.
    pub async fn check_base(&self, needs: AccessLevel, number: BaseNumber) -> Result<(), Error> {
        self.check(needs).await?;
        if self.sees_base(number) { Ok(()) } else { Err(Lacking::Base.into()) }
    }

    /// Whether the caller's token has the level `admin`; it may be revoked or expired.
    pub fn is_admin(&self) -> bool {
        self.token().is_none_or(|token| token.access >= AccessLevel::Admin)
    }

    /// Counts `rows` against the rows per second that the caller's token allows.
    pub fn take_rows(&self, rows: usize) -> Result<(), Error> {
        let Some(token) = self.caller.token() else { return Ok(()) };
        let rows = u64::try_from(rows).unwrap_or(u64::MAX);
        token.take_rows(rows, Instant::now()).map_err(|wait| Error::limited(RateLimit::Rows, wait))
    }

    /// Whether the caller's token is valid for this memberbase.
    pub fn sees_base(&self, number: BaseNumber) -> bool {
        self.bound_to().is_none_or(|bound| bound == number)
    }

    /// The table, for a list over all memberbases, which leaves out those that [`Self::sees_base`] excludes.
    pub async fn bases(&self, needs: AccessLevel) -> Result<&Table, Error> {
        self.check(needs).await?;
        self.check_owner()?;
        Ok(&self.table)
    }

    /// The table, for a call about the whole store. Rejects a caller whose token is bound to one memberbase.
    pub async fn store(&self, needs: AccessLevel) -> Result<&Arc<Table>, Error> {
        self.check(needs).await?;
        if self.bound_to().is_some() {
            return Err(Lacking::Store.into());
        }
        self.check_owner()?;
        Ok(&self.table)
    }

    /// Refuses what this process cannot do if it has only one memberbase on lease.
    fn check_owner(&self) -> Result<(), Error> {
        Ok(self.table.check_owner()?)
    }

    /// The table, for a call that shows everything in it: the caller must also see personal data.
    pub async fn everything(&self) -> Result<&Table, Error> {
        let table = self.store(AccessLevel::Admin).await?;
        if self.sees_pii() { Ok(table.as_ref()) } else { Err(Lacking::Pii(Shows::Backup).into()) }
    }

    /// The idempotency layer, and the token that the caller's request ids belong to.
    pub fn idempotency(&self) -> (&Arc<Idempotency>, Option<TokenId>) {
        (self.table.idempotency(), self.token().map(|token| token.id))
    }

    /// The caller, as commits store it.
    pub fn actor(&self) -> Actor {
        match &self.caller.identity {
            Identity::Anyone => Actor::Nobody,
            Identity::Owner => Actor::Owner,
            Identity::Holder(token) => Actor::Token(token.made().id),
        }
    }

    /// The jobs of the store, for a caller with this level of access to a memberbase.
    pub async fn jobs(&self, needs: AccessLevel, number: BaseNumber) -> Result<&Arc<Jobs>, Error> {
        self.check_base(needs, number).await?;
        self.check_owner()?;
        Ok(self.table.jobs())
    }

    /// The table, for the plan of a list that arrives from this caller.
    pub async fn planning(&self, number: BaseNumber) -> Result<&Arc<Table>, Error> {
        self.check_base(AccessLevel::Write, number).await?;
        self.check_owner()?;
        Ok(&self.table)
    }

    /// The tokens.
    pub async fn tokens(&self) -> Result<&Arc<Tokens>, Error> {
        Ok(self.store(AccessLevel::Admin).await?.tokens())
    }

    /// Whether there is, or was, a token with this id. Ids are random, so this tells nothing to those who
    /// guess.
    pub fn has_token(&self, id: TokenId) -> bool {
        self.table.tokens().get(id).is_some()
    }

    /// What the token with this id is for, in the words of its maker. Everybody may know this who sees what was
    /// done with the token.
    pub fn token_description(&self, id: TokenId) -> Option<TokenDescription> {
        self.table.tokens().get(id)?.description
    }

    /// Whether the caller may create any token or only the first one of the store.
    pub fn may_make(&self) -> MayMake {
        match self.caller.identity {
            Identity::Anyone => MayMake::First,
            Identity::Owner | Identity::Holder(_) => MayMake::Any,
        }
    }

    /// The caller's token, as it was created.
    pub fn token(&self) -> Option<&Token> {
        self.caller.token().map(LiveToken::made)
    }

    /// The memberbase that the caller's token is bound to, if any.
    pub fn bound_to(&self) -> Option<BaseNumber> {
        self.token().and_then(|token| token.base)
    }

    /// The member as the caller may see it: includes only former refs that are still valid, and omits bank
    /// details and date of birth if the caller's token lacks the `pii` right.
    pub fn show(&self, mut member: Member) -> Member {
        if !member.aliases.is_empty() {
            member.drop_aliases(self.table.now());
        }
        self.sight().cover(&mut member);
        member
    }

    /// The same as [`Self::show`].
    pub fn show_borrowed(&self, member: &mut BorrowedMember<'_>) {
        if !member.aliases.is_empty() {
            member.drop_aliases(self.table.now());
        }
        self.sight().cover_borrowed(member);
    }

    /// The fields that [`Self::show`] leaves out of every member.
    pub fn leaves_out(&self) -> &'static [ProfileField] {
        if self.sees_pii() { &[] } else { &[ProfileField::Dob, ProfileField::AccountDetails] }
    }

    /// Rejects a filter on fields that the caller may not see.
    pub fn check_filter(&self, filter: &Filter) -> Result<(), Error> {
        if !self.sees_pii() && filter.looks_at_pii() {
            Err(Lacking::Pii(Shows::Filter).into())
        } else {
            Ok(())
        }
    }

    /// Rejects a filter that names attributes or audiences which the memberbase does not have, or audiences
    /// of which the caller may not know who is in them.
    pub fn check_named(&self, named: &Named, view: &View<'_>) -> Result<(), Error> {
        named.attributes.check(view.schema())?;
        let audiences = view.audiences();
        audiences.check_named(&named.audiences)?;
        let numbers = named.audiences.iter().map(|(_, audience)| audience).collect();
        if !self.sees_pii() && audiences.any_is_pii(&numbers) {
            return Err(Lacking::Pii(Shows::Audience).into());
        }
        Ok(())
    }

    /// Which fields of members the caller may see.
    pub fn sight(&self) -> Sight {
        if self.sees_pii() { Sight::Whole } else { Sight::WithoutPii }
    }

    /// Whether the caller may see personal data.
    pub fn sees_pii(&self) -> bool {
        self.token().is_none_or(|token| token.pii)
    }

    /// Marks the rows of people who have an account, see [`Table::mark_accounts`]. The caller needs no access
    /// to the other memberbases, because their members affect only the first status of new members of `base`.
    pub async fn mark_accounts<T: Send>(
        &self,
        base: BaseNumber,
        entries: &mut [T],
        row: fn(&mut T) -> Option<&mut MemberRow>,
    ) -> Result<(), Error> {
        Ok(self.table.mark_accounts(base, entries, row).await?)
    }

    /// Turns rows and base numbers into ids and back, which reveals nothing about them.
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

    /// The party and connection that the caller's requests are charged to.
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

    /// The time by which tokens expire.
    pub fn token_time(&self) -> Timestamp {
        self.table.token_time()
    }
}
