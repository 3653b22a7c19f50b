//! Members by their keys, one or many.

use super::read::ROUNDS;
use super::weight::weight;
use super::{Directory, Error, PageRoom, REPLY_BYTES, view};
use crate::compute::Stretch;
use crate::model::limits::BATCH_GET_MAX_KEYS;
use crate::model::token::AccessLevel;
use crate::model::{
    BaseNumber, Email, IdError, Member, Reason, Ref, Refusal, Row, Rule, Violations, WorkerId,
};
use crate::table::{Base, MemberKey, View};

/// Keys that are looked up together.
pub const FIND_TOGETHER: usize = 500;

/// One way to name a member, as a caller sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// By its id.
    Id(String),
    /// By the caller's own key.
    Ref(String),
    /// By its e-mail address, without regard to case.
    Email(String),
    /// By its worker id.
    WorkerId(String),
}

impl Key {
    /// The name of the field.
    #[must_use]
    pub fn field(&self) -> &'static str {
        match self {
            Self::Id(_) => "id",
            Self::Ref(_) => "ref",
            Self::Email(_) => "email",
            Self::WorkerId(_) => "worker_id",
        }
    }
}

/// The answers to the keys of a batch.
#[derive(Debug)]
pub struct Batch {
    /// One per key, in order.
    pub answers: Vec<BatchAnswer>,
    /// The revision that the answers show.
    pub revision: u64,
    /// The memory that the members take.
    pub room: PageRoom,
}

/// The answer to one key.
#[derive(Debug)]
pub enum BatchAnswer {
    /// The member. The large variant is the usual one.
    Found(Row, Box<Member>),
    /// There is none.
    Missing,
    /// Left out, because the reply is full.
    Omitted,
}

impl Directory {
    /// The member with this id, in `base` if that is given, and the revision that it shows.
    pub async fn get_by_id(
        &self,
        id: &str,
        base: Option<BaseNumber>,
        min_revision: Option<u64>,
    ) -> Result<(BaseNumber, Row, Member, u64), Error> {
        let (number, row) = self.sealer().open_member(id).map_err(|fault| match fault {
            IdError::Unknown => Error::MemberNotFound,
            fault => malformed("id", &fault).into(),
        })?;
        if base.is_some_and(|base| base != number) {
            // Says no more than that the member is not there, as if the other memberbase did not exist.
            return Err(Error::MemberNotFound);
        }
        let found = self.get(number, MemberKey::Row(row), min_revision).await;
        match found {
            Ok((row, member, revision)) => Ok((number, row, member, revision)),
            // The caller asked for a member, and named a memberbase only if `base` is given.
            Err(Error::MemberBaseNotFound) if base.is_none() => Err(Error::MemberNotFound),
            Err(error) => Err(error),
        }
    }

    /// The member of `base` with this key, and the revision that it shows.
    pub async fn get_by_key(
        &self,
        base: BaseNumber,
        key: Key,
        min_revision: Option<u64>,
    ) -> Result<(Row, Member, u64), Error> {
        let key = self.key(base, key)?.ok_or(Error::MemberNotFound)?;
        self.get(base, key, min_revision).await
    }

    /// Up to 10,000 members of one memberbase, all as of one revision.
    pub async fn batch_get(
        &self,
        base: BaseNumber,
        keys: Vec<Key>,
        min_revision: Option<u64>,
    ) -> Result<Batch, Error> {
        if keys.len() > BATCH_GET_MAX_KEYS {
            return Err(Error::TooMany { rows: keys.len(), limit: BATCH_GET_MAX_KEYS });
        }
        let keys = self.parse_keys(base, keys)?;
        let base = self.guarded.base(AccessLevel::Read, base).await?;
        self.guarded.take_rows(keys.len())?;
        let mut round = 0;
        loop {
            let keeps_view = round == ROUNDS;
            if let Some(batch) = self.look_up(&base, &keys, min_revision, keeps_view).await? {
                return Ok(batch);
            }
            round += 1;
        }
    }

