//! Pages and counts on the wire.

use super::member::attribute;
use crate::api::grpc::v1;
use crate::directory::{MemberGroup, RawPage};
use crate::model::RawSort;

/// `pagination` and `sorts`, as sent.
pub fn page(pagination: Option<v1::Pagination>, sorts: Vec<v1::Sort>) -> RawPage {
    let pagination = pagination.unwrap_or_default();
    RawPage {
        limit: pagination.limit.map(i64::from),
        cursor: pagination.cursor,
        skip: pagination.skip,
        sorts: sorts
            .into_iter()
            .map(|sort| RawSort { key: sort.key, direction: Some(sort.direction) })
            .collect(),
    }
}

/// The description of a page of a list.
pub fn page_info(entries: usize, cursor: Option<String>) -> v1::Page {
    v1::Page { page_size: i32::try_from(entries).unwrap_or(i32::MAX), more: cursor.is_some(), cursor }
}

/// The members that have the same value in a field.
pub fn group(group: MemberGroup) -> v1::MemberGroup {
    let MemberGroup { value, audience, is_shortened, members } = group;
    let audience_name = audience.map(|name| name.as_str().to_owned());
    v1::MemberGroup { value: value.map(attribute), is_shortened, members, audience_name }
}
