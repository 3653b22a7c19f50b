//! The log of a server: it blocks no call, reports what starts, and refused requests cannot fill it.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;
use std::time::Instant;

use memberbase::api::grpc::v1;
use rustix::process::Signal;
use serde_json::Value;
use tonic::Request;

use crate::harness::{Process, command, connect, members};
use crate::http::Http;

async fn refused_gets(server: &Process, count: usize) {
    let mut members = members(&connect(&server.address).await);
    for _ in 0..count {
        let request = v1::GetMemberRequest { id: Some("m_short".into()), ..Default::default() };
        members.get_member(request).await.unwrap_err();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unread_log_blocks_no_call() {
    let data = tempfile::tempdir().unwrap();
    // At this level each call writes several kilobytes; a pipe takes 64.
    let mut server = Process::start(command(data.path()).args(["--log", "trace"]).stderr(Stdio::piped()));
    refused_gets(&server, 700).await;
    server.signal(Signal::TERM);
    assert!(server.wait().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_one_line_a_second_for_each_reason() {
    let data = tempfile::tempdir().unwrap();
    let began = Instant::now();
    let mut server = Process::start(command(data.path()).args(["--log", "info"]).stderr(Stdio::piped()));
    let mut log = server.stderr();
    let text = std::thread::spawn(move || {
        let mut text = String::new();
        log.read_to_string(&mut text).unwrap();
        text
    });
    refused_gets(&server, 300).await;
    // The end of a stream, which is logged after it.
    let request = v1::ExportMembersRequest {
        member_base_id: "mb_00000000000000000000000000".into(),
        ..Default::default()
    };
    let mut stream = members(&connect(&server.address).await).export_members(request).await;
    while let Ok(Some(_)) = match &mut stream {
        Ok(stream) => stream.get_mut().message().await,
        Err(_) => Ok(None),
    } {}
    let http = Http::at(server.socket(), None);
    let reply = http.call("member/get?email=ada@example.com", serde_json::json!({"id": "m_short"})).await;
    let trace_id = reply.body["error"]["trace_id"].as_str().unwrap().to_owned();
    server.signal(Signal::TERM);
    assert!(server.wait().success());
    let (text, seconds) = (text.join().unwrap(), began.elapsed().as_secs());

    let starting = text.lines().find(|line| line.contains("starting")).unwrap();
    let place = format!("data={}", data.path().display());
    for part in
        [&*place, "version=", "address=127.0.0.1:", "tls=\"off\"", "memory=128MiB", "body_limit=64MiB"]
    {
        assert!(starting.contains(part), "{part} is not in {starting}");
    }
    let refusals: Vec<_> = text.lines().filter(|line| line.contains("calls were rejected")).collect();
    let counted = |line: &&str| line.rsplit_once("count=").unwrap().1.parse::<usize>().unwrap();
    let call = "call=\"/publisher.v1.MemberService/GetMember\"";
    let by_grpc: Vec<_> = refusals.iter().filter(|line| line.contains(call)).collect();
    let counts: usize = refusals.iter().map(counted).sum();
    assert_eq!(counts, 302, "{text}");
    assert!(text.contains("call=\"/publisher.v1.MemberService/ExportMembers\""), "{text}");
    assert!(!by_grpc.is_empty() && u64::try_from(by_grpc.len()).unwrap() <= seconds + 2, "{text}");
    assert!(by_grpc.iter().all(|line| line.contains("reason=\"ID_MALFORMED\" peer=127.0.0.1 ")), "{text}");
    assert!(!text.contains("ada@example.com") && !text.contains("Some("), "{text}");
    assert!(text.contains(&trace_id), "{text}");
}

/// The lines of a server that ends after this was called, each a JSON object.
fn lines(server: &mut Process) -> Vec<Value> {
    server.signal(Signal::TERM);
    let lines = BufReader::new(server.stderr()).lines().map(Result::unwrap);
    let lines = lines.map(|line| serde_json::from_str(&line).unwrap_or_else(|_| panic!("no JSON: {line}")));
    let lines = lines.collect();
    assert!(server.wait().success());
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_is_an_object_and_lines_of_a_call_have_its_trace_id() {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    let data = tempfile::tempdir().unwrap();
    let arguments = ["--log", "info", "--log-format", "json", "--access-log"];
    let mut server = Process::start(command(data.path()).args(arguments).stderr(Stdio::piped()));
    let mut client = members(&connect(&server.address).await);
    let get = v1::GetMemberRequest { id: Some("m_short".into()), ..Default::default() };
    let mut traced = Request::new(get.clone());
    let parent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    traced.metadata_mut().insert("traceparent", parent.parse().unwrap());
    client.get_member(traced).await.unwrap_err();
    client.get_member(get).await.unwrap_err();
    let http = Http::at(server.socket(), Some("secret-token".into()));
    let header = format!("Content-Type: application/json\r\nContent-Length: 2\r\ntraceparent: {parent}\r\n");
    let reply = http.raw("POST", "member/get?email=ada@example.com", &header, b"{}").await;
    assert_eq!(reply.body["error"]["trace_id"], TRACE);
    let lines = lines(&mut server);

    let calls: Vec<(&str, Option<&str>)> = lines
        .iter()
        .filter(|line| line["message"] == "a gRPC call ended" || line["message"] == "a request ended")
        .map(|line| {
            assert!(line["micros"].is_u64() && line["level"] == "INFO", "{line}");
            let name = line["method"].as_str().filter(|method| *method != "POST");
            (name.or(line["route"].as_str()).unwrap(), line["span"]["trace_id"].as_str())
        })
        .collect();
    let method = "publisher.v1.MemberService/GetMember";
    let expected = [(method, Some(TRACE)), (method, None), ("/publisher.v1/member/get", Some(TRACE))];
    assert_eq!(calls, expected, "{lines:?}");
    let text = format!("{lines:?}");
    let secrets = ["ada@", "m_short", "secret-token"];
    assert!(secrets.iter().all(|secret| !text.contains(secret)), "{text}");
    assert!(lines.iter().any(|line| line["message"] == "starting" && line["memory"] == "128MiB"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_logged_only_if_that_is_wanted() {
    let data = tempfile::tempdir().unwrap();
    let arguments = ["--log", "info", "--log-format", "json"];
    let mut server = Process::start(command(data.path()).args(arguments).stderr(Stdio::piped()));
    refused_gets(&server, 1).await;
    let lines = lines(&mut server);
    assert!(lines.iter().all(|line| line["message"] != "a gRPC call ended"), "{lines:?}");
}
