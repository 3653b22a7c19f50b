//! All tokens of a store: found, listed, created and revoked.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::Mutex;

use crate::engine::{Batch, Direction, Engine, commit_caught_up};
use crate::model::Timestamp;
use crate::model::limits::TOKENS_MAX;
use crate::model::token::{SecretHash, Token, TokenId};
use crate::stored::idempotency::RequestResult;
use crate::stored::{key, token as stored};
use crate::table::TableError;
use crate::table::idempotency::{Claim, Idempotency};
use crate::table::shared::clock::LatestWrite;
use crate::table::shared::leases::Leases;
use crate::table::tokens::live::LiveToken;
use crate::tasks;

/// How many tokens are read or written in one step.
const AT_ONCE: usize = 1_000;

/// Whether a token was created, or why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenChange {
    /// It was created.
    Done,
    /// The store already has the largest number of tokens.
    Full,
    /// The caller may only create the first token, and there is one.
    NotFirst,
}

/// Which tokens a caller may create.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MayMake {
    /// Only the first one: the caller has no token, which is allowed while there is none.
    First,
    /// Any.
    Any,
}

/// All tokens of a store.
pub struct Tokens {
    engine: Arc<dyn Engine>,
    idempotency: Arc<Idempotency>,
    /// Knows when tokens were created and revoked.
    latest: Arc<LatestWrite>,
    leases: Arc<Leases>,
    known: RwLock<Known>,
    /// Whether there are any, including those that cannot be read.
    any: AtomicBool,
    /// Held while a token is written.
    writing: Arc<Mutex<()>>,
}

#[derive(Default)]
struct Known {
    /// In the order in which they were created.
    all: Vec<Arc<LiveToken>>,
    by_id: HashMap<TokenId, Arc<LiveToken>>,
    by_hash: HashMap<u64, Vec<Arc<LiveToken>>>,
}

impl Known {
    fn add(&mut self, token: LiveToken) {
        let token = Arc::new(token);
        if token.token.is_damaged {
            // A good token with the same id has precedence, and the hash of a damaged one is unknown.
            self.by_id.entry(token.token.id).or_insert_with(|| Arc::clone(&token));
        } else {
            self.by_id.insert(token.token.id, Arc::clone(&token));
            self.by_hash.entry(token.hash.short()).or_default().push(Arc::clone(&token));
        }
        self.all.push(token);
    }
}

impl Tokens {
    /// Reads every token of the store in `engine`.
    pub(in crate::table) async fn load(
        engine: Arc<dyn Engine>,
        idempotency: Arc<Idempotency>,
        leases: Arc<Leases>,
        latest: Arc<LatestWrite>,
    ) -> Result<Arc<Self>, TableError> {
        let (mut known, mut any) = (Known::default(), false);
        let mut range = key::tokens();
        loop {
            let pairs = engine.scan(range.clone(), Direction::Forward, AT_ONCE).await?;
            let Some((last, _)) = pairs.last() else { break };
            range.start = std::ops::Bound::Excluded(last.clone());
            any = true;
            // This program writes no key without a number; the audit reports those.
            let numbered = pairs.iter().filter_map(|(key, bytes)| Some((key::token_number(key)?, bytes)));
            let numbered: Vec<_> = numbered.collect();
            let keys: Vec<_> = numbered.iter().map(|(number, _)| key::token_use(*number)).collect();
            let uses = engine.get_many(&keys).await?;
            for ((number, bytes), used) in numbered.into_iter().zip(uses) {
                let token = read(number, bytes, used.as_deref());
                // Not of its last use, which the clock alone decided.
                let written = [Some(token.token.created_at), token.token.revoked_at];
                written.into_iter().flatten().for_each(|time| latest.note(time));
                known.add(token);
            }
        }
        let (known, any) = (RwLock::new(known), AtomicBool::new(any));
        Ok(Arc::new(Self { engine, idempotency, latest, leases, known, any, writing: Arc::default() }))
    }

    /// Whether a token was ever created. From then on callers need one, even if all are revoked.
    #[must_use]
    pub fn any(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }

    /// The token with this secret, even if it is revoked or expired.
    #[must_use]
    pub fn find(&self, hash: &SecretHash) -> Option<Arc<LiveToken>> {
        let known = self.known();
        known.by_hash.get(&hash.short())?.iter().find(|token| token.hash == *hash).cloned()
    }

    /// Up to `limit` tokens after (`backward`: before) the one with the number `after`, with their numbers.
    #[must_use]
    pub fn list(&self, after: Option<u64>, backward: bool, limit: usize) -> Vec<(u64, Token)> {
        let known = self.known();
        let numbered = (0_u64..).zip(&known.all).collect::<Vec<_>>().into_iter();
        let snapshot = |(number, token): (u64, &Arc<LiveToken>)| (number, token.snapshot());
        if backward {
            let before = |(number, _): &(u64, _)| after.is_none_or(|after| *number < after);
            numbered.rev().filter(before).take(limit).map(snapshot).collect()
        } else {
            let beyond = |(number, _): &(u64, _)| after.is_none_or(|after| *number > after);
            numbered.filter(beyond).take(limit).map(snapshot).collect()
        }
    }

