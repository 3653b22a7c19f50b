//! Callers that write members and audiences at random, on every path, until the server is killed.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use memberbase::api::grpc::v1;
use memberbase::api::grpc::v1::attribute_service_client::AttributeServiceClient;
use memberbase::api::grpc::v1::audience_service_client::AudienceServiceClient;
use memberbase::api::grpc::v1::job_service_client::JobServiceClient;
use prost_types::Value;
use tokio::sync::Semaphore;
use tonic::transport::Channel;
use tonic::{Code, Status};

use super::filters;
use super::paths::{Done, PATHS, Path};
use super::values::{TIERS, member, values};
use crate::harness::{self, Members, condition, eq};
use crate::kill::writer::Random;

/// The turns of a caller are this many places apart in [`PATHS`].
const STRIDE: usize = 8;
/// The most rows of a request.
const MOST_ROWS: u64 = 40;
/// With more members than this, what reads all of them comes more rarely.
const FEW_MEMBERS: u64 = 5_000;
/// The newest members whose ids a caller remembers.
const REMEMBERED: usize = 200;

/// One caller.
pub struct Caller {
    pub base: String,
    pub audiences: Arc<[String]>,
    pub done: Arc<Done>,
    pub acks: Arc<Semaphore>,
    pub random: Random,
    /// How many members there are about.
    pub size: u64,
    members: Members,
    attributes: AttributeServiceClient<Channel>,
    service: AudienceServiceClient<Channel>,
    jobs: JobServiceClient<Channel>,
    /// The ids of members that it wrote.
    ids: Vec<String>,
    /// The last revision that it saw.
    revision: u64,
    /// The revision of its last delete.
    deleted_at: Option<u64>,
    /// Audiences that it archived and has not unarchived.
    archived: Vec<String>,
}

impl Caller {
    pub fn new(
        channel: &Channel,
        (base, audiences): (&str, &Arc<[String]>),
        (done, acks): (&Arc<Done>, &Arc<Semaphore>),
        random: Random,
        size: u64,
    ) -> Self {
        Self {
            base: base.to_owned(),
            audiences: Arc::clone(audiences),
            done: Arc::clone(done),
            acks: Arc::clone(acks),
            random,
            size,
            members: harness::members(channel),
            attributes: AttributeServiceClient::new(channel.clone()),
            service: AudienceServiceClient::new(channel.clone()),
            jobs: JobServiceClient::new(channel.clone()),
            ids: Vec::new(),
            revision: 0,
            deleted_at: None,
            archived: Vec::new(),
        }
    }

    /// Writes until the server is killed. It may refuse any single write.
    pub async fn run(mut self) {
        let mut place = usize::try_from(self.random.next() % PATHS.len() as u64).unwrap();
        loop {
            place = (place + STRIDE) % PATHS.len();
            if PATHS[place].reads_all() && !self.random.next().is_multiple_of(self.turns()) {
                continue;
            }
            match self.write(PATHS[place]).await {
                Ok(()) => self.done.note(place),
                // Only the server itself gives its errors details.
                Err(status) if status.details().is_empty() => return,
                Err(status) => {
                    let is_refusal =
                        !matches!(status.code(), Code::Internal | Code::DataLoss | Code::Unknown);
                    assert!(is_refusal, "{:?}: {status:?}", PATHS[place]);
                }
            }
            self.acks.add_permits(1);
        }
    }

    /// One turn of so many is taken of what reads all members.
    fn turns(&self) -> u64 {
        (self.size / FEW_MEMBERS).max(1)
    }

