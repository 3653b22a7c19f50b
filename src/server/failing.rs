//! Tests a whole server over an engine that fails: every door reports temporary faults as temporary, and
//! nothing is lost, invented or left broken.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Request;
use hyper::service::Service;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::front::{Around, Front};
use super::tenure::Tenure;
use crate::api::error::reason_of;
use crate::api::grpc::v1;
use crate::api::grpc::v1::member_base_service_client::MemberBaseServiceClient;
use crate::api::grpc::v1::member_service_client::MemberServiceClient;
use crate::directory::{Gate, Incoming};
use crate::engine::faulty::{Fault, Faulty};
use crate::engine::memory::MemoryEngine;
use crate::engine::{Engine, EngineError};
use crate::model::Timestamp;
use crate::model::origin::Door;
use crate::table::{AuditConfig, Table, TableConfig, audit};

const HOUR: i64 = 60 * 60 * 1_000_000;

/// The clients of tests call a server without a connection.
impl tower::Service<Request<Body>> for Front {
    type Response = <Self as Service<Request<Body>>>::Response;
    type Error = <Self as Service<Request<Body>>>::Error;
    type Future = <Self as Service<Request<Body>>>::Future;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        <Self as Service<Request<Body>>>::call(self, request)
    }
}

struct World {
    engine: Arc<Faulty>,
    clock: Arc<AtomicI64>,
    table: Arc<Table>,
    front: Front,
    base: String,
}

impl World {
    /// A server with one memberbase.
    async fn new() -> Self {
        let engine = Arc::new(Faulty::new(Arc::new(MemoryEngine::new())));
        let clock = Arc::new(AtomicI64::new(1));
        let now = Arc::clone(&clock);
        let now = Arc::new(move || Timestamp::from_micros(now.load(Ordering::Relaxed)));
        let config = TableConfig { checkpoint_entries: 40, ..TableConfig::default() };
        let table = Table::open(Arc::clone(&engine) as Arc<dyn Engine>, now, config).await.unwrap();
        let front =
            Front::new(Around::default(), Incoming::new(1 << 24, Duration::from_secs(30))).await.unwrap();
        let gate = Gate::new(Arc::clone(&table), Door::System);
        front.serve(&gate, &Tenure::Always, 1 << 20, &CancellationToken::new(), None).await;
        let mut world = Self { engine, clock, table, front, base: String::new() };
        world.base = world.new_base("Staff").await.unwrap();
        world
    }

    async fn new_base(&self, name: &str) -> Result<String, Status> {
        let off = v1::GuardLimit { percent: Some(100), count: None };
        let request = v1::CreateMemberBaseRequest {
            name: name.to_owned(),
            share_accounts: Some(true),
            guard_limits: Some(v1::GuardLimits {
                removals: Some(off),
                identities: Some(off),
                clears: Some(off),
                reactivations: Some(off),
                tiers: Some(off),
                removals_of_tiers: Vec::new(),
            }),
            ..Default::default()
        };
        let made = MemberBaseServiceClient::new(self.front.clone()).create_member_base(request).await?;
        Ok(made.into_inner().member_base.unwrap().id)
    }

    fn members(&self) -> MemberServiceClient<Front> {
        MemberServiceClient::new(self.front.clone())
    }

    async fn upsert(&self, members: Vec<v1::MemberInput>) -> Result<(), Status> {
        let request = v1::BulkUpsertMembersRequest {
            member_base_id: self.base.clone(),
            members,
            mode: v1::BulkMode::Atomic.into(),
            ..Default::default()
        };
        self.members().bulk_upsert_members(request).await.map(drop)
    }

    async fn import(&self, n: u64) -> Result<(), Status> {
        let options = v1::ImportOptions { member_base_id: self.base.clone(), ..Default::default() };
        let chunk = v1::ImportMembersRequest {
            options: Some(options),
            chunk: 1,
            members: vec![row(&format!("import{n}"), n)],
            ..Default::default()
        };
        let mut replies =
            self.members().import_members(futures_util::stream::iter([chunk])).await?.into_inner();
        while replies.message().await?.is_some() {}
        Ok(())
    }

