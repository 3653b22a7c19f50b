//! What a call is, and what surrounds every call: the caller, the workspace, the body, the reply or the
//! error.

use std::future::Future;
use std::pin::pin;

use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request, State};
use axum::response::Response;
use http::request::Parts;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::failure::Failure;
use super::query::Query;
use crate::api::bearer::bearer;
use crate::api::http::about::About;
use crate::api::http::door::Door;
use crate::api::http::entry::{Entered, Needs, enter};
use crate::api::http::idempotency::mark_repeat;
use crate::api::http::openapi::Document;
use crate::api::http::pieces::drain;
use crate::api::http::receive::Received;
use crate::api::http::reply::{counted, json};
use crate::api::http::{json, structure};
use crate::directory::{Directory, Error};
use crate::model::{AudienceNumber, BaseNumber, RequestIdentity};

/// The name of the audience's id in paths.
pub const AUDIENCE: &str = "audienceId";
/// The name of the workspace's id in paths.
pub const WORKSPACE: &str = "workspaceId";

/// Stands for the ids in a path that is not valid UTF-8; it is no id.
const NO_ID: &str = "\u{fffd}";

/// A call of this door.
pub trait Call: 'static {
    /// Its description.
    const ABOUT: About;
    /// The schema of its body, if it has one.
    const BODY: Option<fn(&mut Document) -> Value> = None;
    /// What an object in a list of its body becomes in memory, in bytes, if that is more than its values.
    const OBJECT_BYTES: usize = 0;
    /// Its parameters in the query.
    type Query: Query;
    /// Its reply.
    type Reply: Serialize + JsonSchema + Send + Sync;

    /// Runs it.
    fn run(request: CallRequest<Self::Query>) -> impl Future<Output = Result<Self::Reply, Failure>> + Send;
}

/// A request, read as far as every call needs it.
pub struct CallRequest<Q> {
    /// The service, for this caller.
    pub directory: Directory,
    /// The memberbase that is the workspace.
    pub base: BaseNumber,
    /// The id of the audience in the path; empty if the path has none.
    pub audience: String,
    /// The parameters.
    pub query: Q,
    /// The body; empty if the call has none.
    pub body: Received,
    /// The identity of the request, if it has a request id.
    pub identity: Option<RequestIdentity>,
}

impl<Q> CallRequest<Q> {
    /// The audience of the path.
    pub fn audience(&self) -> Result<AudienceNumber, Error> {
        self.directory.audience_in(self.base, &self.audience, AUDIENCE)
    }

    /// The object in the body.
    pub async fn object<T: DeserializeOwned + JsonSchema + Send + 'static>(&mut self) -> Result<T, Failure> {
        let body = std::mem::replace(&mut self.body, Received::empty());
        let explain =
            |bytes: &[u8]| json::parse::<T>(bytes).map_err(|refusal| structure::explain::<T>(bytes, refusal));
        Ok(body.read(explain).await?)
    }
}

/// Handles one call.
pub async fn handle<C: Call>(
    State(door): State<Door>,
    params: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
) -> Response {
    let (head, mut body) = request.into_parts();
    let outcome = serve::<C>(&door, &Path(params.ok()), &head, &mut body).await;
    // A client that is still sending would otherwise see a broken connection instead of the reply.
    drain(&head.headers, body).await;
    match outcome {
        Ok(response) => response,
        Err(failure) => failure.into_response_for(C::ABOUT.name),
    }
}

/// The ids in a path; none if the path is not valid UTF-8.
struct Path(Option<RawPathParams>);

impl Path {
    /// The id under this name. A path that is not valid UTF-8 has no ids.
    fn id(&self, name: &str) -> Option<&str> {
        self.0.as_ref()?.iter().find_map(|(key, id)| (key == name).then_some(id))
    }
}

/// Runs a call.
async fn serve<C: Call>(
    door: &Door,
    path: &Path,
    head: &Parts,
    body: &mut axum::body::Body,
) -> Result<Response, Failure> {
    let About { needs: access, expects, name, .. } = C::ABOUT;
    let needs = Needs { secret: bearer, access, expects, reads_body: C::BODY.is_some() };
    let workspace = path.id(WORKSPACE).unwrap_or(NO_ID);
    let audience = path.id(AUDIENCE).unwrap_or_default().to_owned();
    let named = |directory: &Directory| Ok::<_, Failure>(directory.base_number(workspace, WORKSPACE)?);
    let Entered { directory, base, mut body, identity } = enter(door, (head, body), needs, named).await?;
    let is_repeat = directory.is_repeat();
    let query = C::Query::parse(head.uri.query().unwrap_or_default())?;
    body.admit(&directory.room(), C::OBJECT_BYTES).await?;
    let replies = directory.replies();
    let request = CallRequest { directory, base, audience, query, body, identity };
    let run = pin!(async {
        let reply = match C::run(request).await {
            Ok(reply) => json(C::ABOUT.success, &reply).await.map_err(Failure::from),
            Err(failure) => Err(failure),
        };
        match reply {
            Ok(mut response) => {
                if is_repeat {
                    mark_repeat(&mut response);
                }
                response
            }
            Err(failure) => failure.into_response_for(name),
        }
    });
    Ok(counted(replies, access, run).await?)
}
