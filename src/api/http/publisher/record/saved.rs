//! Records that were saved, as their calls show them, and the times that callers send.

use super::list::Render;
use crate::api::http::publisher::failure::Failure;
use crate::directory::{Directory, Error, Saved, SentTime};
use crate::model::Timestamp;

/// A record that was saved, as it is now.
pub fn shown<T>(directory: &Directory, saved: Saved, render: Render<T>) -> Result<T, Failure> {
    Ok(render(directory.sealer().member_id(saved.base, saved.row), saved.record)?)
}

/// The error for a record of another kind than its call is about.
pub fn wrong_kind() -> Error {
    Error::Internal { private: "a record has another kind than its call".to_owned() }
}

/// The time of a field, if it is given.
pub fn time(sent: Option<String>) -> SentTime {
    sent.map(|text| Timestamp::parse(&text))
}
