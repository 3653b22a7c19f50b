//! The attribute schema of a memberbase, and attributes of its members.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::access::view;
use super::handle::result_of_another_call;
use super::list::{Page, RawPage, join};
use super::selector::Selector;
use super::{Directory, Error};
use crate::compute::{self, Size};
use crate::model::limits::{ATTRIBUTE_ENTRIES_MAX, BULK_DELETE_MAX_MEMBERS};
use crate::model::origin::Call;
use crate::model::schema::{AttributeSchema, SentDefinition, is_unknown_key, parse_schema};
use crate::model::token::AccessLevel;
use crate::model::{
    AttributePatch, AttributeValue, BaseNumber, GuardExpectation, Origin, RawFilter, RawValue, Reason,
    Refusal, Row, Rule, Sight, Violation, Violations, attribute,
};
use crate::table::{AttributesRequest, Base, Claim, RequestResult, SettingsRequest, StoredResult};

/// Members that are searched together for attributes to delete.
const DELETE_TOGETHER: usize = 4_096;

/// One attribute of one member, as a caller sent it.
#[derive(Debug)]
pub struct AttributeEntry {
    /// The id of the member.
    pub member_id: String,
    /// The key of the attribute.
    pub key: String,
    /// Its new value; `None` clears it.
    pub value: Option<Result<AttributeValue, Rule>>,
}

/// Which attributes to delete, as a caller sent it.
#[derive(Debug, Default)]
pub struct AttributeDeletion {
    /// Only attributes of these members.
    pub member_ids: Option<Vec<String>>,
    /// Only attributes with these keys.
    pub keys: Option<Vec<String>>,
    /// All attributes of all members; excludes the other two fields.
    pub all: bool,
}

/// A part of the attributes of a member.
#[derive(Debug)]
pub struct AttributePage {
    /// Keys and values, in order of the keys.
    pub attributes: Vec<(String, AttributeValue)>,
    /// Where the next page starts; `None` at the end.
    pub cursor: Option<String>,
}

/// The attribute schema of a memberbase.
#[derive(Debug)]
pub struct ShownSchema {
    /// `None` until it is first set. Until then no attribute can be written.
    pub schema: Option<Arc<AttributeSchema>>,
    /// The attributes whose index is being built: for each the rows that are in it.
    pub indexing: Vec<(String, Row)>,
    /// All rows that there are.
    pub rows: Row,
}

impl Directory {
    /// The schema of a memberbase.
    pub async fn get_schema(&self, base: BaseNumber) -> Result<ShownSchema, Error> {
        let base = self.guarded.base(AccessLevel::Read, base).await?;
        shown(&base).await
    }

    /// Replaces the whole schema, given by keys. Rejects a schema that would remove or retype a key that
    /// members have values for. If such a key gets an index in a small memberbase, the index is built before
    /// this returns. Setting the current schema again changes nothing.
    pub async fn set_schema(
        &self,
        base: BaseNumber,
        sent: impl IntoIterator<Item = (String, SentDefinition)>,
    ) -> Result<ShownSchema, Error> {
        let wanted = parse_schema(sent)?;
        let base = self.guarded.base(AccessLevel::Write, base).await?;
        let before = shown(&base).await?;
        if self.stored_result().is_some() {
            return Ok(before);
        }
        let claim = self.claim();
        let origin = self.origin(Call::SET_SCHEMA);
        let request = SettingsRequest { schema: Some(wanted), claim, ..SettingsRequest::new(origin) };
        let schema = base.change_settings(request).await?.schema;
        Ok(ShownSchema { schema, ..shown(&base).await? })
    }

