//! No read sees half of an atomic call: every kind of read shows all of it or nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use memberbase::api::grpc::v1::audience_service_client::AudienceServiceClient;
use memberbase::api::grpc::v1::{self, BulkMode, MemberInput, MemberKey, Outcome};
use tokio::task::JoinHandle;

use crate::harness::{Base, Server, eq, row};

const MEMBERS: usize = 1_000;
const ROUNDS: usize = 25;

/// All members in one of two states, with their tier, a company without an index, and e-mail addresses that
/// each move to the next member.
fn state(round: usize) -> Vec<MemberInput> {
    let side = if round.is_multiple_of(2) { "left" } else { "right" };
    (0..MEMBERS)
        .map(|i| MemberInput {
            tier: Some(side.into()),
            company: Some(side.into()),
            email: Some(format!("{}@example.com", (i + round) % MEMBERS)),
            ..row(&format!("m{i}"))
        })
        .collect()
}

fn reader<F, Fut>(stop: &Arc<AtomicBool>, base: &Base, mut read: F) -> JoinHandle<usize>
where
    F: FnMut(Base) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send,
{
    let (stop, base) = (Arc::clone(stop), base.clone());
    tokio::spawn(async move {
        let mut reads = 0;
        while !stop.load(Ordering::Relaxed) {
            read(base.clone()).await;
            reads += 1;
        }
        reads
    })
}

