//! The records of all members of a memberbase, as a series of pages in the order of the members.
//!
//! Each page has a view of its own. Each record is exported as it was when the export began or later; records
//! saved meanwhile may be exported or left out.

use std::sync::Arc;

use super::changes::weight;
use crate::directory::access::{Guarded, view};
use crate::directory::{Directory, Error};
use crate::model::token::AccessLevel;
use crate::model::{BaseNumber, MemberRecord, RecordKind, Row};
use crate::table::{Base, RecordPlace};

/// Records read together.
const READ_TOGETHER: usize = 1_000;
/// Most bytes of records in a page.
const PAGE_BYTES: usize = 1024 * 1024;

/// A record and its member.
#[derive(Debug)]
pub struct ExportedRecord {
    /// The member.
    pub row: Row,
    /// The record.
    pub record: MemberRecord,
}

/// An export in progress.
pub struct RecordExport {
    guarded: Guarded,
    number: BaseNumber,
    base: Arc<Base>,
    kinds: Vec<RecordKind>,
    after: Option<RecordPlace>,
    done: bool,
    /// The revision at which the export began.
    pub revision: u64,
}

impl Directory {
    /// Begins an export of the records of these kinds.
    pub async fn export_records(
        &self,
        number: BaseNumber,
        kinds: Vec<RecordKind>,
        min_revision: Option<u64>,
    ) -> Result<RecordExport, Error> {
        let base = self.guarded.base(AccessLevel::Read, number).await?;
        let revision = view(&base, min_revision).await?.revision();
        let guarded = self.guarded.clone();
        Ok(RecordExport { guarded, number, base, kinds, after: None, done: false, revision })
    }
}

impl RecordExport {
    /// The next records; `None` after the last. A page may be empty if records of other kinds were skipped.
    pub async fn next(&mut self) -> Result<Option<Vec<ExportedRecord>>, Error> {
        if self.done {
            return Ok(None);
        }
        self.guarded.check_base(AccessLevel::Read, self.number).await?;
        let view = view(&self.base, None).await?;
        let (found, next) = view.all_records(self.after, READ_TOGETHER).await?;
        let mut page = Vec::new();
        let mut bytes = 0;
        for (place, record) in found {
            if !self.kinds.contains(&place.kind) {
                continue;
            }
            bytes += weight(&record);
            if bytes > PAGE_BYTES && !page.is_empty() {
                return Ok(Some(page));
            }
            self.after = Some(place);
            page.push(ExportedRecord { row: place.row, record });
        }
        self.after = next;
        self.done = next.is_none();
        Ok(Some(page))
    }
}