    /// Sets attributes of many members in one commit, all or none. Returns how many values changed.
    pub async fn set_attributes(&self, base: BaseNumber, entries: Vec<AttributeEntry>) -> Result<u64, Error> {
        if entries.len() > ATTRIBUTE_ENTRIES_MAX {
            return Err(Error::TooMany { rows: entries.len(), limit: ATTRIBUTE_ENTRIES_MAX });
        }
        let size = Size::of_items(entries.len());
        let changes = compute::here(size, || self.changes(base, entries)).await?;
        let open = self.guarded.base(AccessLevel::Write, base).await?;
        if let Some(stored) = self.stored_result() {
            return changed(stored);
        }
        self.guarded.take_rows(changes.len())?;
        drop(view(&open, None).await?);
        let (rows, members): (Vec<Row>, Vec<OfMember>) = changes.into_iter().unzip();
        let (patches, places): (Vec<_>, Vec<_>) =
            members.into_iter().map(|OfMember { patch, entries }| (patch, entries)).unzip();
        let changes = rows.into_iter().zip(patches).collect();
        let claim = self.claim();
        let (sight, origin) = (self.guarded.sight(), self.origin(Call::SET_ATTRIBUTES));
        let request = AttributesRequest {
            changes,
            is_strict: true,
            clears_in_all: None,
            expected: self.expected_changes(),
            sight,
            claim,
            deadline: None,
            origin,
        };
        let reply = open.change_attributes(request).await?;
        let of = |index: usize| places.get(index).map(Vec::as_slice).unwrap_or_default();
        let mut refused = reply.refused.into_iter();
        let Some((first, refusal)) = refused.next() else { return Ok(reply.values) };
        let mut whole = under(of(first), refusal);
        for (index, refusal) in refused {
            whole.violations.extend(under(of(index), refusal).violations);
        }
        Err(whole.into())
    }

    /// Groups the entries by member.
    fn changes(
        &self,
        base: BaseNumber,
        entries: Vec<AttributeEntry>,
    ) -> Result<BTreeMap<Row, OfMember>, Refusal> {
        let mut faults = Violations::default();
        let mut changes: BTreeMap<Row, OfMember> = BTreeMap::new();
        for (index, entry) in entries.into_iter().enumerate() {
            let row = self.member_row(
                base,
                &entry.member_id,
                &format!("attributes[{index}].member_id"),
                &mut faults,
            );
            let OfMember { patch, entries } = changes.entry(row.unwrap_or_default()).or_default();
            entries.push((index, entry.key.clone()));
            let changed = match entry.value {
                None => patch.clear(entry.key),
                Some(value) => value.and_then(|value| patch.set(entry.key, value)),
            };
            if let Err(rule) = changed {
                let field = if attribute::is_key_rule(&rule) { "attribute_key" } else { "value" };
                faults.add(rule.reason(), format!("attributes[{index}].{field}"), rule.describe());
            }
        }
        faults.finish(changes)
    }

    /// Deletes attributes, and returns how many values were deleted. Members that do not exist are ignored. A
    /// deletion over the whole memberbase takes several commits; a repeat completes one that was cut short.
    pub async fn delete_attributes(&self, base: BaseNumber, which: AttributeDeletion) -> Result<u64, Error> {
        let (rows, patch) = self.deletion(base, which)?;
        let open = self.guarded.base(AccessLevel::Write, base).await?;
        if let Some(stored) = self.stored_result() {
            return changed(stored);
        }
        let (chunks, end) = {
            let view = view(&open, None).await?;
            (view.sets().living().chunks(), view.next_row())
        };
        let origin = self.origin(Call::DELETE_ATTRIBUTES);
        if let Some(rows) = rows {
            let mut clears = 0;
            for rows in rows.chunks(DELETE_TOGETHER) {
                clears += count(&holders(&open, rows, &patch).await?);
            }
            let guard = Clears { in_all: clears, expected: self.expected_clears(clears) };
            return clear(&open, &rows, &patch, guard, self.claim(), origin).await;
        }
        // The guard judges the deletion as a whole, so its members are counted first.
        let mut clears = 0;
        for chunk in &chunks {
            for rows in living(&open, *chunk, end).await?.chunks(DELETE_TOGETHER) {
                clears += count(&holders(&open, rows, &patch).await?);
            }
        }
        let mut guard = Clears { in_all: clears, expected: self.expected_clears(clears) };
        let mut deleted = 0;
        for chunk in chunks {
            for rows in living(&open, chunk, end).await?.chunks(DELETE_TOGETHER) {
                let holders = holders(&open, rows, &patch).await?;
                // Others may have given attributes to more members since.
                guard.in_all = guard.in_all.max(count(&holders));
                deleted += clear(&open, &holders, &patch, guard, None, origin).await?;
                guard.in_all -= count(&holders);
                // If the token was revoked meanwhile, the deletion ends here.
                self.guarded.check_base(AccessLevel::Write, base).await?;
            }
        }
        self.store_result(None, RequestResult::Changed(deleted)).await?;
        Ok(deleted)
    }

