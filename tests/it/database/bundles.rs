//! Gets of one member, which a standby passes on together: the answers are those of the active server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use memberbase::api::grpc::v1;
use rustix::process::Signal;
use tonic::{Code, Response, Status};

use super::forward::{pair, serve};
use super::{free_address, make_base, run};
use crate::harness::{Members, Process, connect, database, members, row};
use crate::metrics::get;

fn create(base: &str, key: &str) -> v1::CreateMemberRequest {
    let member = Some(v1::MemberInput { email: Some(format!("{key}@example.com")), ..row(key) });
    let request_id = key.to_owned();
    v1::CreateMemberRequest { member_base_id: base.to_owned(), member, request_id, ..Default::default() }
}

fn of(base: &str, key: &str) -> v1::GetMemberRequest {
    v1::GetMemberRequest {
        member_base_id: Some(base.to_owned()),
        r#ref: Some(key.to_owned()),
        ..Default::default()
    }
}

/// Everything that a caller sees of an answer, but when it was made.
#[track_caller]
fn seen<T: std::fmt::Debug>(answer: Result<Response<T>, Status>) -> (Vec<String>, String) {
    let (metadata, rest) = match answer {
        Ok(reply) => (reply.metadata().clone(), format!("{:?}", reply.into_inner())),
        Err(status) => (
            status.metadata().clone(),
            format!("{:?} {} {:?}", status.code(), status.message(), status.details()),
        ),
    };
    let metadata = metadata.into_headers();
    let fields = metadata.iter().filter(|(name, _)| *name != "date");
    let mut fields: Vec<String> = fields.map(|(name, value)| format!("{name}: {value:?}")).collect();
    fields.sort();
    (fields, rest)
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_to_calls_that_travelled_together_are_those_of_the_active_server() {
    let Some(database) = database() else { return };
    let at = [free_address(), free_address(), free_address()];
    let active = Process::start(&mut serve(&database, &at[0]));
    let url = database.url();
    let advertised = format!("http://{}", at[1]);
    let mut command = database.memberbase(&["serve", "--store", &url, "--listen", &at[1], "--log", "warn"]);
    command.args(["--advertise", &advertised, "--admin-listen", &at[2], "--memory", "128MiB"]);
    let standby = Process::start(&mut command);
    let base = make_base(&active.address, "base").await;
    let (near, far) = (members(&connect(&standby.address).await), members(&connect(&active.address).await));
    // Many at a time, each written here and read here, and read there.
    let calls = (0..100).map(|number| {
        let (mut near, mut far, base) = (near.clone(), far.clone(), base.clone());
        async move {
            let key = format!("m{number}");
            let made = near.create_member(create(&base, &key)).await.unwrap().into_inner().member;
            let direct = far.get_member(of(&base, &key)).await;
            assert_eq!(direct.as_ref().unwrap().get_ref().member, made);
            // Others create members meanwhile, so the revisions of the memberbase differ.
            let without_revision = |answer: Result<Response<v1::GetMemberResponse>, Status>| {
                answer.map(|mut reply| {
                    reply.get_mut().revision = 0;
                    reply
                })
            };
            let passed_on = near.get_member(of(&base, &key)).await;
            assert_eq!(seen(without_revision(passed_on)), seen(without_revision(direct)));
        }
    });
    futures_util::future::join_all(calls).await;
    let mut passed_on = 100;
    let (mut near, mut far) = (near, far);
    // A repeat, a fault, nobody, and no key.
    let repeat = seen(near.create_member(create(&base, "m1")).await);
    assert!(repeat.0.iter().any(|field| field.starts_with("idempotency-replayed")), "{repeat:?}");
    assert_eq!(repeat, seen(far.create_member(create(&base, "m1")).await));
    let mut taken = create(&base, "m1");
    taken.request_id.clear();
    let refused = near.create_member(taken.clone()).await;
    assert_eq!(refused.as_ref().unwrap_err().code(), Code::AlreadyExists);
    assert_eq!(seen(refused), seen(far.create_member(taken).await));
    for request in [of(&base, "nobody"), v1::GetMemberRequest::default()] {
        assert_eq!(seen(near.get_member(request.clone()).await), seen(far.get_member(request).await));
    }
    passed_on += 2;
    // A reply that is long enough to be compressed, to a client that takes that.
    let mut long = create(&base, "long");
    let names = ["a", "b", "c", "d"].map(|letter| Some(letter.repeat(256)));
    let input = long.member.as_mut().unwrap();
    [input.first_name, input.last_name, input.role, input.company] = names;
    near.create_member(long).await.unwrap();
    let packs = |stub: &Members| stub.clone().accept_compressed(tonic::codec::CompressionEncoding::Gzip);
    let reply = seen(packs(&near).get_member(of(&base, "long")).await);
    assert_eq!(reply, seen(packs(&far).get_member(of(&base, "long")).await));
    assert!(reply.0.iter().any(|field| field.contains("gzip")), "{reply:?}");
    passed_on += 1;
    // A message that is long goes on a stream of its own.
    let mut long = of(&base, "m1");
    long.r#ref = Some("x".repeat(9_000));
    assert_eq!(seen(near.get_member(long.clone()).await), seen(far.get_member(long).await));
    let page = get(at[2].parse().unwrap(), "/metrics", "localhost").await.text;
    let bundled =
        page.lines().find_map(|line| line.strip_prefix("memberbase_forwarded_bundled_calls_total "));
    assert_eq!(bundled.unwrap().parse(), Ok(passed_on));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_call_is_lost_or_made_twice_when_the_active_server_stops_in_order() {
    let Some(database) = database() else { return };
    let (mut active, standby) = pair(&database).await;
    let mut third = Process::start(&mut serve(&database, &free_address()));
    let base = make_base(&standby.address, "base").await;
    let (stopped, made) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let stub = members(&connect(&standby.address).await);
    let mut calls = tokio::task::JoinSet::new();
    for caller in 0..16 {
        let (mut stub, base) = (stub.clone(), base.clone());
        let (stopped, made) = (Arc::clone(&stopped), Arc::clone(&made));
        calls.spawn(async move {
            let mut number = 0;
            while !stopped.load(Ordering::SeqCst) {
                let key = format!("c{caller}-{number}");
                let mut request = create(&base, &key);
                // Without an id a call that is made twice fails.
                request.request_id.clear();
                stub.create_member(request).await.unwrap();
                let found = stub.get_member(of(&base, &key)).await.unwrap().into_inner();
                assert_eq!(found.member.unwrap().r#ref, Some(key));
                number += 1;
                made.fetch_add(1, Ordering::SeqCst);
            }
        });
    }
    let go_on_until = async |count: usize| {
        while made.load(Ordering::SeqCst) < count {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    go_on_until(100).await;
    active.signal(Signal::TERM);
    assert!(active.wait().success());
    // One of the others has taken over.
    go_on_until(made.load(Ordering::SeqCst) + 100).await;
    stopped.store(true, Ordering::SeqCst);
    while let Some(ended) = calls.join_next().await {
        ended.unwrap();
    }
    let mut standby = standby;
    for server in [&mut third, &mut standby] {
        server.signal(Signal::TERM);
        assert!(server.wait().success());
    }
    let (code, said) = run(&database, &["check", "--store", &database.url()]).await;
    let count = format!("\nmembers {}\n", made.load(Ordering::SeqCst));
    assert!(code == 0 && said.contains(&count), "{code} {said}");
}
