//! The ids that this door shows and accepts, as JSON Schema.

use crate::api::http::openapi::values::{id, values};
use crate::model::id::{MEMBER_PREFIX, MEMBER_PREFIX_ONSI};

/// The id of a member, `m_…`; `mem_…` is accepted too.
pub struct MemberId;

values! {
    MemberId, |g| id(g, &[MEMBER_PREFIX, MEMBER_PREFIX_ONSI]);
}
