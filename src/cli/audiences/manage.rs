//! Listing, creating, changing and archiving audiences.

use std::process::ExitCode;

use super::find::{self, Among, Which};
use super::show;
use crate::api::grpc::v1;
use crate::cli::client::{Refusal, Target};
use crate::cli::{Error, base, filter, output};

/// The arguments of `audiences list`.
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// The memberbase, by name or id
    #[arg(long, value_name = "NAME-OR-ID")]
    base: String,
    /// List archived audiences too
    #[arg(long)]
    archived: bool,
    #[command(flatten)]
    target: Target,
}

/// The arguments of `audiences create`.
#[derive(Debug, clap::Args)]
pub struct CreateArgs {
    /// The name: up to 128 characters, unique among the audiences that are not archived
    name: String,
    /// The memberbase, by name or id
    #[arg(long, value_name = "NAME-OR-ID")]
    base: String,
    /// Members must match this condition, as for `memberbase export`. If given several times, they must match
    /// all. Without it, members are only added by hand
    #[arg(long, value_name = "CONDITION")]
    filter: Vec<String>,
    #[command(flatten)]
    target: Target,
}

/// The arguments of `audiences update`.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("what").required(true).multiple(true).args(["name", "filter", "no_filter"]))]
pub struct UpdateArgs {
    /// The new name
    #[arg(long)]
    name: Option<String>,
    /// The new filter, in place of the whole filter before; as for `memberbase export`
    #[arg(long, value_name = "CONDITION", conflicts_with = "no_filter")]
    filter: Vec<String>,
    /// Remove the filter, so that only members added by hand are in the audience
    #[arg(long)]
    no_filter: bool,
    #[command(flatten)]
    which: Which,
}

/// Prints one line for each audience.
pub async fn list(args: ListArgs) -> Result<ExitCode, Error> {
    let mut client = args.target.connect().await?;
    let member_base_id = base::need(&mut client, &args.base).await?;
    for audience in find::all(&mut client, member_base_id, args.archived).await? {
        output::line(show::summary(&audience))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Creates an audience.
pub async fn create(args: CreateArgs) -> Result<ExitCode, Error> {
    let filters = filter::parse_all(&args.filter)?;
    let mut client = args.target.connect().await?;
    let member_base_id = base::need(&mut client, &args.base).await?;
    let name = args.name;
    let request = v1::CreateAudienceRequest { member_base_id, name, filters, request_id: String::new() };
    let reply = client.audiences.create_audience(request).await.map_err(Refusal::from)?.into_inner();
    let audience = find::known(reply.audience)?;
    output::note(show::summary(&audience));
    output::line(audience.id)?;
    Ok(ExitCode::SUCCESS)
}

/// Changes an audience.
pub async fn update(args: UpdateArgs) -> Result<ExitCode, Error> {
    let filters = filter::parse_all(&args.filter)?;
    let Which { audience, base, target } = args.which;
    let mut client = target.connect().await?;
    let audience_id = find::id(&mut client, &audience, base.as_deref(), Among::All).await?;
    let request = v1::UpdateAudienceRequest {
        audience_id,
        name: args.name,
        filters,
        clear_filters: args.no_filter,
        request_id: String::new(),
    };
    let reply = client.audiences.update_audience(request).await.map_err(Refusal::from)?.into_inner();
    print(reply.audience)
}

/// Archives an audience.
pub async fn archive(which: Which) -> Result<ExitCode, Error> {
    let mut client = which.target.connect().await?;
    let audience_id = find::id(&mut client, &which.audience, which.base.as_deref(), Among::InUse).await?;
    let request = v1::ArchiveAudienceRequest { audience_id, request_id: String::new() };
    let reply = client.audiences.archive_audience(request).await.map_err(Refusal::from)?.into_inner();
    print(reply.audience)
}

/// Brings an archived audience back.
pub async fn unarchive(which: Which) -> Result<ExitCode, Error> {
    let mut client = which.target.connect().await?;
    let audience_id = find::id(&mut client, &which.audience, which.base.as_deref(), Among::Archived).await?;
    let request = v1::UnarchiveAudienceRequest { audience_id, request_id: String::new() };
    let reply = client.audiences.unarchive_audience(request).await.map_err(Refusal::from)?.into_inner();
    print(reply.audience)
}

fn print(audience: Option<v1::Audience>) -> Result<ExitCode, Error> {
    output::line(show::summary(&find::known(audience)?))?;
    Ok(ExitCode::SUCCESS)
}
