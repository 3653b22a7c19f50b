//! One token in memory.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use crate::model::Timestamp;
use crate::model::token::{SecretHash, Token};
use crate::table::tokens::meter::Meter;

/// The precision of the time of the last use, in microseconds. A use within this time of the one noted last
/// changes nothing, not even in memory.
const USE_GRAIN: i64 = 60 * 1_000_000;
/// Stands for "not yet": no real time is this early.
const NEVER: i64 = i64::MIN;

/// A token in memory. Its rights never change; only its revocation and its last use do.
pub struct LiveToken {
    pub(super) token: Token,
    pub(super) hash: SecretHash,
    pub(super) number: u32,
    revoked_at: AtomicI64,
    used_at: AtomicI64,
    /// The value of `used_at` that is stored.
    stored_use: AtomicI64,
    requests: Meter,
    rows: Meter,
}

impl LiveToken {
    pub(super) fn new(number: u32, token: Token, hash: SecretHash, used_at: Option<Timestamp>) -> Self {
        let used_at = micros(used_at);
        Self {
            revoked_at: AtomicI64::new(micros(token.revoked_at)),
            used_at: AtomicI64::new(used_at),
            stored_use: AtomicI64::new(used_at),
            requests: Meter::new(token.limits.requests_per_second),
            rows: Meter::new(token.limits.rows_per_second),
            token,
            hash,
            number,
        }
    }

    /// The token as it was created: access, base and other fields that never change. For its current state,
    /// see [`LiveToken::snapshot`].
    #[must_use]
    pub fn made(&self) -> &Token {
        &self.token
    }

    /// When it was revoked, if it was.
    #[must_use]
    pub fn revoked_at(&self) -> Option<Timestamp> {
        timestamp(&self.revoked_at)
    }

    /// The token as it is now.
    #[must_use]
    pub fn snapshot(&self) -> Token {
        let revoked_at = self.revoked_at();
        Token {
            revoked_at,
            last_used_at: timestamp(&self.used_at),
            // The revocation replaced the damaged stored form.
            is_damaged: self.token.is_damaged && revoked_at.is_none(),
            ..self.token.clone()
        }
    }

    /// Takes one request from the limit of this token; otherwise returns how long to wait.
    pub fn take_request(&self, now: Instant) -> Result<(), Duration> {
        self.requests.take(1, now)
    }

    /// Takes `rows` rows from the limit of this token; otherwise returns how long to wait.
    pub fn take_rows(&self, rows: u64, now: Instant) -> Result<(), Duration> {
        self.rows.take(rows, now)
    }

    /// Notes that the token was used.
    pub fn used(&self, now: Timestamp) {
        let before = self.used_at.load(Ordering::Relaxed);
        if now.micros().saturating_sub(before) >= USE_GRAIN {
            self.used_at.store(now.micros(), Ordering::Relaxed);
        }
    }

    /// Notes that the revocation is durable.
    pub(super) fn revoke(&self, now: Timestamp) {
        self.revoked_at.store(now.micros(), Ordering::Release);
    }

    /// The time of the last use, if it is not stored yet.
    pub(super) fn unstored_use(&self) -> Option<Timestamp> {
        let used_at = self.used_at.load(Ordering::Relaxed);
        (self.stored_use.load(Ordering::Relaxed) != used_at).then(|| Timestamp::from_micros(used_at))
    }

    /// Notes that this time of the last use is durable.
    pub(super) fn stored_use(&self, used_at: Timestamp) {
        self.stored_use.store(used_at.micros(), Ordering::Relaxed);
    }
}

fn micros(time: Option<Timestamp>) -> i64 {
    time.map_or(NEVER, Timestamp::micros)
}

fn timestamp(micros: &AtomicI64) -> Option<Timestamp> {
    let micros = micros.load(Ordering::Acquire);
    (micros != NEVER).then(|| Timestamp::from_micros(micros))
}
