//! Tokens that expire or are revoked while their holders are at work.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::Poll;
use std::time::Duration;

use super::row;
use crate::directory::{
    CreatedToken, Directory, Error, Gate, NewToken, Search, TokenFault, TokenSeed, TransactionInput, Upsert,
};
use crate::engine::memory::MemoryEngine;
use crate::model::origin::Door;
use crate::model::token::AccessLevel;
use crate::model::{
    BaseName, BaseNumber, BaseSettings, RawFilter, RawValue, RecordKind, Timestamp, UpsertOptions,
};
use crate::table::{Series, Table, TableConfig, WriteMode};

const SECOND: i64 = 1_000_000;
const DAY: i64 = 24 * 3600 * SECOND;
const BEGIN: i64 = 1_700_000_000 * SECOND;

/// A service whose clock a test sets.
struct Service {
    time: Arc<AtomicI64>,
    table: Arc<Table>,
    gate: Gate,
    admin: Directory,
}

impl Service {
    async fn new() -> Self {
        Self::on(Arc::new(MemoryEngine::new()), BEGIN).await
    }

    /// A service with a clock of its own, as of a server that takes the store over.
    async fn on(engine: Arc<MemoryEngine>, now: i64) -> Self {
        let time = Arc::new(AtomicI64::new(now));
        let shown = Arc::clone(&time);
        let clock = Arc::new(move || Timestamp::from_micros(shown.load(Ordering::Relaxed)));
        let table = Table::open(engine, clock, TableConfig::default()).await.unwrap();
        let gate = Gate::new(Arc::clone(&table), Door::Grpc);
        let admin = gate.enter(gate.owner(), AccessLevel::Admin).await.unwrap();
        Self { time, table, gate, admin }
    }

    async fn token(&self, new: NewToken) -> CreatedToken {
        self.admin.create_token(new, TokenSeed::draw().unwrap()).await.unwrap()
    }

    async fn base(&self) -> BaseNumber {
        let settings = BaseSettings::named(BaseName::parse("Test").unwrap());
        self.table.create_base(settings, None).await.unwrap().number
    }
}

#[tokio::test]
async fn a_clock_that_is_set_back_refuses_no_limited_token() {
    let service = Service::new().await;
    let new = NewToken {
        access: "write".into(),
        requests_per_second: Some(10),
        rows_per_second: Some(10),
        ..NewToken::default()
    };
    let secret = service.token(new).await.secret;
    let served = async || {
        let caller = service.gate.identify(Some(secret.reveal())).await?;
        service.gate.enter(caller, AccessLevel::Write).await?.guarded.take_rows(1)
    };
    // Uses half of one second's limit before the clock is set, and half afterwards.
    for moved in [0, -DAY] {
        service.time.fetch_add(moved, Ordering::Relaxed);
        for _ in 0..5 {
            served().await.unwrap();
        }
    }
    service.time.fetch_add(2 * DAY, Ordering::Relaxed);
    let mut tries = 0;
    let refused = loop {
        tries += 1;
        assert!(tries < 1_000, "nothing was refused");
        if let Err(error) = served().await {
            break error;
        }
    };
    assert!(refused.retry_after().unwrap() <= Duration::from_millis(101), "{refused:?}");
}

/// A token that expires at this time.
fn until(time: i64) -> NewToken {
    let expires_at = Some(Timestamp::from_micros(time));
    NewToken { access: "write".into(), expires_at, ..NewToken::default() }
}

#[tokio::test]
async fn a_token_that_expired_before_the_last_write_stays_expired_when_the_clock_is_behind() {
    let expired = Some(Error::from(TokenFault::Expired));
    for is_of_token in [false, true] {
        let engine = Arc::new(MemoryEngine::new());
        let service = Service::on(Arc::clone(&engine), BEGIN).await;
        let base = service.base().await;
        let early = service.token(until(BEGIN + SECOND)).await.secret;
        let late = service.token(until(BEGIN + 3 * SECOND)).await.secret;
        service.time.store(BEGIN + 2 * SECOND, Ordering::Relaxed);
        if is_of_token {
            service.token(NewToken { access: "read".into(), ..NewToken::default() }).await;
        } else {
            service.admin.bulk_upsert(base, rows(0..1)).await.unwrap();
        }
        service.time.store(BEGIN, Ordering::Relaxed);
        let behind = Service::on(engine, BEGIN).await;
        for service in [&service, &behind] {
            assert_eq!(service.gate.identify(Some(early.reveal())).await.err(), expired);
            assert_eq!(service.gate.sign_in(early.reveal()).await.err(), expired);
            // This one expires after the last write.
            service.gate.identify(Some(late.reveal())).await.unwrap();
            let made = service.admin.create_token(until(BEGIN + SECOND), TokenSeed::draw().unwrap()).await;
            assert!(made.is_err(), "it would be refused at once");
        }
    }
}

