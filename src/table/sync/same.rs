//! Rows of a list that say what their members are already, recognised before anything of them is copied.
//!
//! Nearly all rows of a list are such rows. Each is compared with the stored form of the member that its key
//! finds; only the others are parsed. A row is recognised on what is published at that time, before the plan
//! decides about the rows before it. What those do changes nothing for it, unless one of them finds the same
//! member or has one of the keys; then the plan parses the row after all.

use std::sync::Arc;

use crate::compute::Stretch;
use crate::model::{MatchBy, Row, RowTexts, Sight, UpsertOptions};
use crate::stored::member;
use crate::table::TableError;
use crate::table::index::block::Stored;
use crate::table::index::lookup::LookupKind;
use crate::table::index::resolve::{Wanted, resolve};
use crate::table::open::OpenBase;
use crate::table::plan::READ_TOGETHER;
use crate::table::sync::request::ListRow;

/// Looking for the member of one row counts as this many steps of a [`Stretch`].
const ROW_STEPS: usize = 1;

/// A row of a list that was not parsed yet.
pub trait SentRow: Send {
    /// Fills in its texts, if today's rules store them as they are, and the row does nothing but to set and
    /// clear them. Returns whether that is so.
    fn texts<'a>(&'a self, texts: &mut RowTexts<'a>) -> bool;
    /// Its line, from 1.
    fn line(&self) -> u64;
    /// The row, parsed.
    fn parse(&self) -> ListRow;
}

/// A row of a list for the plan.
#[derive(Debug)]
pub enum Listed<R> {
    /// A row that says what its member is.
    Same(Same, R),
    /// Any other row, parsed.
    Parsed(Box<ListRow>),
}

/// The member of a row that says what it is already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Same {
    /// Its place.
    pub(super) row: Row,
    /// The keys of the row.
    pub(super) keys: [Option<Wanted>; 3],
}

/// Recognises the rows of one list.
#[derive(Clone)]
pub struct Recogniser {
    open: Arc<OpenBase>,
    /// The lookups that find members, the decisive one first. Empty if no row is recognised.
    by: &'static [LookupKind],
}

impl Recogniser {
    /// For lists with these options.
    pub(super) fn new(open: Arc<OpenBase>, options: &UpsertOptions) -> Self {
        let by: &[LookupKind] = match (options.sight, options.match_by, options.or_email) {
            // A value that the sender may not see always counts as a change.
            (Sight::WithoutPii, ..) | (Sight::Whole, MatchBy::Id, _) => &[],
            (Sight::Whole, MatchBy::Ref, _) => &[LookupKind::Ref],
            (Sight::Whole, MatchBy::Email, _) => &[LookupKind::Email],
            (Sight::Whole, MatchBy::WorkerId, false) => &[LookupKind::WorkerId],
            (Sight::Whole, MatchBy::WorkerId, true) => &[LookupKind::WorkerId, LookupKind::Email],
        };
        Self { open, by }
    }

    /// Recognises the next rows of the list, and parses the others.
    pub async fn rows<R: SentRow>(&self, rows: Vec<R>) -> Result<Vec<Listed<R>>, TableError> {
        let mut same = Vec::with_capacity(rows.len());
        let mut stretch = Stretch::default();
        for together in rows.chunks(READ_TOGETHER) {
            stretch.work(together.len().saturating_mul(ROW_STEPS)).await;
            self.compare(together, &mut same).await?;
        }
        let mut listed = Vec::with_capacity(rows.len());
        for (row, same) in rows.into_iter().zip(same) {
            listed.push(match same {
                Some(same) => Listed::Same(same, row),
                None => {
                    stretch.work(1).await;
                    Listed::Parsed(Box::new(row.parse()))
                }
            });
        }
        Ok(listed)
    }

    /// Adds, for each row, the member that it says.
    async fn compare<R: SentRow>(&self, rows: &[R], same: &mut Vec<Option<Same>>) -> Result<(), TableError> {
        // Filled in place: texts are large, and moving them takes longer than reading a row.
        let mut texts = vec![RowTexts::default(); rows.len()];
        let filled = rows.iter().zip(&mut texts).map(|(row, texts)| !self.by.is_empty() && row.texts(texts));
        let filled: Vec<bool> = filled.collect();
        let asked: Vec<Option<Asked>> =
            filled.into_iter().zip(&texts).map(|(is_filled, texts)| self.ask(texts, is_filled)).collect();
        let wanted: Vec<Wanted> = asked.iter().flatten().map(|asked| asked.key).collect();
        let found = {
            let published = self.open.published.read().await;
            resolve(&self.open.parts.engine, self.open.number, &published, &[], &wanted).await?
        };
        let places = found.iter().flatten().map(|(row, _)| Row(*row));
        let stored = Stored::read(&self.open.parts.engine, self.open.number, places).await?;
        let mut found = found.iter();
        for (asked, texts) in asked.into_iter().zip(&texts) {
            let Some((asked, found)) = asked.and_then(|asked| Some((asked, found.next()?))) else {
                same.push(None);
                continue;
            };
            let mut member = None;
            for (row, _) in found {
                let bytes = stored.record(Row(*row))?;
                if member.is_none() && bytes.map_or(Ok(false), |bytes| member::says(bytes, texts))? {
                    member = Some(Same { row: Row(*row), keys: asked.keys });
                }
            }
            same.push(member);
        }
        Ok(())
    }

    /// The keys of a row, and the one that finds its member.
    fn ask(&self, texts: &RowTexts<'_>, is_filled: bool) -> Option<Asked> {
        let hashes = &self.open.parts.hashes;
        let keys = LookupKind::ALL.map(|kind| {
            let text = match kind {
                LookupKind::Ref => &texts.ref_,
                LookupKind::Email => &texts.email,
                LookupKind::WorkerId => &texts.worker_id,
            };
            text.as_set().filter(|_| is_filled).map(|text| (kind, hashes.text(kind, text)))
        });
        let of_kind = |by: &LookupKind| keys.iter().flatten().find(|(kind, _)| kind == by).copied();
        let key = self.by.iter().find_map(of_kind)?;
        Some(Asked { keys, key })
    }
}

/// The keys of a row.
struct Asked {
    keys: [Option<Wanted>; 3],
    /// The key that finds its member.
    key: Wanted,
}
