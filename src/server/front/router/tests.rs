use tonic::{Code, Status};

use super::*;

fn console() -> Option<console::Settings> {
    Some(console::Settings { is_encrypted: false, recent: Default::default() })
}

fn incoming() -> Incoming {
    Incoming::new(1 << 20, CLOSED_RETRY)
}

async fn call(front: &Front, path: &str) -> Response<Body> {
    let request = Request::post(path).header("content-type", "application/grpc").body(Body::empty());
    front.call(request.unwrap()).await.unwrap()
}

#[tokio::test]
async fn until_the_store_is_open_only_health_is_served() {
    let front = Front::new(Around { on_loopback: true, ..Around::default() }, incoming()).await.unwrap();
    let response = call(&front, "/publisher.v1.MemberService/GetMember").await;
    let status = Status::from_header_map(response.headers()).unwrap();
    assert_eq!((status.code(), error::reason_of(&status).as_deref()), (Code::Unavailable, Some("STARTING")));
    front.stand_by(WaitsFor::Owner).await;
    let response = call(&front, "/publisher.v1.MemberService/GetMember").await;
    let status = Status::from_header_map(response.headers()).unwrap();
    assert_eq!((status.code(), error::reason_of(&status).as_deref()), (Code::Unavailable, Some("STANDBY")));
    // Health replies with a message, so there is no status in the headers.
    let response = call(&front, "/grpc.health.v1.Health/Watch").await;
    assert!(
        Status::from_header_map(response.headers()).is_none_or(|status| status.code() != Code::Unavailable)
    );
}

#[tokio::test]
async fn a_call_of_a_peer_with_too_many_is_rejected_in_the_format_of_its_door() {
    let front = Front::new(Around { console: console(), ..Around::default() }, incoming()).await.unwrap();
    for (path, kind, status) in [
        ("/grpc.health.v1.Health/Check", "application/grpc", 200),
        ("/publisher.v1/member/get", "application/json", 503),
        ("/v1/members", "application/json", 429),
        ("/v0/workspaces/mb_1/members", "application/json", 503),
        ("/console/bases/mb_1", "text/html", 503),
        ("/", "text/plain", 404),
    ] {
        let mut request = Request::post(path).header("content-type", kind).body(Body::empty()).unwrap();
        request.extensions_mut().insert(Crowded);
        let response = front.call(request).await.unwrap();
        assert_eq!(response.status(), status, "{path}");
        if status == 200 {
            let rejected = Status::from_header_map(response.headers()).unwrap();
            assert_eq!(error::reason_of(&rejected).as_deref(), Some("OVERLOADED"));
        }
    }
}
