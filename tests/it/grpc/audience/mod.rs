//! `AudienceService`, and audiences in the filters of other calls.

mod building;
mod count;
mod explain;
mod filters;
mod hand;
mod manage;
mod rights;
mod used;

use memberbase::api::grpc::v1;
use memberbase::api::grpc::v1::audience_service_client::AudienceServiceClient;
use tonic::Status;
use tonic::transport::Channel;

use crate::harness::{Base, Server, condition, eq, row, text};

/// The client, and a memberbase for it.
pub struct World {
    pub client: AudienceServiceClient<Channel>,
    pub base: Base,
}

impl World {
    pub async fn new(server: &Server) -> Self {
        Self { client: AudienceServiceClient::new(server.channel()), base: server.base().await }
    }

    pub async fn try_create(&mut self, name: &str, filters: Vec<v1::Filter>) -> Result<v1::Audience, Status> {
        let (member_base_id, name) = (self.base.id.clone(), name.to_owned());
        let request = v1::CreateAudienceRequest { member_base_id, name, filters, ..Default::default() };
        Ok(self.client.create_audience(request).await?.into_inner().audience.unwrap())
    }

    /// Creates an audience, and waits until it is built.
    pub async fn create(&mut self, name: &str, filters: Vec<v1::Filter>) -> v1::Audience {
        let made = self.try_create(name, filters).await.unwrap();
        self.built(&made.id).await
    }

    pub async fn get(&mut self, id: &str) -> Result<v1::Audience, Status> {
        let request = v1::GetAudienceRequest { audience_id: id.to_owned() };
        Ok(self.client.get_audience(request).await?.into_inner().audience.unwrap())
    }

    /// The audience, once its filter is evaluated.
    pub async fn built(&mut self, id: &str) -> v1::Audience {
        loop {
            let found = self.get(id).await.unwrap();
            if found.state() == v1::AudienceState::Ready {
                return found;
            }
            tokio::task::yield_now().await;
        }
    }

    pub async fn update(
        &mut self,
        id: &str,
        change: impl FnOnce(&mut v1::UpdateAudienceRequest),
    ) -> Result<v1::Audience, Status> {
        let mut request = v1::UpdateAudienceRequest { audience_id: id.to_owned(), ..Default::default() };
        change(&mut request);
        self.client.update_audience(request).await?;
        Ok(self.built(id).await)
    }

    pub async fn archive(&mut self, id: &str) -> Result<v1::Audience, Status> {
        let request = v1::ArchiveAudienceRequest { audience_id: id.to_owned(), ..Default::default() };
        Ok(self.client.archive_audience(request).await?.into_inner().audience.unwrap())
    }

    pub async fn unarchive(&mut self, id: &str) -> Result<v1::Audience, Status> {
        let request = v1::UnarchiveAudienceRequest { audience_id: id.to_owned(), ..Default::default() };
        self.client.unarchive_audience(request).await?;
        Ok(self.built(id).await)
    }

    pub async fn add(&mut self, id: &str, members: &[String]) -> Result<v1::HandCounts, Status> {
        let (audience_id, member_ids) = (id.to_owned(), members.to_vec());
        let request = v1::AddAudienceMembersRequest { audience_id, member_ids, ..Default::default() };
        Ok(self.client.add_audience_members(request).await?.into_inner().counts.unwrap())
    }

    pub async fn remove(&mut self, id: &str, members: &[String]) -> Result<v1::HandCounts, Status> {
        let (audience_id, member_ids) = (id.to_owned(), members.to_vec());
        let request = v1::RemoveAudienceMembersRequest { audience_id, member_ids, ..Default::default() };
        Ok(self.client.remove_audience_members(request).await?.into_inner().counts.unwrap())
    }

    pub async fn explain(&mut self, id: &str, r#ref: &str) -> Result<v1::ExplainMembershipResponse, Status> {
        let key = Some(v1::MemberKey { r#ref: Some(r#ref.to_owned()), ..Default::default() });
        let request = v1::ExplainMembershipRequest { audience_id: id.to_owned(), key };
        Ok(self.client.explain_membership(request).await?.into_inner())
    }

    /// The refs of the members of an audience; its count is asserted to be their number.
    pub async fn members(&mut self, id: &str) -> String {
        let refs = self.base.refs(vec![eq("audience", id)]).await;
        let count = self.get(id).await.unwrap().member_count;
        assert_eq!(count, Some(refs.len() as u64));
        refs.concat()
    }

    pub async fn names(&mut self, include_archived: bool) -> Vec<String> {
        let member_base_id = self.base.id.clone();
        let request = v1::ListAudiencesRequest { member_base_id, include_archived, ..Default::default() };
        let listed = self.client.list_audiences(request).await.unwrap().into_inner().audiences;
        listed.into_iter().map(|audience| audience.name).collect()
    }
}

/// A row with this tier.
pub fn tiered(r#ref: &str, tier: &str) -> v1::MemberInput {
    v1::MemberInput { tier: Some(tier.to_owned()), ..row(r#ref) }
}

/// The filter of the members of this tier.
pub fn tier(name: &str) -> Vec<v1::Filter> {
    vec![eq("tier", name)]
}

/// The condition that a member is not in an audience.
pub fn not_in(id: &str) -> v1::Filter {
    condition("audience", |filter| filter.ne = Some(text(id)))
}
