//! Lists: which part is asked for, and what is answered.

use serde::{Deserialize, Serialize};

use crate::api::http::json::Object;
use crate::directory::RawPage;
use crate::model::RawSort;

/// `pagination`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pagination {
    limit: Option<i64>,
    cursor: Option<String>,
    skip: Option<i64>,
}

/// An entry of `sorts`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sort {
    key: String,
    direction: Option<String>,
}

/// `pagination` and `sorts`, as sent.
pub fn page(pagination: Option<Object<Pagination>>, sorts: Option<Vec<Object<Sort>>>) -> RawPage {
    let Pagination { limit, cursor, skip } = pagination.map(|object| object.0).unwrap_or_default();
    let sorts = sorts.unwrap_or_default().into_iter();
    let sorts = sorts.map(|Object(Sort { key, direction })| RawSort { key, direction }).collect();
    RawPage { limit, cursor, skip, sorts }
}

/// A part of a list.
#[derive(Debug, Serialize)]
pub struct Listed<T> {
    data: Vec<T>,
    page: Page,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Page {
    page_size: usize,
    cursor: Option<String>,
    more: bool,
}

impl<T> Listed<T> {
    /// A page of `data`, and where the next one starts.
    pub fn new(data: Vec<T>, cursor: Option<String>, total: Option<u64>) -> Self {
        let page = Page { page_size: data.len(), more: cursor.is_some(), cursor };
        Self { data, page, total }
    }
}