    async fn write(&mut self, path: Path) -> Result<(), Status> {
        let base = self.base.clone();
        let r#ref = self.any_ref();
        let key = Some(v1::MemberKey { r#ref: Some(r#ref.clone()), ..Default::default() });
        match path {
            Path::Bulk => self.bulk(v1::BulkMode::Partial).await,
            Path::Atomic => self.bulk(v1::BulkMode::Atomic).await,
            Path::Import => self.import().await,
            Path::Create => {
                let number = self.size * 2 + self.random.next() % self.size;
                let member = Some(member(&mut self.random, number));
                let request = v1::CreateMemberRequest { member_base_id: base, member, ..Default::default() };
                self.members.create_member(request).await.map(drop)
            }
            Path::Update => {
                let member = Some(self.about(None));
                let request =
                    v1::UpdateMemberRequest { member_base_id: base, key, member, ..Default::default() };
                self.members.update_member(request).await.map(drop)
            }
            Path::Replace => {
                let member = Some(self.about(Some(r#ref)));
                let request =
                    v1::ReplaceMemberRequest { member_base_id: base, key, member, ..Default::default() };
                self.members.replace_member(request).await.map(drop)
            }
            Path::Rename => {
                let r#ref = format!("m{}", self.size * 3 + self.random.next() % self.size);
                let request =
                    v1::RenameMemberRequest { member_base_id: base, key, r#ref, ..Default::default() };
                self.members.rename_member(request).await.map(drop)
            }
            Path::Offboard => {
                let request = v1::OffboardMemberRequest { member_base_id: base, key, ..Default::default() };
                self.members.offboard_member(request).await.map(drop)
            }
            Path::Activate => {
                let request = v1::ActivateMemberRequest { member_base_id: base, key, ..Default::default() };
                self.members.activate_member(request).await.map(drop)
            }
            Path::Attributes => {
                let fields = values(&mut self.random);
                let attributes = self.some_ids(3).into_iter().flat_map(|member_id| {
                    let of_member = move |(attribute_key, value): (String, Value)| v1::MemberAttribute {
                        member_id: member_id.clone(),
                        attribute_key,
                        value: Some(value),
                    };
                    fields.clone().into_iter().map(of_member)
                });
                let attributes = attributes.collect();
                let request =
                    v1::SetMemberAttributesRequest { member_base_id: base, attributes, ..Default::default() };
                self.attributes.set_member_attributes(request).await.map(drop)
            }
            Path::LostAttributes => {
                let (member_ids, attribute_keys) = (self.some_ids(3), vec!["city".into(), "tags".into()]);
                let request = v1::DeleteMemberAttributesRequest {
                    member_base_id: base,
                    member_ids,
                    attribute_keys,
                    ..Default::default()
                };
                self.attributes.delete_member_attributes(request).await.map(drop)
            }
            Path::Delete => {
                let refs = (0..1 + self.random.next() % MOST_ROWS).map(|_| self.any_ref()).collect();
                let request =
                    v1::BulkDeleteMembersRequest { member_base_id: base, refs, ..Default::default() };
                let reply = self.members.bulk_delete_members(request).await?.into_inner();
                self.revision = reply.revision;
                self.deleted_at = Some(reply.revision);
                Ok(())
            }
            Path::Undelete => {
                let request = v1::UndeleteMembersRequest {
                    member_base_id: base,
                    deleted_at_revision: self.deleted_at,
                    ..Default::default()
                };
                self.members.undelete_members(request).await.map(drop)
            }
            Path::DeleteByFilter => {
                let filters = self.few();
                let request =
                    v1::DeleteMembersByFilterRequest { member_base_id: base, filters, ..Default::default() };
                let job = self.jobs.delete_members_by_filter(request).await?.into_inner().job;
                self.finish(job).await
            }
            Path::Sync => self.sync().await,
            Path::Revert => {
                // Without a last revision, everything would be taken back.
                let last_revision = self.revision.max(1);
                let first_revision = last_revision.saturating_sub(1).max(1);
                let request = v1::StartRevertRequest {
                    member_base_id: base,
                    first_revision,
                    last_revision,
                    ..Default::default()
                };
                let job = self.jobs.start_revert(request).await?.into_inner().job;
                self.finish(job).await
            }
            Path::Add => {
                let (audience_id, member_ids) = (self.audience(), self.some_ids(20));
                let request = v1::AddAudienceMembersRequest { audience_id, member_ids, ..Default::default() };
                self.service.add_audience_members(request).await.map(drop)
            }
            Path::Remove => {
                let (audience_id, member_ids) = (self.audience(), self.some_ids(20));
                let request =
                    v1::RemoveAudienceMembersRequest { audience_id, member_ids, ..Default::default() };
                self.service.remove_audience_members(request).await.map(drop)
            }
            Path::Filter => {
                let filters = filters::filters(&mut self.random, &self.audiences);
                let request =
                    v1::UpdateAudienceRequest { audience_id: self.audience(), filters, ..Default::default() };
                self.service.update_audience(request).await.map(drop)
            }
            Path::Archive => {
                let audience_id = self.audience();
                let request =
                    v1::ArchiveAudienceRequest { audience_id: audience_id.clone(), ..Default::default() };
                self.service.archive_audience(request).await?;
                self.archived.push(audience_id);
                Ok(())
            }
            Path::Unarchive => {
                let audience_id = self.archived.pop().unwrap_or_else(|| self.audience());
                let request = v1::UnarchiveAudienceRequest { audience_id, ..Default::default() };
                self.service.unarchive_audience(request).await.map(drop)
            }
        }
    }

    async fn bulk(&mut self, mode: v1::BulkMode) -> Result<(), Status> {
        let count = 1 + self.random.next() % MOST_ROWS;
        let request = v1::BulkUpsertMembersRequest {
            member_base_id: self.base.clone(),
            members: (0..count).map(|_| self.member()).collect(),
            mode: mode.into(),
            reactivate: self.random.percent(50),
            apply_status: self.random.percent(50),
            ..Default::default()
        };
        let reply = self.members.bulk_upsert_members(request).await?.into_inner();
        self.revision = reply.revision;
        self.ids.extend(reply.results.into_iter().map(|result| result.id).filter(|id| !id.is_empty()));
        let forgotten = self.ids.len().saturating_sub(REMEMBERED);
        self.ids.drain(..forgotten);
        Ok(())
    }

    async fn import(&mut self) -> Result<(), Status> {
        let options = v1::ImportOptions { member_base_id: self.base.clone(), ..Default::default() };
        let first = v1::ImportMembersRequest { options: Some(options), ..Default::default() };
        let mut messages = vec![first];
        for chunk in 1..=2 {
            let members = (0..MOST_ROWS).map(|_| self.member()).collect();
            messages.push(v1::ImportMembersRequest { chunk, members, ..Default::default() });
        }
        let mut replies = self.members.import_members(tokio_stream::iter(messages)).await?.into_inner();
        while let Some(reply) = replies.message().await? {
            self.revision = reply.revision;
        }
        Ok(())
    }

    /// Sends the full list of a few members: those of them that it does not name leave.
    async fn sync(&mut self) -> Result<(), Status> {
        let refs: Vec<String> = (0..MOST_ROWS / 2).map(|_| self.any_ref()).collect();
        let refs: BTreeSet<String> = refs.into_iter().collect();
        let tier = self.random.one_of(TIERS);
        let rows: String = refs.iter().map(|r#ref| format!("{ref},{tier}\n", r#ref = r#ref)).collect();
        let options = v1::SyncOptions {
            member_base_id: self.base.clone(),
            scope: self.few(),
            apply_status: self.random.percent(50),
            ..Default::default()
        };
        let data = format!("ref,tier\n{rows}").into();
        let complete = v1::SyncComplete { rows: Some(refs.len() as u64), sha256: None };
        let messages = [
            v1::SyncMembersRequest { options: Some(options), ..Default::default() },
            v1::SyncMembersRequest { data, ..Default::default() },
            v1::SyncMembersRequest { complete: Some(complete), ..Default::default() },
        ];
        let job = self.jobs.sync_members(tokio_stream::iter(messages)).await?.into_inner().job;
        self.finish(job).await
    }

    /// Follows a job to its end, and approves its plan if that is held. A job that does not succeed is
    /// refused.
    async fn finish(&mut self, job: Option<v1::Job>) -> Result<(), Status> {
        let id = job.unwrap().id;
        for _ in 0..2 {
            let request = v1::WatchJobRequest { id: id.clone() };
            let mut changes = self.jobs.watch_job(request).await?.into_inner();
            let mut last = None;
            while let Some(change) = changes.message().await? {
                last = change.job;
            }
            let job = last.ok_or_else(|| Status::unavailable("the stream ended"))?;
            match job.state() {
                v1::JobState::Succeeded => return Ok(()),
                v1::JobState::Held => {
                    let plan_hash = job.plan.unwrap().hash;
                    self.jobs.approve_job(v1::ApproveJobRequest { id: id.clone(), plan_hash }).await?;
                }
                _ => break,
            }
        }
        Err(Status::with_details(Code::Aborted, "the job did not succeed", Bytes::from_static(b"-")))
    }

    /// The filter of a few members, most of whom are in an audience.
    fn few(&mut self) -> Vec<v1::Filter> {
        let prefix = self.any_ref();
        vec![eq("audience", &self.audience()), condition("ref", |filter| filter.prefix = Some(prefix))]
    }

    fn audience(&mut self) -> String {
        let place = self.random.next() % self.audiences.len() as u64;
        self.audiences[usize::try_from(place).unwrap()].clone()
    }

    fn some_ids(&mut self, most: usize) -> Vec<String> {
        let skip = usize::try_from(self.random.next() % REMEMBERED as u64).unwrap() % self.ids.len().max(1);
        self.ids.iter().skip(skip).take(most).cloned().collect()
    }

    fn any_ref(&mut self) -> String {
        format!("m{}", self.random.next() % (self.size + self.size / 20))
    }

    /// New values of a member that has its keys.
    fn about(&mut self, r#ref: Option<String>) -> v1::MemberInput {
        v1::MemberInput { r#ref, email: None, worker_id: None, status: None, ..self.member() }
    }

    fn member(&mut self) -> v1::MemberInput {
        let number = self.random.next() % (self.size + self.size / 20);
        member(&mut self.random, number)
    }
}
