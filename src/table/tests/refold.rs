//! Stores with an older fold keep it until they are refolded. A refold is done completely or not at all,
//! whatever operation fails.

mod several;

use super::*;
use crate::engine::faulty::{Fault, Faulty};
use crate::model::filter::{RawFilter, RawValue};
use crate::model::{Audience, AudienceFilter, AudienceName, AudienceState};
use crate::stored::key;
use crate::stored::meta::{Meta, REFOLDING};

const PLAIN: u16 = 90;
/// Pairs of spellings that differ under the old fold and are equal under the new one.
const SPELLINGS: [(&str, &str); 4] = [
    ("straße@x.example", "STRASSE@x.example"),
    ("zoe\u{308}@x.example", "ZOË@x.example"),
    ("σας@x.example", "ΣΑΣ@x.example"),
    ("a@пример.рф", "A@xn--e1afmkfd.xn--p1ai"),
];
/// An address that older versions accepted.
const OUTDATED: &str = "Old@-x.example";

fn row(n: u16, email: &str) -> MemberRow {
    let mut row = MemberRow::default();
    row.patch.ref_ = Change::Set(ref_of(n));
    row.patch.email = Change::Set(Email::from_stored(email.to_owned()));
    row
}

async fn meta(engine: &Arc<dyn Engine>) -> Meta {
    Meta::decode(&engine.get_many(&[key::meta()]).await.unwrap().remove(0).unwrap()).unwrap()
}

/// A store with the first fold, with enough members for several buckets.
async fn older(emails: &[&str]) -> Subject {
    let mut subject = Subject::new().await;
    let old = Meta { fold_version: Fold::Lower.version(), ..meta(&subject.engine).await };
    let mut batch = crate::engine::Batch::default();
    batch.put(key::meta(), old.encode());
    subject.engine.commit(batch).await.unwrap();
    subject.crash().await;
    let mut rows: Vec<MemberRow> = (0..PLAIN).map(|n| row(n, &format!("Ä{n}@x.example"))).collect();
    rows.extend((PLAIN..).zip(emails).map(|(n, email)| row(n, email)));
    let reply = subject.upsert(&rows, UpsertOptions::default(), WriteMode::Partial).await;
    assert!(reply.outcomes.iter().all(|outcome| outcome.outcome == Outcome::Created));
    subject
}

async fn find(subject: &Subject, email: &str) -> Option<u64> {
    let view = subject.base.view().await;
    let found = view.find(&[MemberKey::Email(Email::from_stored(email.to_owned()))]).await.unwrap();
    found.into_iter().flatten().next().map(|(row, _)| row.0)
}

async fn refold_store(engine: &Arc<dyn Engine>) -> Result<RefoldReport, TableError> {
    let clock: Clock = Arc::new(|| Timestamp::from_micros(1_000));
    refold(engine, &clock, &TableConfig::default(), &|_| ()).await
}

#[tokio::test]
async fn an_audience_that_asks_for_addresses_is_evaluated_anew_after_a_refold() {
    let (stored, asked) = SPELLINGS[0];
    let mut subject = older(&[stored]).await;
    let eq = Some(RawValue::Text(asked.to_owned()));
    let raw = vec![RawFilter { key: Some("email".to_owned()), eq, ..RawFilter::default() }];
    let (base, today) = (subject.base.number(), Timestamp::MAX.date());
    let filter = AudienceFilter::parse(raw, subject.table.sealer(), base, Fold::Lower, today).unwrap();
    let what = AudienceWhat::Create { name: AudienceName::parse("A").unwrap(), filter };
    let request = AudienceRequest { what, claim: None, deadline: None, origin: Origin::default() };
    let created = subject.base.change_audience(request).await.unwrap();
    assert_eq!(created.members, 0);
    subject.base.close().await.unwrap();
    assert_eq!(refold_store(&subject.engine).await.unwrap().outcome, RefoldOutcome::Refolded);
    super::audit::tests::assert_sound(&subject.engine).await;
    subject.crash().await;
    let is_ready = |audience: &Audience| audience.state == AudienceState::Ready;
    while !subject.base.view().await.audiences().in_use().all(|audience| is_ready(audience)) {
        tokio::task::yield_now().await;
    }
    let rows = subject.base.view().await.audience_rows(created.audience.number);
    assert!(rows.len() == 1 && rows.contains(Row(u64::from(PLAIN))));
    super::audit::tests::assert_sound(&subject.engine).await;
    // Once is enough.
    subject.crash().await;
    assert!(subject.base.view().await.audiences().in_use().all(|audience| is_ready(audience)));
}

