//! Creating, getting, listing, changing, archiving and unarchiving audiences.

use std::sync::Arc;
use std::time::Instant;

use super::shown::ShownAudience;
use crate::directory::access::view;
use crate::directory::handle::result_of_another_call;
use crate::directory::list::{Page, RawPage, check};
use crate::directory::{Directory, Error, Lacking, PageEnds, REPLY_BYTES, Shows};
use crate::model::origin::Call;
use crate::model::token::AccessLevel;
use crate::model::{
    Audience, AudienceFilter, AudienceName, AudienceNumber, BaseNumber, Condition, Field, Filter, Operator,
    RawFilter, Refusal, Violations,
};
use crate::table::{AudienceReply, AudienceRequest, AudienceWhat, Base, RequestResult};

/// What an audience takes in a reply besides its name and its filter, in bytes.
const FIXED_BYTES: usize = 256;

/// An audience to create, as a caller sent it.
#[derive(Debug, Default)]
pub struct NewAudience {
    /// The name.
    pub name: String,
    /// The filter: all of these hold. Empty: it matches nobody.
    pub filters: Vec<RawFilter>,
    /// A request that is still queued at this moment is not planned.
    pub deadline: Option<Instant>,
}

/// Changes of an audience, as a caller sent them; what is `None` stays.
#[derive(Debug, Default)]
pub struct AudienceChange {
    /// The name.
    pub name: Option<String>,
    /// The whole filter.
    pub filters: Option<Vec<RawFilter>>,
    /// A request that is still queued at this moment is not planned.
    pub deadline: Option<Instant>,
}

/// Which audiences to list.
#[derive(Debug, Default)]
pub struct AudienceList {
    /// Whether to list archived ones as well.
    pub include_archived: bool,
    /// Which page.
    pub page: RawPage,
}

/// A part of a list of audiences.
#[derive(Debug)]
pub struct AudiencePage {
    /// The audiences, in the order asked for.
    pub audiences: Vec<ShownAudience>,
    /// Where the next page starts; `None` at the end.
    pub cursor: Option<String>,
    /// Where the page lies.
    pub ends: PageEnds,
    /// How many audiences the list has in all.
    pub total: u64,
}

impl Directory {
    /// Creates an audience.
    pub async fn create_audience(
        &self,
        number: BaseNumber,
        new: NewAudience,
    ) -> Result<ShownAudience, Error> {
        let NewAudience { name, filters, deadline } = new;
        let (name, filter) = self.parse_audience(number, Some(name), Some(filters)).await?;
        let (Some(name), Some(filter)) = (name, filter) else { return Err(no_change()) };
        let base = self.guarded.base(AccessLevel::Write, number).await?;
        self.may_use(&base, &filter).await?;
        let what = AudienceWhat::Create { name, filter };
        self.change_audience(&base, what, Call::CREATE_AUDIENCE, deadline).await
    }

    /// An audience, which may be archived.
    pub async fn get_audience(
        &self,
        number: BaseNumber,
        audience: AudienceNumber,
    ) -> Result<ShownAudience, Error> {
        let base = self.guarded.base(AccessLevel::Read, number).await?;
        let view = view(&base, None).await?;
        let audience = view.audiences().must_have(audience)?;
        Ok(self.shown(&view, number, audience))
    }

    /// One page of the audiences of a memberbase.
    pub async fn list_audiences(
        &self,
        number: BaseNumber,
        list: AudienceList,
    ) -> Result<AudiencePage, Error> {
        let AudienceList { include_archived, page } = list;
        let key = self.guarded.cursor_key();
        // No list of members has this filter, so their cursors are of no use here.
        let binding = Condition { field: Field::Name, op: Operator::Exists(include_archived) };
        let page = Page::parse(page, Ok(Filter::Condition(binding).into()), key, number)?;
        page.check_skip()?;
        let base = self.guarded.base(AccessLevel::Read, number).await?;
        let view = view(&base, None).await?;
        let is_listed = |audience: &&Arc<Audience>| include_archived || !audience.is_archived();
        let is_left = |audience: &&Arc<Audience>| {
            let place = u64::from(audience.number.0);
            is_listed(audience)
                && page.after.is_none_or(|after| {
                    if page.direction.is_descending() { place < after } else { place > after }
                })
        };
        let all = view.audiences();
        let mut left: Vec<&Arc<Audience>> = all.iter().filter(is_left).collect();
        let total = all.iter().filter(is_listed).count();
        let has_earlier = left.len() < total;
        if page.direction.is_descending() {
            left.reverse();
        }
        let mut left = left.into_iter().skip(usize::try_from(page.skip).unwrap_or(usize::MAX)).peekable();
        let (mut audiences, mut bytes) = (Vec::new(), 0);
        while audiences.len() < page.limit && bytes < REPLY_BYTES {
            let Some(audience) = left.next() else { break };
            bytes += FIXED_BYTES + audience.name.as_str().len() + audience.filter.bytes();
            audiences.push(self.shown(&view, number, audience));
        }
        let cursor = |shown: &ShownAudience| page.cursor(key, shown.audience.number.0.into(), 0);
        let cursors =
            audiences.first().zip(audiences.last()).map(|(first, last)| (cursor(first), cursor(last)));
        let next = audiences.last().filter(|_| left.peek().is_some()).map(cursor);
        let total = u64::try_from(total).unwrap_or(u64::MAX);
        Ok(AudiencePage { audiences, cursor: next, ends: PageEnds { cursors, has_earlier }, total })
    }

