//! Malformed requests to every call: each is refused in the documented form, and nothing is written.

use serde_json::json;

use super::calls::{Call, every_call};
use super::{Onsi, member};
use crate::harness::Server;
use crate::http::{Http, exchange};

/// The only member of a memberbase.
const EMAIL: &str = "own@example.com";

/// A memberbase with one member, which no refused call may change.
struct Place {
    onsi: Onsi,
    http: Http,
    calls: Vec<Call>,
    id: String,
    before: serde_json::Value,
}

impl Place {
    async fn new(server: &Server) -> Self {
        let (onsi, http, _) = Onsi::base(server).await;
        let (_, id) = onsi.create(member(EMAIL)).await;
        let before = http.ok("member/get", json!({"id": id})).await;
        Self { onsi, http, calls: every_call(&id, EMAIL), id, before }
    }

    /// Asserts that no call has written anything.
    async fn is_as_before(&self) {
        assert_eq!(self.http.ok("member/get", json!({"id": self.id})).await, self.before);
        assert_eq!(self.onsi.get("members").await.is(200)["total"], 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_not_a_json_object_is_one_issue() {
    let server = Server::start().await;
    let place = Place::new(&server).await;
    let deep = format!("{}1{}", "{\"a\": ".repeat(10_000), "}".repeat(10_000));
    let deep_list = format!("{{\"a\": {}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let bodies: [&[u8]; 17] = [
        b"",
        b"null",
        b"true",
        b"5",
        b"\"text\"",
        b"[]",
        b"[{}]",
        b"{",
        b"{} {}",
        b"{\"a\": }",
        b"{\"a\": 1e999}",
        b"\xef\xbb\xbf{}",
        b"{\"email\": \"\xff\xfe\"}",
        b"{\"\xff\xfe\": 1}",
        b"{\"email\": \"\\ud800\"}",
        deep.as_bytes(),
        deep_list.as_bytes(),
    ];
    for call in place.calls.iter().filter(|call| call.body.is_some()) {
        for body in bodies {
            let reply = place.onsi.send(call.method, &call.path, "application/json", body).await;
            assert_eq!(reply.issues(400), [("BodyValidation", "")], "{call:?}");
        }
    }
    place.is_as_before().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn issues_name_a_field_that_is_mistyped_repeated_or_unknown() {
    let server = Server::start().await;
    let place = Place::new(&server).await;
    let rest = format!(r#""email": "{EMAIL}", "firstName": "Jane", "tier": "Gold""#);
    let cases = [
        (r#""lastName": "Smith", "lastName": "Smith""#, "lastName"),
        (r#""lastName": "Smith", "lastName": null"#, "lastName"),
        (r#""lastName": null"#, "lastName"),
        (r#""lastName": 5"#, "lastName"),
        (r#""lastName": true"#, "lastName"),
        (r#""lastName": ["Smith"]"#, "lastName"),
        (r#""lastName": {"a": "Smith"}"#, "lastName"),
        (r#""lastName": """#, "lastName"),
        (r#""lastName": "Smith", "shoeSize": 5"#, "shoeSize"),
        (r#""lastName": "Smith", "last_name": "Smith""#, "last_name"),
        (r#""lastName": "Smith", "LastName": "Smith""#, "LastName"),
        (r#""lastName": "Smith", "memberId": "mem_1""#, "memberId"),
        (r#""lastName": "Smith", "status": "active""#, "status"),
        (r#""lastName": "Smith", "enablePayroll": "true""#, "enablePayroll"),
        (r#""lastName": "Smith", "accountDetails": "none""#, "accountDetails"),
    ];
    for call in place.calls.iter().filter(|call| call.body.is_some()) {
        for (more, path) in cases {
            let body = format!("{{{rest}, {more}}}");
            let reply = place.onsi.send(call.method, &call.path, "application/json", body.as_bytes()).await;
            assert_eq!(reply.issues(400), [("BodyValidation", path)], "{call:?} {more}");
        }
    }
    place.is_as_before().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_must_be_json_by_its_type_and_not_too_large() {
    let server = Server::start().await;
    let place = Place::new(&server).await;
    let chunk = [b"10000\r\n".to_vec(), vec![b' '; 0x10000], b"\r\n".to_vec()].concat();
    let chunks = [chunk.repeat(5), b"0\r\n\r\n".to_vec()].concat();
    for call in &place.calls {
        let (method, path) = (call.method, call.path.as_str());
        if call.body.is_none() {
            continue;
        }
        for kind in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data",
            "application/jsonp",
            "",
        ] {
            let reply = place.onsi.send(method, path, kind, b"{}").await;
            assert_eq!(reply.issues(400), [("HeaderValidation", "content-type")], "{call:?} {kind}");
        }
        let reply = place.onsi.raw(method, path, "Content-Length: 2\r\n", b"{}").await;
        assert_eq!(reply.issues(400), [("HeaderValidation", "content-type")], "{call:?}");
        let reply = place.onsi.send(method, path, "application/json", &vec![b' '; 300 * 1024]).await;
        assert_eq!(reply.issues(413), [("BadRequest", "-")], "{call:?}");
        let headers = "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n";
        let reply = place.onsi.raw(method, path, headers, &chunks).await;
        assert_eq!(reply.issues(413), [("BadRequest", "-")], "{call:?}");
    }
    place.is_as_before().await;
    // Calls that take no body ignore one of any type. A content type may have parameters.
    for call in &place.calls {
        match &call.body {
            None => place.onsi.send(call.method, &call.path, "text/plain", b"none").await.is(call.status),
            Some(body) => {
                let kind = "Application/JSON; charset=utf-8";
                place
                    .onsi
                    .send(call.method, &call.path, kind, body.to_string().as_bytes())
                    .await
                    .is(call.status)
            }
        };
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_parameter_is_refused_and_not_ignored() {
    let server = Server::start().await;
    let place = Place::new(&server).await;
    let invalid = "QueryValidation";
    for call in &place.calls {
        for (query, expected) in [
            ("dryRun=true", &[(invalid, "dryRun")][..]),
            ("a=1&&b&a=2", &[(invalid, "a"), (invalid, "b"), (invalid, "a")]),
            ("statu%ff=x", &[(invalid, "query")]),
            ("Take=5", &[(invalid, "Take")]),
        ] {
            let reply =
                place.onsi.call(call.method, &format!("{}?{query}", call.path), call.body.clone()).await;
            assert_eq!(reply.issues(400), expected, "{call:?} {query}");
        }
    }
    // The reply reports all faults at once, wherever they are.
    let reply = place.onsi.call("PATCH", "members/x?dryRun=true", Some(json!({"tier": 5}))).await;
    let expected = [("PathValidation", "id"), (invalid, "dryRun"), ("BodyValidation", "tier")];
    assert_eq!(reply.issues(400), expected);
    place.is_as_before().await;
    for call in &place.calls {
        let reply = place.onsi.call(call.method, &format!("{}?&", call.path), call.body.clone()).await;
        reply.is(call.status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_id_is_a_fault_of_the_path_and_an_unknown_one_is_not_found() {
    let server = Server::start().await;
    let place = Place::new(&server).await;
    let digits = place.id.strip_prefix("mem_").unwrap();
    let about_one = |id: &str| every_call(id, EMAIL).into_iter().filter(|call| call.is_about_one);
    for bad in [
        "x",
        "mem_",
        "mem-",
        digits,
        "mb_00000000000000000000000000",
        "mem_0000000000000000000000000u",
        "mem_000000000000000000000000000",
        "mem_0000000000000000000000000",
        "mem_80000000000000000000000000",
        "%20",
        "%ff",
        "%00",
    ] {
        for call in about_one(bad) {
            assert_eq!(call.of(&place.onsi).await.issues(400), [("PathValidation", "id")], "{call:?}");
        }
    }
    let reply = place.onsi.get("members/x").await;
    assert_eq!(reply.body["issues"][0]["message"], "id must begin with `m_` or `mem_`");
    let last = if digits.ends_with('0') { '1' } else { '0' };
    let altered = format!("m_{}{last}", &digits[..digits.len() - 1]);
    for nobody in [super::calls::NO_MEMBER, &altered] {
        for call in about_one(nobody) {
            let reply = call.of(&place.onsi).await;
            assert_eq!(reply.issues(call.missing()), [("MemberNotFound", "-")], "{call:?}");
            assert_eq!(reply.body["issues"][0]["memberId"], nobody);
        }
    }
    place.is_as_before().await;
    // Ids are accepted with either prefix and in any case.
    for id in [place.id.clone(), format!("m_{digits}"), place.id.to_uppercase()] {
        for call in about_one(&id) {
            let reply = call.of(&place.onsi).await.is(call.status);
            assert!(call.method == "DELETE" || reply["memberId"] == place.id, "{call:?} {reply}");
        }
    }
    let other_door = place.http.ok("member/get", json!({"id": place.id})).await;
    assert_eq!(other_door["id"], json!(format!("m_{digits}")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_method_that_a_path_does_not_have_gets_the_list_of_its_methods() {
    let server = Server::start().await;
    let place = Place::new(&server).await;
    for path in place.calls.iter().map(|call| &call.path) {
        let of_path: Vec<_> =
            place.calls.iter().filter(|call| call.path == *path).map(|call| call.method).collect();
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"] {
            if of_path.contains(&method) {
                continue;
            }
            let reply = place.onsi.call(method, path, None).await;
            assert_eq!(reply.issues(405), [("BadRequest", "-")], "{method} {path}");
            let head = reply.head.to_ascii_lowercase();
            let allowed = head.split_once("allow: ").unwrap().1.split("\r\n").next().unwrap();
            for method in &of_path {
                assert!(
                    allowed.split(',').any(|allowed| allowed.eq_ignore_ascii_case(method)),
                    "{path}: {allowed}"
                );
            }
        }
    }
    for path in ["", "member", "members/", "members/x/y", "tiers/Gold", "members/x/activate/y"] {
        for method in ["GET", "POST", "DELETE"] {
            let reply = place.onsi.call(method, path, None).await;
            assert_eq!(reply.issues(404), [("NotFound", "-")], "{method} {path}");
        }
    }
    place.is_as_before().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn documented_calls_that_are_not_implemented_never_seem_to_succeed() {
    let server = Server::start().await;
    let (_, _, base) = Onsi::base(&server).await;
    let send = async |method: &str, path: &str| {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nx-member-base-id: {base}\r\n\
             Content-Type: text/csv\r\nContent-Length: 3\r\n\r\n"
        );
        exchange(server.address(), &head, b"a,b").await
    };
    for (method, path) in [
        ("PUT", "/v2/members/jobs"),
        ("GET", "/v2/"),
        ("POST", "/v1/members/jobs/maj_00000000000000000000000000/revert"),
        ("GET", "/v1/pay/balance"),
    ] {
        assert_eq!(send(method, path).await.issues(404), [("NotFound", "-")], "{method} {path}");
    }
    // Unknown paths are not handled as gRPC, whose refusals have the HTTP status 200.
    for path in ["/publisher.v1.MemberService/GetMember", "/grpc.x"] {
        assert_eq!(send("POST", path).await.status, 415, "{path}");
    }
    for path in ["/", "/v1", "/v2", "/v3/members", "/members", "/favicon.ico"] {
        for method in ["POST", "PUT", "OPTIONS"] {
            assert_eq!(send(method, path).await.status, 404, "{method} {path}");
        }
    }
    assert_eq!(send("GET", "/favicon.ico").await.status, 404);
    assert_eq!(send("GET", "/").await.status, 200);
}
