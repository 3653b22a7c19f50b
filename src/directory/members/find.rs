//! Members by their keys, one or many.

use crate::compute::Stretch;
use crate::directory::access::view;
use crate::directory::list::{FIND_TOGETHER, ROUNDS, weight};
use crate::directory::selector::{Key, Selector};
use crate::directory::{Directory, Error, PageRoom, REPLY_BYTES};
use crate::model::limits::BATCH_GET_MAX_KEYS;
use crate::model::token::AccessLevel;
use crate::model::{BaseNumber, BorrowedMember, Member, Row};
use crate::table::{Base, MemberKey, View};

/// The members of a batch get.
#[derive(Debug)]
pub struct Batch {
    /// One per key, in order.
    pub results: Vec<KeyResult>,
    /// The revision that the results show.
    pub revision: u64,
    /// The memory that the members take.
    pub room: PageRoom,
}

/// What was found for one key.
#[derive(Debug)]
pub enum KeyResult {
    /// The member. The large variant is the usual one.
    Found(Row, Box<Member>),
    /// No member has the key.
    Missing,
    /// Left out, because the reply is full.
    Omitted,
}

impl Directory {
    /// The member that `selector` names, its memberbase, and the revision that the reply shows.
    pub async fn get_member(
        &self,
        selector: Selector,
        min_revision: Option<u64>,
    ) -> Result<(BaseNumber, Row, Member, u64), Error> {
        let copied =
            |number, row, member: &BorrowedMember<'_>, revision| (number, row, member.to_member(), revision);
        self.get_member_as(selector, min_revision, copied).await
    }

    /// What `make` makes of the member that `selector` names. It gets what [`Self::get_member`] returns, but
    /// the texts of the member stay where they were read.
    pub async fn get_member_as<T>(
        &self,
        selector: Selector,
        min_revision: Option<u64>,
        make: impl FnOnce(BaseNumber, Row, &BorrowedMember<'_>, u64) -> T,
    ) -> Result<T, Error> {
        let names_base = selector.names_base();
        let (number, key) = self.select(selector)?;
        let found = self.get(number, key, min_revision, make).await;
        found.map_err(|error| if names_base { error } else { error.of_member() })
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

    /// Looks keys up, [`FIND_TOGETHER`] at a time, and lets writes through in between unless it `keeps_view`.
    ///
    /// All results are of the revision at which the first keys were looked up. The views of the other keys
    /// may be of later revisions. A member that such a view finds is unchanged if its own revision is not
    /// above the first one. If it is above, or if a key finds nothing, the result at the first revision is
    /// unknown; then this returns `None`.
    async fn look_up(
        &self,
        base: &Base,
        keys: &[Option<MemberKey>],
        min_revision: Option<u64>,
        keeps_view: bool,
    ) -> Result<Option<Batch>, Error> {
        let mut kept = Some(view(base, min_revision).await?);
        let revision = kept.as_ref().map_or(0, View::revision);
        let results = Vec::with_capacity(keys.len());
        let mut reply = Reply { results, bytes: 0, room: self.page_room(), is_full: false };
        let mut stretch = Stretch::default();
        for keys in keys.chunks(FIND_TOGETHER) {
            stretch.work(keys.len()).await;
            if reply.is_full {
                reply.results.extend(keys.iter().map(|_| KeyResult::Omitted));
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
            let is_as_it_was = |found: &Option<(Row, Member)>| {
                found.as_ref().is_some_and(|(_, member)| member.revision <= revision)
            };
            if view.revision() > revision && !found.iter().all(is_as_it_was) {
                return Ok(None);
            }
            kept = Some(view).filter(|_| keeps_view);
            let mut found = found.into_iter();
            for key in keys {
                let member = key.as_ref().and_then(|_| found.next().flatten());
                reply.add(member.map(|(row, member)| (row, self.guarded.show(member))));
            }
        }
        Ok(Some(Batch { results: reply.results, revision, room: reply.room }))
    }

    async fn get<T>(
        &self,
        number: BaseNumber,
        key: MemberKey,
        min_revision: Option<u64>,
        make: impl FnOnce(BaseNumber, Row, &BorrowedMember<'_>, u64) -> T,
    ) -> Result<T, Error> {
        let base = self.guarded.base(AccessLevel::Read, number).await?;
        let view = view(&base, min_revision).await?;
        let revision = view.revision();
        let make = |row, mut member: BorrowedMember<'_>| {
            self.guarded.show_borrowed(&mut member);
            make(number, row, &member, revision)
        };
        view.find_one_as(&key, make).await?.ok_or(Error::MemberNotFound)
    }
}

/// What a result takes in a reply besides its member, in bytes.
const RESULT_BYTES: usize = 16;

/// A reply that is being built.
struct Reply {
    results: Vec<KeyResult>,
    bytes: usize,
    room: PageRoom,
    is_full: bool,
}

impl Reply {
    fn add(&mut self, found: Option<(Row, Member)>) {
        self.bytes += RESULT_BYTES + found.as_ref().map_or(0, |(_, member)| weight(&member.into()));
        let is_large = self.bytes > REPLY_BYTES || !self.room.has(self.bytes);
        self.is_full |= is_large && !self.results.is_empty();
        self.results.push(match found {
            _ if self.is_full => KeyResult::Omitted,
            Some((row, member)) => KeyResult::Found(row, Box::new(member)),
            None => KeyResult::Missing,
        });
    }
}
