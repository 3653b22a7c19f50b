//! The service for one caller, to which every operation adds its method.

use super::request::RequestState;
use crate::directory::access::Guarded;
use crate::directory::{Error, Lacking, PageRoom, Replies, Room};
use crate::model::origin::{Call, Cause, Door};
use crate::model::{
    BaseNumber, Filter, Fold, IdError, Origin, Parsed, RawFilter, Reason, Refusal, Sealer, Timestamp,
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
}

impl Directory {
    /// Turns rows and base numbers into the ids that callers see.
    #[must_use]
    pub fn sealer(&self) -> &Sealer {
        self.guarded.sealer()
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

    /// The origin of the changes that `call` makes.
    pub(in crate::directory) fn origin(&self, call: Call) -> Origin {
        Origin {
            actor: self.guarded.actor(),
            door: self.door,
            call,
            cause: self.request.as_ref().map_or(Cause::None, RequestState::cause),
        }
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
