use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tokio_util::sync::CancellationToken;

use super::{NewRevert, NewRevertOf};
use crate::directory::jobs::plan::plan;
use crate::directory::jobs::work::Work;
use crate::directory::{Gate, NewToken, TokenSeed};
use crate::engine::memory::MemoryEngine;
use crate::model::origin::Door;
use crate::model::token::AccessLevel;
use crate::model::{Change, Email, MemberRow, Timestamp};
use crate::table::{Table, TableConfig};

const HOUR: i64 = 3_600_000_000;
const BEGIN: i64 = 1_700_000_000_000_000;

#[tokio::test]
async fn what_a_token_did_goes_back_although_the_clock_was_set_back_before() {
    let time = Arc::new(AtomicI64::new(BEGIN + HOUR));
    let shown = Arc::clone(&time);
    let clock = Arc::new(move || Timestamp::from_micros(shown.load(Ordering::Relaxed)));
    let table = Table::open(Arc::new(MemoryEngine::new()), clock, TableConfig::default()).await.unwrap();
    let gate = Gate::new(Arc::clone(&table), Door::Grpc);
    let admin = gate.enter(gate.owner(), AccessLevel::Admin).await.unwrap();
    let new = NewToken { access: "write".into(), ..NewToken::default() };
    let made = admin.create_token(new, TokenSeed::draw().unwrap()).await.unwrap();
    let base = table.create_base(crate::model::samples::unguarded("test"), None).await.unwrap().number;
    let row = |email: &str| {
        let mut row = MemberRow::default();
        row.patch.email = Change::Set(Email::parse(email).unwrap());
        row
    };
    admin.create_member(base, row("ada@example.com"), false, None).await.unwrap();

    // From here on the time of commits stands still, because it never goes back.
    time.store(BEGIN, Ordering::Relaxed);
    let caller = gate.identify(Some(made.secret.reveal())).await.unwrap();
    let holder = gate.enter(caller, AccessLevel::Write).await.unwrap();
    holder.create_member(base, row("eve@example.com"), false, None).await.unwrap();
    let of = NewRevertOf::Token(base, made.token.id, Timestamp::from_micros(BEGIN));
    let new = NewRevert { of, name: String::new(), is_dry_run: true, asks_first: false };
    let number = admin.start_revert(new).await.unwrap().number;
    let work = Work { table: Arc::clone(&table), base, number, stopping: CancellationToken::new() };
    plan(&work, work.job().await.unwrap()).await.unwrap();
    assert_eq!(work.job().await.unwrap().plan.unwrap().counts.removed, 1);
}
