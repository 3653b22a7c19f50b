//! How every call begins, the same at every door: who calls, what the headers say, and the body.
//!
//! Rights are checked first. A caller who may not make a call learns nothing else about the request.

use axum::body::Body;
use http::request::Parts;

use super::door::Door;
use super::expected::{self, Expects};
use super::header::HeaderFault;
use super::idempotency::{IDEMPOTENCY_KEY, identify, request_id, with_identity};
use super::receive::Received;
use super::rejection::Rejection;
use super::routes::Secret;
use crate::api::peer::peer_of;
use crate::directory::{Directory, Error};
use crate::model::token::AccessLevel;
use crate::model::{BaseNumber, RequestIdentity};

/// What a call needs of its request.
pub struct Needs {
    /// Reads the secret of the caller's token.
    pub secret: Secret,
    /// The access level.
    pub access: AccessLevel,
    /// What headers may tell it to expect.
    pub expects: &'static [Expects],
    /// Whether it reads a body of JSON.
    pub reads_body: bool,
}

/// A request whose caller may make its call.
pub struct Entered<B> {
    /// The service, for this request.
    pub directory: Directory,
    /// The memberbase: a number, or nothing at a door where bodies name it.
    pub base: B,
    /// The body; empty if the call reads none.
    pub body: Received,
    /// The identity of the request, if it has a request id. The service is for it already.
    pub identity: Option<RequestIdentity>,
}

/// How a door reports what is wrong with a request before its call runs.
pub trait Refuses: From<Error> + From<Rejection> {
    /// A header is wrong.
    fn wrong_header(name: &str, fault: &HeaderFault) -> Self;
}

/// Reads a request as far as every call needs it. `base` finds the memberbase that its head names.
pub async fn enter<F: Refuses, B: Copy + Into<Option<BaseNumber>>>(
    door: &Door,
    (head, body): (&Parts, &mut Body),
    needs: Needs,
    base: impl FnOnce(&Directory) -> Result<B, F>,
) -> Result<Entered<B>, F> {
    let caller = door.gate.identify((needs.secret)(&head.headers)?).await?.at(peer_of(&head.extensions));
    let mut directory = door.gate.enter(caller, needs.access).await?;
    let base = base(&directory)?;
    let id = if needs.access > AccessLevel::Read { request_id(&head.headers) } else { Ok(None) };
    let id = id.map_err(|fault| F::wrong_header(IDEMPOTENCY_KEY, &fault))?;
    let expected = expected::read(needs.expects, &head.headers);
    directory = directory.expecting(expected.map_err(|(name, fault)| F::wrong_header(name, &fault))?);
    let mut received = match needs.reads_body {
        true => door.bodies.read(directory.whose(), &head.headers, body).await?,
        false => Received::empty(),
    };
    let mut identity = None;
    if let Some(id) = id {
        let named = identify(id, (&head.method, &head.uri), base.into(), &mut received).await;
        directory = with_identity(directory, &named).await?;
        identity = Some(named);
    }
    Ok(Entered { directory, base, body: received, identity })
}
