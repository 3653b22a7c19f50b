//! Lists: which page a caller requests, and how a page is shown.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::http::integer::Integer;
use crate::api::http::json::Object;
use crate::api::http::openapi::values;
use crate::directory::RawPage;
use crate::model::RawSort;

/// `pagination`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pagination {
    #[schemars(with = "Option<i64>", range(min = 1, max = i64::MAX))]
    limit: Option<Integer>,
    cursor: Option<String>,
    #[schemars(with = "Option<i64>", range(min = 0, max = i64::MAX))]
    skip: Option<Integer>,
}

/// An entry of `sorts`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sort {
    #[schemars(with = "values::SortKey")]
    key: String,
    #[schemars(with = "Option<values::Direction>")]
    direction: Option<String>,
}

/// `pagination` and `sorts`, as sent.
pub fn page(pagination: Option<Object<Pagination>>, sorts: Option<Vec<Object<Sort>>>) -> RawPage {
    let Pagination { limit, cursor, skip } = pagination.map(|object| object.0).unwrap_or_default();
    let sorts = sorts.unwrap_or_default().into_iter();
    let sorts = sorts.map(|Object(Sort { key, direction })| RawSort { key, direction }).collect();
    let number = |whole: Option<Integer>| whole.map(|whole| whole.0);
    RawPage { limit: number(limit), cursor, skip: number(skip), sorts }
}

/// A page of a list.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "{T}Page")]
pub struct Listed<T> {
    data: Vec<T>,
    page: Page,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
}

/// The size of a page, and where the next one starts.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Page {
    page_size: usize,
    cursor: Option<String>,
    more: bool,
}

impl Page {
    /// A page of so many entries.
    pub fn new(page_size: usize, cursor: Option<String>) -> Self {
        Self { page_size, more: cursor.is_some(), cursor }
    }
}

impl<T> Listed<T> {
    /// A page of `data`, and where the next one starts.
    pub fn new(data: Vec<T>, cursor: Option<String>, total: Option<u64>) -> Self {
        Self { page: Page::new(data.len(), cursor), data, total }
    }
}
