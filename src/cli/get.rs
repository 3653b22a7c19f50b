//! `memberbase get`: one member as JSON.

use std::process::ExitCode;

use crate::api::grpc::v1;

use super::client::{Refusal, Target};
use super::member::Which;
use super::{Error, json, output};

/// The arguments of `get`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    target: Target,
}

/// Prints the member; exit code 1 if there is no such member.
pub async fn run(args: Args) -> Result<ExitCode, Error> {
    let mut client = args.target.connect().await?;
    let (v1::MemberKey { id, r#ref, email, worker_id }, member_base_id) =
        args.which.find(&mut client).await?;
    let request = v1::GetMemberRequest { id, member_base_id, r#ref, email, worker_id, min_revision: None };
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
