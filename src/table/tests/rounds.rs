//! Many rounds of making and dropping indexes in one base, with writes, checkpoints and crashes in between.
//! Each new index gets a higher number; the sets agree with the members whatever the numbers are.
//!
//! The numbers go well beyond eight bits. The environment variable `MEMBERBASE_INDEX_ROUNDS` sets another
//! number of rounds, such as 3000.

use super::*;

/// The number of rounds; each makes one or two indexes.
const ROUNDS: u64 = 300;

/// Numbers that look random and depend only on the arguments.
fn dice(round: u64, what: u64, sides: u64) -> u64 {
    crate::table::shared::nonce::Nonces::new(round << 8 | what).next() % sides
}

#[test]
fn sets_agree_with_the_members_whatever_numbers_their_indexes_have() {
    let rounds = std::env::var("MEMBERBASE_INDEX_ROUNDS");
    let rounds = rounds.map_or(ROUNDS, |rounds| rounds.parse().unwrap());
    block_on(async {
        let mut subject = Subject::new().await;
        let mut made = 0;
        for round in 0..rounds {
            let keys: &[&str] = if round % 3 == 0 { &["text"] } else { &["text", "number"] };
            subject.index(&[]).await;
            subject.index(keys).await;
            made += keys.len();
            let rows: Vec<MemberRow> = (0..1 + dice(round, 1, 12))
                .map(|n| {
                    let value = dice(round, 20 + n, 5);
                    let member = u16::try_from(dice(round, 40 + n, 60)).unwrap();
                    indexes::attributed(member, u8::try_from(value).ok().filter(|value| *value < 4))
                })
                .collect();
            subject.upsert(&rows, UpsertOptions::default(), WriteMode::Partial).await;
            if dice(round, 2, 4) == 0 {
                let n = u16::try_from(dice(round, 3, 60)).unwrap();
                let delete = DeleteRequest { refs: vec![ref_of(n)], ..DeleteRequest::default() };
                subject.base.delete(delete).await.unwrap();
            }
            if dice(round, 4, 3) == 0 {
                subject.base.checkpoint().await.unwrap();
            }
            if dice(round, 5, 2) == 0 {
                subject.crash().await;
            }
            if round % 10 == 9 || round + 1 == rounds {
                subject.crash().await;
                subject.check_indexes(keys).await;
            }
        }
        let schema = subject.base.view().await.summary().schema.unwrap();
        assert_eq!(usize::from(schema.last_index.unwrap().0), 15 + made);
        assert!(made >= 400, "{made} indexes were made");
    });
}
