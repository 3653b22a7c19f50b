//! The phases that read pages.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::api::grpc::v1;
use crate::cli::client::Client;
use crate::cli::{Error, filter};
use crate::metrics::process::float;
use crate::model::words;

use super::report::{Phase, Timings};

const PAGE: i32 = 500;
/// The page that is compared with the first.
const DEEP_PAGE: usize = 1000;
const REPEATS: u32 = 50;
/// How many readers read all pages concurrently in the second of the two phases that do so.
const READERS: usize = 4;

/// Which members to read.
#[derive(Debug, Clone)]
pub struct Lists {
    pub client: Client,
    pub member_base_id: String,
    pub members: u64,
    pub duration: Duration,
}

impl Lists {
    /// From the first page to the last, by one reader, then by several at once.
    pub async fn all_pages(&self) -> Result<Vec<Phase>, Error> {
        let begun = Instant::now();
        let read = self.clone().read_all().await?;
        let mut one = Phase::new("pages", "members", read.members, begun.elapsed(), &read.timings);
        one.expect("members listed", read.members, self.members);
        let begun = Instant::now();
        let mut readers = JoinSet::new();
        for _ in 0..READERS {
            readers.spawn(self.clone().read_all());
        }
        let mut timings = Timings::new()?;
        let mut members = 0;
        while let Some(reader) = readers.join_next().await {
            let read = reader.map_err(|error| Error::Broken(format!("a reader failed: {error}")))??;
            timings.add(&read.timings);
            members += read.members;
        }
        let several =
            Phase::new(format!("pages, {READERS} readers"), "members", members, begun.elapsed(), &timings);
        Ok(vec![one, several])
    }

    /// The cost of the 1,000th page compared with the first.
    pub async fn deep_pages(&self) -> Result<Vec<Phase>, Error> {
        let mut lists = self.clone();
        let mut number = 1;
        let mut cursor = None;
        while number < DEEP_PAGE {
            let page = lists.page(cursor.clone(), None, Vec::new()).await?;
            match page.page.and_then(|page| page.cursor) {
                Some(next) => cursor = Some(next),
                None => break,
            }
            number += 1;
        }
        let (mut first, mut deep) = (Timings::new()?, Timings::new()?);
        let (mut took_first, mut took_deep) = (Duration::ZERO, Duration::ZERO);
        for _ in 0..REPEATS {
            took_first += lists.timed(None, None, &mut first).await?;
            took_deep += lists.timed(cursor.clone(), None, &mut deep).await?;
        }
        let skip = i64::try_from(self.members).unwrap_or(i64::MAX) - i64::from(PAGE);
        let mut skipped = Timings::new()?;
        let mut took_skipped = Duration::ZERO;
        for _ in 0..REPEATS {
            took_skipped += lists.timed(None, Some(skip).filter(|&skip| skip > 0), &mut skipped).await?;
        }
        let repeats = u64::from(REPEATS);
        let mut phase = Phase::new(format!("page {number}"), "pages", repeats, took_deep, &deep);
        let ratio = float(deep.median()) / float(first.median().max(1));
        phase.note = Some(format!("page {number} costs {ratio:.2} times page 1 (medians)"));
        Ok(vec![
            Phase::new("page 1", "pages", repeats, took_first, &first),
            phase,
            Phase::new("last page by skip", "pages", repeats, took_skipped, &skipped),
        ])
    }

    /// First pages of filtered lists; the filters share the time equally.
    pub async fn filtered(&self) -> Result<Vec<Phase>, Error> {
        const FILTERS: [(&str, &str); 6] = [
            ("tier eq", r#"{"key": "tier", "eq": "Gold"}"#),
            (
                "tier, status in",
                r#"[{"key": "tier", "in": ["Gold", "Silver"]}, {"key": "status", "in": ["active"]}]"#,
            ),
            ("email eq", r#"{"key": "email", "eq": "m1.0000@mail1.example.com"}"#),
            ("ref in", r#"{"key": "ref", "in": ["crm-0", "crm-1", "crm-2"]}"#),
            ("company prefix", r#"{"key": "company", "prefix": "Acme"}"#),
            (
                "first_name regex",
                r#"{"key": "first_name", "regex": {"pattern": "^z", "case_insensitive": true}}"#,
            ),
        ];
        let mut phases = Vec::new();
        for (name, text) in FILTERS {
            let mut lists = self.clone();
            let filters = filter::parse(text)?;
            let mut timings = Timings::new()?;
            let (mut pages, mut members) = (0, 0);
            let begun = Instant::now();
            while begun.elapsed() < self.duration / 6 {
                let at = Instant::now();
                let page = lists.page(None, None, filters.clone()).await?;
                timings.record(at.elapsed());
                pages += 1;
                members += page.members.len();
            }
            let mut phase = Phase::new(format!("list {name}"), "pages", pages, begun.elapsed(), &timings);
            let pages = usize::try_from(pages).unwrap_or(usize::MAX).max(1);
            phase.note = Some(format!("{} a page", words::count(members / pages, "member")));
            phases.push(phase);
        }
        Ok(phases)
    }

    async fn read_all(mut self) -> Result<Read, Error> {
        let mut read = Read { members: 0, timings: Timings::new()? };
        let mut cursor = None;
        loop {
            let begun = Instant::now();
            let page = self.page(cursor, None, Vec::new()).await?;
            read.timings.record(begun.elapsed());
            read.members += u64::try_from(page.members.len()).unwrap_or(u64::MAX);
            match page.page.and_then(|page| page.cursor) {
                Some(next) => cursor = Some(next),
                None => return Ok(read),
            }
        }
    }

    async fn timed(
        &mut self,
        cursor: Option<String>,
        skip: Option<i64>,
        timings: &mut Timings,
    ) -> Result<Duration, Error> {
        let begun = Instant::now();
        self.page(cursor, skip, Vec::new()).await?;
        let took = begun.elapsed();
        timings.record(took);
        Ok(took)
    }

    async fn page(
        &mut self,
        cursor: Option<String>,
        skip: Option<i64>,
        filters: Vec<v1::Filter>,
    ) -> Result<v1::ListMembersResponse, Error> {
        let request = v1::ListMembersRequest {
            member_base_id: self.member_base_id.clone(),
            pagination: Some(v1::Pagination { limit: Some(PAGE), cursor, skip }),
            filters,
            ..Default::default()
        };
        Ok(self.client.members.list_members(request).await?.into_inner())
    }
}

struct Read {
    members: u64,
    timings: Timings,
}
