//! The keys of members on the wire.

use crate::api::grpc::v1;
use crate::directory::{Key, RawKeys};
use crate::model::{Reason, Refusal};

/// The one key that is given. Without a key, or with several, the refusal names `field`.
pub fn one_key(keys: v1::MemberKey, field: &str) -> Result<Key, Refusal> {
    let v1::MemberKey { id, r#ref, email, worker_id } = keys;
    Key::only(RawKeys { id, ref_: r#ref, email, worker_id }).ok_or_else(|| {
        let text = "must have exactly one of id, ref, email and worker_id";
        Refusal::field(Reason::FieldRequired, field, text)
    })
}
