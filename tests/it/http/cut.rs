//! Requests over HTTP/2 that their peers break off.

use bytes::Bytes;
use h2::Reason;
use serde_json::json;
use tonic::Code;

use super::Http;
use crate::grpc::messages::{Raw, prefix, status};
use crate::harness::Server;

const UPSERT: &str = "/publisher.v1/member/bulk-upsert";

/// How many requests are broken off with each code.
const CUTS: usize = 20;

/// Returns once the server has received all that was sent on the connection before.
async fn received(raw: &mut Raw) {
    let (response, mut body) = raw.call("/grpc.health.v1.Health/Check").await;
    body.send_data(prefix(0), true).unwrap();
    assert_eq!(status(response).await.code(), Code::Ok);
}

// hyper takes a reset with NO_ERROR for the end of the body, and what came before it may be a whole list.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_whose_request_is_reset_is_not_applied_whatever_the_code() {
    let server = Server::start().await;
    let http = Http::new(&server);
    let base = http.base().await;
    let mut raw = Raw::connect(&server).await;
    let list = |r#ref: &str| {
        let list = json!({"member_base_id": base, "members": [{"ref": r#ref}]});
        Bytes::from(list.to_string())
    };
    // The same list is applied if its request ends.
    let (reply, mut body) = raw.begin(UPSERT, "application/json").await;
    body.send_data(list("before"), false).unwrap();
    body.send_data(Bytes::new(), true).unwrap();
    assert_eq!(reply.await.unwrap().status(), 200);
    for reason in [Reason::NO_ERROR, Reason::CANCEL] {
        for cut in 0..CUTS {
            // Without its reply the call would be reset at once.
            let (_reply, mut body) = raw.begin(UPSERT, "application/json").await;
            body.send_data(list(&format!("cut{cut}")), false).unwrap();
            received(&mut raw).await;
            body.send_reset(reason);
            received(&mut raw).await;
        }
    }
    // Writes of a memberbase are applied in the order in which they came.
    http.ok("member/bulk-upsert", json!({"member_base_id": base, "members": [{"ref": "after"}]})).await;
    assert_eq!(http.refs(&base, json!({})).await, ["before", "after"]);
}
