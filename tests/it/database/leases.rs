//! Memberbases that a standby serves by itself: every promise holds across both servers.

use std::time::{Duration, Instant};

use memberbase::api::grpc::v1;
use memberbase::api::grpc::v1::api_token_service_client::ApiTokenServiceClient;
use memberbase::api::grpc::v1::job_service_client::JobServiceClient;
use memberbase::api::grpc::v1::member_base_service_client::MemberBaseServiceClient;
use rustix::process::Signal;
use tonic::metadata::MetadataValue;
use tonic::{Code, Request, Status};

use super::{free_address, get_member, make_base, run, upsert};
use crate::harness::{Database, Process, connect, database, members, outcomes, row, rows};
use crate::metrics::get;

/// How long it may take until a standby has a memberbase: a refusal is followed by a pause.
const PATIENCE: Duration = Duration::from_secs(90);

/// Two servers that lend memberbases, and one memberbase with members.
struct Pair {
    database: Database,
    active: Process,
    standby: Process,
    /// Where the standby shows its metrics.
    admin: String,
    base: String,
}

impl Pair {
    async fn start() -> Option<Self> {
        let database = database()?;
        let at = [free_address(), free_address(), free_address()];
        let active = Process::start(&mut serve(&database, &at[0], "off"));
        let standby = Process::start(&mut serve(&database, &at[1], &at[2]));
        let base = make_base(&active.address, "base").await;
        let [_, _, admin] = at;
        Some(Self { database, active, standby, admin, base })
    }

    async fn metric(&self, name: &str) -> u64 {
        let page = get(self.admin.parse().unwrap(), "/metrics", "localhost").await.text;
        let value = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let value = value.unwrap_or_else(|| panic!("no {name} in {page}"));
        value.trim_end_matches(".0").parse().unwrap()
    }

    async fn leases(&self) -> u64 {
        self.metric("memberbase_leases").await
    }

    /// Sends writes and reads to the standby until that has the memberbase for itself.
    async fn lease(&self) {
        self.lease_as(None).await;
    }

