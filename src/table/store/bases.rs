//! The bases of a store: creating, opening and listing them.

mod create;

use std::ops::Bound;
use std::sync::{Arc, PoisonError};

pub use self::create::CreatedBase;
use crate::engine::Direction;
use crate::model::BaseNumber;
use crate::stored::header::Header;
use crate::stored::index::IndexState;
use crate::stored::key;
use crate::table::TableError;
use crate::table::base::handle::Base;
use crate::table::index::sets::SetField;
use crate::table::read::summary::BaseSummary;
use crate::table::store::open::Table;

/// A base as a scan finds it: its summary and whether it is being purged, or an error if it is damaged.
type Scanned = (BaseNumber, Result<(BaseSummary, bool), TableError>);

impl Table {
    /// The open base with this number; the first use opens it. A deleted base can be opened until its purge
    /// begins.
    pub async fn base(&self, number: BaseNumber) -> Result<Arc<Base>, TableError> {
        self.bases.get(number, self.now()).await
    }

    /// Up to `limit` bases after (or, `backward`, before) `after`, in order of creation, including deleted
    /// ones. Leaves out bases that are being purged, and those that are damaged, which it logs. Empty only at
    /// the end.
    pub async fn list_bases(
        &self,
        mut after: Option<BaseNumber>,
        backward: bool,
        limit: usize,
    ) -> Result<Vec<BaseSummary>, TableError> {
        loop {
            let (scanned, last) = self.scan_bases(after, backward, limit).await?;
            let is_end = last.is_none();
            let bases: Vec<_> = scanned.into_iter().filter_map(|found| self.listed(found)).collect();
            if !bases.is_empty() || is_end {
                return Ok(bases);
            }
            after = last;
        }
    }

    /// Like [`Table::list_bases`], forward only, but fails if a base is damaged: for callers that must not
    /// miss any.
    pub(in crate::table) async fn list_all_bases(
        &self,
        mut after: Option<BaseNumber>,
        limit: usize,
    ) -> Result<Vec<BaseSummary>, TableError> {
        loop {
            let (scanned, last) = self.scan_bases(after, false, limit).await?;
            let bases: Vec<_> = scanned.into_iter().map(|(_, found)| found).collect::<Result<_, _>>()?;
            let bases: Vec<_> =
                bases.into_iter().filter_map(|(base, is_purging)| (!is_purging).then_some(base)).collect();
            if !bases.is_empty() || last.is_none() {
                return Ok(bases);
            }
            after = last;
        }
    }

    fn listed(&self, (number, found): Scanned) -> Option<BaseSummary> {
        match found {
            Ok((base, is_purging)) => (!is_purging).then_some(base),
            Err(error) => {
                let mut logged = self.logged_damaged.lock().unwrap_or_else(PoisonError::into_inner);
                if logged.insert(number) {
                    tracing::error!(base = number.0, %error, "a memberbase is damaged; lists omit it");
                }
                None
            }
        }
    }

    /// Up to `limit` bases, and the last one that was read.
    async fn scan_bases(
        &self,
        after: Option<BaseNumber>,
        backward: bool,
        limit: usize,
    ) -> Result<(Vec<Scanned>, Option<BaseNumber>), TableError> {
        let mut range = key::headers();
        let mut direction = Direction::Forward;
        if backward {
            direction = Direction::Backward;
            range.end = after.map_or(range.end, |after| Bound::Excluded(key::header(after)));
        } else {
            range.start = after.map_or(range.start, |after| Bound::Excluded(key::header(after)));
        }
        let headers = self.parts.engine.scan(range, direction, limit).await?;
        let numbers: Vec<BaseNumber> = headers.iter().filter_map(|(key, _)| key::header_base(key)).collect();
        let last = numbers.last().copied();
        let indexes = numbers.iter().map(|number| key::index(*number));
        let keys: Vec<_> = indexes.chain(numbers.iter().map(|number| key::settings(*number))).collect();
        let mut states = self.parts.engine.get_many(&keys).await?;
        let settings = states.split_off(numbers.len());
        let mut bases = Vec::with_capacity(numbers.len());
        for (((number, (_, head)), state), settings) in
            numbers.into_iter().zip(headers).zip(states).zip(settings)
        {
            // If the base was purged after its head was read, all of it is gone.
            let is_gone =
                settings.is_none() && self.parts.engine.get_many(&[key::header(number)]).await? == [None];
            if is_gone {
                continue;
            }
            bases.push((number, summary(number, &head, settings.as_deref(), state.as_deref())));
        }
        Ok((bases, last))
    }
}

fn summary(
    number: BaseNumber,
    head: &[u8],
    settings: Option<&[u8]>,
    state: Option<&[u8]>,
) -> Result<(BaseSummary, bool), TableError> {
    let header = Header::decode(head, settings)?;
    let state = state.map(IndexState::decode).transpose()?.unwrap_or_default();
    let unindexed = state.unindexed.into_iter().filter_map(SetField::from_number);
    Ok((BaseSummary::new(number, &header, unindexed), header.is_purging))
}