    async fn stream_row(&self, n: u64) -> Result<(), Status> {
        let options = v1::UpsertMembersOptions { member_base_id: self.base.clone(), ..Default::default() };
        let member = Some(row(&format!("row{n}"), n));
        let message = v1::UpsertMembersRequest { options: Some(options), sequence: n, member };
        let mut answers =
            self.members().upsert_members(futures_util::stream::iter([message])).await?.into_inner();
        while answers.message().await?.is_some() {}
        Ok(())
    }

    async fn post(&self, path: &str, body: String) -> http::Response<Body> {
        let request = Request::post(path)
            .header("content-type", "application/json")
            .header("content-length", body.len())
            .header("x-member-base-id", &self.base)
            .body(Body::new(http_body_util::Full::from(body)));
        self.front.call(request.unwrap()).await.unwrap()
    }

    async fn publisher(&self, n: u64) -> http::Response<Body> {
        let row = format!(r#"{{"ref": "publisher{n}"}}"#);
        let body = format!(r#"{{"member_base_id": "{}", "members": [{row}]}}"#, self.base);
        self.post("/publisher.v1/member/bulk-upsert", body).await
    }

    async fn onsi(&self, n: u64) -> http::Response<Body> {
        let names = r#""firstName": "Jane", "lastName": "Smith", "tier": "Gold""#;
        self.post("/v1/members", format!(r#"{{"email": "onsi{n}@example.com", {names}}}"#)).await
    }

    async fn name_of(&self, r#ref: &str) -> Result<Option<String>, Status> {
        let request = v1::GetMemberRequest {
            member_base_id: Some(self.base.clone()),
            r#ref: Some(r#ref.to_owned()),
            ..Default::default()
        };
        match self.members().get_member(request).await {
            Ok(found) => Ok(found.into_inner().member.unwrap().first_name),
            Err(status) if status.code() == Code::NotFound => Ok(None),
            Err(status) => Err(status),
        }
    }

    async fn delete(&self, r#ref: &str) -> Result<(), Status> {
        let request = v1::BulkDeleteMembersRequest {
            member_base_id: self.base.clone(),
            refs: vec![r#ref.to_owned()],
            ..Default::default()
        };
        self.members().bulk_delete_members(request).await.map(drop)
    }
}

fn row(r#ref: &str, n: u64) -> v1::MemberInput {
    v1::MemberInput {
        r#ref: Some(r#ref.to_owned()),
        email: Some(format!("{ref}@example.com")),
        first_name: Some(format!("n{n}")),
        ..Default::default()
    }
}

fn io() -> EngineError {
    EngineError::Io("no descriptors in /secret/path".to_owned())
}

/// Whether a gRPC call failed, which it must report as temporary.
#[track_caller]
fn is_refused(result: Result<(), Status>) -> bool {
    let Err(status) = result else { return false };
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    assert_eq!(reason_of(&status).as_deref(), Some("STORAGE_UNAVAILABLE"));
    assert!(status.get_details_retry_info().is_some() && !status.message().contains("secret"), "{status:?}");
    true
}

#[track_caller]
fn is_refused_over_http(response: &http::Response<Body>) -> bool {
    if response.status().is_success() {
        return false;
    }
    assert_eq!(response.status().as_u16(), 503);
    assert!(response.headers().contains_key(http::header::RETRY_AFTER));
    true
}

#[tokio::test]
async fn every_door_reports_a_temporary_fault_and_when_to_retry() {
    let world = World::new().await;
    let mut refused = BTreeMap::new();
    // A different operation of the call fails each time. A fault that comes after the call hits the next one.
    for n in 1..=40 {
        for door in ["unary", "stream", "rows", "publisher", "onsi"] {
            world.engine.fail_later(1 + n % 4, Fault::Error(io()));
            let has_failed = match door {
                "unary" => is_refused(world.upsert(vec![row(&format!("grpc{n}"), n)]).await),
                "stream" => is_refused(world.import(n).await),
                "rows" => is_refused(world.stream_row(n).await),
                "publisher" => is_refused_over_http(&world.publisher(n).await),
                _ => is_refused_over_http(&world.onsi(n).await),
            };
            *refused.entry(door).or_insert(0) += i32::from(has_failed);
        }
    }
    assert!(refused.values().all(|times| *times >= 10), "{refused:?}");
}

/// Numbers that look random (xorshift), the same for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// While the engine fails, calls may report only temporary faults.
#[track_caller]
fn assert_temporary(status: &Status) {
    let reason = reason_of(status);
    let temporary = ["STORAGE_UNAVAILABLE", "STORAGE_FULL", "COMMIT_UNKNOWN"];
    assert!(temporary.contains(&reason.as_deref().unwrap_or_default()), "{status:?}");
}

#[tokio::test]
async fn random_faults_lose_nothing_invent_nothing_and_leave_nothing_broken() {
    for seed in 1..=6 {
        let mut dice = Dice(u64::MAX / 3 + seed);
        let mut world = World::new().await;
        let mut failures = 0;
        // The names that each ref may have, according to the responses.
        let mut may: BTreeMap<String, BTreeSet<Option<String>>> = BTreeMap::new();
        for n in 0..300 {
            let fault = match dice.below(6) {
                0 => Some(Fault::Error(io())),
                1 => Some(Fault::Error(EngineError::StorageFull { free: 1, needed: 2 })),
                2 => Some(Fault::FailedWrite { also: dice.below(3) }),
                _ => None,
            };
            if let Some(fault) = fault {
                world.engine.fail_later(1 + dice.below(12), fault);
            }
            let subject = format!("r{}", dice.below(30));
            let known = may.entry(subject.clone()).or_insert_with(|| BTreeSet::from([None]));
            let (result, after) = match dice.below(8) {
                0..=3 => (world.upsert(vec![row(&subject, n)]).await, Some(format!("n{n}"))),
                4 => (world.delete(&subject).await, None),
                5 => {
                    world.clock.fetch_add(HOUR, Ordering::Relaxed);
                    // The next round does what this one could not.
                    drop(world.table.maintain().await);
                    continue;
                }
                6 => {
                    match world.new_base(&format!("Base {n}")).await {
                        Ok(_) => {}
                        Err(status) => assert_temporary(&status),
                    }
                    continue;
                }
                _ => {
                    match world.name_of(&subject).await {
                        Ok(found) => {
                            assert!(known.contains(&found), "{subject}: {found:?} of {known:?}, seed {seed}")
                        }
                        Err(status) => assert_temporary(&status),
                    }
                    continue;
                }
            };
            match result {
                Ok(()) => *known = BTreeSet::from([after]),
                Err(status) => {
                    assert_temporary(&status);
                    failures += 1;
                    if reason_of(&status).as_deref() == Some("COMMIT_UNKNOWN") {
                        known.insert(after);
                    }
                }
            }
        }
        assert!(failures > 10, "only {failures} calls failed");
        // Replaces the last planned fault by one that never comes.
        world.engine.fail_later(u64::MAX / 2, Fault::CrashBefore);
        for (subject, known) in &may {
            let found = world.name_of(subject).await.unwrap();
            assert!(known.contains(&found), "{subject}: {found:?} of {known:?}, seed {seed}");
        }
        world.upsert(vec![row("last", 1)]).await.unwrap();
        world.base = world.new_base("Last").await.unwrap();
        world.upsert(vec![row("last", 2)]).await.unwrap();
        world.table.maintain().await.unwrap();
        let engine: Arc<dyn Engine> = world.engine;
        let how =
            AuditConfig::new(Timestamp::from_micros(world.clock.load(Ordering::Relaxed)), 30 * 24 * HOUR);
        let report = audit(&engine, &how, &|_| {}).await.unwrap();
        assert!(report.is_sound(), "seed {seed}: {:#?}", report.findings);
    }
}