    /// The number of members that lose attributes, if an admin expects exactly this one.
    fn expected_clears(&self, clears: u64) -> GuardExpectation {
        let expected = self.expected_changes().clears.filter(|expected| *expected == clears);
        GuardExpectation { clears: expected, ..GuardExpectation::default() }
    }

    /// One page of the attributes of a member.
    pub async fn list_attributes(&self, id: &str, page: RawPage) -> Result<AttributePage, Error> {
        let (base, row, member, _) = self.get_member(Selector::Id(id.to_owned()), None).await?;
        // Binds the cursor to the member.
        let eq = Some(RawValue::Text(self.sealer().member_id(base, row)));
        let filter = RawFilter { key: Some("id".to_owned()), eq, ..RawFilter::default() };
        let filter = self.member_filter(vec![filter], base);
        let key = self.guarded.cursor_key();
        let page = Page::parse(page, filter, key, base)?;
        let mut entries: Vec<_> = (0_u64..).zip(member.attributes.into_entries()).collect();
        if page.direction.is_descending() {
            entries.reverse();
        }
        let left = entries.into_iter().filter(|(place, _)| match page.after {
            None => true,
            Some(after) if page.direction.is_descending() => *place < after,
            Some(after) => *place > after,
        });
        let mut left = left.skip(usize::try_from(page.skip).unwrap_or(usize::MAX)).peekable();
        let mut attributes = Vec::new();
        let mut last = 0;
        while attributes.len() < page.limit {
            let Some((place, entry)) = left.next() else { break };
            last = place;
            attributes.push(entry);
        }
        let cursor = left.peek().map(|_| page.cursor(key, last, 0));
        Ok(AttributePage { attributes, cursor })
    }

    fn deletion(
        &self,
        base: BaseNumber,
        which: AttributeDeletion,
    ) -> Result<(Option<Vec<Row>>, AttributePatch), Error> {
        let AttributeDeletion { member_ids, keys, all } = which;
        if all && (member_ids.is_some() || keys.is_some()) {
            let text = "excludes member_ids and attribute_keys";
            return Err(Refusal::field(Reason::FieldConflict, "delete_all", text).into());
        }
        if !all && member_ids.is_none() && keys.is_none() {
            let text = "is required, unless attribute_keys or delete_all is given";
            return Err(Refusal::field(Reason::FieldRequired, "member_ids", text).into());
        }
        let entries = member_ids.as_ref().map_or(0, Vec::len);
        if entries > BULK_DELETE_MAX_MEMBERS {
            return Err(Error::TooMany { rows: entries, limit: BULK_DELETE_MAX_MEMBERS });
        }
        let mut faults = Violations::default();
        let mut patch = if keys.is_none() { AttributePatch::clear_all() } else { AttributePatch::default() };
        for (index, key) in keys.into_iter().flatten().enumerate() {
            if let Err(rule) = patch.clear(key) {
                faults.add(rule.reason(), format!("attribute_keys[{index}]"), rule.describe());
            }
        }
        let rows = member_ids.map(|ids| {
            let mut rows = self.rows_of(base, &ids, "member_ids", &mut faults);
            rows.sort_unstable();
            rows.dedup();
            rows
        });
        Ok(faults.finish((rows, patch))?)
    }

