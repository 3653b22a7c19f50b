//! The history of one member, page by page, from the newest change back.
//!
//! - A member is named by any of its keys; a deleted one by its id, for as long as it can come back.
//! - Of each change the caller sees the fields that it may see of the member. A change of hidden fields alone
//!   is listed without fields, because the member's revision shows that there was one.
//! - A caller without the right `pii` sees no audiences: an audience may have looked at hidden fields then,
//!   even if its filter does not today.
//! - A page ends early when its changes are too large for a reply, and when it has read as much of the commit
//!   log as one page may; then it can even be empty. The last page says where the history ends.

use crate::directory::access::view;
use crate::directory::list::RawPage;
use crate::directory::selector::Selector;
use crate::directory::{Directory, Error, PageRoom, REPLY_BYTES};
use crate::model::limits::{HISTORY_LOG_BYTES, HISTORY_PAGE_MAX};
use crate::model::origin::{Actor, Cause, Door};
use crate::model::token::{AccessLevel, TokenDescription};
use crate::model::{
    AudienceNumber, Audiences, BaseNumber, Cursor, Direction, FieldChange, ImportId, JobNumber, Origin,
    PageRequest, Reason, Refusal, Row, Timestamp, cursor, differences,
};
use crate::table::{HistoryChange, HistoryEnd, HistoryKind, HistoryPlace, MemberKey, Told};

/// What a change takes in a reply besides its fields and audiences, in bytes.
const CHANGE_BYTES: usize = 256;
/// What a field takes besides its name and its values, and an audience besides its name, in bytes.
const ENTRY_BYTES: usize = 64;

/// The low bits of a cursor's position, which hold the revision. The others say what the revision means.
const REVISION_BITS: u32 = 62;
const AFTER: u64 = 0;
const FIRST_BELOW: u64 = 1;
const BELOW: u64 = 2;

/// Which part of a member's history to list.
#[derive(Debug)]
pub struct MemberChanges {
    /// The member.
    pub selector: Selector,
    /// Which page. It has no order of its own and skips nothing.
    pub page: RawPage,
    /// The revision that the memberbase must have reached.
    pub min_revision: Option<u64>,
}

/// A part of the history of a member.
#[derive(Debug)]
pub struct MemberChangePage {
    /// The memberbase.
    pub base: BaseNumber,
    /// The member.
    pub row: Row,
    /// The changes, newest first.
    pub changes: Vec<MemberChange>,
    /// Where the next page starts; `None` at the end.
    pub cursor: Option<String>,
    /// Where the history ends; `None` unless this is the last page.
    pub end: Option<HistoryEnd>,
    /// The revision of the memberbase when the page was read.
    pub revision: u64,
    /// The memory that the changes take.
    pub room: PageRoom,
}

/// One change of a member.
#[derive(Debug)]
pub struct MemberChange {
    /// The revision that it made.
    pub revision: u64,
    /// When it was made.
    pub at: Timestamp,
    /// What happened.
    pub kind: HistoryKind,
    /// Where it came from; `None` if that is not known.
    pub origin: Option<ChangeOrigin>,
    /// The fields that changed, in alphabetical order.
    pub fields: Vec<FieldChange>,
    /// The audiences that the member entered or left because of it.
    pub audiences: Vec<AudienceMove>,
}

/// Where a change came from.
#[derive(Debug)]
pub struct ChangeOrigin {
    /// Who made it.
    pub actor: Actor,
    /// What the token is for, if it was made with one.
    pub token: Option<TokenDescription>,
    /// The door through which it came.
    pub door: Door,
    /// The name of the operation; `None` if this version does not know it.
    pub call: Option<&'static str>,
    /// The job that made it, if one did.
    pub job: Option<JobNumber>,
    /// The import that it is part of, if it is part of one.
    pub import: Option<ImportId>,
}

/// An audience that a member entered or left.
#[derive(Debug)]
pub struct AudienceMove {
    /// The audience.
    pub audience: AudienceNumber,
    /// Its name today.
    pub name: String,
    /// Whether the member entered it; otherwise it left.
    pub entered: bool,
}

impl Directory {
    /// One page of the history of a member.
    pub async fn list_member_changes(&self, list: MemberChanges) -> Result<MemberChangePage, Error> {
        let MemberChanges { selector, page, min_revision } = list;
        let page = parse(page)?;
        let names_base = selector.names_base();
        let (number, key) = self.select(selector)?;
        let found = self.history(number, &key, &page, min_revision).await;
        found.map_err(|error| if names_base { error } else { error.of_member() })
    }

