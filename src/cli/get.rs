//! `memberbase get`: one member as JSON.

use std::process::ExitCode;

use crate::api::grpc::v1;

use super::client::{Refusal, Target};
use super::{Error, base, json, output};

/// The arguments of `get`.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("key").required(true).args(["id", "ref", "email", "worker_id"])))]
pub struct Args {
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
    #[command(flatten)]
    target: Target,
}

/// Prints the member; exit code 1 if there is no such member.
pub async fn run(args: Args) -> Result<ExitCode, Error> {
    let mut client = args.target.connect().await?;
    let member_base_id = match &args.base {
        Some(base) => Some(base::need(&mut client, base).await?),
        None => None,
    };
    let request = v1::GetMemberRequest {
        id: args.id,
        member_base_id,
        r#ref: args.r#ref,
        email: args.email,
        worker_id: args.worker_id,
        min_revision: None,
    };
    let member = match client.members.get_member(request).await.map_err(Refusal::from) {
        Ok(response) => response.into_inner().member,
        Err(refusal) if refusal.is_not_found() => {
            output::note(format_args!("memberbase: {refusal}"));
            return Ok(ExitCode::FAILURE);
        }
        Err(refusal) => return Err(refusal.into()),
    };
    let member = member.ok_or_else(|| Error::Broken("the server's reply has no member".into()))?;
    output::line(format_args!("{:#}", json::member(member)))?;
    Ok(ExitCode::SUCCESS)
}
