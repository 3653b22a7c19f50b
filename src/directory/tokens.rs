//! Creates, lists and revokes tokens. The caller's own token needs the level `admin` and must not be bound to
//! a memberbase. It can create only tokens with at most its own rights (see `model::grant`).

use super::handle::result_of_another_call;
use super::list::{Page, RawPage};
use super::selector::malformed;
use super::{Directory, Error, TokenFault};
use crate::model::grant::{Granted, Wanted};
use crate::model::id::IdError;
use crate::model::limits::TOKENS_MAX;
use crate::model::token::{AccessLevel, Secret, Token, TokenDescription, TokenId, TokenLimits};
use crate::model::{BaseNumber, Filter, Reason, Refusal, Timestamp, Violations};
use crate::table::{RequestResult, TokenChange};

/// Cursors of this list are bound to a number that no memberbase has.
const NO_BASE: BaseNumber = BaseNumber(u32::MAX - 1);

/// A token as a caller asks for it.
#[derive(Debug, Clone, Default)]
pub struct NewToken {
    /// What its holder may do.
    pub access: String,
    /// What it is for; empty means absent.
    pub description: Option<String>,
    /// When it expires; by default, when its maker's token does.
    pub expires_at: Option<Timestamp>,
    /// The memberbase that it is bound to.
    pub member_base_id: Option<String>,
    /// Whether its holder sees bank details and dates of birth; by default, if it may write and its maker
    /// sees them.
    pub pii: Option<bool>,
    /// Requests that it allows per second; by default, as many as its maker's token.
    pub requests_per_second: Option<u32>,
    /// Rows that it allows per second; by default, as many as its maker's token.
    pub rows_per_second: Option<u32>,
}

/// A new token with its secret, which is shown only this once.
pub struct CreatedToken {
    /// The token.
    pub token: Token,
    /// Its secret.
    pub secret: Secret,
}

/// Random numbers for a new token.
pub struct TokenSeed {
    /// Becomes its id.
    pub id: u128,
    /// Becomes its secret.
    pub secret: [u8; 32],
}

impl TokenSeed {
    /// Draws them from the operating system.
    pub fn draw() -> Result<Self, Error> {
        let failed = |error| Error::Internal { private: format!("no random numbers: {error}") };
        let (mut id, mut secret) = ([0; 16], [0; 32]);
        getrandom::fill(&mut id).and_then(|()| getrandom::fill(&mut secret)).map_err(failed)?;
        Ok(Self { id: u128::from_le_bytes(id), secret })
    }
}

/// A part of the list of tokens.
#[derive(Debug)]
pub struct TokenPage {
    /// The tokens, in the order asked for.
    pub tokens: Vec<Token>,
    /// Where the next page starts; `None` at the end.
    pub cursor: Option<String>,
}

impl Directory {
    /// Creates a token.
    pub async fn create_token(&self, new: NewToken, seed: TokenSeed) -> Result<CreatedToken, Error> {
        let tokens = self.guarded.tokens().await?;
        if let Some(stored) = self.stored_result() {
            let RequestResult::Token(id) = stored.result else { return Err(result_of_another_call()) };
            return Err(Error::SecretNotKept { id });
        }
        let base = match new.member_base_id.as_deref() {
            None => None,
            Some(id) => {
                let number = self.base_number(id, "member_base_id")?;
                self.get_base(number).await?;
                Some(number)
            }
        };
        let (wanted, description) = parse(new, base, self.token_time())?;
        let Granted { access, base, pii, expires_at, limits } = wanted.by(self.guarded.token())?;
        let token = Token {
            id: TokenId(seed.id),
            access,
            pii,
            base,
            description,
            limits,
            created_at: self.now(),
            expires_at,
            revoked_at: None,
            last_used_at: None,
            is_damaged: false,
        };
        let secret = Secret::from_random(seed.secret);
        match tokens.create(token.clone(), secret.hash(), self.guarded.may_make(), self.claim()).await? {
            TokenChange::Done => {}
            TokenChange::NotFirst => return Err(TokenFault::Missing.into()),
            TokenChange::Full => return Err(Error::TooManyTokens { limit: TOKENS_MAX }),
        }
        tracing::info!(token = %token.id, access = token.access.as_str(), "a token was made");
        Ok(CreatedToken { token, secret })
    }

    /// One page of the tokens, revoked and expired ones included, oldest first unless asked otherwise.
    pub async fn list_tokens(&self, page: RawPage) -> Result<TokenPage, Error> {
        let tokens = self.guarded.tokens().await?;
        let key = self.guarded.cursor_key();
        let page = Page::parse(page, Ok(Filter::True.into()), key, NO_BASE)?;
        page.check_skip()?;
        let skip = usize::try_from(page.skip).unwrap_or(usize::MAX);
        // If there is one more than the page takes, there is another page.
        let wanted = skip.saturating_add(page.limit).saturating_add(1);
        let found = tokens.list(page.after, page.direction.is_descending(), wanted);
        let more = found.len() == wanted;
        let shown: Vec<_> = found.into_iter().skip(skip).take(page.limit).collect();
        let cursor = shown.last().filter(|_| more).map(|(number, _)| page.cursor(key, *number, 0));
        Ok(TokenPage { tokens: shown.into_iter().map(|(_, token)| token).collect(), cursor })
    }

    /// A token, which may be revoked or have expired.
    pub async fn get_token(&self, id: &str) -> Result<Token, Error> {
        let tokens = self.guarded.tokens().await?;
        let id = TokenId::parse(id).map_err(|fault: IdError| malformed("id", &fault))?;
        tokens.get(id).ok_or(Error::TokenNotFound)
    }

    /// Revokes a token at once and for good. One that was revoked before stays as it was.
    pub async fn revoke_token(&self, id: &str) -> Result<Token, Error> {
        let tokens = self.guarded.tokens().await?;
        if id.is_empty() {
            return Err(Refusal::field(Reason::FieldRequired, "id", "is required").into());
        }
        let id = TokenId::parse(id).map_err(|fault: IdError| malformed("id", &fault))?;
        if self.stored_result().is_some() {
            return tokens.get(id).ok_or(Error::TokenNotFound);
        }
        let revoked = tokens.revoke(id, self.now(), self.claim()).await?.ok_or(Error::TokenNotFound)?;
        tracing::info!(token = %revoked.id, "a token was revoked");
        Ok(revoked)
    }
}

/// The rights that the caller asks for, and the description of the token.
fn parse(
    new: NewToken,
    base: Option<BaseNumber>,
    now: Timestamp,
) -> Result<(Wanted, Option<TokenDescription>), Refusal> {
    let mut faults = Violations::default();
    let access = if new.access.is_empty() {
        faults.add(Reason::FieldRequired, "access", "is required: one of read, write, admin");
        None
    } else {
        faults.check("access", AccessLevel::parse(&new.access))
    };
    let description = new.description.filter(|text| !text.is_empty());
    let description = description.and_then(|text| faults.check("description", TokenDescription::parse(text)));
    if new.expires_at.is_some_and(|at| at <= now) {
        faults.add(Reason::FieldInvalid, "expires_at", "must be in the future");
    }
    let mut limit =
        |field, given: Option<u32>| given.and_then(|limit| faults.check(field, TokenLimits::parse(limit)));
    let limits = TokenLimits {
        requests_per_second: limit("requests_per_second", new.requests_per_second),
        rows_per_second: limit("rows_per_second", new.rows_per_second),
    };
    let access = access.unwrap_or(AccessLevel::Read);
    let wanted = Wanted { access, base, pii: new.pii, expires_at: new.expires_at, limits };
    faults.finish((wanted, description))
}
