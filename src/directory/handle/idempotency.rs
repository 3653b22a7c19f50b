//! Requests with a request id: a repeat returns the result of the first request and does nothing again.
//!
//! A [`Directory`] can be for one such request, and is then used for one operation only. The operation does
//! its work and stores the result, or returns the stored one: the outcomes as they were, and members, records
//! and memberbases as they are now. So an object that was deleted since is not found.

use std::sync::Arc;

use super::directory::Directory;
use super::request::RequestState;
use crate::directory::Error;
use crate::directory::access::view;
use crate::model::token::AccessLevel;
use crate::model::{BaseNumber, Member, RequestIdentity, Row};
use crate::table::{Begun, Claim, IfRunning, RequestResult, StoredResult};

impl Directory {
    /// The service for one request with a request id. Request ids belong to the caller's token. If a request
    /// with the same id is running, this waits for it or refuses, as `if_running` says. An id that a
    /// different request has used is refused.
    pub async fn with_request_id(
        self,
        identity: &RequestIdentity,
        if_running: IfRunning,
    ) -> Result<Self, Error> {
        let (idempotency, scope) = self.guarded.idempotency();
        let state = match idempotency.begin(identity, scope, self.now(), if_running).await? {
            Begun::New(claim) => RequestState::Claimed(claim),
            Begun::Done(result) => RequestState::Done(Arc::new(result)),
        };
        Ok(Self { request: Some(state), ..self })
    }

    /// Whether the request was done before.
    #[must_use]
    pub fn is_repeat(&self) -> bool {
        matches!(self.request, Some(RequestState::Done(_)))
    }

    /// The claim to the request id, if the request has one and has still to be done.
    pub(in crate::directory) fn claim(&self) -> Option<Arc<Claim>> {
        match &self.request {
            Some(RequestState::Claimed(claim)) => Some(Arc::clone(claim)),
            Some(RequestState::Done(_)) | None => None,
        }
    }

    /// The result of the request, if it was done before.
    pub(in crate::directory) fn stored_result(&self) -> Option<&StoredResult> {
        match &self.request {
            Some(RequestState::Done(result)) => Some(result),
            Some(RequestState::Claimed(_)) | None => None,
        }
    }

    /// Stores the result of a request that takes several commits, after the last of them. A request that is
    /// cut short before that is done again from the beginning.
    pub(in crate::directory) async fn store_result(
        &self,
        revision: Option<u64>,
        result: RequestResult,
    ) -> Result<(), Error> {
        let Some(claim) = self.claim() else { return Ok(()) };
        let (idempotency, _) = self.guarded.idempotency();
        Ok(idempotency.store_alone(claim, self.now(), revision, result).await?)
    }

    /// The member that an earlier request was about, as it is now and as the caller may see it.
    pub(in crate::directory) async fn member_now(&self, base: BaseNumber, row: Row) -> Result<Member, Error> {
        let base = self.guarded.base(AccessLevel::Write, base).await?;
        let found = view(&base, None).await?.members(&[row]).await?.pop();
        let (_, member) = found.ok_or(Error::MemberNotFound)?;
        Ok(self.guarded.show(member))
    }
}

/// The stored result is not of the kind that this call stores.
pub fn result_of_another_call() -> Error {
    Error::Internal { private: "the stored result of the request belongs to another call".to_owned() }
}