fn pick<T: PartialEq + std::fmt::Debug>(values: Vec<T>) -> T {
    let mut values = values.into_iter();
    let first = values.next().unwrap();
    assert!(values.all(|value| value == first), "the reply mixes two states");
    first
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_see_all_of_an_atomic_call_or_nothing() {
    let server = Server::start().await;
    let mut base = server.base().await;
    base.fill(state(0)).await;
    let stop = Arc::new(AtomicBool::new(false));
    let audiences = AudienceServiceClient::new(server.channel());
    let readers = [
        // A filter that an index evaluates: all members are on one side or none is.
        reader(&stop, &base, |mut base| async move {
            let mut request = base.list_request(vec![eq("tier", "left")]);
            request.include_total = true;
            request.pagination = Some(v1::Pagination { limit: Some(5_000), ..Default::default() });
            let reply = base.list(request).await.unwrap();
            assert!([0, MEMBERS].contains(&reply.members.len()), "{} members", reply.members.len());
            assert_eq!(reply.total, Some(reply.members.len() as u64));
        }),
        // A filter that has to read the members.
        reader(&stop, &base, |mut base| async move {
            let mut request = base.list_request(vec![eq("company", "right")]);
            request.pagination = Some(v1::Pagination { limit: Some(5_000), ..Default::default() });
            let found = base.list(request).await.unwrap().members.len();
            assert!([0, MEMBERS].contains(&found), "{found} members");
        }),
        // A page of all members: only one side, no member missing or twice, every e-mail address once.
        reader(&stop, &base, |mut base| async move {
            let mut request = base.list_request(Vec::new());
            request.pagination = Some(v1::Pagination { limit: Some(5_000), ..Default::default() });
            let members = base.list(request).await.unwrap().members;
            assert_eq!(members.len(), MEMBERS);
            let side = pick(members.iter().map(|member| (member.tier.clone(), member.revision)).collect());
            assert_eq!(pick(members.iter().map(|member| member.company.clone()).collect()), side.0);
            let mut emails: Vec<_> = members.iter().map(|member| member.email.clone().unwrap()).collect();
            emails.sort();
            emails.dedup();
            assert_eq!(emails.len(), MEMBERS);
        }),
        // Many keys in one call.
        reader(&stop, &base, |mut base| async move {
            let by_email =
                |i: usize| MemberKey { email: Some(format!("{i}@example.com")), ..Default::default() };
            let by_ref = |i: usize| MemberKey { r#ref: Some(format!("m{i}")), ..Default::default() };
            let keys = (0..50).flat_map(|i| [by_email(i * 7), by_ref(i * 11)]).collect();
            let request =
                v1::BatchGetMembersRequest { member_base_id: base.id.clone(), keys, min_revision: None };
            let reply = base.client.batch_get_members(request).await.unwrap().into_inner();
            let found: Vec<_> =
                reply.results.into_iter().map(|result| *result.member.expect("missing")).collect();
            pick(found.iter().map(|member| (member.tier.clone(), member.revision)).collect());
        }),
        // Counts by status stay the same, because no member changes its status.
        reader(&stop, &base, |mut base| async move {
            let mut request = base.list_request(vec![eq("status", "active")]);
            request.include_total = true;
            assert_eq!(base.list(request).await.unwrap().total, Some(MEMBERS as u64));
        }),
        // The preview of a filter that has to read the members, in several pieces.
        reader(&stop, &base, move |base| {
            let mut audiences = audiences.clone();
            async move {
                let (filters, limit) = (vec![eq("company", "left")], Some(100));
                let request = v1::PreviewAudienceRequest { member_base_id: base.id, filters, limit };
                let preview = audiences.preview_audience(request).await.unwrap().into_inner();
                let (count, shown) = (preview.count, preview.members.len());
                assert!([(0, 0), (MEMBERS as u64, 100)].contains(&(count, shown)), "{shown} of {count}");
                assert!(preview.members.iter().all(|member| member.company.as_deref() == Some("left")));
            }
        }),
    ];
    for round in 1..=ROUNDS {
        let mut request = base.request(state(round));
        request.mode = BulkMode::Atomic.into();
        let reply = base.send(request).await;
        assert!(reply.results.iter().all(|r| r.outcome() == Outcome::Updated), "round {round}");
    }
    stop.store(true, Ordering::Relaxed);
    for reader in readers {
        assert!(reader.await.unwrap() > 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_see_all_of_a_reactivation_or_deletion_or_nothing() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let inactive = |i: usize| MemberInput { status: Some("inactive".into()), ..row(&format!("m{i}")) };
    base.fill((0..MEMBERS).map(inactive).collect()).await;
    let stop = Arc::new(AtomicBool::new(false));
    let bases = server.bases();
    let counts = reader(&stop, &base, move |base| {
        let mut bases = bases.clone();
        async move {
            let request = v1::GetMemberBaseRequest { id: base.id.clone() };
            let shown = bases.get_member_base(request).await.unwrap().into_inner().member_base.unwrap();
            let counts = shown.counts.unwrap();
            let members = MEMBERS as u64;
            let seen = (counts.active, counts.inactive, counts.total);
            assert!([(0, members, members), (members, 0, members), (0, 0, 0)].contains(&seen), "{seen:?}");
        }
    });
    let lists = reader(&stop, &base, |mut base| async move {
        let mut request = base.list_request(vec![eq("status", "active")]);
        request.include_total = true;
        request.pagination = Some(v1::Pagination { limit: Some(5_000), ..Default::default() });
        let reply = base.list(request).await.unwrap();
        assert!([0, MEMBERS].contains(&reply.members.len()), "{}", reply.members.len());
        assert_eq!(reply.total, Some(reply.members.len() as u64));
    });
    for _ in 0..10 {
        let mut request =
            base.request((0..MEMBERS).map(inactive).map(|r| MemberInput { status: None, ..r }).collect());
        request.mode = BulkMode::Atomic.into();
        request.reactivate = true;
        let reply = base.send(request).await;
        assert!(reply.results.iter().all(|r| r.outcome() == Outcome::Reactivated));
        let gone = base.delete(Vec::new(), (0..MEMBERS).map(|i| format!("m{i}")).collect()).await;
        assert_eq!(gone.deleted, MEMBERS as u64);
        let mut request = base.request((0..MEMBERS).map(inactive).collect());
        request.mode = BulkMode::Atomic.into();
        base.send(request).await;
    }
    stop.store(true, Ordering::Relaxed);
    assert!(counts.await.unwrap() > 0 && lists.await.unwrap() > 0);
}
