//! Looks up which members have the keys of failed rows.

use std::time::Instant;

use super::overtaken::Open;
use super::state::Session;
use crate::api::grpc::v1;
use crate::cli::Error;
use crate::cli::client::{Client, Refusal};
use crate::cli::import::reading::Key;

/// How many keys one call has: as many as the rows of a chunk, because the rate limit of a token may allow no
/// more for some seconds.
const ASK_TOGETHER: usize = 1_000;

/// Looks up which members the failed rows would change if they were imported now, if the replies had no id
/// for them and a newer row was applied. If the lookup fails, their members stay unknown.
pub async fn learn(session: &mut Session, client: &mut Client) -> Result<(), Error> {
    if !session.overtaken.has_to_learn() {
        return Ok(());
    }
    let keys: Vec<_> = session.overtaken.open().iter().filter_map(wire).collect();
    let mut known = Vec::with_capacity(keys.len());
    for together in keys.chunks(ASK_TOGETHER) {
        let mut rest = together;
        while !rest.is_empty() {
            let request = rest.iter().map(|(_, key)| key.clone()).collect();
            let Some(results) = ask(session, client, request).await? else {
                session.overtaken.cannot_learn();
                return Ok(());
            };
            // The first result is never omitted.
            let done = results.iter().take_while(|result| !result.omitted).count().max(1);
            known.extend(
                rest.iter()
                    .zip(results)
                    .take(done)
                    .filter_map(|((line, _), result)| Some((*line, Key::of_id(&result.member?.id)?))),
            );
            rest = rest.get(done..).unwrap_or_default();
        }
    }
    session.overtaken.learn(&known);
    Ok(())
}

fn wire(open: &Open) -> Option<(u64, v1::MemberKey)> {
    open.key.to_wire().map(|key| (open.line, key))
}

/// The result for each key; `None` if the server rejects the call.
async fn ask(
    session: &mut Session,
    client: &mut Client,
    keys: Vec<v1::MemberKey>,
) -> Result<Option<Vec<v1::BatchGetResult>>, Error> {
    let member_base_id = session.options.member_base_id.clone();
    let request = v1::BatchGetMembersRequest { member_base_id, keys, min_revision: None };
    loop {
        let refusal = match client.members.batch_get_members(request.clone()).await {
            Ok(reply) => {
                session.patience.refresh();
                return Ok(Some(reply.into_inner().results));
            }
            Err(status) => Refusal::from(status),
        };
        if !refusal.is_retryable() {
            return Ok(None);
        }
        session.wait_to_try_again(refusal, Instant::now()).await?;
    }
}
