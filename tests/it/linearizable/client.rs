//! A client that reads and writes a few members at random, and records what it saw.

use std::sync::Arc;

use memberbase::api::grpc::v1;
use tokio::sync::Semaphore;
use tonic::transport::Channel;
use tonic::{Code, Status};

use super::history::{Call, Operation, Recorder};
use super::{Lives, next_life};
use crate::harness::{self, Members};
use crate::kill::writer::Random;
use Operation::{Delete, Read, Write, WriteIf};

/// Few members, so that clients work on the same ones.
const MEMBERS: u64 = 8;
/// The rows of a call that writes several members.
const ROWS: u64 = 3;

/// See the module documentation.
pub struct Client {
    base: String,
    recorder: Arc<Recorder>,
    answers: Arc<Semaphore>,
    random: Random,
    /// The count of written numbers, so that each number is written once.
    written: u64,
}

impl Client {
    pub fn new(base: &str, recorder: Arc<Recorder>, answers: Arc<Semaphore>, random: Random) -> Self {
        Self { base: base.to_owned(), recorder, answers, random, written: 0 }
    }

    /// Runs until the test is over, through all restarts of the server.
    pub async fn run(mut self, number: u64, mut life: Lives) -> u64 {
        let mut now = None;
        while let Some((life_number, channel)) = next_life(&mut life, now).await {
            now = Some(life_number);
            let mut members = harness::members(&channel);
            // Until this server is killed or the test is over.
            while life.borrow().is_some() && self.act(number, &mut members).await.is_ok() {
                self.answers.add_permits(1);
            }
        }
        0
    }

    async fn act(&mut self, client: u64, members: &mut Members) -> Result<(), Status> {
        let member = self.random.next() % MEMBERS;
        match self.random.next() % 8 {
            0 => self.delete(members, member).await,
            1 => self.write(members, client, member, ROWS).await,
            2 | 3 => self.write(members, client, member, 1).await,
            4 => self.write_if(members, client, member).await,
            way => self.read(members, member, way).await.map(drop),
        }
    }

    fn next_number(&mut self, client: u64) -> u64 {
        self.written += 1;
        self.written * 100 + client
    }

    async fn write(
        &mut self,
        members: &mut Members,
        client: u64,
        first: u64,
        rows: u64,
    ) -> Result<(), Status> {
        let number = self.next_number(client);
        let targets: Vec<u64> = (first..first + rows).map(|member| member % MEMBERS).collect();
        let rows = targets.iter().map(|member| input(*member, number)).collect();
        let calls: Vec<Call> =
            targets.iter().map(|member| self.recorder.call(*member, Write(number, None))).collect();
        let reply = self.upsert(members, rows).await?;
        for (call, result) in calls.into_iter().zip(&reply.results) {
            let made = match result.outcome() {
                v1::Outcome::Created => true,
                v1::Outcome::Updated => false,
                _ => panic!("{result:?}"),
            };
            self.recorder.answer(call, Write(number, Some(made)));
        }
        Ok(())
    }

    async fn write_if(&mut self, members: &mut Members, client: u64, member: u64) -> Result<(), Status> {
        let seen = self.read(members, member, 5).await?;
        let (number, revision) = (self.next_number(client), seen.map_or(0, |(_, revision)| revision));
        let row = v1::MemberInput { if_revision: Some(revision), ..input(member, number) };
        let call = self.recorder.call(member, WriteIf(number, revision, None));
        let reply = self.upsert(members, vec![row]).await?;
        let done = match reply.results[0].outcome() {
            v1::Outcome::Created | v1::Outcome::Updated => true,
            _ => {
                assert_eq!(harness::row_reason(&reply.results[0]), "REVISION_MISMATCH");
                false
            }
        };
        self.recorder.answer(call, WriteIf(number, revision, Some(done)));
        Ok(())
    }

    async fn upsert(
        &self,
        members: &mut Members,
        rows: Vec<v1::MemberInput>,
    ) -> Result<v1::BulkUpsertMembersResponse, Status> {
        let mode = if rows.len() > 1 { v1::BulkMode::Atomic } else { v1::BulkMode::Partial };
        let request = v1::BulkUpsertMembersRequest {
            member_base_id: self.base.clone(),
            members: rows,
            mode: mode.into(),
            ..Default::default()
        };
        members.bulk_upsert_members(request).await.map(tonic::Response::into_inner)
    }

    async fn delete(&mut self, members: &mut Members, member: u64) -> Result<(), Status> {
        let refs = vec![name(member)];
        let request =
            v1::BulkDeleteMembersRequest { member_base_id: self.base.clone(), refs, ..Default::default() };
        let call = self.recorder.call(member, Delete(None));
        let deleted = members.bulk_delete_members(request).await?.into_inner().deleted;
        self.recorder.answer(call, Delete(Some(deleted == 1)));
        Ok(())
    }

    async fn read(
        &mut self,
        members: &mut Members,
        member: u64,
        way: u64,
    ) -> Result<Option<(u64, u64)>, Status> {
        let call = self.recorder.call(member, Read(None));
        let found = match way {
            5 => by_ref(members, &self.base, member).await?,
            6 => in_batch(members, &self.base, member).await?,
            _ => in_list(members, &self.base, member).await?,
        };
        let seen = found.map(|found| (number(&found), found.revision));
        self.recorder.answer(call, Read(seen));
        Ok(seen)
    }
}

/// Records the state of all members after the last kill.
pub async fn read_all(channel: &Channel, base: &str, recorder: &Recorder) {
    let mut members = harness::members(channel);
    for member in 0..MEMBERS {
        let call = recorder.call(member, Read(None));
        let found = in_list(&mut members, base, member).await.unwrap();
        recorder.answer(call, Read(found.map(|found| (number(&found), found.revision))));
    }
}

async fn by_ref(members: &mut Members, base: &str, member: u64) -> Result<Option<v1::Member>, Status> {
    let request = v1::GetMemberRequest {
        member_base_id: Some(base.to_owned()),
        r#ref: Some(name(member)),
        ..Default::default()
    };
    match members.get_member(request).await {
        Ok(reply) => Ok(reply.into_inner().member),
        Err(status) if status.code() == Code::NotFound => Ok(None),
        Err(status) => Err(status),
    }
}

async fn in_batch(members: &mut Members, base: &str, member: u64) -> Result<Option<v1::Member>, Status> {
    let key = v1::MemberKey { r#ref: Some(name(member)), ..Default::default() };
    let request =
        v1::BatchGetMembersRequest { member_base_id: base.to_owned(), keys: vec![key], min_revision: None };
    Ok(members.batch_get_members(request).await?.into_inner().results.remove(0).member.map(|member| *member))
}

/// Finds the member by its tier, which no other member has.
async fn in_list(members: &mut Members, base: &str, member: u64) -> Result<Option<v1::Member>, Status> {
    let filters = vec![harness::eq("tier", &name(member))];
    let request = v1::ListMembersRequest { member_base_id: base.to_owned(), filters, ..Default::default() };
    let mut found = members.list_members(request).await?.into_inner().members;
    assert!(found.len() <= 1, "{found:?}");
    Ok(found.pop())
}

fn name(member: u64) -> String {
    format!("member-{member}")
}

fn input(member: u64, number: u64) -> v1::MemberInput {
    v1::MemberInput {
        tier: Some(name(member)),
        role: Some(number.to_string()),
        email: Some(format!("{number}.{member}@example.com")),
        ..harness::row(&name(member))
    }
}

fn number(member: &v1::Member) -> u64 {
    member.role.as_deref().unwrap().parse().unwrap()
}
