//! `memberbase undelete`: brings deleted members back.

use std::process::ExitCode;

use crate::api::grpc::v1;

use super::client::{Client, Refusal, Target};
use super::{Error, base, output};

/// The arguments of `undelete`.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("which").required(true).args(["id", "ref", "revision"])))]
pub struct Args {
    /// The memberbase, by name or id
    #[arg(long, value_name = "NAME-OR-ID")]
    base: String,
    /// The id of a deleted member; may be repeated
    #[arg(long)]
    id: Vec<String>,
    /// The ref that a deleted member had; may be repeated
    #[arg(id = "ref", long = "ref")]
    r#ref: Vec<String>,
    /// The revision of a commit that deleted members, one of the `revisions` in the response of
    /// BulkDeleteMembers; may be repeated
    #[arg(long)]
    revision: Vec<u64>,
    #[command(flatten)]
    target: Target,
}

/// Prints what happened with each member; exit code 1 if some of them are not back.
pub async fn run(args: Args) -> Result<ExitCode, Error> {
    let mut client = args.target.connect().await?;
    let member_base_id = base::need(&mut client, &args.base).await?;
    let request = |deleted_at_revision| v1::UndeleteMembersRequest {
        member_base_id: member_base_id.clone(),
        member_ids: args.id.clone(),
        refs: args.r#ref.clone(),
        deleted_at_revision,
        request_id: String::new(),
    };
    let mut are_all_back = true;
    if args.revision.is_empty() {
        are_all_back = undelete(&mut client, request(None), &args.r#ref).await?;
    }
    for revision in &args.revision {
        are_all_back &= undelete(&mut client, request(Some(*revision)), &[]).await?;
    }
    Ok(if are_all_back { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Makes one call, and prints its results under these refs, or else under the ids. Returns whether all members
/// are there now, and there was one.
async fn undelete(
    client: &mut Client,
    request: v1::UndeleteMembersRequest,
    refs: &[String],
) -> Result<bool, Error> {
    let revision = request.deleted_at_revision;
    let reply = client.members.undelete_members(request).await.map_err(Refusal::from)?.into_inner();
    if let Some(revision) = revision.filter(|_| reply.results.is_empty()) {
        output::note(format_args!("memberbase: no deletion is known of revision {revision}"));
        return Ok(false);
    }
    let mut refs = refs.iter().cloned();
    let mut are_all_back = true;
    for result in reply.results {
        let name = refs.next().unwrap_or(result.id.clone());
        let outcome = match result.outcome() {
            v1::UndeleteOutcome::Restored => "restored",
            v1::UndeleteOutcome::NotDeleted => "not deleted",
            v1::UndeleteOutcome::NotFound => "not found",
            v1::UndeleteOutcome::Refused | v1::UndeleteOutcome::Unspecified => "refused",
        };
        are_all_back &=
            matches!(result.outcome(), v1::UndeleteOutcome::Restored | v1::UndeleteOutcome::NotDeleted);
        output::line(format_args!("{name}\t{outcome}"))?;
        if let Some(error) = result.error {
            let held = if error.member_id.is_empty() { "" } else { ", which has the id " };
            let (message, holder) = (error.message, error.member_id);
            output::note(format_args!("memberbase: {name}: {message}{held}{holder}"));
        }
    }
    Ok(are_all_back)
}