/// All keys and values of the store.
async fn everything(engine: &Arc<dyn Engine>) -> Vec<(crate::engine::Key, crate::engine::Value)> {
    let all = crate::engine::KeyRange::prefix(&[]);
    engine.scan(all, crate::engine::Direction::Forward, usize::MAX).await.unwrap()
}

#[tokio::test]
async fn an_older_store_keeps_its_fold_until_it_is_refolded() {
    let both: Vec<&str> = SPELLINGS.iter().flat_map(|(one, other)| [*one, *other]).collect();
    let mut subject = older(&both).await;
    for (n, email) in (u64::from(PLAIN)..).zip(&both) {
        assert_eq!(find(&subject, email).await, Some(n), "{email}");
    }
    assert_eq!(find(&subject, "ä7@X.example").await, Some(7));
    assert_eq!(find(&subject, "a\u{308}7@x.example").await, None);
    // A row that is matched by e-mail changes the member that the old fold finds.
    let options = UpsertOptions { match_by: MatchBy::Email, ..UpsertOptions::default() };
    let mut by_email = row(0, SPELLINGS[0].1);
    by_email.patch.ref_ = Change::Keep;
    by_email.patch.tier = Change::Set(Tier::parse("gold").unwrap());
    let reply = subject.upsert(&[by_email], options, WriteMode::Partial).await;
    assert_eq!(reply.outcomes[0].row, Some(Row(u64::from(PLAIN) + 1)));

    subject.base.close().await.unwrap();
    let report = refold_store(&subject.engine).await.unwrap();
    assert_eq!(report.outcome, RefoldOutcome::Refused);
    let pairs: Vec<_> =
        report.pairs.iter().map(|(one, other)| [one, other].map(|holder| holder.email.as_str())).collect();
    assert_eq!(pairs.len(), SPELLINGS.len());
    for (one, other) in SPELLINGS {
        assert!(pairs.contains(&[one, other]), "{one}");
    }
    assert_eq!(meta(&subject.engine).await.fold_version, 1);
    super::audit::tests::assert_sound(&subject.engine).await;
    subject.crash().await;
    for (n, email) in (u64::from(PLAIN)..).zip(&both) {
        assert_eq!(find(&subject, email).await, Some(n), "{email}");
    }
}

#[tokio::test]
async fn a_refolded_store_uses_the_new_fold_and_is_sound() {
    let first: Vec<&str> = SPELLINGS.iter().map(|(one, _)| *one).chain([OUTDATED]).collect();
    let mut subject = older(&first).await;
    // The refold first writes into the stored indexes what they lack.
    let report = {
        subject.base.close().await.unwrap();
        refold_store(&subject.engine).await.unwrap()
    };
    assert_eq!((report.outcome, report.members), (RefoldOutcome::Refolded, u64::from(PLAIN) + 5));
    assert_eq!(report.pairs, []);
    assert_eq!(report.outdated.iter().map(|holder| holder.email.as_str()).collect::<Vec<_>>(), [OUTDATED]);
    super::audit::tests::assert_sound(&subject.engine).await;
    subject.crash().await;
    check_refolded(&subject).await;
    let taken =
        subject.upsert(&[row(500, SPELLINGS[0].1)], UpsertOptions::default(), WriteMode::Partial).await;
    assert_eq!(taken.outcomes[0].outcome, Outcome::Failed);

    subject.base.close().await.unwrap();
    let before = everything(&subject.engine).await;
    assert_eq!(refold_store(&subject.engine).await.unwrap(), RefoldReport::default());
    assert_eq!(everything(&subject.engine).await, before);
}