    async fn lease_as(&self, token: Option<&str>) {
        let stub = members(&connect(&self.standby.address).await);
        let begun = Instant::now();
        loop {
            assert!(begun.elapsed() < PATIENCE, "it never got the memberbase");
            let calls = (0..50).map(|number| {
                let mut stub = stub.clone();
                let request = upsert(&self.base, vec![row(&format!("m{number}"))], "");
                let request = with_token(request, token);
                async move { stub.bulk_upsert_members(request).await }
            });
            for answer in futures_util::future::join_all(calls).await {
                answer.unwrap();
            }
            if self.leases().await == 1 {
                return;
            }
            // It asks again only after a pause, if calls were on their way for too long.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Returns once the standby has given the memberbase back.
    async fn given_back(&self) {
        while self.leases().await != 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Stops both servers, and checks the store as a whole.
    async fn stop(mut self, words: &str) {
        for server in [&mut self.standby, &mut self.active] {
            server.signal(Signal::TERM);
            assert!(server.wait().success());
        }
        check(&self.database, words).await;
    }
}

async fn check(database: &Database, words: &str) {
    let (code, said) = run(database, &["check", "--store", &database.url()]).await;
    assert!(code == 0 && said.contains(words) && said.contains("\nfindings 0\n"), "{code} {said}");
}

fn serve(database: &Database, address: &str, admin: &str) -> std::process::Command {
    let url = database.url();
    let mut command = database.memberbase(&["serve", "--store", &url, "--listen", address, "--log", "warn"]);
    command.args(["--advertise", &format!("http://{address}"), "--lease-memberbases"]);
    command.args(["--admin-listen", admin, "--memory", "256MiB"]);
    command
}

fn with_token<T>(message: T, token: Option<&str>) -> Request<T> {
    let mut request = Request::new(message);
    if let Some(token) = token {
        let bearer: MetadataValue<_> = format!("Bearer {token}").parse().unwrap();
        request.metadata_mut().insert("authorization", bearer);
    }
    request
}

fn with_role(key: &str, role: &str) -> v1::MemberInput {
    v1::MemberInput { role: Some(role.to_owned()), ..row(key) }
}

async fn set_role(address: &str, base: &str, key: &str, role: &str) -> Result<v1::Outcome, Status> {
    let mut stub = members(&connect(address).await);
    let written = stub.bulk_upsert_members(upsert(base, vec![with_role(key, role)], "")).await?;
    Ok(outcomes(&written.into_inner())[0])
}

async fn role(address: &str, base: &str, key: &str) -> Result<String, Status> {
    Ok(get_member(address, base, key).await?.role.unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn both_servers_see_what_the_other_acknowledged_while_a_memberbase_goes_back_and_forth() {
    let Some(pair) = Pair::start().await else { return };
    let (near, far) = (pair.standby.address.clone(), pair.active.address.clone());
    pair.lease().await;
    let before = pair.metric("memberbase_lease_calls_total").await;
    // By id too, which only the tenant can tell is its own.
    let id = get_member(&near, &pair.base, "m1").await.unwrap().id;
    let request = v1::GetMemberRequest { id: Some(id.clone()), ..Default::default() };
    let found =
        members(&connect(&near).await).get_member(request).await.unwrap().into_inner().member.unwrap();
    assert_eq!(found.r#ref.as_deref(), Some("m1"));
    assert_eq!(set_role(&near, &pair.base, "m1", "near").await.unwrap(), v1::Outcome::Updated);
    let mut stub = members(&connect(&near).await);
    let written =
        stub.bulk_upsert_members(upsert(&pair.base, rows("bulk", 2_000), "bulk")).await.unwrap().into_inner();
    assert_eq!(pair.metric("memberbase_lease_calls_total").await, before + 4);
    assert_eq!(pair.leases().await, 1);
    // Now the other one needs it.
    assert_eq!(role(&far, &pair.base, "m1").await.unwrap(), "near");
    pair.given_back().await;
    assert_eq!(get_member(&far, &pair.base, "bulk1999").await.unwrap().id, written.results[1_999].id);
    assert_eq!(set_role(&far, &pair.base, "m1", "far").await.unwrap(), v1::Outcome::Updated);
    assert_eq!(role(&near, &pair.base, "m1").await.unwrap(), "far");
    assert_eq!(set_role(&near, &pair.base, "m1", "far").await.unwrap(), v1::Outcome::Unchanged);
    pair.stop("\nmembers 2050\n").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_id_is_one_request_at_the_tenant_and_at_the_active_server() {
    let Some(pair) = Pair::start().await else { return };
    let send = async |address: &str, prefix: &str| {
        let request = upsert(&pair.base, rows(prefix, 1_200), prefix);
        members(&connect(address).await).bulk_upsert_members(request).await.map(|reply| reply.into_inner())
    };
    let before = send(&pair.active.address, "before").await.unwrap();
    pair.lease().await;
    assert_eq!(send(&pair.standby.address, "before").await.unwrap(), before);
    let during = send(&pair.standby.address, "during").await.unwrap();
    assert_eq!(send(&pair.standby.address, "during").await.unwrap(), during);
    assert_eq!(pair.leases().await, 1);
    // Another request with an id that the tenant has used.
    let other = upsert(&pair.base, vec![row("other")], "during");
    let refused = members(&connect(&pair.active.address).await).bulk_upsert_members(other).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument, "{refused:?}");
    assert_eq!(send(&pair.active.address, "during").await.unwrap(), during);
    assert_eq!(send(&pair.active.address, "before").await.unwrap(), before);
    pair.stop("\nmembers 2450\n").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_revoked_at_one_server_is_refused_by_the_tenant_at_once() {
    let Some(pair) = Pair::start().await else { return };
    let mut tokens = ApiTokenServiceClient::new(connect(&pair.active.address).await);
    let mut make = async |access: &str, with: Option<&str>| {
        let request = v1::CreateApiTokenRequest { access: access.to_owned(), ..Default::default() };
        tokens.create_api_token(with_token(request, with)).await.unwrap().into_inner()
    };
    let admin = make("admin", None).await.token;
    let writer = make("write", Some(&admin)).await;
    // Whoever may not read it moves nothing: the active server looks at the token for which a standby asks.
    let stub = members(&connect(&pair.standby.address).await);
    while pair.metric("memberbase_lease_changes_total{change=\"refused\"}").await == 0 {
        let calls = (0..100).map(|_| {
            let mut stub = stub.clone();
            let request = upsert(&pair.base, vec![row("m1")], "");
            async move { stub.bulk_upsert_members(request).await.unwrap_err().code() }
        });
        let codes = futures_util::future::join_all(calls).await;
        assert!(codes.iter().all(|code| *code == Code::Unauthenticated), "{codes:?}");
    }
    assert_eq!(pair.metric("memberbase_lease_changes_total{change=\"granted\"}").await, 0);
    pair.lease_as(Some(&writer.token)).await;
    let ask = async |token: Option<&str>| {
        let request = v1::GetMemberRequest {
            member_base_id: Some(pair.base.clone()),
            r#ref: Some("m1".into()),
            ..Default::default()
        };
        members(&connect(&pair.standby.address).await).get_member(with_token(request, token)).await
    };
    assert!(ask(Some(&writer.token)).await.is_ok());
    assert_eq!(ask(None).await.unwrap_err().code(), Code::Unauthenticated);
    assert_eq!(pair.leases().await, 1, "the tenant decided that");
    let request = v1::RevokeApiTokenRequest { id: writer.api_token.unwrap().id, ..Default::default() };
    tokens.revoke_api_token(with_token(request, Some(&admin))).await.unwrap();
    assert_eq!(ask(Some(&writer.token)).await.unwrap_err().code(), Code::Unauthenticated);
    assert!(ask(Some(&admin)).await.is_ok());
    pair.stop("\nmembers 50\n").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_is_killed_loses_nothing_that_it_acknowledged() {
    let Some(mut pair) = Pair::start().await else { return };
    pair.lease().await;
    let written = set_role(&pair.standby.address, &pair.base, "m7", "last").await.unwrap();
    assert_eq!(written, v1::Outcome::Updated);
    assert_eq!(pair.leases().await, 1);
    pair.standby.signal(Signal::KILL);
    pair.standby.wait();
    // It waits until the tenant cannot answer any more.
    assert_eq!(role(&pair.active.address, &pair.base, "m7").await.unwrap(), "last");
    assert_eq!(set_role(&pair.active.address, &pair.base, "m7", "next").await.unwrap(), v1::Outcome::Updated);
    pair.active.signal(Signal::TERM);
    assert!(pair.active.wait().success());
    check(&pair.database, "\nmembers 50\n").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_stood_still_answers_nothing_old_and_writes_over_nobody() {
    let Some(pair) = Pair::start().await else { return };
    pair.lease().await;
    let mut stub = members(&connect(&pair.standby.address).await);
    let get = v1::GetMemberRequest {
        member_base_id: Some(pair.base.clone()),
        r#ref: Some("m3".into()),
        ..Default::default()
    };
    set_role(&pair.standby.address, &pair.base, "m3", "old").await.unwrap();
    stub.get_member(get.clone()).await.unwrap();
    assert_eq!(pair.leases().await, 1);
    pair.standby.signal(Signal::STOP);
    // Sent while it stands still, and so on its way when it goes on.
    let asked = tokio::spawn({
        let (mut stub, get) = (stub.clone(), get.clone());
        async move { stub.get_member(get).await }
    });
    let late = tokio::spawn({
        let request = upsert(&pair.base, vec![with_role("m4", "late")], "late");
        let mut stub = stub.clone();
        async move { stub.bulk_upsert_members(request).await }
    });
    assert_eq!(set_role(&pair.active.address, &pair.base, "m3", "new").await.unwrap(), v1::Outcome::Updated);
    assert_eq!(set_role(&pair.active.address, &pair.base, "m4", "new").await.unwrap(), v1::Outcome::Updated);
    pair.standby.signal(Signal::CONT);
    match asked.await.unwrap() {
        Ok(reply) => assert_eq!(reply.into_inner().member.unwrap().role.as_deref(), Some("new")),
        Err(status) => assert_eq!(status.code(), Code::Unavailable, "{status:?}"),
    }
    let late = late.await.unwrap();
    let now = role(&pair.standby.address, &pair.base, "m4").await.unwrap();
    match late {
        // It came after the change at the other server, whose answer was there before.
        Ok(written) => {
            assert_eq!((outcomes(&written.into_inner())[0], &*now), (v1::Outcome::Updated, "late"));
        }
        Err(status) => {
            assert_eq!(status.code(), Code::Unavailable, "{status:?}");
            assert!(["new", "late"].contains(&&*now), "{now}");
        }
    }
    assert_eq!(role(&pair.standby.address, &pair.base, "m3").await.unwrap(), "new");
    pair.stop("\nmembers 50\n").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_becomes_the_active_server_when_that_is_killed() {
    let Some(mut pair) = Pair::start().await else { return };
    pair.lease().await;
    set_role(&pair.standby.address, &pair.base, "m5", "tenant").await.unwrap();
    assert_eq!(pair.leases().await, 1);
    pair.active.signal(Signal::KILL);
    pair.active.wait();
    // Calls wait for the takeover, or are served by the tenant until then.
    let role = loop {
        match role(&pair.standby.address, &pair.base, "m5").await {
            Ok(role) => break role,
            Err(status) => assert_eq!(status.code(), Code::Unavailable, "{status:?}"),
        }
    };
    assert_eq!(role, "tenant");
    loop {
        match set_role(&pair.standby.address, &pair.base, "m5", "owner").await {
            Ok(_) => break,
            Err(status) => assert_eq!(status.code(), Code::Unavailable, "{status:?}"),
        }
    }
    while get(pair.standby.socket(), "/activez", "localhost").await.status != 200 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(self::role(&pair.standby.address, &pair.base, "m5").await.unwrap(), "owner");
    pair.standby.signal(Signal::TERM);
    assert!(pair.standby.wait().success());
    check(&pair.database, "\nmembers 50\n").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_and_the_end_of_a_memberbase_take_it_back_first() {
    let Some(pair) = Pair::start().await else { return };
    pair.lease().await;
    set_role(&pair.standby.address, &pair.base, "m9", "tenant").await.unwrap();
    assert_eq!(pair.leases().await, 1);
    let list: String = std::iter::once("ref,role\n".to_owned())
        .chain((0..50).filter(|number| *number != 9).map(|number| format!("m{number},list\n")))
        .collect();
    let options = v1::SyncOptions {
        member_base_id: pair.base.clone(),
        request_id: "list".into(),
        ..Default::default()
    };
    let messages = [
        v1::SyncMembersRequest { options: Some(options), ..Default::default() },
        v1::SyncMembersRequest { data: list.into_bytes().into(), ..Default::default() },
        v1::SyncMembersRequest {
            complete: Some(v1::SyncComplete { rows: Some(49), sha256: None }),
            ..Default::default()
        },
    ];
    let mut jobs = JobServiceClient::new(connect(&pair.standby.address).await);
    let sent = jobs.sync_members(tokio_stream::iter(messages)).await.unwrap().into_inner();
    let id = sent.job.unwrap().id;
    crate::kill::jobs::follow(&mut jobs, &id, |_| {}).await.unwrap();
    let job = jobs.get_job(v1::GetJobRequest { id }).await.unwrap().into_inner().job.unwrap();
    assert_eq!(job.state(), v1::JobState::Succeeded, "{job:?}");
    assert_eq!(job.applied.unwrap().updated, 49);
    assert_eq!(role(&pair.standby.address, &pair.base, "m8").await.unwrap(), "list");
    // The list did not have this one.
    let left = get_member(&pair.standby.address, &pair.base, "m9").await.unwrap();
    assert_eq!(left.role.as_deref(), Some("tenant"));
    let mut bases = MemberBaseServiceClient::new(connect(&pair.standby.address).await);
    bases
        .delete_member_base(v1::DeleteMemberBaseRequest {
            id: pair.base.clone(),
            expect_members: Some(50),
            ..Default::default()
        })
        .await
        .unwrap();
    for server in [&pair.standby, &pair.active] {
        let gone = get_member(&server.address, &pair.base, "m8").await.unwrap_err();
        assert_eq!(gone.code(), Code::NotFound, "{gone:?}");
    }
    pair.stop("\nfindings 0\n").await;
}
