//! Lists that would ruin a memberbase: each is held, fails or is refused, and afterwards every member is
//! exactly as before.

use memberbase::api::grpc::v1;
use memberbase::api::grpc::v1::JobState::{Failed, Held, Succeeded};
use tonic::Code;
use tonic_types::StatusExt;

use super::jobs::{Jobs, follow, with_rows};
use super::sync::send;
use crate::harness::{Base, Server, refused, row};

/// The members of the memberbase: `MEMBERBASE_TEST_MEMBERS`, or a few.
fn size() -> usize {
    std::env::var("MEMBERBASE_TEST_MEMBERS").map_or(1_500, |size| size.parse().unwrap())
}

const HEADINGS: &str = "ref,email,worker_id,first_name,last_name\n";

/// The cells of a member's row.
fn cells(n: usize) -> [String; 5] {
    [format!("a{n}"), format!("a{n}@example.com"), format!("w{n}"), format!("First {n}"), format!("Last {n}")]
}

fn member(n: usize) -> v1::MemberInput {
    let [ref_, email, worker_id, first_name, last_name] = cells(n);
    v1::MemberInput {
        email: Some(email),
        worker_id: Some(worker_id),
        first_name: Some(first_name),
        last_name: Some(last_name),
        ..row(&ref_)
    }
}

/// A list of these members, with their cells as `write` writes them.
fn list(members: impl Iterator<Item = usize>, write: impl Fn([String; 5]) -> String) -> String {
    HEADINGS.to_owned() + &members.map(|n| write(cells(n)) + "\n").collect::<String>()
}

/// How a list ended: the reason of its refusal, or the state of its job and the reason.
type Ended = (Option<v1::JobState>, String);

struct Attacked {
    base: Base,
    jobs: Jobs,
    before: Vec<v1::Member>,
}

impl Attacked {
    async fn new(server: &Server) -> Self {
        let (base, jobs) = with_rows(server, (0..size()).map(member).collect()).await;
        let mut attacked = Self { base, jobs, before: Vec::new() };
        attacked.before = attacked.members().await;
        assert_eq!(attacked.before.len(), size());
        attacked
    }

    async fn members(&mut self) -> Vec<v1::Member> {
        let request = v1::ExportMembersRequest { member_base_id: self.base.id.clone(), ..Default::default() };
        let mut stream = self.base.client.export_members(request).await.unwrap().into_inner();
        let mut members = Vec::new();
        while let Some(message) = stream.message().await.unwrap() {
            members.extend(message.members);
        }
        members
    }

    async fn send(&mut self, file: &[u8], change: impl FnOnce(&mut v1::SyncOptions)) -> Ended {
        match send(&mut self.jobs, &self.base, file, change).await {
            Ok(job) => {
                let job = follow(&mut self.jobs, job).await;
                (Some(job.state()), job.reason)
            }
            Err(refusal) => (None, refusal.get_error_details().error_info().unwrap().reason.clone()),
        }
    }

    /// Sends a list, and checks how it ends and that no member has changed.
    async fn attack(
        &mut self,
        name: &str,
        file: impl AsRef<[u8]>,
        state: Option<v1::JobState>,
        reason: &str,
    ) {
        let ended = self.send(file.as_ref(), |_| {}).await;
        assert_eq!(ended, (state, reason.to_owned()), "{name}");
        self.check_untouched(name).await;
    }

