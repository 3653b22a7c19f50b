//! What the server must have after a kill.

use std::collections::{BTreeMap, HashMap};

use memberbase::api::grpc::v1;
use memberbase::api::grpc::v1::member_base_service_client::MemberBaseServiceClient;
use tonic::transport::Channel;

use crate::harness;

/// The number that, with the ref, determines a member's content; `None` while there is no such member.
pub type Version = Option<u64>;

/// One writer's members: what was acknowledged, and the requests without a reply.
#[derive(Debug, Default)]
pub struct Part {
    pub members: BTreeMap<String, Known>,
    pub under_way: Vec<Request>,
    pub acknowledged: u64,
    pub revision: u64,
}

/// The acknowledged state of one ref.
#[derive(Debug, Clone, Default)]
pub struct Known {
    pub version: Version,
    /// The member's id, while it exists.
    pub id: Option<String>,
    /// The ids of members that had the ref and were deleted.
    pub gone: Vec<String>,
}

/// A request that was sent and has no reply.
#[derive(Debug, Clone)]
pub struct Request {
    pub chunk: u64,
    pub rows: Vec<(String, Version)>,
    pub atomic: bool,
}

impl Part {
    /// Notes that the server acknowledged a request; `ids` are in the order of its rows, if the reply has
    /// them.
    pub fn acknowledge(&mut self, request: &Request, ids: &[String], revision: u64) {
        for (at, (r#ref, version)) in request.rows.iter().enumerate() {
            let known = self.members.entry(r#ref.clone()).or_default();
            known.settle(*version);
            if let Some(id) = ids.get(at) {
                known.meet(r#ref, id);
            }
        }
        self.acknowledged += u64::try_from(request.rows.len()).unwrap();
        assert!(revision >= self.revision, "revision went from {} back to {revision}", self.revision);
        self.revision = revision;
    }
}

impl Known {
    fn settle(&mut self, version: Version) {
        self.version = version;
        if version.is_none() {
            self.gone.extend(self.id.take());
        }
    }

    /// Checks the id that the server reports: the member's id never changes, and no member gets the id of a
    /// deleted one.
    fn meet(&mut self, r#ref: &str, id: &str) {
        assert!(
            !self.gone.iter().any(|gone| gone == id),
            "{ref} came back as the deleted {id}",
            r#ref = r#ref
        );
        let known = self.id.get_or_insert_with(|| id.to_owned());
        assert_eq!(known, id, "{ref} changed its id", r#ref = r#ref);
    }
}

/// A row with the content of this version.
pub fn input(r#ref: &str, version: u64) -> v1::MemberInput {
    v1::MemberInput {
        email: Some(format!("{ref}.{}@example.com", version % 3, r#ref = r#ref)),
        role: Some(format!("version {version}")),
        tier: Some(one_of(["Bronze", "Silver", "Gold"], version)),
        status: Some(one_of(["active", "invited", "inactive"], version)),
        worker_id: version.is_multiple_of(2).then(|| format!("W-{ref}", r#ref = r#ref)),
        clear_fields: if version.is_multiple_of(2) { Vec::new() } else { vec!["worker_id".into()] },
        ..harness::row(r#ref)
    }
}

fn one_of(texts: [&str; 3], version: u64) -> String {
    texts.into_iter().cycle().nth(usize::try_from(version % 3).unwrap()).unwrap().to_owned()
}

/// The version of a member; asserts that all its content is of this version.
fn version(member: &v1::Member) -> u64 {
    let role = member.role.as_deref().unwrap();
    let version = role.strip_prefix("version ").unwrap().parse().unwrap();
    let expected = input(member.r#ref.as_deref().unwrap(), version);
    // The status stays as it was when the member was created.
    assert_eq!(
        (&member.email, &member.role, &member.tier, &member.worker_id),
        (&expected.email, &expected.role, &expected.tier, &expected.worker_id),
        "a mixture of versions"
    );
    version
}

/// All writers' members.
#[derive(Debug, Default)]
pub struct Model {
    parts: HashMap<u64, Part>,
}

impl Model {
    pub fn take_part(&mut self, writer: u64) -> Part {
        self.parts.remove(&writer).unwrap_or_default()
    }

    pub fn put_part(&mut self, writer: u64, part: Part) {
        self.parts.insert(writer, part);
    }

    pub fn acknowledged(&self) -> u64 {
        self.parts.values().map(|part| part.acknowledged).sum()
    }

    /// Compares all content of the server with what it must have, and finds out how the requests without a
    /// reply ended.
    pub async fn check(&mut self, channel: &Channel, base: &str, round: u64) {
        let mut found: HashMap<String, v1::Member> = HashMap::new();
        let mut counts = v1::MemberCounts::default();
        let listed = list(channel, base).await;
        for member in listed.iter().cloned() {
            match member.status.as_str() {
                "active" => counts.active += 1,
                "invited" => counts.invited += 1,
                "inactive" => counts.inactive += 1,
                other => panic!("round {round}: status {other:?}"),
            }
            counts.total += 1;
            let before = found.insert(member.r#ref.clone().unwrap(), member);
            assert!(before.is_none(), "round {round}: listed twice: {before:?}");
        }
        let request = v1::GetMemberBaseRequest { id: base.to_owned() };
        let mut bases = MemberBaseServiceClient::new(channel.clone());
        let counted = bases.get_member_base(request).await.unwrap().into_inner().member_base.unwrap();
        assert_eq!(counted.counts, Some(counts), "round {round}: counters against a recount");
        for part in self.parts.values_mut() {
            assert!(counted.revision >= part.revision, "round {round}: the revision went back");
            part.resolve(&found, round);
            for (r#ref, known) in &mut part.members {
                let member = found.remove(r#ref);
                assert_eq!(
                    member.as_ref().map(version),
                    known.version,
                    "round {round}: {ref}",
                    r#ref = r#ref
                );
                if let Some(member) = member {
                    known.meet(r#ref, &member.id);
                }
            }
        }
        find_by_email(channel, base, &listed).await;
        assert!(found.is_empty(), "round {round}: members that nobody wrote: {found:?}");
    }
}

impl Part {
    /// Finds out whether each request without a reply took effect, row by row or as a whole.
    fn resolve(&mut self, found: &HashMap<String, v1::Member>, round: u64) {
        for request in std::mem::take(&mut self.under_way) {
            let done = |(r#ref, version): &(String, Version)| found.get(r#ref).map(self::version) == *version;
            let told: Vec<_> = request
                .rows
                .iter()
                .filter(|row| {
                    // A row that changes nothing does not show whether it was applied.
                    self.members.get(&row.0).and_then(|known| known.version) != row.1
                })
                .collect();
            let did = told.iter().filter(|row| done(row)).count();
            assert!(
                !request.atomic || did == 0 || did == told.len(),
                "round {round}: {did} of {} rows of an atomic request: {request:?}",
                told.len()
            );
            for row in &request.rows {
                if done(row) {
                    self.members.entry(row.0.clone()).or_default().settle(row.1);
                }
            }
        }
    }
}

/// Asserts that each member is found by its e-mail address, and not by its former one.
async fn find_by_email(channel: &Channel, base: &str, all: &[v1::Member]) {
    let key = |email: String| v1::MemberKey { email: Some(email), ..Default::default() };
    let keys = all.iter().flat_map(|member| {
        let before = (version(member) + 2) % 3;
        let before = format!("{}.{before}@example.com", member.r#ref.as_deref().unwrap());
        [key(member.email.clone().unwrap()), key(before)]
    });
    let request = v1::BatchGetMembersRequest {
        member_base_id: base.to_owned(),
        keys: keys.collect(),
        min_revision: None,
    };
    let found = harness::members(channel).batch_get_members(request).await.unwrap().into_inner().results;
    assert_eq!(found.len(), 2 * all.len());
    for (found, member) in found.chunks(2).zip(all) {
        assert_eq!(found[0].member.as_deref(), Some(member));
        assert!(found[1].missing, "{member:?} is found by an address that it no longer has");
    }
}

async fn list(channel: &Channel, base: &str) -> Vec<v1::Member> {
    let mut members = harness::members(channel);
    let mut request = v1::ListMembersRequest { member_base_id: base.to_owned(), ..Default::default() };
    let mut all = Vec::new();
    loop {
        let reply = members.list_members(request.clone()).await.unwrap().into_inner();
        all.extend(reply.members);
        let cursor = reply.page.unwrap().cursor;
        if cursor.is_none() {
            return all;
        }
        request.pagination = Some(v1::Pagination { cursor, ..Default::default() });
    }
}
