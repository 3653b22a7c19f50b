//! Surrounds every call of this door: identifies the caller, reads the body, and sends the reply or the
//! error.

use std::future::Future;
use std::pin::pin;

use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::failure::{Failure, reply_with};
use crate::api::bearer::bearer;
use crate::api::http::entry::{Entered, Needs, enter};
use crate::api::http::expected::Expects;
use crate::api::http::idempotency::mark_repeat;
use crate::api::http::pieces::drain;
use crate::api::http::receive::Received;
use crate::api::http::reply::counted;
use crate::api::http::{Door, json, structure};
use crate::compute;
use crate::directory::Directory;
use crate::model::token::AccessLevel;

/// A call of this door.
pub trait Call: 'static {
    /// Its path under the door's.
    const PATH: &'static str;
    /// What it does, in a sentence for readers of the document.
    const SUMMARY: &'static str;
    /// The access that it needs.
    const NEEDS: AccessLevel;
    /// What an object in a list of its body becomes in memory, in bytes, if that is more than its values.
    const OBJECT_BYTES: usize = 0;
    /// What headers may tell it to expect.
    const EXPECTS: &'static [Expects] = &[];
    /// The statuses of its errors, besides those of every call.
    const REFUSALS: &'static [StatusCode] = &[StatusCode::NOT_FOUND];
    /// Its body.
    type Request: JsonSchema;
    /// Its reply.
    type Reply: Serialize + JsonSchema + Send + Sync;

    /// Runs it.
    fn run(directory: Directory, body: Received)
    -> impl Future<Output = Result<Self::Reply, Failure>> + Send;
}

impl Received {
    /// The request in the body, of the type in the document.
    pub async fn parse<C: Call>(&self) -> Result<C::Request, Failure>
    where
        C::Request: DeserializeOwned,
    {
        let explain = |refusal| structure::explain::<C::Request>(&self.bytes, refusal);
        Ok(compute::here(self.size, || json::parse(&self.bytes).map_err(explain)).await?)
    }
}

/// Handles one call.
pub async fn handle<C: Call>(State(door): State<Door>, request: Request) -> Response {
    let (head, mut body) = request.into_parts();
    let outcome = async {
        let needs = Needs { secret: bearer, access: C::NEEDS, expects: C::EXPECTS, reads_body: true };
        // The memberbase is in the body.
        let entered = enter(&door, (&head, &mut body), needs, |_| Ok::<_, Failure>(None)).await?;
        let Entered { directory, body: mut received, .. } = entered;
        let is_repeat = directory.is_repeat();
        received.admit(&directory.room(), C::OBJECT_BYTES).await?;
        let run = async |directory| match C::run(directory, received).await {
            Ok(reply) => {
                let mut response = reply_with(StatusCode::OK, &reply).await;
                if is_repeat {
                    mark_repeat(&mut response);
                }
                response
            }
            Err(failure) => failure.into_response_for(C::PATH),
        };
        Ok::<_, Failure>(counted(directory.replies(), C::NEEDS, pin!(run(directory))).await?)
    };
    match outcome.await {
        Ok(response) => response,
        Err(failure) => {
            drain(&head.headers, body).await;
            failure.into_response_for(C::PATH)
        }
    }
}
