//! The status that health checks return for each name.
//!
//! | name | is SERVING as long as |
//! | --- | --- |
//! | the empty name, and each service of memberbase | reads and writes are served, or passed on |
//! | `memberbase.reads` | reads are served, or passed on |
//! | `memberbase.writes` | reads and writes are served, because writes also read, or passed on |
//! | `memberbase.active` | the store is open here: calls sent here take no detour |
//! | `memberbase.housekeeping` | the store is open, and the last round of housekeeping finished all its work |
//!
//! All of them are NOT_SERVING while the store opens, while another server owns it, and once a stop has
//! begun. While this server passes calls on to the active one, which it reaches, the first three are SERVING.
//! The store is checked every second. When reads begin to fail or writes begin to be rejected, the reason is
//! logged once.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Mutex;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::{Health as HealthService, HealthServer};
use tonic_health::server::HealthReporter;

use super::give_back::{give_back, tidy_threads};
use crate::table::Table;

/// How often the store is checked.
const CHECK_EVERY: Duration = Duration::from_secs(1);
/// The names that report whether everything works.
const ALL: [&str; 10] = [
    "",
    "memberbase.writes",
    "publisher.v1.ApiTokenService",
    "publisher.v1.AttributeService",
    "publisher.v1.AudienceService",
    "publisher.v1.BackupService",
    "publisher.v1.JobService",
    "publisher.v1.MemberBaseService",
    "publisher.v1.MemberService",
    "publisher.v1.RecordService",
];
/// The names that report whether reads work.
const READS: [&str; 1] = ["memberbase.reads"];
/// The names that report whether this server is the active one.
const ACTIVE: [&str; 1] = ["memberbase.active"];
/// The names that report whether housekeeping finishes its work.
const HOUSEKEEPING: [&str; 1] = ["memberbase.housekeeping"];

/// The state of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// The store is open, and no stop has begun.
    pub serves: bool,
    /// What the opening of the store waits for.
    pub waits_for: WaitsFor,
    /// The store is not open here, and calls are passed on to the active server, which is reached.
    pub forwards: bool,
    /// Reads work.
    pub reads: bool,
    /// Writes work.
    pub writes: bool,
    /// The last round of housekeeping finished all its work.
    pub is_tidy: bool,
}

/// What the opening of a store on a database waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitsFor {
    /// Nothing: it goes on.
    Nothing,
    /// That the server that owns the store gives it up, or is gone.
    Owner,
    /// That the database can be reached.
    Database,
}

/// Sets the status that health checks return. Cloning it is cheap.
#[derive(Clone)]
pub struct Health {
    reporter: HealthReporter,
    state: Arc<Mutex<State>>,
}

impl Health {
    /// Starts with nothing served. Also returns the health service.
    pub async fn new() -> (Self, HealthServer<impl HealthService>) {
        let (reporter, service) = tonic_health::server::health_reporter();
        let state = State {
            serves: false,
            waits_for: WaitsFor::Nothing,
            forwards: false,
            reads: true,
            writes: true,
            is_tidy: true,
        };
        let health = Self { reporter, state: Arc::new(Mutex::new(state)) };
        health.report(state).await;
        (health, service)
    }

    /// The state now.
    pub async fn state(&self) -> State {
        *self.state.lock().await
    }

    /// Changes the state.
    pub async fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state.lock().await;
        let before = *state;
        change(&mut state);
        if *state != before {
            self.report(*state).await;
        }
    }

    /// Checks the store every second and updates the state, until the store is dropped.
    pub async fn follow(self, table: Weak<Table>) {
        let mut checks = tokio::time::interval(CHECK_EVERY);
        let (mut reads, mut writes) = (Trouble::new("reads fail"), Trouble::new("writes are rejected"));
        loop {
            checks.tick().await;
            let Some(table) = table.upgrade() else { return };
            tidy_threads();
            // Blocking, because it asks the file system.
            let checked = tokio::task::spawn_blocking(move || {
                give_back();
                (table.engine_status(), table.is_untidy())
            });
            let checked = checked.await;
            // An error means that the runtime is shutting down.
            let Ok((status, is_untidy)) = checked else { return };
            // A store that is closed during a stop is not a fault to log.
            if !self.state.lock().await.serves {
                continue;
            }
            reads.follow(status.failing_reads.as_deref());
            writes.follow(status.refusing_writes.as_deref());
            self.change(|state| {
                *state = State { reads: !reads.is_on, writes: !writes.is_on, is_tidy: !is_untidy, ..*state };
            })
            .await;
        }
    }

    async fn report(&self, state: State) {
        let State { serves, forwards, reads, writes, is_tidy, waits_for: _ } = state;
        let reported = [
            (&ALL[..], forwards || serves && reads && writes),
            (&READS[..], forwards || serves && reads),
            (&ACTIVE[..], serves),
            (&HOUSEKEEPING[..], serves && is_tidy),
        ];
        for (names, is_well) in reported {
            let status = if is_well { ServingStatus::Serving } else { ServingStatus::NotServing };
            for name in names {
                self.reporter.set_service_status(*name, status).await;
            }
        }
    }
}

