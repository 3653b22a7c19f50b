//! Notes the rejected calls of one connection.

use http::{Request, Response, Uri};
use tonic::body::Body;

use super::stream;
use super::table::Refusals;
use super::why::why;
use crate::api::peer::Peer;
use crate::server::around::Around;
use crate::server::forward::{Callers, seconds};

/// Notes the calls of one connection that are rejected.
#[derive(Clone)]
pub struct Noted {
    /// The peer of the connection.
    pub peer: Peer,
    /// Where rejected calls are noted.
    pub refusals: Refusals,
    /// What is known of the callers of calls that other servers pass on.
    pub callers: Callers,
}

/// A running call.
pub struct NotedCall {
    uri: Uri,
    noted: Noted,
}

impl Around for Noted {
    type Call = NotedCall;

    fn begin<B>(&self, request: &mut Request<B>) -> NotedCall {
        let mut noted = self.clone();
        if let Some(forwarded) = self.callers.of(request.headers(), seconds) {
            request.extensions_mut().insert(forwarded);
            // The caller of that server counts as the peer, if it is proven.
            noted.peer.address = forwarded.caller.unwrap_or(self.peer.address);
            request.extensions_mut().insert(noted.peer);
        }
        NotedCall { uri: request.uri().clone(), noted }
    }

    fn end(call: NotedCall, response: Response<Body>) -> Response<Body> {
        let NotedCall { uri, noted: Self { peer, refusals, .. } } = call;
        if let Some(refused) = why(&response) {
            refusals.note(peer.address, &uri, refused);
            return response;
        }
        if !stream::is_stream(&uri) {
            return response;
        }
        let note = move |refused| refusals.note(peer.address, &uri, refused);
        response.map(|body| stream::watch(body, note))
    }
}
