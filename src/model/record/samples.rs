//! Records for tests: fixed ones, and random ones from a few values.

use proptest::option;
use proptest::prelude::*;

use super::{
    Bin, Clip, ClipDetails, ClipId, Currency, ForeignText, JsonObject, MemberRecord, Network,
    StampCollection, StampCollectionId, Transaction,
};
use crate::model::value::time::Timestamp;

fn foreign(text: &str) -> ForeignText {
    ForeignText::parse(text).unwrap()
}

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

/// A clip with all its details.
pub fn clip() -> Clip {
    Clip {
        id: ClipId(3),
        creative_id: foreign("dc_1"),
        details: ClipDetails {
            deal_id: Some(foreign("deal_1")),
            variant_id: Some(foreign("var_1")),
            format: Some(foreign("banner")),
            content: Some(JsonObject::parse(r#"{"a":1}"#).unwrap()),
            redeemed_at: Some(at(4)),
        },
        created_at: at(5),
        updated_at: at(6),
    }
}

/// A stamp collection.
pub fn stamps() -> StampCollection {
    StampCollection {
        id: StampCollectionId(2),
        loyalty_program_id: foreign("lp_1"),
        external_id: foreign("sc_ext_1"),
        stamps: 300,
        created_at: at(7),
        updated_at: at(8),
    }
}

/// A transaction with all its fields.
pub fn transaction() -> Transaction {
    Transaction {
        external_id: foreign("tx_1"),
        auth_code: foreign("A1"),
        network: Network::Amex,
        bin: Bin::parse("411111").unwrap(),
        merchant_id: foreign("mer_1"),
        statement_descriptor: Some(foreign("SHOP")),
        amount: Some(-1299),
        currency: Some(Currency::parse("EUR").unwrap()),
        authed_at: at(9),
        cleared_at: Some(at(10)),
        reverted_at: Some(at(11)),
        created_at: at(12),
        updated_at: at(13),
    }
}

fn text() -> impl Strategy<Value = ForeignText> {
    prop::sample::select(vec!["a", "b", "ab", "é", "日本"]).prop_map(foreign)
}

fn time() -> impl Strategy<Value = Timestamp> {
    (Timestamp::MIN.micros()..=Timestamp::MAX.micros()).prop_map(at)
}

/// Any record.
pub fn any_record() -> impl Strategy<Value = MemberRecord> {
    let texts = (text(), option::of(text()), option::of(text()), option::of(text()));
    let times = (time(), option::of(time()), option::of(time()));
    (texts, times, any::<u64>(), option::of(any::<i64>()), 0..3_u8).prop_map(
        |(texts, times, number, amount, kind)| {
            let ((name, a, b, c), (first, second, third)) = (texts, times);
            match kind {
                0 => MemberRecord::Clip(Box::new(Clip {
                    id: ClipId(u128::from(number) << 40),
                    creative_id: name,
                    details: ClipDetails {
                        deal_id: a,
                        variant_id: b,
                        format: c,
                        content: third.and(clip().details.content),
                        redeemed_at: second,
                    },
                    created_at: first,
                    updated_at: first,
                })),
                1 => MemberRecord::StampCollection(Box::new(StampCollection {
                    external_id: name,
                    stamps: number,
                    created_at: first,
                    ..stamps()
                })),
                _ => MemberRecord::Transaction(Box::new(Transaction {
                    external_id: name,
                    statement_descriptor: a,
                    currency: b.and(transaction().currency),
                    amount,
                    authed_at: first,
                    cleared_at: second,
                    reverted_at: third,
                    ..transaction()
                })),
            }
        },
    )
}
