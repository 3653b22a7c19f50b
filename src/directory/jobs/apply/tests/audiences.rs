//! Members that leave an audience between the plan of a job and their turn.

use super::*;
use crate::directory::jobs::NewDelete;
use crate::directory::{BegunList, NewAudience, NewList};
use crate::model::{
    AudienceNumber, GuardExpectation, ListFormat, ListMatch, ListOptions, MatchBy, RawFilter, RawValue,
    Status, UpsertOptions,
};
use crate::table::MemberKey;

/// A base with four members who were all added to an audience by hand, and the filter that names it.
struct Picked {
    table: Arc<Table>,
    directory: Directory,
    base: BaseNumber,
    audience: AudienceNumber,
    filter: RawFilter,
}

impl Picked {
    async fn new() -> Self {
        let engine: Arc<dyn Engine> = Arc::new(MemoryEngine::new());
        let (table, directory) = open(&engine).await;
        let base = table.create_base(crate::model::samples::unguarded("test"), None).await.unwrap().number;
        let rows = (0..4).map(|n| Ok(row(&format!("m{n}@example.com")))).collect();
        let request = UpsertRequest {
            rows,
            options: UpsertOptions { match_by: MatchBy::Email, ..Default::default() },
            mode: WriteMode::Partial,
            claim: None,
            deadline: None,
            origin: Origin::default(),
        };
        table.base(base).await.unwrap().upsert(request).await.unwrap();
        let new = NewAudience { name: "Picked".to_owned(), filters: Vec::new(), deadline: None };
        let audience = directory.create_audience(base, new).await.unwrap().audience.number;
        let ids: Vec<String> = (0..4).map(|n| table.sealer().member_id(base, Row(n))).collect();
        directory.add_audience_members(base, audience, &ids, None).await.unwrap();
        let id = table.sealer().audience_id(base, audience);
        let (key, eq) = (Some("audience".to_owned()), Some(RawValue::Text(id)));
        Self { table, directory, base, audience, filter: RawFilter { key, eq, ..RawFilter::default() } }
    }

    /// Removes a member from the audience by hand.
    async fn leave(&self, row: u64) {
        let id = self.table.sealer().member_id(self.base, Row(row));
        self.directory.remove_audience_members(self.base, self.audience, &[id], None).await.unwrap();
    }

    /// Whether each member is active; `None` if it is deleted.
    async fn active(&self) -> Vec<Option<bool>> {
        let keys: Vec<_> = (0..4).map(|row| MemberKey::Row(Row(row))).collect();
        let found = self.table.base(self.base).await.unwrap().view().await.find(&keys).await.unwrap();
        found.into_iter().map(|found| found.map(|(_, member)| member.status != Status::Inactive)).collect()
    }

    /// Plans a job, lets the member of row 1 leave the audience, and applies the job.
    async fn run(&self, number: JobNumber) -> Job {
        let work = work(&self.table, self.base, number);
        plan(&work, work.job().await.unwrap()).await.unwrap();
        assert_eq!(work.job().await.unwrap().state, JobState::Running);
        self.leave(1).await;
        apply(&work).await.unwrap();
        work.job().await.unwrap()
    }
}

#[tokio::test]
async fn a_member_that_left_the_audience_after_the_plan_is_not_deleted() {
    let picked = Picked::new().await;
    let delete = NewDelete {
        base: picked.base,
        filters: vec![picked.filter.clone()],
        name: String::new(),
        is_dry_run: false,
        expect: GuardExpectation::default(),
    };
    let number = picked.directory.delete_by_filter(delete).await.unwrap().number;
    let done = picked.run(number).await;
    assert_eq!((done.state, done.done.removed, done.done.spared), (JobState::Succeeded, 3, 1));
    assert_eq!(picked.active().await, [None, Some(true), None, None]);
}

#[tokio::test]
async fn a_member_that_left_the_scope_of_a_list_after_the_plan_stays() {
    let picked = Picked::new().await;
    let list = NewList {
        base: picked.base,
        options: ListOptions {
            match_by: ListMatch::Key(MatchBy::Email),
            scope: vec![picked.filter.clone()],
            ..ListOptions::default()
        },
        name: String::new(),
        is_dry_run: false,
        asks_first: false,
        format: Some(ListFormat::Csv),
        sheet: None,
        columns: Vec::new(),
        is_checked: false,
    };
    let BegunList::New(mut upload) = picked.directory.begin_list(list).await.unwrap() else { panic!() };
    upload.push(b"email\nm0@example.com\n").await.unwrap();
    upload.end().await.unwrap();
    let number = upload.complete(None, None).await.unwrap().number;
    let done = picked.run(number).await;
    assert_eq!((done.state, done.done.removed, done.done.spared), (JobState::Succeeded, 2, 1));
    assert_eq!(picked.active().await, [Some(true), Some(true), Some(false), Some(false)]);
}

#[tokio::test]
async fn a_delete_whose_audience_is_archived_after_the_plan_fails() {
    let picked = Picked::new().await;
    let filters = vec![RawFilter { ne: picked.filter.eq.clone(), eq: None, ..picked.filter.clone() }];
    let delete = NewDelete {
        base: picked.base,
        filters,
        name: String::new(),
        is_dry_run: false,
        expect: GuardExpectation::default(),
    };
    picked.leave(0).await;
    let number = picked.directory.delete_by_filter(delete).await.unwrap().number;
    let work = work(&picked.table, picked.base, number);
    plan(&work, work.job().await.unwrap()).await.unwrap();
    picked.directory.archive_audience(picked.base, picked.audience, None).await.unwrap();
    apply(&work).await.unwrap();
    let failed = work.job().await.unwrap();
    assert_eq!((failed.state, failed.done.removed), (JobState::Failed, 0));
    assert_eq!(picked.active().await, [Some(true); 4]);
}
