//! The counts and refusals of the guard, compared with plain maps.

use super::*;

/// A member as a plain value.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Plain {
    email: Option<u8>,
    phone: Option<u8>,
    tier: Option<u8>,
    is_there: bool,
}

/// A row: which member, and for each field whether it stays (`None`), is cleared or set; and the status.
type PlainRow = (u16, Option<Option<u8>>, Option<Option<u8>>, Option<Option<u8>>, Option<bool>);

fn plain_counts(before: &Plain, after: &Plain) -> GuardCounts {
    let lost = |before: Option<u8>, after: Option<u8>| before.is_some() && after.is_none();
    let other = matches!((before.email, after.email), (Some(before), Some(after)) if before != after);
    GuardCounts {
        removals: u64::from(before.is_there && !after.is_there),
        identities: u64::from(other),
        clears: u64::from(lost(before.email, after.email) || lost(before.phone, after.phone)),
        reactivations: u64::from(!before.is_there && after.is_there),
        tiers: u64::from(before.tier.is_some() && before.tier != after.tier),
        ..GuardCounts::default()
    }
}

/// Applies rows to plain members as far as `left` allows, and returns what they counted as, and which failed.
fn plainly(
    members: &mut BTreeMap<u16, Plain>,
    rows: &[PlainRow],
    mut left: GuardCounts,
) -> (GuardCounts, Vec<bool>) {
    let (mut sum, mut failed) = (GuardCounts::default(), Vec::new());
    for (n, email, phone, tier, status) in rows {
        let before = members.get(n).copied();
        let base = before.unwrap_or(Plain { email: None, phone: None, tier: None, is_there: true });
        let after = Plain {
            email: email.unwrap_or(base.email),
            phone: phone.unwrap_or(base.phone),
            tier: tier.unwrap_or(base.tier),
            is_there: status.unwrap_or(base.is_there),
        };
        let counts = before.map_or(GuardCounts::default(), |before| plain_counts(&before, &after));
        let is_allowed = counts.first_above(&left).is_none();
        failed.push(!is_allowed);
        if is_allowed {
            left = left.minus(&counts);
            sum = sum.plus(&counts);
            members.insert(*n, after);
        }
    }
    (sum, failed)
}

fn real_row((n, email, phone, tier_of, status): &PlainRow) -> MemberRow {
    fn change<T>(value: &Option<Option<u8>>, make: impl FnOnce(u8) -> T) -> Change<T> {
        match value {
            None => Change::Keep,
            Some(None) => Change::Clear,
            Some(Some(value)) => Change::Set(make(*value)),
        }
    }
    let patch = MemberPatch {
        ref_: Change::Set(ref_of(*n)),
        email: change(email, |value| Email::parse(format!("m{n}x{value}@example.com")).unwrap()),
        phone: change(phone, |value| Phone::parse(format!("+44770090{n:02}{value}")).unwrap()),
        tier: change(tier_of, |value| tier(&format!("T{value}"))),
        ..MemberPatch::default()
    };
    let status = status.map(|is_there| if is_there { Status::Active } else { Status::Inactive });
    MemberRow { patch, status, ..MemberRow::default() }
}

fn plain_rows() -> impl Strategy<Value = Vec<PlainRow>> {
    let field = || proptest::option::of(proptest::option::of(0_u8..3));
    let row = (0_u16..16, field(), field(), field(), proptest::option::weighted(0.3, any::<bool>()));
    proptest::collection::vec(row, 1..20)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_guard_counts_and_refuses_what_plain_maps_say(
        requests in proptest::collection::vec(plain_rows(), 1..8),
        percents in proptest::array::uniform5(prop_oneof![Just(100_u64), 0_u64..100]),
    ) {
        block_on(async {
            let subject = Subject::new().await;
            let mut percents = percents.into_iter();
            let limits = GuardLimits::of(|_| GuardLimit::parse(percents.next().unwrap(), 0).unwrap());
            subject.guard_limits(limits).await;
            let options = UpsertOptions { apply_status: true, ..UpsertOptions::default() };
            let (mut members, mut window) = (BTreeMap::new(), GuardCounts::default());
            for rows in &requests {
                let (wanted, _) = plainly(&mut members.clone(), rows, GuardCounts::of(|_| u64::MAX));
                let there = members.values().filter(|member: &&Plain| member.is_there).count() as u64;
                let of = there + window.removals;
                let allowed = GuardCounts::of(|kind| {
                    let (limit, changes) = (limits.get(kind), wanted.get(kind));
                    let all = window.get(kind) + changes;
                    let percent = u64::from(limit.percent());
                    if all <= 10 || percent == 100 || all * 100 <= percent * of { changes } else { 0 }
                });
                let (done, failed) = plainly(&mut members, rows, allowed);
                window = window.plus(&done);
                let sent: Vec<MemberRow> = rows.iter().map(real_row).collect();
                let reply = subject.upsert(&sent, options, WriteMode::Partial).await;
                let really: Vec<bool> = reply.outcomes.iter().map(RowOutcome::is_failed).collect();
                assert_eq!(really, failed, "{rows:?} {allowed:?}");
                assert_eq!(subject.counted().await, window);
            }
        });
    }
}
