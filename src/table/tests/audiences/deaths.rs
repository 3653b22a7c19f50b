//! The process dies, or an operation fails, at each operation of a scenario in turn.

use super::*;
use crate::engine::EngineError;

async fn scenario(subject: &Subject) -> Result<(), TableError> {
    let rows = |numbers: std::ops::Range<u16>| -> Vec<_> { numbers.map(|n| Ok(plain_row(n))).collect() };
    let upsert = |rows| UpsertRequest {
        rows,
        options: UpsertOptions::default(),
        mode: WriteMode::Partial,
        claim: None,
        deadline: None,
        origin: Origin::default(),
    };
    let create = |text: &str, filter| {
        let filter = subject.audience_filter(filter);
        subject.change_audience(AudienceWhat::Create { name: name(text), filter })
    };
    subject.base.upsert(upsert(rows(0..40))).await?;
    let one = create("one", vec![begins("tier", "tier 1")]).await?.audience.number;
    let user = create("user", vec![subject.is_in(one)]).await?.audience.number;
    subject.base.checkpoint().await?;
    let hands = (0..6).map(Row).collect();
    subject.change_audience(AudienceWhat::RemoveRows { audience: one, rows: hands }).await?;
    subject.base.upsert(upsert(rows(30..60))).await?;
    subject
        .base
        .delete(DeleteRequest { rows: (2..20).map(Row).collect(), ..DeleteRequest::default() })
        .await?;
    let filter = Some(subject.audience_filter(vec![condition("status", "active"), begins("ref", "r")]));
    subject.change_audience(AudienceWhat::Update { audience: one, name: None, filter }).await?;
    subject.base.checkpoint().await?;
    subject.undelete_rows(&[2, 3, 4, 19]).await?;
    let picked = vec![Row(50), Row(2)];
    subject.change_audience(AudienceWhat::AddRows { audience: user, rows: picked }).await?;
    subject.change_audience(AudienceWhat::Archive { audience: user }).await?;
    subject.base.upsert(upsert(rows(58..70))).await?;
    subject.change_audience(AudienceWhat::Unarchive { audience: user }).await?;
    subject.base.close().await
}

/// Runs the scenario with a fault at operation `n`. Returns whether the fault happened.
async fn survives(n: u64, fault: Fault, build: AudienceBuild) -> bool {
    let mut subject = Subject::new().await;
    let faulty = Arc::new(Faulty::new(Arc::clone(&subject.engine)).fail_at(n, fault.clone()));
    if subject.restart_on(Arc::clone(&faulty) as Arc<dyn Engine>, build).await.is_ok() {
        match scenario(&subject).await {
            Ok(()) => {}
            Err(TableError::Engine(_) | TableError::PlannedOnFailure) => {}
            Err(error) => panic!("{fault:?} at operation {n}: {error:?}"),
        }
    }
    let happened = faulty.has_failed();
    subject.die(&faulty).await;
    subject.restart(build).await;
    subject.check_audiences().await;
    subject.check_log().await;
    subject.all_built().await;
    subject.check_all().await;
    happened
}

fn at_every_operation(fault: &Fault) {
    block_on(async {
        for build in [AT_ONCE, BY_THE_LANE] {
            let mut n = 1;
            while survives(n, fault.clone(), build).await {
                n += 1;
            }
            assert!(n > 30, "the scenario has only {n} operations");
        }
    });
}

#[test]
fn audiences_are_right_after_any_operation_failed() {
    at_every_operation(&Fault::Error(EngineError::Io("injected".to_owned())));
}

#[test]
fn audiences_are_right_after_the_process_died_before_any_operation() {
    at_every_operation(&Fault::CrashBefore);
}

#[test]
fn audiences_are_right_after_the_process_died_after_any_operation() {
    at_every_operation(&Fault::CrashAfter);
}
