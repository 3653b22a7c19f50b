//! The service for one caller: what every operation starts from.

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
    /// Through which door the caller came.
    pub(super) door: Door,
    /// The request with a request id that it is for, if it is for one.
    pub(super) request: Option<RequestState>,
}

impl Directory {
    /// Turns rows and base numbers into the ids that callers see.
    #[must_use]
    pub fn sealer(&self) -> &Sealer {
        self.guarded.sealer()
    }

    /// Whose bytes the caller's requests are.
    #[must_use]
    pub fn whose(&self) -> Whose {
        self.guarded.whose()
    }

    /// The memory for large replies to the caller.
    #[must_use]
    pub fn replies(&self) -> Replies {
        self.guarded.replies()
    }

    /// The room of a page that the caller asked for.
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

    /// Where what `call` changes comes from.
    pub(in crate::directory) fn origin(&self, call: Call) -> Origin {
        Origin {
            actor: self.guarded.actor(),
            door: self.door,
            call,
            cause: self.request.as_ref().map_or(Cause::None, RequestState::cause),
        }
    }

    /// The memberbase that `id` names; `field` is where the caller gave it. It may not exist (any more). A caller whose
    /// token is bound to one memberbase learns nothing of any other id, not even that nothing has it.
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

    /// The memberbase of a call that need not name one: a caller whose token is bound to a memberbase means that one.
    pub fn base_or_bound(&self, id: Option<&str>, field: &str) -> Result<BaseNumber, Error> {
        match (id, self.guarded.bound_to()) {
            (None, Some(bound)) => Ok(bound),
            (id, _) => self.base_number(id.unwrap_or_default(), field),
        }
    }
}
