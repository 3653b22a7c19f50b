//! The phase that sends single changes over streams of rows, for a fixed time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{Stream, StreamExt, stream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::api::grpc::v1;
use crate::cli::Error;
use crate::cli::client::{self, Client, Refusal};

use super::report::{Phase, Timings};
use super::workload::{member, mix};

/// Versions that rows choose from.
const VERSIONS: u64 = 1000;

/// What all streams share.
#[derive(Debug, Clone)]
pub struct Streams {
    /// One stream for each of these connections.
    pub clients: Vec<Client>,
    pub member_base_id: String,
    pub seed: u64,
    pub members: u64,
    /// How many rows of a stream may wait for an answer at a time.
    pub in_flight: usize,
    pub duration: Duration,
}

struct Tally {
    timings: Timings,
    sent: u64,
    answered: u64,
    failed: u64,
    unchanged: u64,
    first_error: Option<String>,
}

impl Streams {
    pub async fn run(&self, name: &str) -> Result<Phase, Error> {
        let begun = Instant::now();
        let mut streams = JoinSet::new();
        for (number, client) in (1..).zip(&self.clients) {
            streams.spawn(self.clone().send(client.clone(), number, begun));
        }
        let mut all = Tally::new()?;
        while let Some(stream) = streams.join_next().await {
            all.add(stream.map_err(|error| Error::Broken(format!("a stream failed: {error}")))??);
        }
        let mut phase = Phase::new(name, "rows", all.answered, begun.elapsed(), &all.timings);
        phase.note = all.first_error;
        phase.expect("answers", all.answered, all.sent);
        phase.expect("failed rows", all.failed, 0);
        // A row changes its member unless it happens to say what the member is. Members without a phone have
        // only four different versions.
        if all.unchanged > all.answered / 10 {
            phase.expect("rows that changed nothing", all.unchanged, 0);
        }
        Ok(phase)
    }

    /// One stream: whole rows of random members, each with a random version.
    async fn send(self, mut client: Client, number: u64, begun: Instant) -> Result<Tally, Error> {
        let free = Arc::new(Semaphore::new(self.in_flight));
        let options =
            v1::UpsertMembersOptions { member_base_id: self.member_base_id.clone(), ..Default::default() };
        let first = v1::UpsertMembersRequest { options: Some(options), ..Default::default() };
        let (count, counted) = tokio::sync::oneshot::channel();
        let rows = self.rows(number, begun, Arc::clone(&free), count);
        let requests = stream::iter([first]).chain(rows);
        let mut answers = client.members.upsert_members(requests).await.map_err(Refusal::from)?.into_inner();
        let mut tally = Tally::new()?;
        while let Some(answer) = client::next(&mut answers).await? {
            free.add_permits(1);
            tally.timings.record(begun.elapsed().saturating_sub(Duration::from_nanos(answer.sequence)));
            tally.answered += 1;
            match answer.outcome() {
                v1::Outcome::Unchanged => tally.unchanged += 1,
                v1::Outcome::Failed => {
                    tally.failed += 1;
                    tally.first_error.get_or_insert_with(|| answer.error.unwrap_or_default().message);
                }
                _ => {}
            }
        }
        // It is told before the stream of requests ends, so before the answers end.
        tally.sent = counted.await.unwrap_or_default();
        Ok(tally)
    }

    /// Rows until the time is over; then `count` gets their number. The sequence of a row is the time at
    /// which it was made, so that the answer tells how long it took.
    fn rows(
        &self,
        number: u64,
        begun: Instant,
        free: Arc<Semaphore>,
        count: tokio::sync::oneshot::Sender<u64>,
    ) -> impl Stream<Item = v1::UpsertMembersRequest> + Send + 'static + use<> {
        let (seed, members, duration) = (self.seed, self.members.max(1), self.duration);
        let state = (mix(seed ^ (number << 32)), 0_u64, count);
        stream::unfold(state, move |(random, sent, count)| {
            let free = Arc::clone(&free);
            async move {
                if let Ok(permit) = free.acquire().await {
                    permit.forget();
                }
                let now = begun.elapsed();
                if now >= duration {
                    // The receiver waits for it.
                    let _ = count.send(sent);
                    return None;
                }
                let random = mix(random);
                let member = member(seed, (random >> 8) % members, mix(random) % VERSIONS);
                let sequence = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
                let row = v1::UpsertMembersRequest { sequence, member: Some(member), options: None };
                Some((row, (random, sent + 1, count)))
            }
        })
    }
}

impl Tally {
    fn new() -> Result<Self, Error> {
        let timings = Timings::new()?;
        Ok(Self { timings, sent: 0, answered: 0, failed: 0, unchanged: 0, first_error: None })
    }

    fn add(&mut self, other: Self) {
        self.timings.add(&other.timings);
        self.sent += other.sent;
        self.answered += other.answered;
        self.failed += other.failed;
        self.unchanged += other.unchanged;
        self.first_error = self.first_error.take().or(other.first_error);
    }
}
