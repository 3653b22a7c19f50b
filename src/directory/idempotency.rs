//! Requests that name themselves: what was done already is told again instead of being done again.
//!
//! A [`Directory`] can be for one such request. The operation that it is then used for, one only, does its work and has
//! kept what became of it, or tells what was kept: the outcomes as they were, and members, records and memberbases as they
//! are now. So what is gone since is not found.

use std::sync::Arc;

use super::{Directory, Error, view};
use crate::model::origin::Cause;
use crate::model::token::AccessLevel;
use crate::model::{BaseNumber, Member, RequestIdentity, Row};
use crate::table::{Begun, Claim, IfRunning, RequestResult, StoredResult};

/// How a request that names itself was found.
#[derive(Clone)]
pub(super) enum Asked {
    /// It is to be done.
    New(Arc<Claim>),
    /// It was done.
    Again(Arc<StoredResult>),
}

impl Directory {
    /// The service for one request that names itself. Names belong to the caller's token. Waits for another request of
    /// the name that is under way, or refuses; refuses a name that stands for another request.
    pub async fn named(self, mark: &RequestIdentity, if_running: IfRunning) -> Result<Self, Error> {
        let (idempotency, scope) = self.guarded.idempotency();
        let asked = match idempotency.begin(mark, scope, self.now(), if_running).await? {
            Begun::New(claim) => Asked::New(claim),
            Begun::Answered(kept) => Asked::Again(Arc::new(kept)),
        };
        Ok(Self { asked: Some(asked), ..self })
    }

    /// Whether the request was done before.
    #[must_use]
    pub fn is_repeat(&self) -> bool {
        matches!(self.asked, Some(Asked::Again(_)))
    }

    /// The turn of the request, if it has a name and is to be done.
    pub(super) fn turn(&self) -> Option<Arc<Claim>> {
        match &self.asked {
            Some(Asked::New(claim)) => Some(Arc::clone(claim)),
            Some(Asked::Again(_)) | None => None,
        }
    }

    /// What a change is made on behalf of: the request, if it has a name.
    pub(super) fn cause(&self) -> Cause {
        match &self.asked {
            Some(Asked::New(claim)) => claim.cause(),
            Some(Asked::Again(_)) | None => Cause::None,
        }
    }

    /// What became of the request, if it was done.
    pub(super) fn told(&self) -> Option<&StoredResult> {
        match &self.asked {
            Some(Asked::Again(kept)) => Some(kept),
            Some(Asked::New(_)) | None => None,
        }
    }

    /// Keeps what became of a request that is several commits, after the last of them: cut short before that, it is done
    /// again from the beginning.
    pub(super) async fn keep(&self, revision: Option<u64>, answer: RequestResult) -> Result<(), Error> {
        let Some(claim) = self.turn() else { return Ok(()) };
        let (idempotency, _) = self.guarded.idempotency();
        Ok(idempotency.keep_alone(claim, self.now(), revision, answer).await?)
    }

    /// The member that an earlier request was about, as it is now and as the caller may see it.
    pub(super) async fn member_now(&self, base: BaseNumber, row: Row) -> Result<Member, Error> {
        let base = self.guarded.base(AccessLevel::Write, base).await?;
        let found = view(&base, None).await?.members(&[row]).await?.pop();
        let (_, member) = found.ok_or(Error::MemberNotFound)?;
        Ok(self.guarded.show(member))
    }
}

/// What is kept is not of the kind that the call keeps.
pub(super) fn foreign() -> Error {
    Error::Internal { private: "what was kept of a request belongs to another call".to_owned() }
}
