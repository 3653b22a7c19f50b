//! The log of a server: it blocks no call, reports what starts, and refused requests cannot fill it.

use std::io::Read;
use std::process::Stdio;
use std::time::Instant;

use memberbase::api::grpc::v1;
use rustix::process::Signal;

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