#[tokio::test]
async fn a_clock_that_was_ahead_while_nothing_was_written_ends_no_token() {
    let engine = Arc::new(MemoryEngine::new());
    let service = Service::on(Arc::clone(&engine), BEGIN).await;
    let lasting = service.token(NewToken { access: "read".into(), ..NewToken::default() }).await.secret;
    let made = service.token(until(BEGIN + DAY)).await.secret;
    service.time.store(BEGIN + 365 * DAY, Ordering::Relaxed);
    let expired = Some(Error::from(TokenFault::Expired));
    assert_eq!(service.gate.identify(Some(made.reveal())).await.err(), expired);
    // The time of this use is stored, and does not count.
    service.gate.identify(Some(lasting.reveal())).await.unwrap();
    service.table.maintain().await.unwrap();
    service.time.store(BEGIN + SECOND, Ordering::Relaxed);
    let again = Service::on(engine, BEGIN + SECOND).await;
    for service in [&service, &again] {
        service.gate.identify(Some(made.reveal())).await.unwrap();
    }
}

fn rows(rows: std::ops::Range<u64>) -> Upsert {
    Upsert {
        rows: rows.map(|i| Ok(row(i))).collect(),
        options: UpsertOptions::default(),
        mode: WriteMode::Partial,
        deadline: None,
    }
}

/// A transaction of this member.
fn event(member_id: &str, external_id: String) -> TransactionInput {
    TransactionInput {
        member_id: member_id.to_owned(),
        external_id,
        auth_code: "A1".into(),
        network: "visa".into(),
        bin: "411111".into(),
        merchant_id: "m".into(),
        authed_at: Some(Ok(Timestamp::from_micros(BEGIN))),
        ..TransactionInput::default()
    }
}

/// How the token ends.
#[derive(Debug, Clone, Copy)]
enum End {
    Expiry,
    Revocation,
}

#[tokio::test]
async fn every_step_of_a_long_call_checks_the_token_again() {
    for (end, fault) in [(End::Expiry, TokenFault::Expired), (End::Revocation, TokenFault::Revoked)] {
        let service = Service::new().await;
        let base = service.base().await;
        // More than one page of each.
        let filled = service.admin.bulk_upsert(base, rows(0..6_000)).await.unwrap();
        let member = service.admin.sealer().member_id(base, filled.outcomes[0].row.unwrap());
        let events = (0..2_000).map(|i| event(&member, format!("t{i}"))).collect();
        service.admin.ingest(events, None).await.unwrap();

        let expires_at = Some(Timestamp::from_micros(BEGIN + SECOND));
        let made =
            service.token(NewToken { access: "write".into(), expires_at, ..NewToken::default() }).await;
        let caller = service.gate.identify(Some(made.secret.reveal())).await.unwrap();
        let holder = service.gate.enter(caller.clone(), AccessLevel::Write).await.unwrap();
        let mut members = holder.export(base, Vec::new(), None).await.unwrap();
        let mut records = holder.export_records(base, vec![RecordKind::Transaction], None).await.unwrap();
        assert!(members.next().await.unwrap().is_some_and(|page| !page.is_empty()));
        assert!(records.next().await.unwrap().is_some_and(|page| !page.is_empty()));
        let chunk = holder.begin_upsert(base, rows(6_000..6_001), &Series::default()).await.unwrap();

        match end {
            End::Expiry => service.time.store(BEGIN + SECOND, Ordering::Relaxed),
            End::Revocation => drop(service.admin.revoke_token(&made.token.id.to_string()).await.unwrap()),
        }
        // Rows that were handed in before are applied.
        assert_eq!(chunk.reply().await.unwrap().outcomes.len(), 1);
        let ended = Error::from(fault);
        assert_eq!(members.next().await.unwrap_err(), ended, "{end:?}");
        assert_eq!(records.next().await.unwrap_err(), ended, "{end:?}");
        assert_eq!(
            holder.begin_upsert(base, rows(6_001..6_002), &Series::default()).await.err(),
            Some(ended.clone())
        );
        assert_eq!(service.gate.enter(caller, AccessLevel::Read).await.err(), Some(ended.clone()));
        assert_eq!(service.gate.identify(Some(made.secret.reveal())).await.err(), Some(ended));
    }
}

/// A filter that no index answers.
fn by_company() -> Vec<RawFilter> {
    let eq = Some(RawValue::Text("gold".to_owned()));
    vec![RawFilter { key: Some("company".to_owned()), eq, ..RawFilter::default() }]
}

#[tokio::test]
async fn a_search_of_many_parts_ends_with_its_token() {
    let service = Service::new().await;
    let base = service.base().await;
    // More members than one part checks.
    for part in 0..6 {
        service.admin.bulk_upsert(base, rows(part * 5_000..(part + 1) * 5_000)).await.unwrap();
    }
    let made = service.token(NewToken { access: "read".into(), ..NewToken::default() }).await;
    let caller = service.gate.identify(Some(made.secret.reveal())).await.unwrap();
    let holder = service.gate.enter(caller, AccessLevel::Read).await.unwrap();
    let search = || Search { base, filters: by_company(), skip: 0, take: 1 };
    assert!(holder.search_members(search()).await.unwrap().total > 5_000);
    let mut search = std::pin::pin!(holder.search_members(search()));
    // The search lets others go first between two parts; then the token is revoked.
    let is_under_way =
        std::future::poll_fn(|context| Poll::Ready(search.as_mut().poll(context).is_pending()));
    assert!(is_under_way.await);
    service.admin.revoke_token(&made.token.id.to_string()).await.unwrap();
    assert_eq!(search.await.unwrap_err(), TokenFault::Revoked.into());
}
