//! Counts members that match, also by the values that they have in a field. A count is exact and of one
//! revision, or an error.

use crate::compute::{self, Size, Stretch};
use crate::directory::list::{check, matching, narrow};
use crate::directory::{Directory, Error};
use crate::model::schema::AttributeType;
use crate::model::token::AccessLevel;
use crate::model::{AttributeValue, BaseNumber, Parsed, RawFilter, Reason, Refusal};
use crate::table::{Chunk, RowSet, SetField, View};

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
    /// The field by whose values they are grouped: `tier`, `status` or `attributes.<key>`.
    pub group_by: Option<String>,
    /// The revision that the memberbase must have reached.
    pub min_revision: Option<u64>,
}

/// What was counted.
#[derive(Debug)]
pub struct Counted {
    /// The members that match.
    pub total: u64,
    /// The groups that have members, by the name of their set; last those without a value.
    pub groups: Vec<MemberGroup>,
    /// The revision at which these are the numbers.
    pub revision: u64,
}

/// The members that have the same value in a field.
#[derive(Debug, PartialEq)]
pub struct MemberGroup {
    /// The value; `None` for members without one.
    pub value: Option<AttributeValue>,
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
        let groups = count.group_by.map(|key| Groups::of(&view, &key)).transpose()?;
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
            stretch.work(groups.sets.len()).await;
            let is_large = groups.sets.len() > PLAIN_GROUPS;
            compute::here(Size::large_if(is_large), || groups.add(number, &rows)).await;
        }
        Ok(Counted { total, groups: groups.finish(total), revision })
    }
}

/// The sets of a field, and how many of the members that match are in each.
struct Groups {
    kind: AttributeType,
    sets: Vec<(String, RowSet, u64)>,
}

impl Groups {
    /// The sets of the field with this key.
    fn of(view: &View<'_>, key: &str) -> Result<Self, Error> {
        let sets = view.sets();
        let (field, kind) = match (key, key.strip_prefix(ATTRIBUTES)) {
            ("tier", _) => (SetField::Tier, AttributeType::String),
            ("status", _) => (SetField::Status, AttributeType::String),
            (_, Some(attribute)) => sets.attribute(attribute).ok_or_else(|| {
                refused(Reason::FieldInvalid, "must be an attribute that the schema has as `indexed`")
            })?,
            (_, None) => {
                let description = "must be `tier`, `status` or `attributes.` and the key of an attribute";
                return Err(refused(Reason::FieldInvalid, description));
            }
        };
        let values = sets.values(field).ok_or_else(|| {
            refused(Reason::TooManyValues, "members have more than 4,096 different values in this field")
        })?;
        let with_rows = |value: &str| Some((value.to_owned(), sets.of_value(field, value)?, 0));
        Ok(Self { kind, sets: values.filter_map(with_rows).collect() })
    }

    /// Counts these rows of a chunk.
    fn add(&mut self, chunk: u64, rows: &Chunk) {
        for (_, set, count) in &mut self.sets {
            *count += set.chunk(chunk).map_or(0, |set| set.intersection_len(rows));
        }
    }

    /// The groups that have members, of so many members. Every member has at most one value.
    fn finish(self, total: u64) -> Vec<MemberGroup> {
        let mut without = total;
        let mut groups = Vec::new();
        for (name, _, members) in self.sets.into_iter().filter(|(.., members)| *members > 0) {
            without = without.saturating_sub(members);
            let (value, is_shortened) = self.kind.value_of_set(&name).unzip();
            groups.push(MemberGroup { value, is_shortened: is_shortened.unwrap_or_default(), members });
        }
        if without > 0 {
            groups.push(MemberGroup { value: None, is_shortened: false, members: without });
        }
        groups
    }
}

fn refused(reason: Reason, description: &str) -> Error {
    Refusal::field(reason, "group_by", description).into()
}
