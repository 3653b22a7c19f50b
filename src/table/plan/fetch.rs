//! Fetching what deciding needs: when it stops for something, or before it begins, for many rows together.

use std::collections::BTreeSet;

use crate::model::Row;
use crate::stored::block::{Block, ROWS_PER_BLOCK, place};
use crate::table::TableError;
use crate::table::index::block;
use crate::table::index::layer::Blocks;
use crate::table::index::look_again::LookAgain;
use crate::table::index::lookup::Candidates;
use crate::table::index::published::Published;
use crate::table::index::resolve::{Wanted, resolve};
use crate::table::index::sets::SetChange;
use crate::table::plan::batch::{Need, Plan};
use crate::table::plan::decide::is_repeat;
use crate::table::plan::prepare::{Matched, Prepared};

/// The plan drops fetched blocks once they have more bytes than this.
const FETCHED_MAX_BYTES: usize = 16 * 1024 * 1024;

impl Plan<'_> {
    /// Fetches what deciding stopped for.
    pub async fn fetch(&mut self, need: Need) -> Result<(), TableError> {
        match need {
            Need::Hash(wanted) => self.fetch_hashes(&[wanted]).await,
            Need::Block(number) => self.fetch_blocks(&[number]).await,
        }
    }

    pub(super) async fn fetch_hashes(&mut self, wanted: &[Wanted]) -> Result<(), TableError> {
        let found = self.look_up(wanted).await?;
        self.resolved.reserve(wanted.len());
        self.resolved.extend(wanted.iter().copied().zip(found));
        Ok(())
    }

    /// The candidates of keys, in the same order, before what this batch did so far.
    pub(super) async fn look_up(&self, wanted: &[Wanted]) -> Result<Vec<Candidates>, TableError> {
        let open = self.open;
        let published = open.published.read().await;
        let mut found = resolve(&open.parts.engine, open.number, &published, self.in_flight, wanted).await?;
        if let Some(freed) = self.freed {
            wanted.iter().zip(&mut found).for_each(|((_, hash), rows)| freed.withhold(*hash, rows));
        }
        Ok(found)
    }

    pub(super) async fn fetch_blocks(&mut self, numbers: &[u64]) -> Result<(), TableError> {
        // In flight before published: a batch that is published during these reads is found in one of them.
        let mut missing = Vec::new();
        for number in numbers {
            match self.in_flight.iter().rev().find_map(|layer| layer.blocks.get(number)) {
                Some(block) => self.remember(*number, block.clone()),
                None => missing.push(*number),
            }
        }
        // Most rows of a new or repeated list need no block.
        if missing.is_empty() {
            return Ok(());
        }
        let mut read = self.read_blocks(&missing).await?;
        for number in missing {
            self.remember(number, read.remove(&number).unwrap_or_default());
        }
        Ok(())
    }

    /// Reads published blocks. A block without members is absent from the result.
    async fn read_blocks(&self, numbers: &[u64]) -> Result<Blocks, TableError> {
        let open = self.open;
        let mut again = LookAgain::default();
        loop {
            let read = block::read(&open.parts.engine, open.number, numbers).await?;
            let absent = numbers.iter().filter(|number| !read.contains_key(number));
            let rows: Vec<Row> = absent.map(|number| Row(number.saturating_mul(ROWS_PER_BLOCK))).collect();
            if rows.is_empty() {
                return Ok(read);
            }
            let missed = {
                let published = open.published.read().await;
                rows.into_iter().find(|row| published.sets.has_members(*row, ROWS_PER_BLOCK))
            };
            match missed {
                Some(row) if again.wait(open.number, row).await => {}
                Some(_) | None => return Ok(read),
            }
        }
    }

    fn remember(&mut self, number: u64, mut block: Block) {
        self.carried.put_into(number, &mut block);
        self.fetched_bytes += block.bytes();
        self.fetched.insert(number, block);
    }

    pub(super) fn forget_fetched(&mut self) {
        self.fetched.clear();
        self.fetched_bytes = 0;
    }

    /// Fetches, in two reads for all rows, the candidates of the keys that nearly all of them need.
    pub async fn prefetch_keys<'b>(
        &mut self,
        rows: impl Iterator<Item = &'b Prepared> + Clone,
    ) -> Result<(), TableError> {
        let matched: Vec<Wanted> = rows.clone().filter_map(|row| row.matched_by.keys().next()).collect();
        self.fetch_hashes(&matched).await?;
        let mut others = Vec::with_capacity(matched.len() * 2);
        for row in rows {
            let is_new = row.matched_by.keys().next().is_none_or(|key| self.known(key).is_empty());
            if is_new {
                others.extend_from_slice(&row.others);
            }
        }
        self.fetch_hashes(&others).await
    }

    /// Fetches, in one read, the blocks of the members that these rows find. Drops what was fetched for
    /// earlier rows once it is more than [`FETCHED_MAX_BYTES`], because a call may find members in more
    /// blocks than fit into memory. Changed blocks are in the layer and stay.
    pub async fn prefetch_blocks<'b>(
        &mut self,
        rows: impl Iterator<Item = &'b Prepared>,
    ) -> Result<(), TableError> {
        let mut blocks = BTreeSet::new();
        for row in rows {
            if let Matched::Place(row) = row.matched_by {
                blocks.insert(place(row).0);
            }
            let mut known = row.matched_by.keys().map(|key| self.known(key));
            let known = known.find(|known| !known.is_empty()).unwrap_or_default();
            if !known.iter().any(|(_, fingerprint)| is_repeat(*fingerprint, row)) {
                blocks.extend(known.iter().map(|(row, _)| place(Row(*row)).0));
            }
        }
        if self.fetched_bytes > FETCHED_MAX_BYTES {
            self.forget_fetched();
        }
        blocks.retain(|number| self.block(*number).is_none());
        self.fetch_blocks(&blocks.into_iter().collect::<Vec<_>>()).await
    }

    /// The fetched candidates of a key.
    pub(super) fn known(&self, key: Wanted) -> &[(u64, u64)] {
        self.resolved.get(&key).map(Candidates::as_slice).unwrap_or_default()
    }

    /// The changes of sets that are not published yet, in order.
    pub(super) fn moves_after(&self, published: &Published) -> impl Iterator<Item = &SetChange> {
        let revision = published.header.revision;
        let in_flight = self.in_flight.iter().filter(move |layer| layer.header.revision > revision);
        in_flight.flat_map(|layer| &layer.sets).chain(&self.layer.sets)
    }
}
