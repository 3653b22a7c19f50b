//! Atomic calls exchange the tiers of members and reactivate inactive ones. In every reply the sets and
//! counters add up to the same numbers as at the beginning.

use memberbase::api::grpc::v1;
use memberbase::api::grpc::v1::member_base_service_client::MemberBaseServiceClient;
use tonic::Status;
use tonic::transport::Channel;

use super::{Lives, next_life};
use crate::harness::{self, Members};
use crate::kill::writer::Random;

/// All members, half of them in each tier.
const TOTAL: u64 = 60;
const TIERS: [&str; 2] = ["Gold", "Silver"];
const STATUSES: [&str; 3] = ["active", "invited", "inactive"];
/// The members of each tier that change places in one call.
const MOVED: usize = 4;

/// Creates the members.
pub async fn fill(channel: &Channel, base: &str) {
    let rows = (0..TOTAL).map(|n| v1::MemberInput {
        tier: Some(TIERS[usize::try_from(n % 2).unwrap()].into()),
        status: Some(STATUSES[usize::try_from(n % 3).unwrap()].into()),
        ..harness::row(&format!("account-{n}"))
    });
    let request = v1::BulkUpsertMembersRequest {
        member_base_id: base.to_owned(),
        members: rows.collect(),
        ..Default::default()
    };
    let reply = harness::members(channel).bulk_upsert_members(request).await.unwrap().into_inner();
    assert_eq!(reply.counts.unwrap().created, TOTAL);
}

/// Exchanges tiers and checks through all restarts of the server; returns the number of exchanges.
pub async fn move_and_check(base: String, mut life: Lives, mut random: Random) -> u64 {
    let (mut now, mut moves) = (None, 0);
    while let Some((number, channel)) = next_life(&mut life, now).await {
        now = Some(number);
        let mut members = harness::members(&channel);
        let mut bases = MemberBaseServiceClient::new(channel);
        while life.borrow().is_some() {
            let checked = check(&mut bases, &mut members, &base).await;
            let Ok(all) = checked else { break };
            let Ok(moved) = exchange(&mut members, &base, &all, &mut random).await else { break };
            moves += u64::from(moved);
        }
    }
    moves
}

/// Exchanges the tiers of some members, unless one of them changes meanwhile. Some calls also reactivate the
/// inactive ones.
async fn exchange(
    members: &mut Members,
    base: &str,
    all: &[v1::Member],
    random: &mut Random,
) -> Result<bool, Status> {
    let mut rows = Vec::new();
    for (from, to) in [(0, 1), (1, 0)] {
        let held: Vec<_> = all.iter().filter(|member| member.tier.as_deref() == Some(TIERS[from])).collect();
        let first = usize::try_from(random.next()).unwrap() % (held.len() - MOVED);
        rows.extend(held[first..first + MOVED].iter().map(|member| v1::MemberInput {
            tier: Some(TIERS[to].into()),
            if_revision: Some(member.revision),
            ..harness::row(member.r#ref.as_deref().unwrap())
        }));
    }
    let request = v1::BulkUpsertMembersRequest {
        member_base_id: base.to_owned(),
        members: rows,
        mode: v1::BulkMode::Atomic.into(),
        reactivate: random.next().is_multiple_of(8),
        ..Default::default()
    };
    let reply = members.bulk_upsert_members(request).await?.into_inner();
    let failed = reply.counts.unwrap().failed;
    assert!(failed == 0 || failed == u64::try_from(2 * MOVED).unwrap(), "{failed} rows of an atomic call");
    Ok(failed == 0)
}

/// Checks the memberbase through its counters, sets and members.
async fn check(
    bases: &mut MemberBaseServiceClient<Channel>,
    members: &mut Members,
    base: &str,
) -> Result<Vec<v1::Member>, Status> {
    for tier in TIERS {
        let listed = list(members, base, vec![harness::eq("tier", tier)]).await?;
        assert_eq!(
            (listed.total, listed.members.len()),
            (Some(TOTAL / 2), usize::try_from(TOTAL / 2).unwrap())
        );
    }
    let any = harness::condition("status", |filter| filter.r#in = Some(harness::list(&STATUSES)));
    assert_eq!(list(members, base, vec![any]).await?.total, Some(TOTAL));
    let before = counted(bases, base).await?;
    let listed = list(members, base, Vec::new()).await?;
    let after = counted(bases, base).await?;
    assert_eq!(listed.total, Some(TOTAL));
    for counted in [before, after] {
        let counts = counted.counts.unwrap();
        assert_eq!((counts.total, counts.active + counts.invited + counts.inactive), (TOTAL, TOTAL));
        if counted.revision == listed.revision {
            let of = |status| listed.members.iter().filter(|member| member.status == status).count();
            let recounted = STATUSES.map(|status| u64::try_from(of(status)).unwrap());
            assert_eq!([counts.active, counts.invited, counts.inactive], recounted);
        }
    }
    Ok(listed.members)
}

async fn counted(bases: &mut MemberBaseServiceClient<Channel>, base: &str) -> Result<v1::MemberBase, Status> {
    let request = v1::GetMemberBaseRequest { id: base.to_owned() };
    Ok(bases.get_member_base(request).await?.into_inner().member_base.unwrap())
}

async fn list(
    members: &mut Members,
    base: &str,
    filters: Vec<v1::Filter>,
) -> Result<v1::ListMembersResponse, Status> {
    let request = v1::ListMembersRequest {
        member_base_id: base.to_owned(),
        filters,
        include_total: true,
        ..Default::default()
    };
    Ok(members.list_members(request).await?.into_inner())
}
