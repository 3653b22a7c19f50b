//! A token creates only tokens that have at most its own rights.

use memberbase::api::grpc::v1;
use prost_types::Timestamp;
use tonic::Code;

use crate::grpc::caller::{Caller, caller, wanted};
use crate::harness::{Server, refused};

/// The expiry of the creating token, in seconds: the start of the year 2999.
const END: i64 = 32_472_144_000;

fn at(seconds: i64) -> Option<Timestamp> {
    Some(Timestamp { seconds, nanos: 0 })
}

/// A request for an admin token without the `pii` right, with an expiry and with limits per second.
fn bounded() -> v1::CreateApiTokenRequest {
    v1::CreateApiTokenRequest {
        pii: Some(false),
        expires_at: at(END),
        requests_per_second: Some(1_000),
        rows_per_second: Some(2_000),
        ..wanted("admin")
    }
}

async fn maker(server: &Server, secret: &str) -> Caller {
    let made = caller(server, secret).token(bounded()).await;
    caller(server, &made.token)
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_beyond_those_of_the_creating_token_are_refused_with_their_field() {
    let (server, secret) = Server::start_with_token().await;
    let (mut free, mut bounded) = (caller(&server, &secret), maker(&server, &secret).await);
    let cases = [
        (v1::CreateApiTokenRequest { pii: Some(true), ..wanted("read") }, "pii", "must not be true"),
        (
            v1::CreateApiTokenRequest { expires_at: at(END + 1), ..wanted("read") },
            "expires_at",
            "must not be after 2999-01-01T00:00:00Z",
        ),
        (
            v1::CreateApiTokenRequest { requests_per_second: Some(1_001), ..wanted("read") },
            "requests_per_second",
            "must be at most 1000",
        ),
        (
            v1::CreateApiTokenRequest { rows_per_second: Some(2_001), ..wanted("read") },
            "rows_per_second",
            "must be at most 2000",
        ),
    ];
    for (request, field, rule) in cases {
        let status = bounded.tokens.create_api_token(request.clone()).await.unwrap_err();
        assert_eq!(refused(&status, Code::PermissionDenied, "PERMISSION_DENIED"), [field]);
        let text =
            format!("{field}: {rule}: a new token cannot have more rights than the token that makes it");
        assert_eq!(status.message(), text);
        free.token(request).await;
    }
    // Faults that do not depend on the caller are reported first.
    let wrong = v1::CreateApiTokenRequest { pii: Some(true), ..wanted("root") };
    let status = bounded.tokens.create_api_token(wrong).await.unwrap_err();
    assert_eq!(refused(&status, Code::InvalidArgument, "FIELD_INVALID"), ["access"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_left_out_are_those_of_the_creating_token() {
    let (server, secret) = Server::start_with_token().await;
    let mut bounded = maker(&server, &secret).await;
    for access in ["read", "write", "admin"] {
        let made = bounded.token(wanted(access)).await.api_token.unwrap();
        assert_eq!((made.access.as_str(), made.pii, made.expires_at), (access, false, at(END)));
        assert_eq!((made.requests_per_second, made.rows_per_second), (Some(1_000), Some(2_000)));
    }
    // The token may pass on all its rights, and the new token may do so again.
    let made = bounded.token(self::bounded()).await;
    let again = caller(&server, &made.token).token(wanted("admin")).await.api_token.unwrap();
    assert_eq!((again.pii, again.expires_at), (false, at(END)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_token_may_have_every_right() {
    let server = Server::start().await;
    let request = v1::CreateApiTokenRequest { expires_at: at(END), ..wanted("admin") };
    let mut anyone = v1::api_token_service_client::ApiTokenServiceClient::new(server.channel());
    let first = anyone.create_api_token(request).await.unwrap().into_inner().api_token.unwrap();
    assert_eq!((first.pii, first.requests_per_second, first.expires_at), (true, None, at(END)));
}
