//! The rights of a new token. A token makes only tokens that have at most its own rights, so that no one
//! gains rights by making a token.
//!
//! A right that the request does not mention is as large as the maker may give it, so a limited token makes
//! limited tokens by default. A right that the request does mention is never reduced: the request is refused.

use crate::model::access::token::{AccessLevel, Token, TokenLimits};
use crate::model::id::BaseNumber;
use crate::model::refusal::error::{Reason, Refusal, Violations};
use crate::model::value::time::Timestamp;

/// The rights that a request for a new token mentions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// What its holder may do.
    pub access: AccessLevel,
    /// The memberbase that it is bound to.
    pub base: Option<BaseNumber>,
    /// Whether its holder sees bank details and dates of birth.
    pub pii: Option<bool>,
    /// When it expires.
    pub expires_at: Option<Timestamp>,
    /// Its limits per second.
    pub limits: TokenLimits,
}

/// The rights that a new token gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Granted {
    /// What its holder may do.
    pub access: AccessLevel,
    /// The memberbase that it is bound to.
    pub base: Option<BaseNumber>,
    /// Whether its holder sees bank details and dates of birth.
    pub pii: bool,
    /// When it expires.
    pub expires_at: Option<Timestamp>,
    /// Its limits per second.
    pub limits: TokenLimits,
}

impl Wanted {
    /// The rights of a new token that the holder of `maker` makes; without a maker, every right may be
    /// granted.
    pub fn by(self, maker: Option<&Token>) -> Result<Granted, Refusal> {
        let Self { access, base, pii, expires_at, limits } = self;
        let Some(maker) = maker else {
            return Ok(Granted { access, base, pii: pii.unwrap_or(access.sees_pii()), expires_at, limits });
        };
        let mut faults = Beyond::default();
        if access > maker.access {
            faults.add("access", format!("must be at most {}", maker.access.as_str()));
        }
        if maker.base.is_some() && base.is_some() && base != maker.base {
            faults.add("member_base_id", "must be the memberbase that the token that makes it is bound to");
        }
        if pii == Some(true) && !maker.pii {
            faults.add("pii", "must not be true");
        }
        if let (Some(wanted), Some(most)) = (expires_at, maker.expires_at)
            && wanted > most
        {
            faults.add("expires_at", format!("must not be after {most}"));
        }
        let mut limit = |field, wanted: Option<u32>, most: Option<u32>| {
            if let (Some(wanted), Some(most)) = (wanted, most)
                && wanted > most
            {
                faults.add(field, format!("must be at most {most}"));
            }
            wanted.or(most)
        };
        let most = maker.limits;
        let limits = TokenLimits {
            requests_per_second: limit(
                "requests_per_second",
                limits.requests_per_second,
                most.requests_per_second,
            ),
            rows_per_second: limit("rows_per_second", limits.rows_per_second, most.rows_per_second),
        };
        faults.0.finish(Granted {
            access,
            base: base.or(maker.base),
            pii: pii.unwrap_or(access.sees_pii() && maker.pii),
            expires_at: expires_at.or(maker.expires_at),
            limits,
        })
    }
}

/// Collects the rights that exceed those of the maker.
#[derive(Default)]
struct Beyond(Violations);

impl Beyond {
    fn add(&mut self, field: &str, rule: impl std::fmt::Display) {
        let text = format!("{rule}: a new token cannot have more rights than the token that makes it");
        self.0.add(Reason::PermissionDenied, field, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::access::token::TokenId;

    fn wanted(access: AccessLevel) -> Wanted {
        Wanted { access, base: None, pii: None, expires_at: None, limits: TokenLimits::default() }
    }

    fn at(micros: i64) -> Option<Timestamp> {
        Some(Timestamp::from_micros(micros))
    }

    fn limits(requests: u32, rows: u32) -> TokenLimits {
        TokenLimits { requests_per_second: Some(requests), rows_per_second: Some(rows) }
    }

    /// A maker with limits on every right.
    fn bounded() -> Token {
        Token {
            id: TokenId(1),
            access: AccessLevel::Write,
            pii: false,
            base: Some(BaseNumber(7)),
            description: None,
            limits: limits(10, 100),
            created_at: Timestamp::from_micros(0),
            expires_at: at(1_000),
            revoked_at: None,
            last_used_at: None,
            is_damaged: false,
        }
    }

    /// A maker without any limits.
    fn free() -> Token {
        Token {
            access: AccessLevel::Admin,
            pii: true,
            base: None,
            limits: TokenLimits::default(),
            expires_at: None,
            ..bounded()
        }
    }

    fn fields(wanted: Wanted) -> Vec<String> {
        let refusal = wanted.by(Some(&bounded())).unwrap_err();
        assert_eq!(refusal.reason, Reason::PermissionDenied);
        refusal.violations.into_iter().map(|fault| fault.field).collect()
    }

    #[test]
    fn each_right_beyond_those_of_the_maker_is_named() {
        let read = wanted(AccessLevel::Read);
        let cases = [
            (wanted(AccessLevel::Admin), "access"),
            (Wanted { base: Some(BaseNumber(8)), ..read }, "member_base_id"),
            (Wanted { pii: Some(true), ..read }, "pii"),
            (Wanted { expires_at: at(1_001), ..read }, "expires_at"),
            (Wanted { limits: limits(11, 100), ..read }, "requests_per_second"),
            (Wanted { limits: limits(10, 101), ..read }, "rows_per_second"),
        ];
        for (wanted, field) in cases {
            assert_eq!(fields(wanted), [field]);
            assert!(wanted.by(Some(&free())).is_ok() && wanted.by(None).is_ok(), "{field}");
        }
        let everything = Wanted {
            access: AccessLevel::Admin,
            base: Some(BaseNumber(8)),
            pii: Some(true),
            expires_at: at(1_001),
            limits: limits(11, 101),
        };
        assert_eq!(fields(everything), cases.map(|(_, field)| field));
    }

    #[test]
    fn a_right_that_is_not_mentioned_is_as_large_as_the_maker_may_give_it() {
        let Granted { access, base, pii, expires_at, limits: given } =
            wanted(AccessLevel::Write).by(Some(&bounded())).unwrap();
        assert_eq!((access, base), (AccessLevel::Write, Some(BaseNumber(7))));
        assert_eq!((pii, expires_at, given), (false, at(1_000), limits(10, 100)));
        for maker in [Some(&free()), None] {
            for access in AccessLevel::ALL {
                let granted = wanted(access).by(maker).unwrap();
                assert_eq!((granted.pii, granted.expires_at), (access.sees_pii(), None));
                assert_eq!((granted.base, granted.limits), (None, TokenLimits::default()));
            }
        }
    }

    #[test]
    fn as_much_as_the_maker_has_is_granted() {
        let all = Wanted {
            access: AccessLevel::Write,
            base: Some(BaseNumber(7)),
            pii: Some(false),
            expires_at: at(1_000),
            limits: limits(10, 100),
        };
        assert!(all.by(Some(&bounded())).is_ok());
    }
}
