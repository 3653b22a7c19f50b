//! How files are sent, and which are refused.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use memberbase::api::grpc::v1;
use memberbase::api::grpc::v1::job_service_client::JobServiceClient;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{HEADER, form, list};
use crate::harness::Server;
use crate::http::onsi::{Onsi, content};

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_read_however_it_is_sent_and_written() {
    let server = Server::start().await;
    let (onsi, _, _) = Onsi::base(&server).await;
    let text = "E-mail;First Name;LAST_NAME;tier\nzoe@x.com;Zoë;\"Müller; Meier\";Gold\n";
    let utf16: Vec<u8> =
        [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let windows: Vec<u8> =
        text.chars().map(|character| u8::try_from(u32::from(character)).unwrap()).collect();
    let marked = [b"\xef\xbb\xbf", text.as_bytes()].concat();
    let (form_kind, form_body) = form(text.as_bytes());
    for (kind, body) in [
        ("text/csv", text.as_bytes()),
        ("Text/CSV; charset=utf-8; header=present", &marked),
        ("application/octet-stream", &utf16),
        ("application/octet-stream", &windows),
        (form_kind, &form_body),
    ] {
        let sent = onsi.send("PUT", "members/jobs/csv", kind, body).await;
        let job = onsi.settled(&sent).await;
        assert_eq!(job["progress"]["type"], "Completed", "{kind}: {job}");
        let zoe = onsi.member_of("zoe@x.com").await;
        assert_eq!((&zoe["firstName"], &zoe["lastName"]), (&json!("Zoë"), &json!("Müller; Meier")), "{kind}");
        // So that the next file has something to do.
        let id = zoe["memberId"].as_str().unwrap();
        onsi.call("PATCH", &format!("members/{id}"), Some(json!({ "firstName": "Z", "lastName": "M" })))
            .await
            .is(200);
    }
    let chunked = "Content-Type: text/csv\r\nTransfer-Encoding: chunked\r\n";
    let body = format!("{:x}\r\n{text}\r\n0\r\n\r\n", text.len());
    let sent = onsi.raw("PUT", "members/jobs/csv", chunked, body.as_bytes()).await;
    onsi.settled(&sent).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_with_faults_is_refused_with_its_lines_and_makes_no_job() {
    let server = Server::start().await;
    let (onsi, _, base) = Onsi::base(&server).await;
    onsi.member("a@x.com", "active").await;
    let row = "a@x.com,A,A,Gold";
    let long = format!("{HEADER}\n{}", "x\n".repeat(150));
    let many: Vec<(Value, Value)> = (2..102).map(|line| (json!(line), Value::Null)).collect();
    let one = |line: u64, path: Value| vec![(json!(line), path)];
    let cases: Vec<(String, Vec<(Value, Value)>)> = vec![
        (String::new(), vec![(Value::Null, Value::Null)]),
        (format!("{HEADER},shoe size\n{row},5\n"), one(1, Value::Null)),
        (format!("{HEADER},ref\n{row},r1\n"), one(1, Value::Null)),
        ("email,first_name\na@x.com,A\n".to_owned(), vec![(json!(1), Value::Null), (json!(1), Value::Null)]),
        (format!("{HEADER}\n\n{row}\nb@x.com,B,B\n"), one(4, Value::Null)),
        (format!("{HEADER}\n{row}\nA@X.com,B,B,Gold\n"), one(3, json!("email"))),
        (
            format!("{HEADER},worker_id\n{row},w1\nb@x.com,B,B,Gold,w1\nc@x.com,C,C,Gold,W1\n"),
            one(3, json!("worker_id")),
        ),
        (
            format!("{HEADER}\n{row}\nb@x.com,,B,Gold\n,C,C,\n"),
            vec![(json!(3), json!("first_name")), (json!(4), json!("email")), (json!(4), json!("tier"))],
        ),
        (format!("{HEADER}\n\"{row}\n"), one(2, Value::Null)),
        (long, many),
    ];
    for (text, expected) in cases {
        let refused = onsi.put_list("v1", &text).await;
        assert_eq!(refused.status, 400, "{text}: {refused:?}");
        let issues = refused.body["issues"].as_array().unwrap();
        let found: Vec<_> =
            issues.iter().map(|issue| (issue["row"].clone(), issue["path"].clone())).collect();
        assert_eq!(found, expected, "{text}: {refused:?}");
        assert!(issues.iter().all(|issue| issue["code"] == "FileContent"), "{refused:?}");
    }
    let mut jobs = JobServiceClient::new(server.channel());
    let request = v1::ListJobsRequest { member_base_id: base, ..Default::default() };
    assert!(jobs.list_jobs(request).await.unwrap().into_inner().jobs.is_empty());
    assert_eq!(onsi.member_of("a@x.com").await["status"], "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_caller_says_about_the_file_must_be_true() {
    let server = Server::start().await;
    let (onsi, _, _) = Onsi::base(&server).await;
    let text = list(&["a@x.com", "b@x.com"]);
    let digest =
        |bytes: &[u8]| format!("Content-Digest: sha-256=:{}:", STANDARD.encode(Sha256::digest(bytes)));
    for (header, path) in [
        ("x-expected-rows: 3".to_owned(), "x-expected-rows"),
        ("x-expected-rows: two".to_owned(), "x-expected-rows"),
        ("x-expected-rows: 2\r\nx-expected-rows: 2".to_owned(), "x-expected-rows"),
        ("x-expect-removals: -1".to_owned(), "x-expect-removals"),
        (digest(b"other"), "content-digest"),
        ("Content-Digest: sha-256=abc".to_owned(), "content-digest"),
    ] {
        let refused = onsi.with(&header).put_list("v1", &text).await;
        assert_eq!(refused.issues(400), [("HeaderValidation", path)], "{header}");
    }
    for (target, paths) in
        [("v1?dryRun=yes", vec!["dryRun"]), ("v2?a=1&dryRun=true&dryRun=true", vec!["a", "dryRun"])]
    {
        let refused = onsi.put_list(target, &text).await;
        let expected: Vec<_> = paths.iter().map(|path| ("QueryValidation", *path)).collect();
        assert_eq!(refused.issues(400), expected, "{target}");
    }
    assert_eq!(onsi.get("members").await.is(200)["total"], 0);
    let right = onsi.with(&digest(text.as_bytes())).with("x-expected-rows: 2");
    right.apply("v1", &text).await;
    // The digest is that of the whole body, also of a form.
    let (kind, body) = form(text.as_bytes());
    let sent = onsi.with(&digest(&body)).send("PUT", "members/jobs/csv", kind, &body).await;
    onsi.settled(&sent).await;
    assert_eq!(onsi.get("members").await.is(200)["total"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_types_other_parts_and_larger_files_are_refused() {
    let server = Server::start().await;
    let (onsi, _, _) = Onsi::base(&server).await;
    let text = list(&["a@x.com"]);
    for kind in ["application/json", "text/plain", "multipart/form-data", ""] {
        let refused = onsi.send("PUT", "members/jobs/csv", kind, text.as_bytes()).await;
        assert_eq!(refused.issues(400), [("HeaderValidation", "content-type")], "{kind}");
    }
    let (kind, whole) = form(text.as_bytes());
    let part =
        |name: &str| String::from_utf8(whole.clone()).unwrap().replace("\"file\"", &format!("\"{name}\""));
    for (body, path) in
        [(part("list"), "list"), ("--edge--\r\n".to_owned(), "file"), ("no form".to_owned(), "")]
    {
        let refused = onsi.send("PUT", "members/jobs/csv", kind, body.as_bytes()).await;
        assert_eq!(refused.issues(400), [("BodyValidation", path)], "{body}");
    }
    let announced = "Content-Type: text/csv\r\nContent-Length: 1073741825\r\nExpect: 100-continue\r\n";
    let refused = onsi.raw("PUT", "members/jobs/csv", announced, b"").await;
    assert_eq!(refused.issues(413), [("BadRequest", "-")]);
    // A list may be larger than any other body of this door.
    let rows: String = (0..20_000).map(|n| format!("u{n}@example.com,Jane,Smith,Gold\n")).collect();
    let large = format!("{HEADER}\n{rows}");
    assert!(large.len() > 512 * 1024);
    let headers = content("text/csv", large.as_bytes()) + "x-expected-rows: 20000\r\n";
    let sent = onsi.raw("PUT", "members/jobs/csv", &headers, large.as_bytes()).await;
    assert_eq!(onsi.settled(&sent).await["summary"]["toAdd"], 20_000);
}
