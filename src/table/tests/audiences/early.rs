//! New members are evaluated before the lane, and the lane takes that only if it is still right.

use super::*;
use crate::model::schema::{AttributeType, WantedSchema};

/// One thread: what is polled first is prepared before the lane does anything.
fn on_one_thread<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

impl Subject {
    /// A memberbase with an audience of everybody in the tier of all rows. Its next rows are evaluated early.
    async fn filling() -> (Self, AudienceNumber) {
        let subject = Self::building(AT_ONCE).await;
        let all = subject.create_audience("all", vec![condition("tier", "tier 1")]).await;
        subject.fill(0..10).await;
        assert!(subject.base.is_filling());
        assert_eq!(subject.rows_of(all).await.len(), 10);
        (subject, all)
    }

    async fn fill(&self, rows: std::ops::Range<u16>) {
        let rows: Vec<MemberRow> = rows.map(plain_row).collect();
        self.upsert(&rows, UpsertOptions::default(), WriteMode::Partial).await;
    }
}

#[test]
fn a_filter_that_changes_after_rows_were_evaluated_decides() {
    on_one_thread(async {
        let (subject, all) = Subject::filling().await;
        let other = subject.audience_filter(vec![condition("tier", "tier 2")]);
        let change = AudienceWhat::Update { audience: all, name: None, filter: Some(other) };
        let (changed, ()) = tokio::join!(subject.change_audience(change), subject.fill(10..20));
        changed.unwrap();
        assert_eq!(subject.rows_of(all).await, [0_u64; 0]);
        subject.check_all().await;
        // So does a new audience, also one that is being built.
        let begun = AudienceWhat::Create {
            name: name("begun"),
            filter: subject.audience_filter(vec![begins("ref", "r")]),
        };
        let (created, ()) = tokio::join!(subject.change_audience(begun), subject.fill(20..30));
        assert_eq!(subject.rows_of(created.unwrap().audience.number).await.len(), 30);
        subject.check_all().await;
    });
}

#[test]
fn a_status_or_a_schema_that_changes_after_rows_were_evaluated_decides() {
    on_one_thread(async {
        let (subject, _) = Subject::filling().await;
        let invited = subject.create_audience("invited", vec![condition("status", "invited")]).await;
        let request = SettingsRequest { new_members: Some(Status::Invited), ..SettingsRequest::default() };
        let (changed, ()) = tokio::join!(subject.base.change_settings(request), subject.fill(10..20));
        changed.unwrap();
        assert_eq!(subject.rows_of(invited).await.len(), 10);
        let types = [("level".to_owned(), AttributeType::Number)].into();
        let schema = Some(WantedSchema { types, indexed: BTreeSet::new() });
        let request = SettingsRequest { schema, ..SettingsRequest::default() };
        let (changed, ()) = tokio::join!(subject.base.change_settings(request), subject.fill(20..30));
        changed.unwrap();
        assert_eq!(subject.rows_of(invited).await.len(), 20);
        subject.check_all().await;
    });
}

#[test]
fn what_only_the_lane_knows_is_evaluated_there() {
    on_one_thread(async {
        let (subject, all) = Subject::filling().await;
        let late = |micros| RawFilter {
            key: Some("created_at".to_owned()),
            gt: Some(RawValue::Text(Timestamp::from_micros(micros).to_string())),
            ..RawFilter::default()
        };
        let later = subject.create_audience("later", vec![late(100)]).await;
        let both = vec![subject.is_in(all), subject.is_in(later)];
        let both = subject.create_audience("both", both).await;
        let neither = RawFilter { eq: None, ne: condition("", "tier 1").eq, ..condition("tier", "") };
        let or = RawFilter { or: Some(vec![neither, subject.is_in(later)]), ..RawFilter::default() };
        let either = subject.create_audience("either", vec![or]).await;
        subject.fill(10..20).await;
        for number in [later, both, either] {
            assert_eq!(subject.rows_of(number).await, [0_u64; 0]);
        }
        subject.clock.store(200, Ordering::Relaxed);
        subject.fill(20..30).await;
        for number in [later, both, either] {
            assert_eq!(subject.rows_of(number).await, (20..30).collect::<Vec<u64>>());
        }
        assert_eq!(subject.rows_of(all).await.len(), 30);
        subject.check_all().await;
    });
}
