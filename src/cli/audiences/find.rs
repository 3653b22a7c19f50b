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

/// The id of an audience. A name is looked up among the audiences that are not archived; with `archived`,
/// among those that are: the youngest of that name.
pub async fn id(
    client: &mut Client,
    audience: &str,
    base: Option<&str>,
    archived: bool,
) -> Result<String, Error> {
    if audience.starts_with(ID_PREFIX) {
        return Ok(audience.to_owned());
    }
    let Some(base) = base else {
        return Err(Error::Usage(format!("to find an audience by its name, {audience:?}, give --base too")));
    };
    let member_base_id = base::need(client, base).await?;
    let named = all(client, member_base_id, archived).await?;
    let found = named
        .into_iter()
        .rfind(|one| one.name == audience && one.archived_at.is_some() == archived)
        .map(|one| one.id);
    let archived = if archived { "archived " } else { "" };
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
