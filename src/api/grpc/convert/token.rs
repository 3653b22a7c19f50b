//! Tokens on the wire.

use super::timestamp;
use crate::api::grpc::v1;
use crate::model::Sealer;
use crate::model::token::{Token, TokenDescription};

/// A token on the wire, without its secret.
#[must_use]
pub fn to_wire(token: Token, sealer: &Sealer) -> v1::ApiToken {
    v1::ApiToken {
        id: token.id.to_string(),
        access: token.access.as_str().to_owned(),
        description: token.description.map(TokenDescription::into_string).unwrap_or_default(),
        member_base_id: token.base.map(|base| sealer.base_id(base)),
        pii: token.pii,
        created_at: Some(timestamp(token.created_at)),
        expires_at: token.expires_at.map(timestamp),
        revoked_at: token.revoked_at.map(timestamp),
        last_used_at: token.last_used_at.map(timestamp),
        requests_per_second: token.limits.requests_per_second,
        rows_per_second: token.limits.rows_per_second,
        damaged: token.is_damaged,
    }
}
