//! Round trips, truncations and golden bytes of head and settings, and of older versions.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;

use super::form::VERSION;
use super::*;
use crate::model::schema::{AttributeIndex, AttributeSchema, AttributeType, AttributeTypes, FieldNumber};
use crate::model::{
    BaseName, BaseSettings, GuardCounts, GuardLimit, GuardLimits, GuardWindow, Status, StatusCounts, Tier,
    TierLimits, TierSlot, Timestamp,
};
use crate::stored::DecodeError;
use crate::stored::documented::assert_documented;

fn header() -> Header {
    Header {
        settings: BaseSettings {
            name: BaseName::parse("Staff, été").unwrap(),
            new_members: Some(Status::Invited),
            share_accounts: true,
            tiers: vec![Tier::parse("Gold".to_owned()).unwrap()],
            guard_limits: GuardLimits {
                removals: GuardLimit::parse(35, 0).unwrap(),
                clears: GuardLimit::parse(100, 300).unwrap(),
                ..GuardLimits::default()
            },
            tier_limits: TierLimits::default(),
        },
        schema: Some(Arc::new(AttributeSchema {
            types: AttributeTypes::from([
                ("colour".to_owned(), AttributeType::String),
                ("since".to_owned(), AttributeType::Date),
            ]),
            indexes: BTreeMap::from([(
                "since".to_owned(),
                AttributeIndex { number: FieldNumber(18), since: 1 << 40 },
            )]),
            last_index: Some(FieldNumber(20)),
            created_at: Timestamp::from_micros(5),
            updated_at: Timestamp::from_micros(6),
        })),
        counts: StatusCounts { invited: 1, active: 300, inactive: 70_000 },
        revision: u64::from(u32::MAX) + 5,
        next_row: 99,
        created_at: Timestamp::from_micros(-1),
        updated_at: Timestamp::from_micros(2),
        deleted_at: Some(Timestamp::from_micros(4)),
        committed_at: Timestamp::from_micros(3),
        settings_revision: 7,
        window: GuardWindow::from_hours(vec![(500_000, removals(3)), (500_002, removals(300))]).unwrap(),
        is_purging: false,
        nonce: 0x0807_0605_0403_0201,
        whole: None,
    }
}

fn removals(removals: u64) -> GuardCounts {
    GuardCounts::of_removals(removals)
}

/// The header of a base whose guard has counted other changes too.
fn changed() -> Header {
    let counts = GuardCounts { identities: 5, tiers: 300, ..GuardCounts::default() };
    let hours = vec![(500_000, removals(3)), (500_002, counts)];
    Header { window: GuardWindow::from_hours(hours).unwrap(), ..header() }
}