    /// Stores a new token. It is durable and in effect when this returns.
    ///
    /// If the caller leaves before the token's turn comes, nothing is created. If it leaves later, the token
    /// is created, although nobody has its secret.
    pub async fn create(
        self: &Arc<Self>,
        token: Token,
        hash: SecretHash,
        may_make: MayMake,
        claim: Option<Arc<Claim>>,
    ) -> Result<TokenChange, TableError> {
        let one_at_a_time = Arc::clone(&self.writing).lock_owned().await;
        if may_make == MayMake::First && self.any() {
            return Ok(TokenChange::NotFirst);
        }
        let tokens = Arc::clone(self);
        tasks::to_the_end("token", async move {
            let changed = tokens.create_now(token, hash, claim.as_deref()).await;
            drop(one_at_a_time);
            changed
        })
        .await
    }

    async fn create_now(
        &self,
        token: Token,
        hash: SecretHash,
        claim: Option<&Claim>,
    ) -> Result<TokenChange, TableError> {
        let next = self.known().all.last().map_or(0, |last| last.number.saturating_add(1));
        if self.known().all.len() >= TOKENS_MAX {
            return Ok(TokenChange::Full);
        }
        let mut batch = Batch::default();
        batch.checks.push((key::token(next), None));
        batch.put(key::token(next), stored::encode(&token, &hash));
        let kept = claim.map(|claim| {
            self.idempotency.store(claim, token.created_at, None, RequestResult::Token(token.id), &mut batch)
        });
        let _here = self.leases.all_here().await?;
        self.engine.commit(batch).await?;
        self.idempotency.count_stored(kept.unwrap_or_default());
        self.latest.note(token.created_at);
        self.known
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .add(LiveToken::new(next, token, hash, None));
        self.any.store(true, Ordering::Release);
        Ok(TokenChange::Done)
    }

    /// Revokes a token, which cannot be undone, and returns its state afterwards. A token that was revoked
    /// before stays as it was. `None` if there is no such token.
    pub async fn revoke(
        self: &Arc<Self>,
        id: TokenId,
        now: Timestamp,
        claim: Option<Arc<Claim>>,
    ) -> Result<Option<Token>, TableError> {
        let one_at_a_time = Arc::clone(&self.writing).lock_owned().await;
        let tokens = Arc::clone(self);
        tasks::to_the_end("token", async move {
            let revoked = tokens.revoke_now(id, now, claim.as_deref()).await;
            drop(one_at_a_time);
            revoked
        })
        .await
    }

    async fn revoke_now(
        &self,
        id: TokenId,
        now: Timestamp,
        claim: Option<&Claim>,
    ) -> Result<Option<Token>, TableError> {
        let Some(live) = self.known().by_id.get(&id).cloned() else { return Ok(None) };
        let mut batch = Batch::default();
        let kept =
            claim.map(|claim| self.idempotency.store(claim, now, None, RequestResult::Token(id), &mut batch));
        if live.revoked_at().is_none() {
            let revoked = Token { revoked_at: Some(now), ..live.token.clone() };
            batch.put(key::token(live.number), stored::encode(&revoked, &live.hash));
        }
        if !batch.puts.is_empty() {
            let _here = self.leases.all_here().await?;
            self.engine.commit(batch).await?;
            self.idempotency.count_stored(kept.unwrap_or_default());
        }
        if live.revoked_at().is_none() {
            self.latest.note(now);
            live.revoke(now);
        }
        Ok(Some(live.snapshot()))
    }

    /// The token with this id, even if it is revoked, expired or damaged.
    #[must_use]
    pub fn live(&self, id: TokenId) -> Option<Arc<LiveToken>> {
        self.known().by_id.get(&id).cloned()
    }

    /// The token with this id.
    #[must_use]
    pub fn get(&self, id: TokenId) -> Option<Token> {
        self.known().by_id.get(&id).map(|live| live.snapshot())
    }

    /// Writes the times of last use that changed since they were last written.
    pub(in crate::table) async fn store_uses(&self) -> Result<(), TableError> {
        let all = self.known().all.clone();
        let used = |token: &Arc<LiveToken>| Some((Arc::clone(token), token.unstored_use()?));
        let unstored: Vec<_> = all.iter().filter_map(used).collect();
        for part in unstored.chunks(AT_ONCE) {
            let mut batch = Batch::default();
            for (token, used_at) in part {
                batch.put(key::token_use(token.number), stored::encode_use(*used_at));
            }
            // At a stop nobody repeats this.
            commit_caught_up(&*self.engine, batch).await?;
            part.iter().for_each(|(token, used_at)| token.stored_use(*used_at));
        }
        Ok(())
    }

    fn known(&self) -> std::sync::RwLockReadGuard<'_, Known> {
        // Nothing panics while it holds this lock.
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The stored token with this number and its last use. A token that cannot be read is logged and counts as
/// damaged: it must not keep the store from opening.
fn read(number: u32, bytes: &[u8], used: Option<&[u8]>) -> LiveToken {
    let (token, hash) = stored::decode(bytes).unwrap_or_else(|error| {
        let id = stored::salvage_id(bytes).unwrap_or(TokenId(number.into()));
        tracing::error!(
            token = %id, number, %error,
            "a stored token cannot be read, so it is rejected; create another one and revoke this one"
        );
        (Token::damaged(id), SecretHash([0; 32]))
    });
    let used = used.and_then(|bytes| {
        let unread =
            |error| tracing::error!(token = %token.id, number, %error, "the last use of a token cannot be read");
        stored::decode_use(bytes).map_err(unread).ok()
    });
    LiveToken::new(number, token, hash, used)
}
