//! The phases that write in bulk.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;

use crate::api::grpc::v1;
use crate::cli::Error;
use crate::cli::client::{self, Client, Refusal};
use crate::tasks;

use super::report::Timings;

/// How many batches are prepared in advance.
const READY: usize = 4;

type Batches = mpsc::Receiver<Vec<v1::MemberInput>>;

/// How to send the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Via {
    /// One `ImportMembers` stream
    Import,
    /// Concurrent `BulkUpsertMembers` calls
    Bulk,
}

/// The result of a load.
pub struct Loaded {
    pub counts: v1::BulkCounts,
    pub took: Duration,
    pub timings: Timings,
}

/// Where and how to load.
pub struct Load<'a> {
    pub client: &'a Client,
    pub member_base_id: &'a str,
    pub via: Via,
    pub batch: usize,
    pub in_flight: usize,
}

impl Load<'_> {
    /// Sends all members, which a separate thread generates.
    pub async fn run(
        &self,
        members: impl Iterator<Item = v1::MemberInput> + Send + 'static,
    ) -> Result<Loaded, Error> {
        let batches = batches(members, self.batch)?;
        let begun = Instant::now();
        let (counts, timings) = match self.via {
            Via::Import => self.import(batches).await?,
            Via::Bulk => self.bulk(batches).await?,
        };
        Ok(Loaded { counts, took: begun.elapsed(), timings })
    }

    async fn import(&self, mut batches: Batches) -> Result<(v1::BulkCounts, Timings), Error> {
        let (send, receive) = mpsc::channel(self.in_flight + 1);
        let options =
            v1::ImportOptions { member_base_id: self.member_base_id.to_owned(), ..Default::default() };
        let first = v1::ImportMembersRequest { options: Some(options), ..Default::default() };
        let gone = |_| Error::Broken("the import stream closed early".into());
        send.send(first).await.map_err(gone)?;
        let mut members = self.client.members.clone();
        let call =
            tasks::for_caller(async move { members.import_members(ReceiverStream::new(receive)).await });
        let mut sent = VecDeque::with_capacity(self.in_flight);
        let mut requests = Some(send);
        let mut timings = Timings::new()?;
        let mut counts = v1::BulkCounts::default();
        let mut chunk = 0;
        // Some servers send the response headers only with the reply to the first chunk.
        while sent.len() < self.in_flight {
            let Some(rows) = batches.recv().await else { break };
            chunk += 1;
            sent.push_back(Instant::now());
            if let Some(requests) = &requests {
                requests
                    .send(v1::ImportMembersRequest { chunk, members: rows, ..Default::default() })
                    .await
                    .map_err(gone)?;
            }
        }
        let call = call.await.map_err(|error| Error::Broken(format!("the import stream failed: {error}")))?;
        let mut replies = call?.into_inner();
        while let Some(begun) = sent.pop_front() {
            let reply = client::next(&mut replies).await?.ok_or_else(Refusal::ended_early)?;
            timings.record(begun.elapsed());
            add(&mut counts, reply.counts);
            match (batches.recv().await, &requests) {
                (Some(rows), Some(open)) => {
                    chunk += 1;
                    sent.push_back(Instant::now());
                    open.send(v1::ImportMembersRequest { chunk, members: rows, ..Default::default() })
                        .await
                        .map_err(gone)?;
                }
                _ => requests = None,
            }
        }
        Ok((counts, timings))
    }

    async fn bulk(&self, mut batches: Batches) -> Result<(v1::BulkCounts, Timings), Error> {
        let mut calls = JoinSet::new();
        let mut timings = Timings::new()?;
        let mut counts = v1::BulkCounts::default();
        let mut more = true;
        loop {
            while more && calls.len() < self.in_flight {
                let Some(rows) = batches.recv().await else {
                    more = false;
                    break;
                };
                let mut members = self.client.members.clone();
                let request = v1::BulkUpsertMembersRequest {
                    member_base_id: self.member_base_id.to_owned(),
                    members: rows,
                    results: v1::ResultDetail::Failed.into(),
                    ..Default::default()
                };
                calls.spawn(async move {
                    let begun = Instant::now();
                    let reply =
                        members.bulk_upsert_members(request).await.map_err(Refusal::from)?.into_inner();
                    Ok::<_, Refusal>((reply.counts, begun.elapsed()))
                });
            }
            let Some(done) = calls.join_next().await else { return Ok((counts, timings)) };
            let (answered, took) =
                done.map_err(|error| Error::Broken(format!("a call failed: {error}")))??;
            timings.record(took);
            add(&mut counts, answered);
        }
    }
}

fn batches(
    mut members: impl Iterator<Item = v1::MemberInput> + Send + 'static,
    batch: usize,
) -> Result<Batches, Error> {
    let (send, receive) = mpsc::channel(READY);
    let make = move || {
        loop {
            let rows: Vec<_> = members.by_ref().take(batch).collect();
            if rows.is_empty() || send.blocking_send(rows).is_err() {
                return;
            }
        }
    };
    tasks::vital_thread("bench-members", make).map_err(no_thread)?;
    Ok(receive)
}

fn no_thread(error: std::io::Error) -> Error {
    Error::Broken(format!("cannot start a thread: {error}"))
}

fn add(sum: &mut v1::BulkCounts, counts: Option<v1::BulkCounts>) {
    let counts = counts.unwrap_or_default();
    sum.created += counts.created;
    sum.updated += counts.updated;
    sum.unchanged += counts.unchanged;
    sum.reactivated += counts.reactivated;
    sum.failed += counts.failed;
}
