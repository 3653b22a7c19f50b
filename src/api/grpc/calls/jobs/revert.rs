//! `StartRevert`.

use crate::api::grpc::convert::instant;
use crate::api::grpc::v1;
use crate::directory::{Directory, Error, NewRevert, NewRevertOf};
use crate::model::token::TokenId;
use crate::model::{Reason, Refusal};

/// What a request asks for: exactly one way to say what is taken back.
pub fn read(directory: &Directory, request: v1::StartRevertRequest) -> Result<NewRevert, Error> {
    let v1::StartRevertRequest { name, dry_run, ask_first, .. } = request;
    let (by_revision, by_token) = (request.first_revision > 0, !request.api_token_id.is_empty());
    let conflicts = [
        (by_revision || request.last_revision > 0, "first_revision"),
        (by_token || request.since.is_some(), "api_token_id"),
    ];
    let of = if !request.job_id.is_empty() {
        if let Some((_, field)) = conflicts.into_iter().find(|(is_given, _)| *is_given) {
            return Err(conflict(field));
        }
        if !request.member_base_id.is_empty() {
            return Err(conflict("member_base_id"));
        }
        NewRevertOf::Job(request.job_id)
    } else {
        let base = directory.base_number(&request.member_base_id, "member_base_id")?;
        match (by_revision, by_token) {
            (true, true) => return Err(conflict("api_token_id")),
            (false, false) => {
                let text = "is required, unless `first_revision` or `api_token_id` is given";
                return Err(Refusal::field(Reason::FieldRequired, "job_id", text).into());
            }
            (true, false) if request.since.is_some() => return Err(conflict("since")),
            (false, true) if request.last_revision > 0 => return Err(conflict("last_revision")),
            (true, false) => {
                let last = Some(request.last_revision).filter(|last| *last > 0);
                NewRevertOf::Revisions(base, request.first_revision, last)
            }
            (false, true) => {
                let token = TokenId::parse(&request.api_token_id);
                let malformed =
                    |fault| Refusal::field(Reason::IdMalformed, "api_token_id", format!("{fault}"));
                let required = || Refusal::field(Reason::FieldRequired, "since", "is required");
                let since = instant(request.since.ok_or_else(required)?);
                let since = since.map_err(|rule| Refusal::rule("since", &rule))?;
                NewRevertOf::Token(base, token.map_err(malformed)?, since)
            }
        }
    };
    Ok(NewRevert { of, name, is_dry_run: dry_run, asks_first: ask_first })
}

fn conflict(field: &str) -> Error {
    let text = "cannot be combined with the other ways to say what is taken back";
    Refusal::field(Reason::FieldConflict, field, text).into()
}
