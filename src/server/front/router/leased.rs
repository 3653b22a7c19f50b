//! Calls about memberbases that this server has on lease while another one is active.

use std::time::Instant;

use http::Request;
use http::request::Parts;

use super::Front;
use crate::api::error;
use crate::api::peer::Peer;
use crate::server::front::elsewhere::Reply;
use crate::server::front::held::{self, CLOSED_RETRY, held};
use crate::server::front::home;
use crate::server::leases::{Claim, Tenant};

impl Front {
    /// Serves a call here if its memberbase is leased, and has the active server answer otherwise.
    pub(super) fn leased<B>(&self, mut request: Request<B>, tenant: Tenant) -> Reply
    where
        B: http_body::Body<Data = bytes::Bytes> + Send + Unpin + 'static,
        B::Error: Into<tonic::codegen::StdError>,
    {
        let peer = self.peer_of(&request);
        if let Some(peer) = peer {
            request.extensions_mut().insert(peer);
        }
        let (front, begun) = (self.clone(), Instant::now());
        Box::pin(async move {
            let (call, body) = request.into_parts();
            let read = tenant.forward().read(&call, body).await;
            let passing = loop {
                match tenant.claim(&call, &read) {
                    Claim::Here(tenancy, running)
                        if tenancy.has_tokens() || front.is_from_here(&call, peer) =>
                    {
                        let reply = tenancy.call(running, Request::from_parts(call, read.body), peer).await?;
                        return Ok(held(reply, tenancy.tenure(), true, |reason| {
                            held::status(reason).into_http()
                        }));
                    }
                    // The active server says what is wrong with a caller without a token.
                    Claim::Here(..) => break None,
                    Claim::PassOn(passing) => break passing,
                    Claim::Wait(mut over) => drop(over.changed().await),
                }
            };
            let closed = |reason| error::unavailable(reason, CLOSED_RETRY).into_http();
            let again = front.clone();
            let here = move |request| again.route(request);
            let answer = front.elsewhere.answer_read(front.closed(), (call, read, begun), closed, here).await;
            drop(passing);
            answer
        })
    }

    /// Whether a caller without a token, which a store without tokens allows, is on this machine.
    fn is_from_here(&self, call: &Parts, peer: Option<Peer>) -> bool {
        let is_here = self.lets_all_in || peer.is_some_and(|peer| peer.address.is_loopback());
        is_here && (!self.on_loopback || home::check(&call.uri, &call.headers).is_ok())
    }
}