/// A temporary fault; its begin and its end are logged.
struct Trouble {
    name: &'static str,
    is_on: bool,
}

impl Trouble {
    fn new(name: &'static str) -> Self {
        Self { name, is_on: false }
    }

    fn follow(&mut self, reason: Option<&str>) {
        match reason {
            Some(reason) if !self.is_on => tracing::error!(reason, "{}", self.name),
            None if self.is_on => tracing::info!("over: {}", self.name),
            Some(_) | None => {}
        }
        self.is_on = reason.is_some();
    }
}

#[cfg(test)]
mod tests {
    use tonic_health::pb::HealthCheckRequest;
    use tonic_health::pb::health_check_response::ServingStatus as Status;
    use tonic_health::pb::health_client::HealthClient;

    use super::*;
    use crate::engine::faulty::{Fault, Faulty};
    use crate::engine::memory::MemoryEngine;
    use crate::engine::{Engine, EngineError, EngineStatus};
    use crate::model::Timestamp;
    use crate::table::TableConfig;

    #[tokio::test(start_paused = true)]
    async fn rejected_writes_and_unfinished_housekeeping_are_reported_under_their_names() {
        let engine = Arc::new(Faulty::new(Arc::new(MemoryEngine::new())));
        let clock = Arc::new(|| Timestamp::from_micros(1));
        let table = Table::open(Arc::clone(&engine) as Arc<dyn Engine>, clock, TableConfig::default()).await;
        let table = table.unwrap();
        let (health, service) = Health::new().await;
        let is_serving = async |name: &str| {
            let request = HealthCheckRequest { service: name.to_owned() };
            let response = HealthClient::new(service.clone()).check(request).await.unwrap();
            response.into_inner().status() == Status::Serving
        };
        let names = [
            "",
            "publisher.v1.MemberService",
            "memberbase.writes",
            "memberbase.reads",
            "memberbase.housekeeping",
        ];
        let all = async || {
            // Time moves only here, and by more than the time between two checks.
            tokio::time::sleep(2 * CHECK_EVERY).await;
            let mut all = Vec::new();
            for name in names {
                all.push(is_serving(name).await);
            }
            all
        };
        let following = tokio::spawn(health.clone().follow(Arc::downgrade(&table)));
        assert_eq!(all().await, [false; 5]);
        health.change(|state| state.serves = true).await;
        assert_eq!(all().await, [true; 5]);
        let writes =
            EngineStatus { refusing_writes: Some("a sync failed".into()), ..EngineStatus::default() };
        engine.tell_status(Some(writes));
        assert_eq!(all().await, [false, false, false, true, true]);
        let reads = EngineStatus { failing_reads: Some("no descriptors".into()), ..EngineStatus::default() };
        engine.tell_status(Some(reads));
        assert_eq!(all().await, [false, false, false, false, true]);
        engine.tell_status(None);
        engine.fail_next(Fault::Error(EngineError::Io("injected".to_owned())));
        table.maintain().await.unwrap_err();
        assert_eq!(all().await, [true, true, true, true, false]);
        table.maintain().await.unwrap();
        assert_eq!(all().await, [true; 5]);
        assert!(is_serving("memberbase.active").await);
        health.change(|state| state.serves = false).await;
        assert!(!is_serving("memberbase.active").await);
        health.change(|state| state.forwards = true).await;
        assert_eq!(all().await, [true, true, true, true, false], "only the active server keeps house");
        assert!(!is_serving("memberbase.active").await);
        health.change(|state| state.forwards = false).await;
        assert_eq!(all().await, [false; 5], "the state of the store does not make a stopping server SERVING");
        engine.tell_status(Some(EngineStatus {
            failing_reads: Some("closed".into()),
            ..EngineStatus::default()
        }));
        assert_eq!(all().await, [false; 5]);
        assert!(
            health.state.lock().await.reads,
            "a store that is closed during a stop is reported as a fault"
        );
        drop(table);
        following.await.unwrap();
    }
}