    /// Changes the name or the filter of an audience.
    pub async fn update_audience(
        &self,
        number: BaseNumber,
        audience: AudienceNumber,
        change: AudienceChange,
    ) -> Result<ShownAudience, Error> {
        let AudienceChange { name, filters, deadline } = change;
        let (name, filter) = self.parse_audience(number, name, filters).await?;
        let base = self.guarded.base(AccessLevel::Write, number).await?;
        if let Some(filter) = &filter {
            self.may_use(&base, filter).await?;
        }
        let what = AudienceWhat::Update { audience, name, filter };
        self.change_audience(&base, what, Call::UPDATE_AUDIENCE, deadline).await
    }

    /// Archives an audience. One that is archived already stays as it is.
    pub async fn archive_audience(
        &self,
        number: BaseNumber,
        audience: AudienceNumber,
        deadline: Option<Instant>,
    ) -> Result<ShownAudience, Error> {
        let base = self.guarded.base(AccessLevel::Write, number).await?;
        let what = AudienceWhat::Archive { audience };
        self.change_audience(&base, what, Call::ARCHIVE_AUDIENCE, deadline).await
    }

    /// Brings an archived audience back. One that is not archived stays as it is.
    pub async fn unarchive_audience(
        &self,
        number: BaseNumber,
        audience: AudienceNumber,
        deadline: Option<Instant>,
    ) -> Result<ShownAudience, Error> {
        let base = self.guarded.base(AccessLevel::Write, number).await?;
        let what = AudienceWhat::Unarchive { audience };
        self.change_audience(&base, what, Call::UNARCHIVE_AUDIENCE, deadline).await
    }

    /// Parses a name and a filter, and reports the faults of both.
    async fn parse_audience(
        &self,
        base: BaseNumber,
        name: Option<String>,
        filters: Option<Vec<RawFilter>>,
    ) -> Result<(Option<AudienceName>, Option<AudienceFilter>), Refusal> {
        let mut faults = Violations::default();
        let name = name.and_then(|name| faults.check("name", AudienceName::parse(name)));
        let mut filter = None;
        if let Some(filters) = filters {
            match self.parse_audience_filter(base, filters).await {
                Ok(parsed) => filter = Some(parsed),
                Err(refusal) => faults.extend(refusal),
            }
        }
        faults.finish((name, filter))
    }

    /// Parses the filter of an audience of `base`.
    pub(super) async fn parse_audience_filter(
        &self,
        base: BaseNumber,
        filters: Vec<RawFilter>,
    ) -> Result<AudienceFilter, Refusal> {
        let (sealer, fold, today) = (self.sealer(), self.fold(), self.now().date());
        check::parse(filters, |filters| AudienceFilter::parse(filters, sealer, base, fold, today)).await
    }

    /// Rejects a filter that looks at fields that the caller may not see, itself or through an audience.
    pub(super) async fn may_use(&self, base: &Base, filter: &AudienceFilter) -> Result<(), Error> {
        let view = view(base, None).await?;
        if view.audiences().is_pii(filter) && !self.guarded.sees_pii() {
            return Err(Lacking::Pii(Shows::Filter).into());
        }
        Ok(())
    }

    /// Changes an audience in the lane, or finds the one that this request has changed before.
    async fn change_audience(
        &self,
        base: &Base,
        what: AudienceWhat,
        call: Call,
        deadline: Option<Instant>,
    ) -> Result<ShownAudience, Error> {
        let number = match self.stored_result() {
            Some(stored) => match stored.result {
                RequestResult::Audience(number) => number,
                _ => return Err(result_of_another_call()),
            },
            None => {
                let (claim, origin) = (self.claim(), self.origin(call));
                let request = AudienceRequest { what, claim, deadline, origin };
                let AudienceReply { audience, .. } = base.change_audience(request).await?;
                audience.number
            }
        };
        let view = view(base, None).await?;
        let audience = view.audiences().must_have(number)?;
        Ok(self.shown(&view, base.number(), audience))
    }
}

/// A new audience has a name and a filter, so this does not happen.
fn no_change() -> Error {
    Error::Internal { private: "a new audience was parsed without a name or a filter".to_owned() }
}
