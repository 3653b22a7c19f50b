//! `memberbase undelete`: brings deleted members back.

use std::process::ExitCode;

use crate::api::grpc::v1;

use super::client::{Refusal, Target};
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
    /// The revision of the commit that deleted the members
    #[arg(long)]
    revision: Option<u64>,
    #[command(flatten)]
    target: Target,
}

/// Prints what happened with each member; exit code 1 if some of them are not back.
pub async fn run(args: Args) -> Result<ExitCode, Error> {
    let mut client = args.target.connect().await?;
    let member_base_id = base::need(&mut client, &args.base).await?;
    let request = v1::UndeleteMembersRequest {
        member_base_id,
        ids: args.id,
        refs: args.r#ref.clone(),
        deleted_at_revision: args.revision,
        request_id: String::new(),
    };
    let reply = client.members.undelete_members(request).await.map_err(Refusal::from)?.into_inner();
    let mut refs = args.r#ref.into_iter();
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
    Ok(if are_all_back { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