    async fn history(
        &self,
        number: BaseNumber,
        key: &MemberKey,
        page: &PageRequest,
        min_revision: Option<u64>,
    ) -> Result<MemberChangePage, Error> {
        let base = self.guarded.base(AccessLevel::Read, number).await?;
        let (row, present, audiences) = {
            let view = view(&base, min_revision).await?;
            let found = view.find(std::slice::from_ref(key)).await?.pop().flatten();
            let (row, member) = match (found, key) {
                (Some((row, member)), _) => (row, Some(member)),
                (None, MemberKey::Row(row)) if *row < view.next_row() => (*row, None),
                (None, _) => return Err(Error::MemberNotFound),
            };
            (row, (member, view.revision(), view.now()), view.audiences().clone())
        };
        let cursor_key = self.guarded.cursor_key();
        let binding = cursor::history_binding(cursor_key, number, row);
        let place = match &page.cursor {
            Some(text) => Some(opened(Cursor::open(text, cursor_key, binding))?),
            None => None,
        };
        let revision = present.1;
        let mut walk = base.history(row, present, place, HISTORY_LOG_BYTES);
        let limit = usize::try_from(page.limit).unwrap_or(usize::MAX).min(HISTORY_PAGE_MAX);
        let (mut changes, mut bytes, mut room) = (Vec::new(), 0_usize, self.page_room());
        let mut end = None;
        let mut next = place;
        while end.is_none() && changes.len() < limit {
            match walk.next().await? {
                Told::Change(change) => {
                    let change = self.shown_change(*change, &audiences);
                    bytes = bytes.saturating_add(weight(&change));
                    let fits = bytes <= REPLY_BYTES && room.has(bytes);
                    if !fits && !changes.is_empty() {
                        break;
                    }
                    changes.push(change);
                    next = walk.place();
                    end = walk.end();
                }
                Told::Pause => {
                    next = walk.place();
                    break;
                }
                Told::End(found) => end = Some(found),
                Told::Missing => return Err(Error::MemberNotFound),
            }
        }
        let next = next.filter(|_| end.is_none());
        let cursor = next.map(|place| sealed(place).seal(cursor_key, binding));
        Ok(MemberChangePage { base: number, row, changes, cursor, end, revision, room })
    }

    fn shown_change(&self, change: HistoryChange, audiences: &Audiences) -> MemberChange {
        let HistoryChange { revision, at, origin, kind, before, after, audiences: moves } = change;
        let before = before.map(|member| self.guarded.show(member));
        let after = after.map(|member| self.guarded.show(member));
        let moved = |(number, entered): (AudienceNumber, bool)| {
            let name = audiences.get(number)?.name.as_str().to_owned();
            Some(AudienceMove { audience: number, name, entered })
        };
        let moves = moves.into_iter().filter(|_| self.guarded.sees_pii());
        MemberChange {
            revision,
            at,
            kind,
            origin: origin.map(|origin| self.shown_origin(origin)),
            fields: differences(before.as_ref(), after.as_ref()),
            audiences: moves.filter_map(moved).collect(),
        }
    }

    fn shown_origin(&self, origin: Origin) -> ChangeOrigin {
        let Origin { actor, door, call, cause } = origin;
        let (job, import) = match cause {
            Cause::Job(number) => (u64::try_from(number).ok().map(JobNumber), None),
            Cause::Import(id) => (None, Some(ImportId(id))),
            Cause::None | Cause::Request(_) => (None, None),
        };
        let token = match actor {
            Actor::Token(id) => self.guarded.token_description(id),
            Actor::Nobody | Actor::Owner | Actor::System => None,
        };
        ChangeOrigin { actor, token, door, call: call.name(), job, import }
    }
}

fn parse(raw: RawPage) -> Result<PageRequest, Refusal> {
    let page = PageRequest::parse(raw.limit, raw.cursor, raw.skip)?;
    if page.skip > 0 {
        let text = "is not supported for this list; use `cursor`";
        return Err(Refusal::field(Reason::SkipInvalid, "pagination.skip", text));
    }
    Ok(page)
}

fn sealed(place: HistoryPlace) -> Cursor {
    let (kind, revision) = match place {
        HistoryPlace::After(revision) => (AFTER, revision),
        HistoryPlace::FirstBelow(revision) => (FIRST_BELOW, revision),
        HistoryPlace::Below(revision) => (BELOW, revision),
    };
    Cursor { position: kind << REVISION_BITS | revision, direction: Direction::Descending }
}

fn opened(cursor: Result<Cursor, Reason>) -> Result<HistoryPlace, Refusal> {
    let revision = |cursor: Cursor| cursor.position & ((1 << REVISION_BITS) - 1);
    let place = cursor.and_then(|cursor| match cursor.position >> REVISION_BITS {
        AFTER => Ok(HistoryPlace::After(revision(cursor))),
        FIRST_BELOW => Ok(HistoryPlace::FirstBelow(revision(cursor))),
        BELOW => Ok(HistoryPlace::Below(revision(cursor))),
        _ => Err(Reason::CursorInvalid),
    });
    let text = "does not belong to the history of this member";
    place.map_err(|reason| Refusal::field(reason, "pagination.cursor", text))
}

/// At least as many bytes as a change takes in a reply.
fn weight(change: &MemberChange) -> usize {
    let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let field = |change: &FieldChange| {
        ENTRY_BYTES + change.field.len() + length(&change.before) + length(&change.after)
    };
    let token = change.origin.as_ref().and_then(|origin| origin.token.as_ref());
    let fields: usize = change.fields.iter().map(field).sum();
    let audiences: usize = change.audiences.iter().map(|moved| ENTRY_BYTES + moved.name.len()).sum();
    CHANGE_BYTES + token.map_or(0, |text| text.as_str().len()) + fields + audiences
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_place_comes_back_from_its_cursor(revision in 0_u64..1 << REVISION_BITS, kind in 0..3) {
            let place = match kind {
                0 => HistoryPlace::After(revision),
                1 => HistoryPlace::FirstBelow(revision),
                _ => HistoryPlace::Below(revision),
            };
            prop_assert_eq!(opened(Ok(sealed(place))), Ok(place));
        }
    }

    #[test]
    fn a_position_of_another_kind_is_refused() {
        let cursor = Cursor { position: u64::MAX, direction: Direction::Descending };
        assert_eq!(opened(Ok(cursor)).unwrap_err().reason, Reason::CursorInvalid);
    }
}
