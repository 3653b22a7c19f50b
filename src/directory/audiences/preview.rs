//! Previewing a filter: how many members it matches, and the first of them.

use crate::directory::{Directory, Error, Found, Search};
use crate::model::limits::AUDIENCE_PREVIEW_MAX_MEMBERS;
use crate::model::{BaseNumber, RawFilter, Reason, Refusal};

/// Members of a preview if the caller sets no limit.
const PREVIEW_DEFAULT: u32 = 10;

impl Directory {
    /// How many members the filter of an audience would match, and the first of them. Saves nothing.
    pub async fn preview_audience(
        &self,
        number: BaseNumber,
        filters: Vec<RawFilter>,
        limit: Option<u32>,
    ) -> Result<Found, Error> {
        let limit = limit.unwrap_or(PREVIEW_DEFAULT);
        if limit > AUDIENCE_PREVIEW_MAX_MEMBERS {
            let description = format!("must be at most {AUDIENCE_PREVIEW_MAX_MEMBERS}");
            return Err(Refusal::field(Reason::PageLimitInvalid, "limit", description).into());
        }
        let filter = self.parse_audience_filter(number, filters).await?;
        if filter.filter().is_none() {
            self.get_base(number).await?;
            return Ok(Found::default());
        }
        let take = usize::try_from(limit).unwrap_or(usize::MAX);
        let filters = filter.raw().to_vec();
        self.search_members(Search { base: number, filters, skip: 0, take }).await
    }
}
