//! The service for one caller, to which every operation adds its method.

use super::request::RequestState;
use crate::directory::access::Guarded;
use crate::directory::{Error, Lacking, PageRoom, Replies, Room};
use crate::model::origin::{Call, Cause, Door};
use crate::model::token::Token;
use crate::model::{
    BaseNumber, Filter, Fold, GuardExpectation, IdError, Origin, Parsed, RawFilter, Reason, Refusal, Sealer,
    Timestamp,
};
use crate::table::Whose;

/// The service over one store, for one caller. Cloning it is cheap.
#[derive(Clone)]
pub struct Directory {
    pub(in crate::directory) guarded: Guarded,
    /// The door through which the caller came.
    pub(super) door: Door,
    /// The state of the request that this serves, if it has a request id.
    pub(super) request: Option<RequestState>,
    /// What the request is meant to change.
    pub(super) expected: Expected,
}

/// How much a request is meant to change, as its caller says.
#[derive(Debug, Clone, Copy, Default)]
pub struct Expected {
    /// Changes that the guard counts.
    pub changes: GuardExpectation,
    /// Members of the memberbase that it deletes.
    pub members: Option<u64>,
}

impl Expected {
    /// So many members are to be removed.
    #[must_use]
    pub fn removals(removals: Option<u64>) -> Self {
        Self::changes(GuardExpectation::of_removals(removals))
    }

    /// So many changes are to be made.
    #[must_use]
    pub fn changes(changes: GuardExpectation) -> Self {
        Self { changes, members: None }
    }

    /// The memberbase to be deleted has so many members.
    #[must_use]
    pub fn members(members: Option<u64>) -> Self {
        Self { changes: GuardExpectation::default(), members }
    }
}

impl Directory {
    /// Turns rows and base numbers into the ids that callers see.
    #[must_use]
    pub fn sealer(&self) -> &Sealer {
        self.guarded.sealer()
    }

    /// The caller's token, as it was created; `None` if callers need none.
    #[must_use]
    pub fn token(&self) -> Option<&Token> {
        self.guarded.token()
    }

    /// The party and connection that the caller's requests are charged to.
    #[must_use]
    pub fn whose(&self) -> Whose {
        self.guarded.whose()
    }

    /// The memory for large replies to the caller.
    #[must_use]
    pub fn replies(&self) -> Replies {
        self.guarded.replies()
    }

    /// The room for a page that the caller asked for.
    pub(in crate::directory) fn page_room(&self) -> PageRoom {
        PageRoom::new(self.replies())
    }

    /// The memory for requests that arrive.
    #[must_use]
    pub fn room(&self) -> Room {
        self.guarded.room()
    }

    /// The filter of a list of members of `base`.
    pub(in crate::directory) fn member_filter(
        &self,
        raw: Vec<RawFilter>,
        base: BaseNumber,
    ) -> Result<Parsed, Refusal> {
        Filter::parse_members(raw, self.sealer(), base, self.fold(), self.now().date())
    }

    /// The rule by which e-mail addresses are compared.
    pub(in crate::directory) fn fold(&self) -> Fold {
        self.guarded.fold()
    }

    /// The time now, as the store's clock has it.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.guarded.now()
    }

    /// The time by which tokens expire: never before the latest write of the store.
    #[must_use]
    pub fn token_time(&self) -> Timestamp {
        self.guarded.token_time()
    }

    /// The origin of the changes that `call` makes.
    pub(in crate::directory) fn origin(&self, call: Call) -> Origin {
        Origin {
            actor: self.guarded.actor(),
            door: self.door,
            call,
            cause: self.request.as_ref().map_or(Cause::None, RequestState::cause),
        }
    }

    /// The service for a request that is meant to change so many members. The guard lets it pass if this is
    /// right and the caller is an admin; otherwise it judges the request as usual.
    #[must_use]
    pub fn expecting(self, expected: Expected) -> Self {
        Self { expected, ..self }
    }

    /// How many changes the request is meant to make, if an admin says so.
    pub(in crate::directory) fn expected_changes(&self) -> GuardExpectation {
        self.as_admin(self.expected.changes)
    }

    /// An expectation, if the caller is an admin; otherwise none.
    pub(in crate::directory) fn as_admin(&self, expected: GuardExpectation) -> GuardExpectation {
        if self.guarded.is_admin() { expected } else { GuardExpectation::default() }
    }

    /// How many members the memberbase is meant to have that the request deletes.
    pub(in crate::directory) fn expected_members(&self) -> Option<u64> {
        self.expected.members
    }

    /// Decodes the id of a memberbase, which need not exist; `field` is the request field that holds the id.
    /// A caller whose token is bound to one memberbase gets the same error for every other well-formed id, so
    /// it does not learn which ids exist.
    pub fn base_number(&self, id: &str, field: &str) -> Result<BaseNumber, Error> {
        if id.is_empty() {
            return Err(Refusal::field(Reason::FieldRequired, field, "is required").into());
        }
        let opened = self.sealer().open_base(id).map_err(|fault| match fault {
            IdError::Unknown if self.guarded.bound_to().is_some() => Lacking::Base.into(),
            IdError::Unknown => Error::MemberBaseNotFound,
            IdError::WrongPrefix { .. }
            | IdError::WrongMemberPrefix
            | IdError::WrongJobPrefix
            | IdError::WrongLength
            | IdError::BadCharacter => Refusal::field(Reason::IdMalformed, field, fault.to_string()).into(),
        });
        opened.and_then(
            |number| {
                if self.guarded.sees_base(number) { Ok(number) } else { Err(Lacking::Base.into()) }
            },
        )
    }

    /// The memberbase of a call that may leave it out: the default is the one that the caller's token is
    /// bound to.
    pub fn base_or_bound(&self, id: Option<&str>, field: &str) -> Result<BaseNumber, Error> {
        match (id, self.guarded.bound_to()) {
            (None, Some(bound)) => Ok(bound),
            (id, _) => self.base_number(id.unwrap_or_default(), field),
        }
    }
}
