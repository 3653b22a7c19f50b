//! Counts members that match, also by the values that they have in a field, or by the audiences that they are
//! in. A count is exact and of one revision, or an error.
//!
//! Audiences of which the caller may not know who is in them are left out: no count tells anything about
//! them.

use std::sync::Arc;

use crate::compute::{self, Size, Stretch};
use crate::directory::list::{check, matching, narrow};
use crate::directory::{Directory, Error};
use crate::model::schema::AttributeType;
use crate::model::token::AccessLevel;
use crate::model::{AttributeValue, Audience, AudienceName, BaseNumber, Parsed, RawFilter, Reason, Refusal};
use crate::table::{Chunk, RowSet, SetField, View, union};

/// The key of audiences in `group_by`.
const AUDIENCE: &str = "audience";
/// The key of attributes in `group_by`, before their own key.
const ATTRIBUTES: &str = "attributes.";
/// Up to this many groups of one chunk are counted at once, without waiting for a turn to compute.
const PLAIN_GROUPS: usize = 1_024;

/// Which members to count.
#[derive(Debug)]
pub struct MemberCount {
    /// Of which memberbase.
    pub base: BaseNumber,
    /// All of these hold.
    pub filters: Vec<RawFilter>,
    /// The field by whose values they are grouped: `tier`, `status`, `audience` or `attributes.<key>`.
    pub group_by: Option<String>,
    /// The revision that the memberbase must have reached.
    pub min_revision: Option<u64>,
}

/// What was counted.
#[derive(Debug)]
pub struct Counted {
    /// The members that match.
    pub total: u64,
    /// The groups that have members, by the name of their set, or audiences from the oldest to the newest;
    /// last those without a value.
    pub groups: Vec<MemberGroup>,
    /// The revision at which these are the numbers.
    pub revision: u64,
}

/// The members that have the same value in a field, or are in the same audience.
#[derive(Debug, PartialEq)]
pub struct MemberGroup {
    /// The value, or the id of the audience; `None` for members without one.
    pub value: Option<AttributeValue>,
    /// The name of the audience.
    pub audience: Option<AudienceName>,
    /// Whether the value is longer, and this is only its beginning.
    pub is_shortened: bool,
    /// How many they are.
    pub members: u64,
}

impl Directory {
    /// Counts the members of a memberbase that match.
    pub async fn count_members(&self, count: MemberCount) -> Result<Counted, Error> {
        let parse = |filters| self.member_filter(filters, count.base);
        let Parsed { filter, named } = check::parse(count.filters, parse).await?;
        self.guarded.check_filter(&filter)?;
        let base = self.guarded.base(AccessLevel::Read, count.base).await?;
        let (view, narrowed) = narrow(&base, count.min_revision, &filter).await?;
        self.guarded.check_named(&named, &view)?;
        let groups = match count.group_by.as_deref() {
            None => None,
            Some(AUDIENCE) => Some(Groups::new(self.audience_groups(&view, count.base), true)),
            Some(key) => Some(Groups::new(value_groups(&view, key)?, false)),
        };
        drop(view);
        let matching = matching(&base, &filter, &narrowed).await?;
        let revision = narrowed.revision;
        let Some(mut groups) = groups else {
            return Ok(Counted { total: matching.count().await, groups: Vec::new(), revision });
        };
        let (mut total, mut stretch) = (0, Stretch::default());
        for number in matching.chunks() {
            let rows = matching.chunk(number, &mut stretch).await;
            total += rows.len();
            stretch.work(groups.groups.len()).await;
            let is_large = groups.groups.len() > PLAIN_GROUPS;
            compute::here(Size::large_if(is_large), || groups.add(number, rows)).await;
        }
        Ok(Counted { total, groups: groups.finish(), revision })
    }

    /// The audiences of which the caller may know who is in them.
    fn audience_groups(&self, view: &View<'_>, base: BaseNumber) -> Vec<Group> {
        let audiences = view.audiences();
        let known = audiences.in_use().filter(|audience| self.may_know(audiences, audience).is_ok());
        let group = |audience: &Arc<Audience>| Group {
            value: Some(AttributeValue::Text(self.sealer().audience_id(base, audience.number))),
            audience: Some(audience.name.clone()),
            is_shortened: false,
            rows: view.audience_rows(audience.number),
            members: 0,
        };
        known.map(group).collect()
    }
}

/// The groups, and how many of the members that match are in each.
struct Groups {
    groups: Vec<Group>,
    /// Whether a member may be in several.
    overlap: bool,
    /// How many are in none.
    without: u64,
}

/// The rows of a group.
struct Group {
    value: Option<AttributeValue>,
    audience: Option<AudienceName>,
    is_shortened: bool,
    rows: RowSet,
    members: u64,
}

/// The sets of the field with this key.
fn value_groups(view: &View<'_>, key: &str) -> Result<Vec<Group>, Error> {
    let sets = view.sets();
    let (field, kind) = match (key, key.strip_prefix(ATTRIBUTES)) {
        ("tier", _) => (SetField::Tier, AttributeType::String),
        ("status", _) => (SetField::Status, AttributeType::String),
        (_, Some(attribute)) => sets.attribute(attribute).ok_or_else(|| {
            refused(Reason::FieldInvalid, "must be an attribute that the schema has as `indexed`")
        })?,
        (_, None) => {
            let description =
                "must be `tier`, `status`, `audience` or `attributes.` and the key of an attribute";
            return Err(refused(Reason::FieldInvalid, description));
        }
    };
    if sets.built_below(field).is_some() {
        return Err(refused(Reason::IndexBuilding, "is an attribute whose index is not complete yet"));
    }
    let values = sets.values(field).ok_or_else(|| {
        refused(Reason::TooManyValues, "members have more than 4,096 different values in this field")
    })?;
    let group = |name: &str| {
        let rows = sets.of_value(field, name)?;
        let (value, is_shortened) = kind.value_of_set(name).unzip();
        let is_shortened = is_shortened.unwrap_or_default();
        Some(Group { value, audience: None, is_shortened, rows, members: 0 })
    };
    Ok(values.filter_map(group).collect())
}

impl Groups {
    fn new(groups: Vec<Group>, overlap: bool) -> Self {
        Self { groups, overlap, without: 0 }
    }

    /// Counts these rows of a chunk.
    fn add(&mut self, chunk: u64, rows: Chunk) {
        let mut within = 0;
        for group in &mut self.groups {
            let Some(of_group) = group.rows.chunk(chunk) else { continue };
            let members = of_group.intersection_len(&rows);
            group.members += members;
            within += members;
        }
        self.without += if self.overlap {
            let of_groups = self.groups.iter().filter_map(|group| group.rows.chunk(chunk));
            (rows - union(of_groups)).len()
        } else {
            rows.len().saturating_sub(within)
        };
    }

    /// The groups that have members.
    fn finish(self) -> Vec<MemberGroup> {
        let with_members = self.groups.into_iter().filter(|group| group.members > 0);
        let counted = with_members.map(|Group { value, audience, is_shortened, members, rows: _ }| {
            MemberGroup { value, audience, is_shortened, members }
        });
        let none = MemberGroup { value: None, audience: None, is_shortened: false, members: self.without };
        counted.chain((self.without > 0).then_some(none)).collect()
    }
}

fn refused(reason: Reason, description: &str) -> Error {
    Refusal::field(reason, "group_by", description).into()
}
