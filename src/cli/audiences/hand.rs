//! Adding members to an audience, and removing them, by hand.

use std::process::ExitCode;

use super::find::{self, Which};
use crate::api::grpc::v1;
use crate::cli::client::{Client, Refusal};
use crate::cli::{Error, base, output};
use crate::model::limits::AUDIENCE_HAND_MAX_MEMBERS;
use crate::model::words;

/// The arguments of `audiences add` and `audiences remove`.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("members").required(true).multiple(true).args(["id", "ref"]))]
pub struct Args {
    /// The id of a member; may be repeated
    #[arg(long)]
    id: Vec<String>,
    /// The ref of a member; may be repeated
    #[arg(id = "ref", long = "ref", requires = "base")]
    r#ref: Vec<String>,
    #[command(flatten)]
    which: Which,
}

/// Adds members; exit code 1 if some do not exist.
pub async fn add(args: Args) -> Result<ExitCode, Error> {
    let (mut client, audience_id, ids, mut unknown) = prepare(args).await?;
    let mut changed = 0;
    for ids in ids.chunks(AUDIENCE_HAND_MAX_MEMBERS) {
        let (audience_id, member_ids, request_id) = (audience_id.clone(), ids.to_vec(), String::new());
        let request = v1::AddAudienceMembersRequest { audience_id, member_ids, request_id };
        let reply = client.audiences.add_audience_members(request).await.map_err(Refusal::from)?;
        let counts = reply.into_inner().counts.unwrap_or_default();
        changed += counts.changed;
        unknown += counts.unknown;
    }
    end(changed, unknown)
}

/// Removes members; exit code 1 if some do not exist.
pub async fn remove(args: Args) -> Result<ExitCode, Error> {
    let (mut client, audience_id, ids, mut unknown) = prepare(args).await?;
    let mut changed = 0;
    for ids in ids.chunks(AUDIENCE_HAND_MAX_MEMBERS) {
        let (audience_id, member_ids, request_id) = (audience_id.clone(), ids.to_vec(), String::new());
        let request = v1::RemoveAudienceMembersRequest { audience_id, member_ids, request_id };
        let reply = client.audiences.remove_audience_members(request).await.map_err(Refusal::from)?;
        let counts = reply.into_inner().counts.unwrap_or_default();
        changed += counts.changed;
        unknown += counts.unknown;
    }
    end(changed, unknown)
}

/// The audience, the ids of the members, and how many refs no member has.
async fn prepare(args: Args) -> Result<(Client, String, Vec<String>, u64), Error> {
    let Args { mut id, r#ref, which } = args;
    let mut client = which.target.connect().await?;
    let audience_id =
        find::id(&mut client, &which.audience, which.base.as_deref(), find::Among::InUse).await?;
    let mut unknown = 0;
    if let Some(base) = which.base.as_deref().filter(|_| !r#ref.is_empty()) {
        let member_base_id = base::need(&mut client, base).await?;
        let key = |text: String| v1::MemberKey { r#ref: Some(text), ..v1::MemberKey::default() };
        let keys = r#ref.into_iter().map(key).collect();
        let request =
            v1::BatchGetMembersRequest { member_base_id, keys, ..v1::BatchGetMembersRequest::default() };
        let found = client.members.batch_get_members(request).await.map_err(Refusal::from)?.into_inner();
        for result in found.results {
            match result.member {
                Some(member) => id.push(member.id),
                None => unknown += 1,
            }
        }
    }
    Ok((client, audience_id, id, unknown))
}

fn end(changed: u64, unknown: u64) -> Result<ExitCode, Error> {
    output::line(format_args!("{} changed", words::count(changed, "member")))?;
    if unknown == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    output::note(format_args!("memberbase: {} not found", words::count(unknown, "member")));
    Ok(ExitCode::FAILURE)
}