    async fn check_untouched(&mut self, name: &str) {
        assert!(self.members().await == self.before, "{name}: members have changed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_damaged_list_removes_or_mixes_up_anybody() {
    let server = Server::start().await;
    let mut attacked = Attacked::new(&server).await;
    let size = size();
    let joined = |cells: [String; 5]| cells.join(",");
    let quoted = |cells: [String; 5]| format!("\"{}\"", cells.join("\",\""));
    let whole = list(0..size, joined);
    let at_40_percent = whole.len() * 2 / 5;
    let line_end = whole[..at_40_percent].rfind('\n').unwrap() + 1;
    let in_quotes = list(0..size, quoted);
    let in_a_cell = in_quotes[..in_quotes.len() * 2 / 5].rfind("Last").unwrap();
    let workbook = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lists/xlsxwriter-plain.xlsx"));
    let workbook = workbook.unwrap();
    let other = list(size..2 * size, |cells| cells.join(",").replace("@example.com", "@example.org"));
    let shifted = list(0..size, |[a, b, c, d, e]| [b, c, d, e, a].join(","));
    let names_of_others = list(0..size, |[a, b, c, ..]| {
        let n: usize = a[1..].parse().unwrap();
        let [.., d, e] = cells((n + 1) % size);
        [a, b, c, d, e].join(",")
    });
    let swapped = whole.replacen("first_name,last_name", "last_name,first_name", 1);
    let unreadable = list(0..size, |cells| cells.join(",").replace('@', " at "));

    let cut = |bytes: &[u8]| bytes[..bytes.len() * 2 / 5].to_vec();
    attacked.attack("empty", "", None, "FILE_REFUSED").await;
    attacked.attack("only a header", HEADINGS, Some(Held), "REMOVAL_GUARD").await;
    attacked.attack("cut after a line", &whole[..line_end], Some(Held), "REMOVAL_GUARD").await;
    attacked.attack("cut in a line", &whole[..line_end + 4], Some(Held), "REMOVAL_GUARD").await;
    attacked.attack("cut in quotes", &in_quotes[..in_a_cell], None, "FILE_REFUSED").await;
    attacked.attack("a cut workbook", cut(&workbook), None, "FILE_REFUSED").await;
    attacked.attack("of another memberbase", other, Some(Held), "REMOVAL_GUARD").await;
    attacked.attack("shifted columns", shifted, Some(Failed), "EVERY_ROW_FAILED").await;
    attacked.attack("names of others", names_of_others, Some(Held), "CHANGE_GUARD").await;
    attacked.attack("swapped headings", swapped, Some(Held), "CHANGE_GUARD").await;
    attacked.attack("unreadable addresses", &unreadable, Some(Failed), "EVERY_ROW_FAILED").await;
    let by_email = attacked.send(unreadable.as_bytes(), |o| o.match_by = v1::MatchBy::Email.into()).await;
    assert_eq!(by_email, (Some(Failed), "EVERY_ROW_FAILED".to_owned()));
    attacked.check_untouched("unreadable keys").await;

    // The client is gone before the list is whole.
    let options = v1::SyncOptions { member_base_id: attacked.base.id.clone(), ..Default::default() };
    let first = v1::SyncMembersRequest { options: Some(options), ..Default::default() };
    let data = whole.as_bytes()[..line_end].chunks(1 << 20);
    let data = data.map(|data| v1::SyncMembersRequest { data: data.to_vec().into(), ..Default::default() });
    let half: Vec<_> = std::iter::once(first).chain(data).collect();
    let refusal = attacked.jobs.sync_members(tokio_stream::iter(half)).await.unwrap_err();
    refused(&refusal, Code::InvalidArgument, "LIST_INCOMPLETE");
    attacked.check_untouched("half of a list").await;

    // Everyone matches.
    let active = prost_types::value::Kind::StringValue("active".to_owned());
    let active = v1::Filter {
        key: "status".into(),
        eq: Some(prost_types::Value { kind: Some(active) }),
        ..Default::default()
    };
    let request = v1::DeleteMembersByFilterRequest {
        member_base_id: attacked.base.id.clone(),
        filters: vec![active],
        ..Default::default()
    };
    let job = attacked.jobs.delete_members_by_filter(request).await.unwrap().into_inner().job;
    let job = follow(&mut attacked.jobs, job).await;
    assert_eq!((job.state(), job.reason.as_str()), (Held, "REMOVAL_GUARD"));
    attacked.check_untouched("a filter that matches everyone").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn spoilt_rows_late_lists_and_young_members_remove_nobody() {
    let server = Server::start().await;
    let mut attacked = Attacked::new(&server).await;
    let size = size();
    let now = i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap();
    let at = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
    let whole = list(0..size, |cells| cells.join(","));
    // Two in a hundred rows have a telephone number that is none.
    let spoilt = (0..size).map(|n| {
        let phone = if n % 50 == 0 { "none" } else { "" };
        format!("{},{phone}\n", cells(n).join(","))
    });
    let spoilt = HEADINGS.replace('\n', ",phone\n") + &spoilt.collect::<String>();
    let job = send(&mut attacked.jobs, &attacked.base, spoilt, |options| options.as_of = at(now - 1));
    let job = job.await.unwrap();
    let job = follow(&mut attacked.jobs, job).await;
    let counts = job.applied.unwrap();
    assert_eq!(job.state(), Succeeded);
    assert_eq!((counts.failed, counts.removed), (size.div_ceil(50) as u64, 0));
    attacked.check_untouched("spoilt numbers").await;

    // This month's list, and then the last month's, which lacks a few.
    let ended = attacked.send(whole.as_bytes(), |options| options.as_of = at(now)).await;
    assert_eq!(ended.0, Some(Succeeded), "{ended:?}");
    let last_month = list(5..size, |cells| cells.join(","));
    let ended = attacked.send(last_month.as_bytes(), |options| options.as_of = at(now - 2_600_000)).await;
    assert_eq!(ended, (Some(Failed), "LIST_SUPERSEDED".to_owned()));
    attacked.check_untouched("last month's list").await;

    // Somebody is hired after the export was made.
    let hired = attacked.base.fill(vec![row("hired")]).await;
    let ended = attacked.send(whole.as_bytes(), |options| options.as_of = at(now)).await;
    assert_eq!(ended.0, Some(Succeeded), "{ended:?}");
    assert_eq!(attacked.base.get("hired").await.unwrap().status, "active");
    attacked.base.delete(hired, Vec::new()).await;
    attacked.check_untouched("a list that is older than a member").await;
}
