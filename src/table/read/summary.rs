//! The summary of a base: everything but its members.

use std::sync::Arc;

use crate::model::schema::AttributeSchema;
use crate::model::{BaseNumber, BaseSettings, StatusCounts, Timestamp};
use crate::stored::header::Header;
use crate::table::index::sets::SetField;

/// Everything about a base but its members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseSummary {
    /// Its number.
    pub number: BaseNumber,
    /// Name and rules.
    pub settings: BaseSettings,
    /// The attribute schema, once one was set.
    pub schema: Option<Arc<AttributeSchema>>,
    /// The exact number of members of each status.
    pub counts: StatusCounts,
    /// The number of its last commit.
    pub revision: u64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its name or settings last changed.
    pub updated_at: Timestamp,
    /// When it was deleted, if it was.
    pub deleted_at: Option<Timestamp>,
    /// Fields whose sets were dropped because they had too many values: filters on them read each member.
    pub unindexed: Vec<String>,
}

impl BaseSummary {
    pub(in crate::table) fn new(
        number: BaseNumber,
        header: &Header,
        unindexed: impl Iterator<Item = SetField>,
    ) -> Self {
        Self {
            number,
            settings: header.settings.clone(),
            schema: header.schema.clone(),
            counts: header.counts,
            revision: header.revision,
            created_at: header.created_at,
            updated_at: header.updated_at,
            deleted_at: header.deleted_at,
            unindexed: unindexed.map(|field| field.name(header.schema.as_deref())).collect(),
        }
    }
}
