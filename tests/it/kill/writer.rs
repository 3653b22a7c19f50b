//! Writers that run until the server is killed.

use std::collections::VecDeque;
use std::sync::Arc;

use memberbase::api::grpc::v1;
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use tonic::transport::Channel;

use crate::harness::{self, Members};

use super::model::{Part, Request, input};

/// The number of refs of one writer.
const REFS: u64 = 48;
/// The rows of an atomic request, which always groups the same refs.
const ATOMIC_ROWS: u64 = 8;
/// The rows of a chunk of an import. Concurrent chunks have no refs in common.
const CHUNK_ROWS: u64 = 12;
const CHUNKS_UNDER_WAY: usize = 4;

/// SplitMix64.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ (x >> 31)
    }

    /// Is true in this share of all calls.
    pub fn percent(&mut self, share: u64) -> bool {
        self.next() % 100 < share
    }

    pub fn one_of<T: Copy, const N: usize>(&mut self, all: [T; N]) -> T {
        all[usize::try_from(self.next() % N as u64).unwrap()]
    }
}

/// The rows of a stream that wait for their answers. They may have refs in common.
const ROWS_UNDER_WAY: usize = 40;

/// One caller. Writers with even numbers make calls. Of the others, one half imports, and one half sends
/// streams of rows.
pub struct Writer {
    number: u64,
    members: Members,
    base: String,
    acks: Arc<Semaphore>,
    random: Random,
}

impl Writer {
    pub fn new(number: u64, channel: &Channel, base: &str, acks: Arc<Semaphore>, random: Random) -> Self {
        Self { number, members: harness::members(channel), base: base.to_owned(), acks, random }
    }

    /// Writes until a call fails because of the kill.
    pub async fn write(mut self, mut part: Part) -> (u64, Part) {
        let killed = match self.number % 4 {
            1 => self.import(&mut part).await,
            3 => self.stream(&mut part).await,
            _ => self.call(&mut part).await,
        };
        let lost = killed.expect_err("an endless writer ended");
        assert!(lost.details().is_empty(), "the server refused before it was killed: {lost:?}");
        (self.number, part)
    }

    async fn call(&mut self, part: &mut Part) -> Result<(), Status> {
        loop {
            let kind = self.random.next() % 4;
            let request = match kind {
                0 => self.rows(self.random.0 % REFS, 1, false, true),
                1 => self.rows(self.random.0 % (REFS / ATOMIC_ROWS) * ATOMIC_ROWS, ATOMIC_ROWS, true, false),
                _ => self.rows(self.random.0 % REFS, 1 + self.random.0 % 20, false, false),
            };
            part.under_way.push(request.clone());
            let (ids, revision) =
                if kind == 0 { self.delete(&request).await? } else { self.upsert(&request).await? };
            part.under_way.clear();
            part.acknowledge(&request, &ids, revision);
            self.acks.add_permits(1);
        }
    }

    async fn import(&mut self, part: &mut Part) -> Result<(), Status> {
        let (send, receive) = mpsc::channel(CHUNKS_UNDER_WAY + 1);
        let options = v1::ImportOptions { member_base_id: self.base.clone(), ..Default::default() };
        let first = v1::ImportMembersRequest { options: Some(options), ..Default::default() };
        send.try_send(first).unwrap();
        let mut members = self.members.clone();
        let call = tokio::spawn(async move { members.import_members(ReceiverStream::new(receive)).await });
        let mut under_way = VecDeque::new();
        let mut answers = None;
        let mut call = Some(call);
        for chunk in 1.. {
            let group = chunk % (REFS / CHUNK_ROWS);
            let mut request = self.rows(group * CHUNK_ROWS, CHUNK_ROWS, false, false);
            request.chunk = chunk;
            part.under_way.push(request.clone());
            let message = v1::ImportMembersRequest { chunk, members: inputs(&request), ..Default::default() };
            // If the stream is closed, its replies say why.
            let _ = send.send(message).await;
            under_way.push_back(request);
            if under_way.len() < CHUNKS_UNDER_WAY {
                continue;
            }
            if let Some(call) = call.take() {
                answers = Some(call.await.unwrap()?.into_inner());
            }
            let answer = answers.as_mut().unwrap().message().await?;
            let answer = answer.ok_or_else(|| Status::unavailable("the stream ended"))?;
            let request = under_way.pop_front().unwrap();
            assert_eq!((answer.chunk, answer.failed), (request.chunk, Vec::new()));
            part.under_way.remove(0);
            part.acknowledge(&request, &[], answer.revision);
            self.acks.add_permits(1);
        }
        Ok(())
    }

    async fn stream(&mut self, part: &mut Part) -> Result<(), Status> {
        let (send, receive) = mpsc::channel(ROWS_UNDER_WAY + 1);
        let options = v1::UpsertMembersOptions { member_base_id: self.base.clone(), ..Default::default() };
        let first = v1::UpsertMembersRequest { options: Some(options), ..Default::default() };
        send.try_send(first).unwrap();
        let mut answers = self.members.upsert_members(ReceiverStream::new(receive)).await?.into_inner();
        for sequence in 1.. {
            let mut request = self.rows(self.random.0 % REFS, 1, false, false);
            request.chunk = sequence;
            part.under_way.push(request.clone());
            let member = inputs(&request).pop();
            // If the stream is closed, its answers say why.
            let _ = send.send(v1::UpsertMembersRequest { sequence, member, options: None }).await;
            if part.under_way.len() < ROWS_UNDER_WAY {
                continue;
            }
            let answer = answers.message().await?;
            let answer = answer.ok_or_else(|| Status::unavailable("the stream ended"))?;
            let at = part.under_way.iter().position(|request| request.chunk == answer.sequence).unwrap();
            let request = part.under_way.remove(at);
            assert_eq!(answer.error, None, "{request:?}");
            part.acknowledge(&request, &[answer.id], answer.revision);
            self.acks.add_permits(1);
        }
        Ok(())
    }

    /// Neighbouring refs with a new version, or with none for a delete.
    fn rows(&mut self, first: u64, count: u64, atomic: bool, delete: bool) -> Request {
        let version = (!delete).then(|| self.random.next() % 1_000_000);
        let refs = (first..first + count).map(|i| format!("w{}-{:02}", self.number, i % REFS));
        Request { chunk: 0, rows: refs.map(|r#ref| (r#ref, version)).collect(), atomic }
    }

    async fn upsert(&mut self, request: &Request) -> Result<(Vec<String>, u64), Status> {
        let mode = if request.atomic { v1::BulkMode::Atomic } else { v1::BulkMode::Partial };
        let request = v1::BulkUpsertMembersRequest {
            member_base_id: self.base.clone(),
            members: inputs(request),
            mode: mode.into(),
            ..Default::default()
        };
        let reply = self.members.bulk_upsert_members(request).await?.into_inner();
        assert_eq!(reply.counts.unwrap().failed, 0, "{:?}", reply.results);
        Ok((reply.results.into_iter().map(|result| result.id).collect(), reply.revision))
    }

    async fn delete(&mut self, request: &Request) -> Result<(Vec<String>, u64), Status> {
        let request = v1::BulkDeleteMembersRequest {
            member_base_id: self.base.clone(),
            refs: request.rows.iter().map(|(r#ref, _)| r#ref.clone()).collect(),
            ..Default::default()
        };
        let reply = self.members.bulk_delete_members(request).await?.into_inner();
        Ok((Vec::new(), reply.revision))
    }
}

fn inputs(request: &Request) -> Vec<v1::MemberInput> {
    request.rows.iter().filter_map(|(r#ref, version)| Some(input(r#ref, (*version)?))).collect()
}
