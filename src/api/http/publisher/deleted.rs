//! The reply of calls that delete.

use schemars::JsonSchema;
use serde::Serialize;

/// How many members, attribute values or clips the call deleted. For clips it is always 1, because an unknown
/// clip is an error.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Deleted {
    pub deleted: u64,
}
