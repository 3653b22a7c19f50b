//! Where a page lies in its list.

use schemars::JsonSchema;
use serde::Serialize;

use crate::directory::PageEnds;

/// Where a page lies in its list.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PageInfo {
    has_next_page: bool,
    has_previous_page: bool,
    /// The cursor of the first entry; empty if the page has no entries.
    start_cursor: String,
    /// The cursor of the last entry, after which the next page begins; empty if the page has no entries.
    end_cursor: String,
    /// Whether a search finds more members than `totalCount`; absent if that is their exact number.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schemars(with = "Option<bool>")]
    total_is_minimum: bool,
}

impl PageInfo {
    /// Of a page, with the cursor of the next one if there is one.
    pub fn of(next: Option<String>, ends: Option<PageEnds>) -> Self {
        let PageEnds { cursors, has_earlier } = ends.unwrap_or_default();
        let (start_cursor, end_cursor) = cursors.unwrap_or_default();
        Self {
            has_next_page: next.is_some(),
            has_previous_page: has_earlier,
            start_cursor,
            // A page that was cut short may have looked further than its last entry.
            end_cursor: next.unwrap_or(end_cursor),
            total_is_minimum: false,
        }
    }

    /// The same, with whether the total may be too small.
    pub fn with_minimum(self, total_is_minimum: bool) -> Self {
        Self { total_is_minimum, ..self }
    }
}
