//! Previewing a filter: how many members it matches, and the first of them, at one revision.

use crate::compute::Stretch;
use crate::directory::list::{check, join, matching_all, members_then, narrow};
use crate::directory::{Directory, Error, Found};
use crate::model::limits::AUDIENCE_PREVIEW_MAX_MEMBERS;
use crate::model::token::AccessLevel;
use crate::model::{BaseNumber, Parsed, RawFilter, Reason, Refusal};

/// Members of a preview if the caller sets no limit.
const PREVIEW_DEFAULT: u32 = 10;

impl Directory {
    /// How many members the filter of an audience would match, and the first of them. Saves nothing. Both
    /// are of one revision, however much is written meanwhile and however many members are checked.
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
        let parse = |filters| self.member_filter(filters, number);
        let Parsed { filter, named } = check::parse(filter.raw().to_vec(), parse).await?;
        self.guarded.check_filter(&filter)?;
        let base = self.guarded.base(AccessLevel::Read, number).await?;
        let (view, narrowed) = narrow(&base, None, &filter).await?;
        self.guarded.check_named(&named, &view)?;
        drop(view);
        let matching = matching_all(&base, &filter, &narrowed).await?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let (mut rows, mut stretch) = (Vec::with_capacity(limit), Stretch::default());
        for chunk in matching.chunks() {
            if rows.len() == limit {
                break;
            }
            let here = matching.chunk(chunk, &mut stretch).await;
            rows.extend(here.iter().take(limit - rows.len()).map(|place| join(chunk, place)));
        }
        let members = members_then(&base, narrowed.revision, &rows).await?;
        let members = members.into_iter().map(|(row, member)| (row, self.guarded.show(member))).collect();
        let total = matching.count().await;
        // Checking many members takes a while, and the caller may have lost its access.
        self.guarded.check_base(AccessLevel::Read, number).await?;
        Ok(Found { members, total })
    }
}
