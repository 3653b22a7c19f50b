//! The arguments that name one member.

use crate::api::grpc::v1;

use super::client::Client;
use super::{Error, base};

/// Which member a command is about: exactly one key.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("key").required(true).args(["id", "ref", "email", "worker_id"])))]
pub struct Which {
    /// The member's id
    #[arg(long)]
    id: Option<String>,
    /// The memberbase, by name or id
    #[arg(long, value_name = "NAME-OR-ID")]
    base: Option<String>,
    /// The member's ref
    #[arg(id = "ref", long = "ref", requires = "base")]
    r#ref: Option<String>,
    /// The member's e-mail address
    #[arg(long, requires = "base")]
    email: Option<String>,
    /// The member's worker id
    #[arg(long, requires = "base")]
    worker_id: Option<String>,
}

impl Which {
    /// The key of the member, and the id of its memberbase if one is given.
    pub async fn find(self, client: &mut Client) -> Result<(v1::MemberKey, Option<String>), Error> {
        let member_base_id = match &self.base {
            Some(base) => Some(base::need(client, base).await?),
            None => None,
        };
        let Self { id, base: _, r#ref, email, worker_id } = self;
        Ok((v1::MemberKey { id, r#ref, email, worker_id }, member_base_id))
    }
}