    /// Looks keys up, [`FIND_TOGETHER`] at a time, and lets writes through between them unless it `keeps_view`.
    ///
    /// All answers are of the revision at which the first keys were looked up. A later view may be of a later one: a member whose
    /// revision is not above the first is as it was then. One above it, or a key that finds nobody, does not tell what was
    /// there; then there is no batch.
    async fn look_up(
        &self,
        base: &Base,
        keys: &[Option<MemberKey>],
        min_revision: Option<u64>,
        keeps_view: bool,
    ) -> Result<Option<Batch>, Error> {
        let mut kept = Some(view(base, min_revision).await?);
        let revision = kept.as_ref().map_or(0, View::revision);
        let answers = Vec::with_capacity(keys.len());
        let mut reply = Reply { answers, bytes: 0, room: self.page_room(), is_full: false };
        let mut stretch = Stretch::default();
        for keys in keys.chunks(FIND_TOGETHER) {
            stretch.work(keys.len()).await;
            if reply.is_full {
                reply.answers.extend(keys.iter().map(|_| BatchAnswer::Omitted));
                continue;
            }
            let view = match kept.take() {
                Some(view) => view,
                None => {
                    tokio::task::yield_now().await;
                    view(base, None).await?
                }
            };
            let known: Vec<MemberKey> = keys.iter().flatten().cloned().collect();
            let found = view.find(&known).await?;
            let is_as_it_was = |answer: &Option<(Row, Member)>| {
                answer.as_ref().is_some_and(|(_, member)| member.revision <= revision)
            };
            if view.revision() > revision && !found.iter().all(is_as_it_was) {
                return Ok(None);
            }
            kept = Some(view).filter(|_| keeps_view);
            let mut found = found.into_iter();
            for key in keys {
                let answer = key.as_ref().and_then(|_| found.next().flatten());
                reply.add(answer.map(|(row, member)| (row, self.guarded.show(member))));
            }
        }
        Ok(Some(Batch { answers: reply.answers, revision, room: reply.room }))
    }

    async fn get(
        &self,
        base: BaseNumber,
        key: MemberKey,
        min_revision: Option<u64>,
    ) -> Result<(Row, Member, u64), Error> {
        let base = self.guarded.base(AccessLevel::Read, base).await?;
        let view = view(&base, min_revision).await?;
        let found = view.find(&[key]).await?.into_iter().next().flatten();
        let (row, member) = found.ok_or(Error::MemberNotFound)?;
        Ok((row, self.guarded.show(member), view.revision()))
    }

    /// The key, parsed; `None` for an id that names no member of `base`.
    pub(super) fn key(&self, base: BaseNumber, key: Key) -> Result<Option<MemberKey>, Refusal> {
        let field = key.field();
        self.parse_key(base, key).map_err(|fault| fault.under(field))
    }

    /// The keys, parsed; `None` for an id that names no member of `base`. All faults are told.
    fn parse_keys(&self, base: BaseNumber, keys: Vec<Key>) -> Result<Vec<Option<MemberKey>>, Refusal> {
        let mut faults = Violations::default();
        let mut parsed = Vec::with_capacity(keys.len());
        for (index, key) in keys.into_iter().enumerate() {
            let field = key.field();
            match self.parse_key(base, key) {
                Ok(key) => parsed.push(key),
                Err(fault) => faults.add(fault.reason, format!("keys[{index}].{field}"), fault.description),
            }
        }
        faults.finish(parsed)
    }

    fn parse_key(&self, base: BaseNumber, key: Key) -> Result<Option<MemberKey>, Fault> {
        Ok(Some(match key {
            Key::Id(id) => match self.sealer().open_member(&id) {
                Ok((number, row)) if number == base => MemberKey::Row(row),
                Ok(_) | Err(IdError::Unknown) => return Ok(None),
                Err(fault) => {
                    return Err(Fault { reason: Reason::IdMalformed, description: fault.to_string() });
                }
            },
            Key::Ref(text) => MemberKey::Ref(Ref::parse(text)?),
            Key::Email(text) => MemberKey::Email(Email::parse(text)?),
            Key::WorkerId(text) => MemberKey::WorkerId(WorkerId::parse(text)?),
        }))
    }
}

/// What an answer takes in a reply besides its member, in bytes.
const ANSWER_BYTES: usize = 16;

/// A reply in the making.
struct Reply {
    answers: Vec<BatchAnswer>,
    bytes: usize,
    room: PageRoom,
    is_full: bool,
}

impl Reply {
    fn add(&mut self, answer: Option<(Row, Member)>) {
        self.bytes += ANSWER_BYTES + answer.as_ref().map_or(0, |(_, member)| weight(member));
        let is_large = self.bytes > REPLY_BYTES || !self.room.has(self.bytes);
        self.is_full |= is_large && !self.answers.is_empty();
        self.answers.push(match answer {
            _ if self.is_full => BatchAnswer::Omitted,
            Some((row, member)) => BatchAnswer::Found(row, Box::new(member)),
            None => BatchAnswer::Missing,
        });
    }
}

/// What is wrong with a key, before it is known where it stood.
struct Fault {
    reason: Reason,
    description: String,
}

impl From<Rule> for Fault {
    fn from(rule: Rule) -> Self {
        Self { reason: rule.reason(), description: rule.describe() }
    }
}

impl Fault {
    fn under(self, field: &str) -> Refusal {
        Refusal::field(self.reason, field, self.description)
    }
}

/// The refusal of an id that cannot be one.
pub fn malformed(field: impl Into<String>, fault: &IdError) -> Refusal {
    Refusal::field(Reason::IdMalformed, field, fault.to_string())
}