/// The header of a base with a limit for a tier, which has counted removals of it.
fn tiered() -> Header {
    let limit = GuardLimit::parse(10, 0).unwrap();
    let places = vec![None, Some((Tier::parse("Gold".to_owned()).unwrap(), limit))];
    let tier_limits = TierLimits::from_places(places).unwrap();
    let mut counts = removals(300);
    counts.of_tiers.set(TierSlot::at(1).unwrap(), 40);
    let hours = vec![(500_000, removals(3)), (500_002, counts)];
    let settings = BaseSettings { tier_limits, ..header().settings };
    Header { settings, window: GuardWindow::from_hours(hours).unwrap(), ..header() }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn head_and_settings_come_back_and_every_truncation_is_refused() {
    let not_set = BaseSettings { new_members: None, ..header().settings };
    let purging = Header { is_purging: true, settings: not_set, ..header() };
    let live = Header { deleted_at: None, schema: None, window: GuardWindow::default(), ..header() };
    let states = [header(), purging, live, changed(), tiered()].map(|header| {
        let (head, settings) = (header.encode_head(), header.encode_settings());
        assert_eq!(Header::decode(&head, Some(&settings)), Ok(header.clone()));
        for length in 0..head.len() {
            assert!(Header::decode(&head[..length], Some(&settings)).is_err(), "{length} bytes");
        }
        for length in 0..settings.len() {
            assert!(Header::decode(&head, Some(&settings[..length])).is_err(), "{length} bytes");
        }
        assert!(Header::decode(&[head.clone(), vec![0]].concat(), Some(&settings)).is_err());
        assert!(Header::decode(&head, Some(&[settings, vec![0]].concat())).is_err());
        assert!(Header::decode(&head, None).is_err());
        assert_eq!(header.stored_head(), head);
        Head::decode(&head).unwrap().state
    });
    let deleted = BaseState::Deleted;
    assert_eq!(states, [deleted, BaseState::Purging, BaseState::Live, deleted, deleted]);
}

#[test]
fn head_and_settings_have_their_golden_bytes() {
    let head = [
        "0401",                 // version, deleted
        "8480808010 63",        // revision, next row
        "01 ac02 f0a204",       // invited, active, inactive
        "07",                   // settings revision
        "0300000000000000",     // committed at
        "0102030405060708",     // nonce
        "02 a0c21e 03 02 ac02", // two hours
    ];
    assert_eq!(hex(&header().encode_head()), head.concat().replace(' ', ""));
    let settings = [
        "06 07",                                // version, revision
        "0c53746166662c20c3a974c3a9",           // name
        "01 01",                                // new members: invited; share accounts
        "01 04 476f6c64",                       // tiers
        "23 00 05 00 64 ac02 05 00 05 00",      // limits of the guard
        "ffffffffffffffff 0200000000000000",    // created, updated
        "01 0400000000000000",                  // deleted
        "01 0500000000000000 0600000000000000", // schema: created, updated
        "02 06636f6c6f7572 00 0573696e6365 03", // types
        "14 01 0573696e6365 12 808080808020",   // last index; one index
    ];
    assert_eq!(hex(&header().encode_settings()), settings.concat().replace(' ', ""));
    // Only a head with other changes than removals has version 5.
    let other = head
        .concat()
        .replace("0401", "0501")
        .replace("02 a0c21e 03 02 ac02", "02 a0c21e 01 03 02 12 05 ac02");
    assert_eq!(hex(&changed().encode_head()), other.replace(' ', ""));
    // Only a base with a limit for a tier has settings of version 7, and a head of version 6 once it counts.
    let of_tiers = head
        .concat()
        .replace("0401", "0601")
        .replace("02 a0c21e 03 02 ac02", "02 a0c21e 01 03 02 21 ac02 01 01 28");
    assert_eq!(hex(&tiered().encode_head()), of_tiers.replace(' ', ""));
    let with_limit = settings
        .concat()
        .replace("06 07", "07 07")
        .replace("05 00 05 00", "05 00 05 00 02 00 01 04 476f6c64 0a 00");
    assert_eq!(hex(&tiered().encode_settings()), with_limit.replace(' ', ""));
    assert!(tiered().has_settings(&tiered().encode_settings()));
    let tiered = [tiered().encode_head(), tiered().encode_settings()];
    tiered.iter().for_each(|bytes| assert_documented(bytes));
    let all = [header().encode_head(), changed().encode_head(), header().encode_settings()];
    all.iter().for_each(|bytes| assert_documented(bytes));
    let not_set = Header { settings: BaseSettings { new_members: None, ..header().settings }, ..header() };
    assert_eq!(not_set.encode_settings()[15], 0);
}

#[test]
fn settings_of_versions_4_and_5_are_read_with_the_usual_limits_and_one_out_of_range_is_damaged() {
    let newest = header().encode_settings();
    let limits = newest.iter().position(|byte| *byte == 35).unwrap();
    let usual = GuardLimits::default();
    let fifth = [&[5], &newest[1..=limits], &newest[limits + 11..]].concat();
    let fourth = [&[4], &newest[1..limits], &newest[limits + 11..]].concat();
    let removals = GuardLimit::parse(35, 0).unwrap();
    assert!(header().has_settings(&newest) && !header().has_settings(&newest[1..]));
    let head = header().encode_head();
    for (stored, guard_limits) in [(fifth, GuardLimits { removals, ..usual }), (fourth, usual)] {
        assert_documented(&stored);
        let settings = BaseSettings { guard_limits, ..header().settings };
        let expected = Header { settings, ..header() };
        assert_eq!(Header::decode(&head, Some(&stored)), Ok(expected.clone()));
        assert!(expected.has_settings(&stored));
    }
    let mut too_high = newest;
    too_high[limits] = 101;
    assert!(matches!(Header::decode(&head, Some(&too_high)), Err(DecodeError::Damaged { .. })));
}

#[test]
fn a_head_of_version_5_without_other_changes_or_with_a_count_of_zero_is_damaged() {
    let mut head = changed().encode_head();
    let hours = head.len() - 6;
    assert_eq!(head[hours..], [0x03, 0x02, 0x12, 0x05, 0xac, 0x02]);
    for (place, wrong) in [(hours + 2, 0x32), (hours + 3, 0)] {
        let right = std::mem::replace(&mut head[place], wrong);
        assert!(matches!(Head::decode(&head), Err(DecodeError::Damaged { .. })), "{place}");
        head[place] = right;
    }
    assert!(Head::decode(&head).is_ok());
    let mut only = header().encode_head();
    only[0] = 5;
    assert!(Head::decode(&only).is_err());
}

#[test]
fn a_head_with_a_busy_day_stays_small() {
    for (counts, most) in [(removals(1_000), 128), (GuardCounts::of(|_| 1_000), 384)] {
        let hours = (500_000..500_025).map(|hour| (hour, counts)).collect();
        let window = GuardWindow::from_hours(hours).unwrap();
        let head = Header { window, revision: 1 << 30, next_row: 1 << 24, ..header() }.encode_head();
        assert!(head.len() < most, "{} bytes", head.len());
    }
}

#[test]
fn headers_of_older_versions_are_read_and_stay_stored_until_they_are_replaced() {
    let expected = |stored: &[u8]| Header {
        settings: BaseSettings { guard_limits: GuardLimits::default(), ..header().settings },
        settings_revision: header().revision,
        window: GuardWindow::default(),
        nonce: 0,
        whole: Some(Bytes::copy_from_slice(stored)),
        ..header()
    };
    let third = older::encode(&header());
    let golden = [
        "03 0c53746166662c20c3a974c3a9 00 01 01 04 476f6c64", // version, name, new members, sharing, tiers
        "01 ac02 f0a204 8480808010 63",                       // counts, revision, next row
        "ffffffffffffffff 0200000000000000 0300000000000000", // created, updated, committed
        "01 0400000000000000",                                // deleted
        "01 0500000000000000 0600000000000000 02 06636f6c6f7572 00 0573696e6365 03", // schema
        "14 01 0573696e6365 12 808080808020",                 // indexes
    ];
    assert_eq!(hex(&third), golden.concat().replace(' ', ""));
    assert_documented(&third);
    assert_eq!(Header::decode(&third, None), Ok(expected(&third)));
    assert_eq!(Head::decode(&third).unwrap().revision, header().revision);
    assert_eq!(expected(&third).stored_head(), third);
    for length in 0..third.len() {
        assert!(Header::decode(&third[..length], None).is_err(), "{length} bytes");
    }

    // Version 2 ends before the indexes, version 1 before the schema.
    let indexes = hex(&third).find("14010573").unwrap() / 2;
    let mut second = third[..indexes].to_vec();
    second[0] = 2;
    let mut schema = AttributeSchema::clone(header().schema.as_deref().unwrap());
    (schema.indexes, schema.last_index) = (BTreeMap::new(), None);
    let with_schema = Header { schema: Some(Arc::new(schema)), ..expected(&second) };
    assert_eq!(Header::decode(&second, None), Ok(with_schema));

    let mut first = older::encode(&Header { schema: None, ..header() });
    assert_eq!(first.pop(), Some(0));
    first[0] = 1;
    assert_eq!(Header::decode(&first, None), Ok(Header { schema: None, ..expected(&first) }));
}

#[test]
fn an_error_about_a_newer_version_names_both_versions() {
    for (found, value) in [(9, "base head"), (0, "base head")] {
        let mut bytes = header().encode_head();
        bytes[0] = found;
        let error = Header::decode(&bytes, None).unwrap_err();
        let newer = DecodeError::Newer { value, found, supported: VERSION };
        assert_eq!(error == newer, found == 9, "{error}");
    }
}

#[test]
fn settings_before_a_commit_are_older_and_a_whole_header_directly_precedes_it() {
    let header = Header { revision: 20, ..header() };
    assert!(may_precede(&header.encode_settings(), 8) && !may_precede(&header.encode_settings(), 7));
    let whole = older::encode(&header);
    assert!(may_precede(&whole, 21) && may_precede(&whole, 20 + TIMELINE_JUMP));
    assert!(!may_precede(&whole, 22) && !may_precede(&[], 1) && !may_precede(&[9], 1));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(version in 0_u8..8, bytes: Vec<u8>, other: Vec<u8>) {
        let head = [vec![version], bytes].concat();
        let settings = [vec![version], other].concat();
        let _ = (Head::decode(&head), Header::decode(&head, Some(&settings)), may_precede(&head, 9));
    }
}