#[tokio::test]
async fn a_refold_empties_the_recent_level() {
    let first: Vec<&str> = SPELLINGS.iter().map(|(one, _)| *one).chain([OUTDATED]).collect();
    let mut subject = older(&first).await;
    subject.base.checkpoint().await.unwrap();
    subject.upsert(&[row(500, "Ä500@x.example")], UpsertOptions::default(), WriteMode::Partial).await;
    subject.base.checkpoint().await.unwrap();
    let number = subject.base.number();
    let recent = || crate::stored::key::buckets_from(number, key::Level::Recent, 1, 0);
    let stored = async |subject: &Subject| {
        subject.engine.scan(recent(), crate::engine::Direction::Forward, 9).await.unwrap().len()
    };
    assert_eq!(stored(&subject).await, 1);
    subject.base.close().await.unwrap();
    assert_eq!(refold_store(&subject.engine).await.unwrap().outcome, RefoldOutcome::Refolded);
    assert_eq!(stored(&subject).await, 0);
    super::audit::tests::assert_sound(&subject.engine).await;
    subject.crash().await;
    check_refolded(&subject).await;
    assert_eq!(find(&subject, "a\u{308}500@X.example").await, Some(u64::from(PLAIN) + 5));
}

async fn check_refolded(subject: &Subject) {
    for (n, (one, other)) in (u64::from(PLAIN)..).zip(SPELLINGS) {
        assert_eq!(find(subject, one).await, Some(n), "{one}");
        assert_eq!(find(subject, other).await, Some(n), "{other}");
    }
    for n in 0..u64::from(PLAIN) {
        assert_eq!(find(subject, &format!("a\u{308}{n}@X.example")).await, Some(n), "{n}");
    }
    assert_eq!(find(subject, &OUTDATED.to_lowercase()).await, Some(u64::from(PLAIN) + 4));
}

#[tokio::test]
async fn a_refold_that_fails_at_any_operation_has_not_begun_or_is_completed() {
    let first: Vec<&str> = SPELLINGS.iter().map(|(one, _)| *one).chain([OUTDATED]).collect();
    let mut versions = std::collections::BTreeSet::new();
    for fault in [Fault::CrashBefore, Fault::CrashAfter] {
        for operation in 1.. {
            let mut subject = older(&first).await;
            let faulty = Arc::new(Faulty::new(Arc::clone(&subject.engine)).fail_at(operation, fault.clone()));
            let engine: Arc<dyn Engine> = Arc::clone(&faulty) as Arc<dyn Engine>;
            let result = refold_store(&engine).await;
            if !faulty.has_failed() {
                assert_eq!(result.unwrap().outcome, RefoldOutcome::Refolded);
                break;
            }
            let version = meta(&subject.engine).await.fold_version;
            versions.insert(version);
            // After a restart all members are found by their own addresses, under either fold.
            subject.crash().await;
            for (n, email) in (u64::from(PLAIN)..).zip(&first) {
                assert_eq!(find(&subject, email).await, Some(n), "{email} after operation {operation}");
            }
            let is_old = version == Fold::Lower.version();
            assert_eq!(find(&subject, SPELLINGS[0].1).await.is_none(), is_old, "operation {operation}");
            super::audit::tests::assert_sound(&subject.engine).await;
            subject.base.close().await.unwrap();
            refold_store(&subject.engine).await.unwrap();
            super::audit::tests::assert_sound(&subject.engine).await;
            subject.crash().await;
            check_refolded(&subject).await;
        }
    }
    // The refold was interrupted before, during and after the rewriting.
    assert_eq!(versions.into_iter().collect::<Vec<_>>(), [1, 2, REFOLDING]);
}

#[tokio::test]
async fn the_audit_reports_a_store_with_an_incomplete_refold() {
    let subject = older(&[]).await;
    let amid = Meta { fold_version: REFOLDING, ..meta(&subject.engine).await };
    let mut batch = crate::engine::Batch::default();
    batch.put(key::meta(), amid.encode());
    subject.engine.commit(batch).await.unwrap();
    let how = AuditConfig::new(Timestamp::from_micros(1_000), 0);
    let report = audit(&subject.engine, &how, &|_| ()).await.unwrap();
    let found: Vec<_> = report.findings.iter().map(ToString::to_string).collect();
    assert!(found.len() == 1 && found[0].contains("being rewritten"), "{found:?}");
}
