//! Tokens in memory equal those in the store, even if callers leave in between.

use std::sync::Arc;

use futures_util::FutureExt;

use crate::engine::faulty::Faulty;
use crate::engine::memory::MemoryEngine;
use crate::engine::{Batch, Engine};
use crate::model::Timestamp;
use crate::model::token::{AccessLevel, Secret, SecretHash, Token, TokenId, TokenLimits};
use crate::stored::meta::Meta;
use crate::stored::{key, token as stored};
use crate::table::idempotency::{Idempotency, IdempotencyLimits};
use crate::table::index::hash::Hashes;
use crate::table::shared::leases::Leases;
use crate::table::tokens::{MayMake, TokenChange, Tokens};

async fn load(engine: Arc<dyn Engine>) -> Arc<Tokens> {
    let hashes = Hashes::new(&Meta {
        format: 1,
        write_format: 1,
        fold_version: 1,
        id_key: [0; 16],
        cursor_key: [0; 16],
        hash_key: [0; 16],
        fingerprint_key: [0; 16],
    });
    let limits = IdempotencyLimits { retention_micros: 1, bytes: 1 };
    let leases = Leases::new(Arc::clone(&engine));
    let idempotency = Idempotency::new(Arc::clone(&leases), (Arc::clone(&engine), false), hashes, limits);
    Tokens::load(engine, idempotency, leases, Arc::default()).await.unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn token(id: u128) -> (Token, SecretHash) {
    let token = Token {
        id: TokenId(id),
        access: AccessLevel::Read,
        pii: false,
        base: None,
        description: None,
        limits: TokenLimits::default(),
        created_at: at(1),
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
        is_damaged: false,
    };
    (token, Secret::from_random([u8::try_from(id).unwrap(); 32]).hash())
}

#[tokio::test]
async fn tokens_revocations_and_uses_are_there_after_a_reopening() {
    let engine: Arc<dyn Engine> = Arc::new(MemoryEngine::new());
    let tokens = load(Arc::clone(&engine)).await;
    assert!(!tokens.any());
    for id in 0..3 {
        let (token, hash) = token(id);
        assert_eq!(tokens.create(token, hash, MayMake::Any, None).await.unwrap(), TokenChange::Done);
    }
    let revoked = tokens.revoke(TokenId(1), at(50), None).await.unwrap().unwrap();
    assert_eq!(revoked.revoked_at, Some(at(50)));
    assert_eq!(tokens.revoke(TokenId(1), at(60), None).await.unwrap().unwrap(), revoked);
    assert_eq!(tokens.revoke(TokenId(9), at(60), None).await.unwrap(), None);
    tokens.find(&token(2).1).unwrap().used(at(70));
    tokens.store_uses().await.unwrap();

    let again = load(engine).await;
    assert!(again.any());
    assert_eq!(again.list(None, false, 10), tokens.list(None, false, 10));
    assert!(again.find(&token(1).1).unwrap().revoked_at().is_some());
    assert_eq!(again.find(&token(2).1).unwrap().snapshot().last_used_at, Some(at(70)));
    assert!(again.find(&SecretHash::of("sk_unknown")).is_none());
    let (next, hash) = token(3);
    again.create(next, hash, MayMake::Any, None).await.unwrap();
    let numbers: Vec<u64> = again.list(Some(1), false, 10).into_iter().map(|(n, _)| n).collect();
    assert_eq!(numbers, [2, 3]);
    let numbers: Vec<u64> = again.list(Some(3), true, 2).into_iter().map(|(n, _)| n).collect();
    assert_eq!(numbers, [2, 1]);
}

#[tokio::test(start_paused = true)]
async fn uses_are_stored_once_the_working_copy_has_caught_up() {
    let engine = Arc::new(Faulty::new(Arc::new(MemoryEngine::new())));
    let tokens = load(Arc::clone(&engine) as _).await;
    let (made, hash) = token(0);
    tokens.create(made, hash.clone(), MayMake::Any, None).await.unwrap();
    tokens.find(&hash).unwrap().used(at(70));
    engine.lag(1_000, 10);
    tokens.store_uses().await.unwrap();
    assert_eq!(load(engine).await.find(&hash).unwrap().snapshot().last_used_at, Some(at(70)));
}

#[tokio::test]
async fn uses_close_together_change_nothing() {
    let tokens = load(Arc::new(MemoryEngine::new())).await;
    let (made, hash) = token(0);
    tokens.create(made, hash.clone(), MayMake::Any, None).await.unwrap();
    let live = tokens.find(&hash).unwrap();
    for (now, used) in [(100, 100), (159, 100), (160, 160)] {
        live.used(at(now));
        assert_eq!(live.snapshot().last_used_at, Some(at(used)));
    }
}

/// Starts `call`, holds its commit, drops the call there, and lets the commit continue.
async fn leave_in_the_commit<T>(engine: &Faulty, call: impl Future<Output = T>) {
    engine.hold();
    let mut call = Box::pin(call);
    assert!(call.as_mut().now_or_never().is_none());
    engine.someone_waits().await;
    drop(call);
    engine.release();
}

#[tokio::test]
async fn a_token_whose_caller_left_in_its_commit_is_made_and_so_is_the_next() {
    let engine = Arc::new(Faulty::new(Arc::new(MemoryEngine::new())));
    let tokens = load(Arc::clone(&engine) as _).await;
    let (first, hash) = token(1);
    leave_in_the_commit(&engine, tokens.create(first, hash.clone(), MayMake::Any, None)).await;
    let (second, other) = token(2);
    assert_eq!(tokens.create(second, other, MayMake::Any, None).await.unwrap(), TokenChange::Done);
    assert!(tokens.any() && tokens.find(&hash).is_some());
    let again = load(engine).await;
    assert_eq!(again.list(None, false, 10), tokens.list(None, false, 10));
    assert_eq!(again.list(None, false, 10).len(), 2);
}

#[tokio::test]
async fn a_token_whose_revoker_left_in_the_commit_is_revoked() {
    let engine = Arc::new(Faulty::new(Arc::new(MemoryEngine::new())));
    let tokens = load(Arc::clone(&engine) as _).await;
    for id in 1..=2 {
        let (token, hash) = token(id);
        tokens.create(token, hash, MayMake::Any, None).await.unwrap();
    }
    leave_in_the_commit(&engine, tokens.revoke(TokenId(1), at(50), None)).await;
    // The second revocation runs after the first.
    tokens.revoke(TokenId(2), at(60), None).await.unwrap();
    assert_eq!(tokens.find(&token(1).1).unwrap().revoked_at(), Some(at(50)));
    assert_eq!(load(engine).await.list(None, false, 10), tokens.list(None, false, 10));
}

#[tokio::test]
async fn a_token_whose_caller_left_before_its_turn_is_not_made() {
    let engine = Arc::new(Faulty::new(Arc::new(MemoryEngine::new())));
    let tokens = load(Arc::clone(&engine) as _).await;
    engine.hold();
    let (first, hash) = token(1);
    let mut first = Box::pin(tokens.create(first, hash, MayMake::Any, None));
    assert!(first.as_mut().now_or_never().is_none());
    engine.someone_waits().await;
    let (second, hash) = token(2);
    assert!(tokens.create(second, hash.clone(), MayMake::Any, None).now_or_never().is_none());
    engine.release();
    assert_eq!(first.await.unwrap(), TokenChange::Done);
    assert!(tokens.find(&hash).is_none());
    assert_eq!(load(engine).await.list(None, false, 10).len(), 1);
}

#[tokio::test]
async fn only_one_of_two_callers_creates_the_first_token() {
    let engine = Arc::new(Faulty::new(Arc::new(MemoryEngine::new())));
    let tokens = load(Arc::clone(&engine) as _).await;
    let ((first, hash), (second, other)) = (token(1), token(2));
    engine.hold();
    let mut winner = Box::pin(tokens.create(first, hash.clone(), MayMake::First, None));
    assert!(winner.as_mut().now_or_never().is_none());
    engine.someone_waits().await;
    // There is no token yet when it arrives.
    let mut loser = Box::pin(tokens.create(second, other.clone(), MayMake::First, None));
    assert!(loser.as_mut().now_or_never().is_none() && !tokens.any());
    engine.release();
    assert_eq!(winner.await.unwrap(), TokenChange::Done);
    assert_eq!(loser.await.unwrap(), TokenChange::NotFirst);
    assert!(tokens.find(&hash).is_some() && tokens.find(&other).is_none());
    assert_eq!(load(engine).await.list(None, false, 10).len(), 1);
}

/// Stores `value` in the place of a token.
async fn damage(engine: &Arc<dyn Engine>, key: Vec<u8>, value: Vec<u8>) {
    let mut batch = Batch::default();
    batch.put(key, value);
    engine.commit(batch).await.unwrap();
}

#[tokio::test]
async fn a_damaged_token_is_refused_and_listed_and_keeps_no_other_from_its_work() {
    let whole = stored::encode(&token(1).0, &token(1).1);
    let newer = [&[9], &whole[1..]].concat();
    for (bytes, id) in [
        (whole[..whole.len() - 1].to_vec(), TokenId(1)),
        (newer, TokenId(1)),
        (whole[..17].to_vec(), TokenId(1)),
        // Without a readable id, its number is its id.
        (vec![2, 0, 0], TokenId(1)),
        (Vec::new(), TokenId(1)),
    ] {
        let engine: Arc<dyn Engine> = Arc::new(MemoryEngine::new());
        let tokens = load(Arc::clone(&engine)).await;
        for id in 0..3 {
            let (token, hash) = token(id);
            tokens.create(token, hash, MayMake::Any, None).await.unwrap();
        }
        damage(&engine, key::token(1), bytes).await;
        damage(&engine, key::token_use(2), vec![1]).await;

        let tokens = load(Arc::clone(&engine)).await;
        assert!(tokens.find(&token(1).1).is_none());
        assert!([0, 2].into_iter().all(|id| tokens.find(&token(id).1).is_some()));
        let listed: Vec<_> = tokens.list(None, false, 10).into_iter().map(|(_, token)| token).collect();
        assert_eq!(listed, [token(0).0, Token::damaged(id), token(2).0]);
        let (next, hash) = token(3);
        assert_eq!(tokens.create(next, hash, MayMake::Any, None).await.unwrap(), TokenChange::Done);

        // After it is revoked, its stored form can be read again.
        let revoked = tokens.revoke(id, at(9), None).await.unwrap().unwrap();
        assert!(!revoked.is_damaged && revoked.revoked_at == Some(at(9)));
        let again = load(engine).await;
        assert_eq!(again.list(None, false, 10), tokens.list(None, false, 10));
        assert!(again.list(None, false, 10).into_iter().all(|(_, token)| !token.is_damaged));
    }
}

#[tokio::test]
async fn a_store_whose_only_token_is_damaged_is_not_one_without_tokens() {
    for key in [key::token(0), [key::token(0), vec![7]].concat()] {
        let engine: Arc<dyn Engine> = Arc::new(MemoryEngine::new());
        damage(&engine, key, vec![0xff]).await;
        let tokens = load(engine).await;
        assert!(tokens.any());
        let (mine, hash) = token(5);
        assert_eq!(tokens.create(mine, hash, MayMake::First, None).await.unwrap(), TokenChange::NotFirst);
    }
}
