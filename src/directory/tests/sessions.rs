//! Sessions of the console: whom they let in, and until when.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::directory::{Error, Gate, NewToken, TokenFault, TokenSeed};
use crate::engine::memory::MemoryEngine;
use crate::model::Timestamp;
use crate::model::origin::Door;
use crate::model::session::SESSION_MICROS;
use crate::model::token::AccessLevel;
use crate::table::{Table, TableConfig};

const BEGIN: i64 = 1_700_000_000_000_000;

struct Service {
    time: Arc<AtomicI64>,
    gate: Gate,
}

impl Service {
    async fn new() -> Self {
        let time = Arc::new(AtomicI64::new(BEGIN));
        let shown = Arc::clone(&time);
        let clock = Arc::new(move || Timestamp::from_micros(shown.load(Ordering::Relaxed)));
        let table = Table::open(Arc::new(MemoryEngine::new()), clock, TableConfig::default()).await.unwrap();
        Self { time, gate: Gate::new(table, Door::Console) }
    }

    /// A token with these rights: its id and its secret.
    async fn token(&self, new: NewToken) -> (String, String) {
        let owner = self.gate.enter(self.gate.owner(), AccessLevel::Admin).await.unwrap();
        let made = owner.create_token(new, TokenSeed::draw().unwrap()).await.unwrap();
        (made.token.id.to_string(), made.secret.reveal().to_owned())
    }

    async fn refused(&self, sealed: Option<&str>) -> Option<Error> {
        self.gate.resume(sealed).await.err()
    }
}

fn reads() -> NewToken {
    NewToken { access: "read".into(), ..NewToken::default() }
}

#[tokio::test]
async fn a_session_has_the_rights_of_its_token() {
    let service = Service::new().await;
    let (id, secret) = service.token(reads()).await;
    let sealed = service.gate.sign_in(&secret).await.unwrap();
    assert!(!sealed.contains(&secret) && sealed != service.gate.sign_in(&secret).await.unwrap());
    let caller = service.gate.resume(Some(&sealed)).await.unwrap();
    let directory = service.gate.enter(caller.clone(), AccessLevel::Read).await.unwrap();
    assert_eq!(directory.token().unwrap().id.to_string(), id);
    let denied = service.gate.enter(caller, AccessLevel::Write).await.err();
    assert!(matches!(denied, Some(Error::PermissionDenied(_))), "{denied:?}");
}

#[tokio::test]
async fn a_session_ends_with_its_token_or_after_twelve_hours() {
    let service = Service::new().await;
    let (id, secret) = service.token(reads()).await;
    let sealed = service.gate.sign_in(&secret).await.unwrap();
    service.time.store(BEGIN + SESSION_MICROS - 1, Ordering::Relaxed);
    assert_eq!(service.refused(Some(&sealed)).await, None);
    service.time.store(BEGIN + SESSION_MICROS, Ordering::Relaxed);
    assert_eq!(service.refused(Some(&sealed)).await, Some(TokenFault::Expired.into()));
    let sealed = service.gate.sign_in(&secret).await.unwrap();
    let owner = service.gate.enter(service.gate.owner(), AccessLevel::Admin).await.unwrap();
    owner.revoke_token(&id).await.unwrap();
    assert_eq!(service.refused(Some(&sealed)).await, Some(TokenFault::Revoked.into()));
    assert_eq!(service.gate.sign_in(&secret).await.err(), Some(TokenFault::Revoked.into()));
}

#[tokio::test]
async fn nothing_else_is_a_session_once_there_are_tokens() {
    let service = Service::new().await;
    assert_eq!(service.refused(None).await, None, "nobody needs one before");
    assert_eq!(service.gate.sign_in("sk_1").await.err(), Some(TokenFault::Invalid.into()));
    let (id, secret) = service.token(reads()).await;
    assert_eq!(service.refused(None).await, Some(TokenFault::Missing.into()));
    let elsewhere = Service::new().await;
    let (_, other) = elsewhere.token(reads()).await;
    let of_another_store = elsewhere.gate.sign_in(&other).await.unwrap();
    for text in ["", &id, &secret, &of_another_store] {
        assert_eq!(service.refused(Some(text)).await, Some(TokenFault::Invalid.into()), "{text}");
    }
    assert_eq!(service.gate.sign_in(&other).await.err(), Some(TokenFault::Invalid.into()));
}

#[tokio::test]
async fn requests_of_a_session_count_against_the_limit_of_its_token() {
    let service = Service::new().await;
    let (_, secret) = service.token(NewToken { requests_per_second: Some(2), ..reads() }).await;
    let sealed = service.gate.sign_in(&secret).await.unwrap();
    let mut refused = None;
    for _ in 0..1_000 {
        refused = service.refused(Some(&sealed)).await;
        if refused.is_some() {
            break;
        }
    }
    assert!(matches!(refused, Some(Error::RateLimited { .. })), "{refused:?}");
}
