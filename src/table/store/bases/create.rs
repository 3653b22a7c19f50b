//! Creating bases, or finding an existing one by its name instead.
//!
//! The search for a name is done in the turn to create bases
//! ([`Naming`](crate::table::shared::naming::Naming)), so no other base gets the name between the search and
//! the write. For a request with a request id the base is stored as its result, whether it was found or
//! created. So a repeat returns the same base, even if names change later.

use std::sync::Arc;

use crate::engine::Batch;
use crate::model::{BaseName, BaseNumber, BaseSettings, Reason, Refusal, Timestamp};
use crate::stored::header::Header;
use crate::stored::idempotency::RequestResult;
use crate::stored::index::IndexState;
use crate::stored::{key, meta};
use crate::table::TableError;
use crate::table::idempotency::Claim;
use crate::table::open::Parts;
use crate::table::read::summary::BaseSummary;
use crate::table::shared::naming::Making;
use crate::table::store::open::Table;
use crate::tasks;

/// Bases that are read together.
const BASES_TOGETHER: usize = 500;
/// Most ids listed in the refusal of a name that several bases have.
const NAMED: usize = 10;

/// A base that was created, or found by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatedBase {
    /// The base.
    pub base: BaseSummary,
    /// Whether it was created; otherwise it existed before.
    pub is_new: bool,
}

impl Table {
    /// Creates a base, for a request that may have a request id. The base is durable when this returns.
    pub async fn create_base(
        &self,
        settings: BaseSettings,
        claim: Option<Arc<Claim>>,
    ) -> Result<BaseSummary, TableError> {
        self.parts.check_owner()?;
        let turn = self.parts.naming.make().await;
        self.create(turn, settings, claim).await
    }

    /// The base with the name in `settings`, or a new one with these settings if there is none. Deleted bases
    /// do not count. Refuses a name that several bases have. Fails if a base is damaged, because its name is
    /// unknown.
    pub async fn find_or_create_base(
        &self,
        settings: BaseSettings,
        claim: Option<Arc<Claim>>,
    ) -> Result<CreatedBase, TableError> {
        self.parts.check_owner()?;
        let turn = self.parts.naming.make().await;
        let Some(base) = self.base_of_name(&settings.name).await? else {
            let base = self.create(turn, settings, claim).await?;
            return Ok(CreatedBase { base, is_new: true });
        };
        if let Some(claim) = claim {
            let (revision, answer) = (Some(base.revision), RequestResult::Base(base.number));
            self.parts.idempotency.store_alone(claim, self.now(), revision, answer).await?;
        }
        drop(turn);
        Ok(CreatedBase { base, is_new: false })
    }

    async fn base_of_name(&self, name: &BaseName) -> Result<Option<BaseSummary>, TableError> {
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let bases = self.list_all_bases(after, BASES_TOGETHER).await?;
            let Some(last) = bases.last() else { break };
            after = Some(last.number);
            found.extend(
                bases.into_iter().filter(|base| base.deleted_at.is_none() && base.settings.name == *name),
            );
        }
        if found.len() > 1 {
            return Err(self.several(&found).into());
        }
        Ok(found.pop())
    }

    fn several(&self, found: &[BaseSummary]) -> Refusal {
        let ids: Vec<_> = found.iter().take(NAMED).map(|base| self.sealer().base_id(base.number)).collect();
        let more = if found.len() > NAMED { ", …" } else { "" };
        let description = format!(
            "is the name of {} memberbases; use the id of the intended one: {}{more}",
            found.len(),
            ids.join(", ")
        );
        Refusal::field(Reason::NameAmbiguous, "name", description)
    }

    /// Creates a base in its turn, and completes this even if the caller leaves.
    async fn create(
        &self,
        turn: Making,
        settings: BaseSettings,
        claim: Option<Arc<Claim>>,
    ) -> Result<BaseSummary, TableError> {
        let (parts, now) = (self.parts.clone(), self.now());
        tasks::to_the_end("new memberbase", async move {
            let made = create(&parts, settings, claim.as_deref(), now).await;
            drop(turn);
            made
        })
        .await
    }
}

async fn create(
    parts: &Parts,
    settings: BaseSettings,
    claim: Option<&Claim>,
    now: Timestamp,
) -> Result<BaseSummary, TableError> {
    let before = parts.engine.get_many(&[key::next_base()]).await?.pop().flatten();
    let next = before.as_deref().map(meta::decode_next_base).transpose()?.unwrap_or(1);
    let following =
        next.checked_add(1).ok_or_else(|| TableError::Damaged("base numbers are used up".to_owned()))?;
    let header = Header::new(settings, now, parts.nonces.next());
    let number = BaseNumber(next);
    let mut batch = Batch::default();
    batch.checks.push((key::next_base(), before));
    batch.put(key::next_base(), meta::next_base(following));
    batch.put(key::header(number), header.encode_head());
    batch.put(key::settings(number), header.encode_settings());
    batch.put(key::index(number), IndexState::new().encode());
    let kept = claim.map(|claim| {
        parts.idempotency.store(claim, header.created_at, None, RequestResult::Base(number), &mut batch)
    });
    parts.engine.commit(batch).await?;
    parts.idempotency.count_stored(kept.unwrap_or_default());
    parts.latest.note(header.committed_at);
    parts.sharing.note(number, &header);
    Ok(BaseSummary::new(number, &header, std::iter::empty()))
}
