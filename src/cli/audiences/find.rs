//! Finds an audience by its id, or by its name in a memberbase.

use crate::api::grpc::v1;
use crate::cli::client::{Client, Refusal, Target};
use crate::cli::{Error, base};

const ID_PREFIX: &str = "aud_";

/// An audience.
#[derive(Debug, clap::Args)]
pub struct Which {
    /// The audience, by id, or with --base by name
    #[arg(value_name = "NAME-OR-ID")]
    pub audience: String,
    /// The memberbase, by name or id; needed if the audience is given by its name
    #[arg(long, value_name = "NAME-OR-ID")]
    pub base: Option<String>,
    #[command(flatten)]
    pub target: Target,
}

/// Among which audiences a name is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Among {
    /// Those that are not archived.
    InUse,
    /// Those that are archived: the youngest of that name.
    Archived,
    /// Those that are not archived, and if none of these has the name, those that are.
    All,
}

/// The id of an audience.
pub async fn id(
    client: &mut Client,
    audience: &str,
    base: Option<&str>,
    among: Among,
) -> Result<String, Error> {
    if audience.starts_with(ID_PREFIX) {
        return Ok(audience.to_owned());
    }
    let Some(base) = base else {
        return Err(Error::Usage(format!("to find an audience by its name, {audience:?}, give --base too")));
    };
    let member_base_id = base::need(client, base).await?;
    let named = all(client, member_base_id, among != Among::InUse).await?;
    let (archived, in_use): (Vec<_>, Vec<_>) =
        named.into_iter().filter(|one| one.name == audience).partition(|one| one.archived_at.is_some());
    let in_use = in_use.into_iter().next_back().filter(|_| among != Among::Archived);
    let found = in_use.or_else(|| archived.into_iter().next_back()).map(|one| one.id);
    let archived = if among == Among::Archived { "archived " } else { "" };
    found.ok_or_else(|| Error::Usage(format!("the memberbase has no {archived}audience named {audience:?}")))
}

/// All audiences of a memberbase, oldest first.
pub async fn all(
    client: &mut Client,
    member_base_id: String,
    include_archived: bool,
) -> Result<Vec<v1::Audience>, Error> {
    let mut request =
        v1::ListAudiencesRequest { member_base_id, include_archived, ..v1::ListAudiencesRequest::default() };
    let mut found = Vec::new();
    loop {
        let reply = client.audiences.list_audiences(request.clone()).await.map_err(Refusal::from)?;
        let page = reply.into_inner();
        found.extend(page.audiences);
        let cursor = page.page.and_then(|page| page.cursor);
        if cursor.is_none() {
            return Ok(found);
        }
        request.pagination = Some(v1::Pagination { cursor, ..v1::Pagination::default() });
    }
}

/// The audience of a reply, which every reply has.
pub fn known(audience: Option<v1::Audience>) -> Result<v1::Audience, Error> {
    audience.ok_or_else(|| Error::Broken("the server's reply has no audience".to_owned()))
}
