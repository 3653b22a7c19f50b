//! The phases that make many small calls concurrently, for a fixed time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::api::grpc::v1;
use crate::cli::Error;
use crate::cli::client::{Client, Refusal};

use super::report::{Phase, Timings};
use super::workload::{member, member_ref, mix};

/// Versions that changing calls choose from.
const VERSIONS: u64 = 1000;
/// How many ids to look up for gets by id.
const KNOWN_IDS: u64 = 10_000;

/// The call that is repeated.
#[derive(Debug, Clone)]
pub enum Kind {
    GetByRef,
    GetById(Arc<Vec<String>>),
    /// One new member a call.
    Create,
    /// Four gets to one changing call.
    Mixed,
}

/// What all callers share.
#[derive(Debug, Clone)]
pub struct Calls {
    /// The callers are spread over these connections.
    pub clients: Vec<Client>,
    pub member_base_id: String,
    pub seed: u64,
    pub members: u64,
    pub in_flight: usize,
    pub duration: Duration,
    /// The number of the next member that is new.
    pub next_new: Arc<AtomicU64>,
}

struct Tally {
    timings: Timings,
    calls: u64,
    refused: u64,
    wrong: u64,
    first_refusal: Option<String>,
}

impl Calls {
    pub async fn run(&self, name: &str, kind: Kind) -> Result<Phase, Error> {
        let begun = Instant::now();
        let until = begun + self.duration;
        let mut callers = JoinSet::new();
        for (number, client) in (1..).zip(self.clients.iter().cycle().take(self.in_flight)) {
            callers.spawn(self.clone().call(client.clone(), number, kind.clone(), until));
        }
        let mut all = Tally::new()?;
        while let Some(caller) = callers.join_next().await {
            all.add(&caller.map_err(|error| Error::Broken(format!("a caller failed: {error}")))??);
        }
        let mut phase = Phase::new(name, "calls", all.calls, begun.elapsed(), &all.timings);
        phase.refused = all.refused;
        phase.note = all.first_refusal;
        phase.expect("replies with another member", all.wrong, 0);
        Ok(phase)
    }

    /// One caller: it makes the next call when it has the reply to the last.
    async fn call(self, mut client: Client, number: u64, kind: Kind, until: Instant) -> Result<Tally, Error> {
        let mut tally = Tally::new()?;
        let mut random = mix(self.seed ^ (number << 32));
        while Instant::now() < until {
            random = mix(random);
            let i = (random >> 8) % self.members.max(1);
            let begun = Instant::now();
            let reply = match &kind {
                Kind::Create => {
                    self.upsert(&mut client, self.next_new.fetch_add(1, Ordering::Relaxed), 0).await
                }
                Kind::Mixed if random.is_multiple_of(5) => {
                    self.upsert(&mut client, i, random % VERSIONS).await
                }
                Kind::GetByRef | Kind::Mixed => self.get_by_ref(&mut client, i).await,
                Kind::GetById(ids) => get_by_id(&mut client, ids, i).await,
            };
            tally.timings.record(begun.elapsed());
            tally.calls += 1;
            match reply {
                Ok(right) => tally.wrong += u64::from(!right),
                Err(refusal) => {
                    tally.refused += 1;
                    tally.first_refusal.get_or_insert_with(|| refusal.to_string());
                }
            }
        }
        Ok(tally)
    }

    async fn get_by_ref(&self, client: &mut Client, i: u64) -> Result<bool, Refusal> {
        let wanted = member_ref(self.seed, i);
        let request = v1::GetMemberRequest {
            member_base_id: Some(self.member_base_id.clone()),
            r#ref: Some(wanted.clone()),
            ..Default::default()
        };
        let reply = client.members.get_member(request).await?.into_inner();
        Ok(reply.member.is_some_and(|member| member.r#ref == Some(wanted)))
    }

    async fn upsert(&self, client: &mut Client, i: u64, version: u64) -> Result<bool, Refusal> {
        let request = v1::BulkUpsertMembersRequest {
            member_base_id: self.member_base_id.clone(),
            members: vec![member(self.seed, i, version)],
            ..Default::default()
        };
        let reply = client.members.bulk_upsert_members(request).await?.into_inner();
        Ok(reply.counts.is_some_and(|counts| counts.failed == 0))
    }

    /// Looks up the ids of some members.
    pub async fn known_ids(&self) -> Result<Kind, Error> {
        let mut client =
            self.clients.first().cloned().ok_or_else(|| Error::Broken("no connection".into()))?;
        let keys = (0..self.members.min(KNOWN_IDS)).map(|i| v1::MemberKey {
            r#ref: Some(member_ref(self.seed, mix(i) % self.members.max(1))),
            ..Default::default()
        });
        let keys: Vec<_> = keys.collect();
        let mut ids = Vec::with_capacity(keys.len());
        for keys in keys.chunks(1000) {
            let request = v1::BatchGetMembersRequest {
                member_base_id: self.member_base_id.clone(),
                keys: keys.to_vec(),
                min_revision: None,
            };
            let results = client.members.batch_get_members(request).await?.into_inner().results;
            ids.extend(results.into_iter().filter_map(|result| Some(result.member?.id)));
        }
        Ok(Kind::GetById(Arc::new(ids)))
    }
}

async fn get_by_id(client: &mut Client, ids: &[String], i: u64) -> Result<bool, Refusal> {
    let count = u64::try_from(ids.len()).unwrap_or(u64::MAX).max(1);
    let Some(id) = usize::try_from(i % count).ok().and_then(|at| ids.get(at)) else { return Ok(false) };
    let request = v1::GetMemberRequest { id: Some(id.clone()), ..Default::default() };
    let reply = client.members.get_member(request).await?.into_inner();
    Ok(reply.member.is_some_and(|member| member.id == *id))
}

impl Tally {
    fn new() -> Result<Self, Error> {
        Ok(Self { timings: Timings::new()?, calls: 0, refused: 0, wrong: 0, first_refusal: None })
    }

    fn add(&mut self, other: &Self) {
        self.timings.add(&other.timings);
        self.calls += other.calls;
        self.refused += other.refused;
        self.wrong += other.wrong;
        self.first_refusal = self.first_refusal.take().or_else(|| other.first_refusal.clone());
    }
}
