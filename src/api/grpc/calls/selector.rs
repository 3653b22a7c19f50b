//! Which member a call is about.

use tonic::Status;

use crate::api::error;
use crate::api::grpc::convert::key::one_key;
use crate::api::grpc::v1;
use crate::directory::{Directory, Selector};

/// The member with this key, in this memberbase if one is given.
pub fn selector(
    directory: &Directory,
    key: v1::MemberKey,
    member_base_id: Option<String>,
) -> Result<Selector, Status> {
    let key = one_key(key, "id").map_err(|refusal| error::refused(&refusal))?;
    let base = match member_base_id.filter(|id| !id.is_empty()) {
        Some(id) => Some(directory.base_number(&id, "member_base_id")?),
        None => None,
    };
    Selector::new(key, base).map_err(|refusal| error::refused(&refusal))
}