    /// The row of a member of `base`.
    fn member_row(&self, base: BaseNumber, id: &str, field: &str, faults: &mut Violations) -> Option<Row> {
        match self.sealer().open_member_of(base, id) {
            Ok(Some(row)) => return Some(row),
            Ok(None) => {
                faults.add(Reason::MemberNotFound, field, "is not the id of a member of the memberbase")
            }
            Err(fault) => faults.add(Reason::IdMalformed, field, fault.to_string()),
        }
        None
    }
}

async fn shown(base: &Base) -> Result<ShownSchema, Error> {
    let view = view(base, None).await?;
    Ok(ShownSchema { schema: view.summary().schema, indexing: view.indexing(), rows: view.next_row() })
}

/// The number of values that an earlier run changed.
fn changed(stored: &StoredResult) -> Result<u64, Error> {
    match stored.result {
        RequestResult::Changed(values) => Ok(values),
        _ => Err(result_of_another_call()),
    }
}

/// Those of `rows` whose members have something that `patch` would delete.
async fn holders(base: &Base, rows: &[Row], patch: &AttributePatch) -> Result<Vec<Row>, Error> {
    let members = view(base, None).await?.members(rows).await?;
    let holds = |attributes: &crate::model::Attributes| {
        if patch.replace_all {
            !attributes.is_empty()
        } else {
            patch.iter().any(|(key, _)| attributes.get(key).is_some())
        }
    };
    Ok(members.into_iter().filter(|(_, member)| holds(&member.attributes)).map(|(row, _)| row).collect())
}

/// The rows of a chunk that have a member, below `end`.
async fn living(base: &Base, chunk: u64, end: Row) -> Result<Vec<Row>, Error> {
    let live = view(base, None).await?.sets().living().chunk(chunk).into_owned();
    Ok(live.iter().map(|place| join(chunk, place)).filter(|row| *row < end).collect())
}

fn count(rows: &[Row]) -> u64 {
    u64::try_from(rows.len()).unwrap_or(u64::MAX)
}

/// What the guard judges a deletion by.
#[derive(Clone, Copy)]
struct Clears {
    /// How many members lose attributes by the rest of it.
    in_all: u64,
    expected: GuardExpectation,
}

async fn clear(
    base: &Base,
    rows: &[Row],
    patch: &AttributePatch,
    guard: Clears,
    claim: Option<Arc<Claim>>,
    origin: Origin,
) -> Result<u64, Error> {
    if rows.is_empty() {
        return Ok(0);
    }
    let changes = rows.iter().map(|row| (*row, patch.clone())).collect();
    // Deleting values makes no member too large, so no refusal can reveal hidden fields.
    let request = AttributesRequest {
        changes,
        is_strict: false,
        clears_in_all: Some(guard.in_all),
        expected: guard.expected,
        sight: Sight::default(),
        claim,
        deadline: None,
        origin,
    };
    Ok(base.change_attributes(request).await?.values)
}

/// The changes of a call to one member.
#[derive(Default)]
struct OfMember {
    patch: AttributePatch,
    /// The entries about it: the place of each in the call, and its key.
    entries: Vec<(usize, String)>,
}

/// The refusal of one member's change, with the paths of its entries.
fn under(entries: &[(usize, String)], refusal: Refusal) -> Refusal {
    let first = format!("attributes[{}]", entries.first().map_or(0, |(index, _)| *index));
    if refusal.violations.is_empty() {
        return Refusal::field(refusal.reason, format!("{first}.member_id"), refusal.reason.describe());
    }
    let path = |mut fault: Violation| {
        // A fault of all attributes together belongs to no single entry.
        if fault.field == "attributes" {
            fault.field.clear();
        }
        let key = fault.field.strip_prefix("attributes.");
        // If several entries have the same key, the last one counts.
        let Some((index, _)) = entries.iter().rev().find(|(_, claim)| Some(claim.as_str()) == key) else {
            return fault.under(&first);
        };
        let field = if is_unknown_key(&fault.description) { "attribute_key" } else { "value" };
        fault.field = format!("attributes[{index}].{field}");
        fault
    };
    Refusal { violations: refusal.violations.into_iter().map(path).collect(), ..refusal }
}
