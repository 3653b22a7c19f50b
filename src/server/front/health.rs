//! What health checks are told, under which name.
//!
//! | name | is SERVING as long as |
//! | --- | --- |
//! | the empty one, and each service of ours | reads and writes are served |
//! | `memberbase.reads` | reads are served |
//! | `memberbase.writes` | reads and writes are served: what writes reads too |
//! | `memberbase.housekeeping` | the store is open, and the last round of housekeeping left nothing undone |
//!
//! All of them are NOT_SERVING while the store opens and from the beginning of a stop. That reads fail or writes are
//! refused, and why, is in the log once: when it begins. The store is looked at every second.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Mutex;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::{Health as HealthService, HealthServer};
use tonic_health::server::HealthReporter;

use super::give_back::{give_back, tidy_threads};
use crate::table::Table;

/// How often the store is asked how it is.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Told whether everything works.
const ALL: [&str; 8] = [
    "",
    "memberbase.writes",
    "publisher.v1.ApiTokenService",
    "publisher.v1.AttributeService",
    "publisher.v1.BackupService",
    "publisher.v1.MemberBaseService",
    "publisher.v1.MemberService",
    "publisher.v1.RecordService",
];
/// Told whether reads work.
const READS: [&str; 1] = ["memberbase.reads"];
/// Told whether the housekeeping gets its work done.
const HOUSEKEEPING: [&str; 1] = ["memberbase.housekeeping"];

/// How the server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// The store is open, and the server does not stop.
    pub serves: bool,
    /// Reads are answered.
    pub reads: bool,
    /// The store takes what is to be written.
    pub writes: bool,
    /// The last round of housekeeping left nothing undone.
    pub is_tidy: bool,
}

/// Tells health checks how the server is. Cloning it is cheap.
#[derive(Clone)]
pub struct Health {
    reporter: HealthReporter,
    state: Arc<Mutex<State>>,
}

impl Health {
    /// Nothing is served yet. The second is the service that is asked.
    pub async fn new() -> (Self, HealthServer<impl HealthService>) {
        let (reporter, service) = tonic_health::server::health_reporter();
        let state = State { serves: false, reads: true, writes: true, is_tidy: true };
        let health = Self { reporter, state: Arc::new(Mutex::new(state)) };
        health.tell(state).await;
        (health, service)
    }

    /// Changes what is told.
    pub async fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state.lock().await;
        let before = *state;
        change(&mut state);
        if *state != before {
            self.tell(*state).await;
        }
    }

    /// Tells how the store is, for as long as there is one.
    pub async fn follow(self, table: Weak<Table>) {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        let (mut reads, mut writes) = (Trouble::new("reads fail"), Trouble::new("writes are refused"));
        loop {
            looks.tick().await;
            let Some(table) = table.upgrade() else { return };
            tidy_threads();
            // It asks the file system.
            let looked = tokio::task::spawn_blocking(move || {
                give_back();
                (table.engine_status(), table.is_untidy())
            });
            let looked = looked.await;
            // Otherwise the runtime is being taken down.
            let Ok((status, is_untidy)) = looked else { return };
            // That a store is closed at the end of its service is no trouble.
            if !self.state.lock().await.serves {
                continue;
            }
            reads.follow(status.failing_reads.as_deref());
            writes.follow(status.refusing_writes.as_deref());
            self.change(|state| {
                *state =
                    State { reads: !reads.is_there, writes: !writes.is_there, is_tidy: !is_untidy, ..*state };
            })
            .await;
        }
    }

    async fn tell(&self, state: State) {
        let State { serves, reads, writes, is_tidy } = state;
        let told = [
            (&ALL[..], serves && reads && writes),
            (&READS[..], serves && reads),
            (&HOUSEKEEPING[..], serves && is_tidy),
        ];
        for (names, is_well) in told {
            let status = if is_well { ServingStatus::Serving } else { ServingStatus::NotServing };
            for name in names {
                self.reporter.set_service_status(*name, status).await;
            }
        }
    }
}

/// Something that does not work for a while, of which the log says when it begins and when it is over.
struct Trouble {
    name: &'static str,
    is_there: bool,
}

impl Trouble {
    fn new(name: &'static str) -> Self {
        Self { name, is_there: false }
    }

    fn follow(&mut self, reason: Option<&str>) {
        match reason {
            Some(reason) if !self.is_there => tracing::error!(reason, "{}", self.name),
            None if self.is_there => tracing::info!("no longer so: {}", self.name),
            Some(_) | None => {}
        }
        self.is_there = reason.is_some();
    }
}

#[cfg(test)]
mod tests {
    use tonic_health::pb::HealthCheckRequest;
    use tonic_health::pb::health_check_response::ServingStatus as Told;
    use tonic_health::pb::health_client::HealthClient;

    use super::*;
    use crate::engine::faulty::{Fault, Faulty};
    use crate::engine::memory::MemoryEngine;
    use crate::engine::{Engine, EngineError, EngineStatus};
    use crate::model::Timestamp;
    use crate::table::TableConfig;

    #[tokio::test(start_paused = true)]
    async fn refused_writes_and_undone_housekeeping_are_told_under_their_names() {
        let engine = Arc::new(Faulty::new(Arc::new(MemoryEngine::new())));
        let clock = Arc::new(|| Timestamp::from_micros(1));
        let table = Table::open(Arc::clone(&engine) as Arc<dyn Engine>, clock, TableConfig::default()).await;
        let table = table.unwrap();
        let (health, service) = Health::new().await;
        let told = async |name: &str| {
            let request = HealthCheckRequest { service: name.to_owned() };
            let answer = HealthClient::new(service.clone()).check(request).await.unwrap();
            answer.into_inner().status() == Told::Serving
        };
        let names = [
            "",
            "publisher.v1.MemberService",
            "memberbase.writes",
            "memberbase.reads",
            "memberbase.housekeeping",
        ];
        let all = async || {
            // Time moves only here, and by more than there is between two looks.
            tokio::time::sleep(2 * LOOK_EVERY).await;
            let mut all = Vec::new();
            for name in names {
                all.push(told(name).await);
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
        health.change(|state| state.serves = false).await;
        assert_eq!(all().await, [false; 5], "what the store says does not make a server that stops serve");
        engine.tell_status(Some(EngineStatus {
            failing_reads: Some("closed".into()),
            ..EngineStatus::default()
        }));
        assert_eq!(all().await, [false; 5]);
        assert!(health.state.lock().await.reads, "a store that is closed at a stop is told as a trouble");
        drop(table);
        following.await.unwrap();
    }
}
