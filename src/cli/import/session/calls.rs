//! The calls that try rows again.

use std::time::Instant;

use prost::Message;
use sha2::{Digest, Sha256};

use super::state::Session;
use crate::api::grpc::v1;
use crate::cli::Error;
use crate::cli::client::{Client, Refusal};

/// Bulk calls, each named by the import, its number and its rows, so that one that is sent again counts once:
/// after a lost connection, and when an import that gave up goes on under its id. The answer is kept whatever
/// it is: a call of the first run in which no row was good may find them all good later, and would write them
/// over what others have changed since.
pub struct Calls<'a> {
    client: &'a mut Client,
    made: u64,
}

impl<'a> Calls<'a> {
    pub fn new(client: &'a mut Client) -> Self {
        Self { client, made: 0 }
    }

    pub async fn upsert(
        &mut self,
        session: &mut Session,
        mode: v1::BulkMode,
        match_by: v1::MatchBy,
        members: Vec<v1::MemberInput>,
    ) -> Result<v1::BulkUpsertMembersResponse, Error> {
        self.made += 1;
        let options = &session.options;
        let request_id = name(&options.import_id, self.made, mode, &members);
        let request = v1::BulkUpsertMembersRequest {
            member_base_id: options.member_base_id.clone(),
            members,
            mode: mode.into(),
            match_by: match_by.into(),
            semantics: options.semantics,
            reactivate: options.reactivate,
            apply_status: options.apply_status,
            results: v1::ResultDetail::Failed.into(),
            request_id,
            // What is tried next depends on what failed, so the import has to be told the same when it goes
            // on.
            keep_refusal: true,
        };
        loop {
            let refusal = match self.client.members.bulk_upsert_members(request.clone()).await {
                Ok(reply) => {
                    session.patience.refresh();
                    return Ok(reply.into_inner());
                }
                Err(status) => Refusal::from(status),
            };
            if !refusal.is_retryable() {
                return Err(refusal.into());
            }
            session.wait_to_try_again(refusal, Instant::now()).await?;
        }
    }
}

/// The name of a call: the import, the call's number in it, and the first 8 bytes of the SHA-256 of mode and
/// rows, each row in its form on the wire behind the length of that. It is the same on every machine and in
/// every version of the program.
fn name(import_id: &str, number: u64, mode: v1::BulkMode, members: &[v1::MemberInput]) -> String {
    let mut hash = Sha256::new_with_prefix(i32::from(mode).to_be_bytes());
    members.iter().for_each(|member| hash.update(member.encode_length_delimited_to_vec()));
    let rows: String = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{import_id}-{number}-{rows}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_has_one_name_for_ever() {
        let member = |email: &str| v1::MemberInput { email: Some(email.into()), ..Default::default() };
        let name = |members: &[v1::MemberInput]| name("imp", 2, v1::BulkMode::Atomic, members);
        assert_eq!(name(&[member("a@b.cd"), member("b@b.cd")]), "imp-2-e0a45131a0af9892");
    }
}
