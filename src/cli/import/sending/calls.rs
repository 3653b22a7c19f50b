//! The calls that try rows again.

use std::time::Instant;

use prost::Message;
use sha2::{Digest, Sha256};

use super::state::Session;
use crate::api::grpc::v1;
use crate::cli::Error;
use crate::cli::client::{Client, Refusal};

/// Bulk calls with request ids. Each id is made of the import id, the number of the call and its rows, so a
/// repeated call is applied once: after a lost connection, and when an import that gave up is continued under
/// its id. The server stores the result even if no row was valid: otherwise a continued import could find all
/// rows of such a call valid, and overwrite what others have changed since.
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
        let request_id = request_id(&options.import_id, self.made, mode, &members);
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
            // The next call depends on which rows failed, so a continued import must get the same result.
            keep_refusal: true,
            expect_removals: None,
            expect: None,
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

/// The request id of a call: the import id, the number of the call, and the first 8 bytes of the SHA-256 of
/// the mode and the rows, each row in its wire form, preceded by its length. It is the same on every machine
/// and in every version of the program.
fn request_id(import_id: &str, number: u64, mode: v1::BulkMode, members: &[v1::MemberInput]) -> String {
    let mut hash = Sha256::new_with_prefix(i32::from(mode).to_be_bytes());
    members.iter().for_each(|member| hash.update(member.encode_length_delimited_to_vec()));
    let rows: String = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{import_id}-{number}-{rows}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_id_of_a_call_never_changes() {
        let member = |email: &str| v1::MemberInput { email: Some(email.into()), ..Default::default() };
        let id = |members: &[v1::MemberInput]| request_id("imp", 2, v1::BulkMode::Atomic, members);
        assert_eq!(id(&[member("a@b.cd"), member("b@b.cd")]), "imp-2-e0a45131a0af9892");
    }
}
