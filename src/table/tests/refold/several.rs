//! Refolds in several pieces, and of several bases, one of them deleted.

use super::*;
use crate::table::SettingsRequest;
use crate::table::index::rewrite::Pieces;
use crate::table::upkeep::refold::run::refold_in;

/// Enough members for more than eight buckets.
const MANY: u16 = 400;

fn settings(name: &str) -> BaseSettings {
    crate::model::samples::unguarded(name)
}

async fn refold_in_pieces(engine: &Arc<dyn Engine>, pieces: Pieces) -> RefoldReport {
    let clock: Clock = Arc::new(|| Timestamp::from_micros(1_000));
    refold_in(pieces, engine, &clock, &TableConfig::default(), &|_| ()).await.unwrap()
}

async fn upsert(base: &Base, rows: Vec<MemberRow>) {
    let rows = rows.into_iter().map(Ok).collect();
    let reply = base
        .upsert(UpsertRequest {
            rows,
            options: UpsertOptions::default(),
            mode: WriteMode::Partial,
            claim: None,
            deadline: None,
            origin: Origin::default(),
        })
        .await
        .unwrap();
    assert!(reply.outcomes.iter().all(|outcome| outcome.outcome == Outcome::Created));
}

async fn holder(base: &Base, email: &str) -> Option<u64> {
    let found = base.view().await.find(&[MemberKey::Email(Email::from_stored(email.to_owned()))]).await;
    found.unwrap().into_iter().flatten().next().map(|(row, _)| row.0)
}

#[tokio::test]
async fn after_a_refold_every_member_is_found_whatever_the_number_of_pieces() {
    for pieces in [
        Pieces::default(),
        Pieces { entries: 100, buckets: 2 },
        Pieces { entries: 37, buckets: 1 },
        // More pieces than buckets.
        Pieces { entries: 7, buckets: 3 },
    ] {
        let mut subject = older(&[SPELLINGS[0].0]).await;
        upsert(&subject.base, (1_000..1_000 + MANY).map(|n| row(n, &format!("É{n}@x.example"))).collect())
            .await;
        subject.base.close().await.unwrap();
        let report = refold_in_pieces(&subject.engine, pieces).await;
        assert_eq!(
            (report.outcome, report.members),
            (RefoldOutcome::Refolded, u64::from(PLAIN + 1 + MANY)),
            "{pieces:?}"
        );
        crate::table::audit::tests::assert_sound(&subject.engine).await;
        subject.crash().await;
        for n in 0..MANY {
            let found = find(&subject, &format!("e\u{301}{}@x.example", 1_000 + n)).await;
            assert_eq!(found, Some(u64::from(PLAIN + 1 + n)), "{pieces:?}");
        }
    }
}

#[tokio::test]
async fn a_pair_is_found_whichever_piece_it_is_in() {
    let both: Vec<String> =
        (0..40).flat_map(|n| [format!("straße{n}@x.example"), format!("STRASSE{n}@x.example")]).collect();
    let both: Vec<&str> = both.iter().map(String::as_str).collect();
    let subject = older(&both).await;
    subject.base.close().await.unwrap();
    let before = everything(&subject.engine).await;
    let mut reports = Vec::new();
    for pieces in [Pieces::default(), Pieces { entries: 9, buckets: 1 }] {
        let mut report = refold_in_pieces(&subject.engine, pieces).await;
        report.pairs.sort_by(|(a, _), (b, _)| a.email.as_str().cmp(b.email.as_str()));
        reports.push(report);
    }
    assert_eq!((reports[0].outcome, reports[0].pairs.len()), (RefoldOutcome::Refused, 40));
    assert_eq!(reports[0], reports[1]);
    assert_eq!(everything(&subject.engine).await, before);
}

#[tokio::test]
async fn every_base_is_refolded_and_a_pair_in_a_deleted_one_prevents_it() {
    let mut subject = older(&[]).await;
    let (mut bases, mut numbers) = (Vec::new(), Vec::new());
    for name in ["second", "third"] {
        let number = subject.table.create_base(settings(name), None).await.unwrap().number;
        bases.push(subject.table.base(number).await.unwrap());
        numbers.push(number);
    }
    // Members of different bases are not a pair.
    upsert(&subject.base, vec![row(500, SPELLINGS[0].0)]).await;
    upsert(&bases[0], vec![row(0, SPELLINGS[0].1), row(1, "zoe\u{308}@x.example")]).await;
    upsert(&bases[1], vec![row(0, SPELLINGS[1].0), row(1, SPELLINGS[1].1)]).await;
    let delete = |deleted| SettingsRequest { deleted: Some(deleted), ..SettingsRequest::default() };
    bases[1].change_settings(delete(true)).await.unwrap();
    for base in bases.iter().chain([&subject.base]) {
        base.close().await.unwrap();
    }

    let report = refold_in_pieces(&subject.engine, Pieces { entries: 20, buckets: 1 }).await;
    assert_eq!((report.outcome, report.members), (RefoldOutcome::Refused, u64::from(PLAIN) + 5));
    let meta = meta(&subject.engine).await;
    let third = crate::model::Sealer::new(crate::model::IdKey(meta.id_key)).base_id(numbers[1]);
    assert_eq!(report.pairs.iter().map(|(one, _)| one.base.as_str()).collect::<Vec<_>>(), [third]);

    // Restore the base, delete one of the two members, and delete the base again.
    subject.crash().await;
    let base = subject.table.base(numbers[1]).await.unwrap();
    base.change_settings(delete(false)).await.unwrap();
    base.delete(DeleteRequest { rows: vec![Row(1)], ..DeleteRequest::default() }).await.unwrap();
    base.change_settings(delete(true)).await.unwrap();
    base.close().await.unwrap();
    let report = refold_in_pieces(&subject.engine, Pieces { entries: 20, buckets: 1 }).await;
    assert_eq!((report.outcome, report.pairs), (RefoldOutcome::Refolded, Vec::new()));
    crate::table::audit::tests::assert_sound(&subject.engine).await;

    subject.crash().await;
    assert_eq!(find(&subject, SPELLINGS[0].1).await, Some(u64::from(PLAIN)));
    let second = subject.table.base(numbers[0]).await.unwrap();
    assert_eq!(holder(&second, SPELLINGS[0].0).await, Some(0));
    assert_eq!(holder(&second, SPELLINGS[1].1).await, Some(1));
    let third = subject.table.base(numbers[1]).await.unwrap();
    third.change_settings(delete(false)).await.unwrap();
    assert_eq!(holder(&third, SPELLINGS[1].1).await, Some(0));
}
