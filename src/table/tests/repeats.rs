//! Every upsert of the random steps has a request id; its result stays stored whatever happens afterwards.

use super::*;
use crate::model::{RequestId, RequestIdentity};

/// An upsert with a request id, its reply, and whether its result must be stored.
pub(super) struct Repeatable {
    mark: RequestIdentity,
    reply: UpsertReply,
    is_kept: bool,
}

impl Subject {
    /// An upsert with its number as its request id.
    pub(super) async fn upsert_with_id(
        &self,
        number: usize,
        rows: &[MemberRow],
        options: UpsertOptions,
        mode: WriteMode,
    ) -> Repeatable {
        let mark = RequestIdentity::new(RequestId::parse(format!("{number}")).unwrap(), "upsert", b"");
        let idempotency = self.table.idempotency();
        let Ok(Begun::New(claim)) = idempotency.begin(&mark, None, self.table.now(), IfRunning::Refuse).await
        else {
            panic!("a request is not new");
        };
        // The directory passes no claim for requests that write nothing.
        let claim = Some(claim).filter(|_| mode != WriteMode::ValidateOnly);
        let rows = rows.iter().cloned().map(Ok).collect();
        let reply = self
            .base
            .upsert(UpsertRequest { rows, options, mode, claim, deadline: None, origin: Origin::default() })
            .await
            .unwrap();
        let mut outcomes = reply.outcomes.iter().map(|row| row.outcome);
        let is_kept = match mode {
            WriteMode::Partial => outcomes.any(|outcome| outcome != Outcome::Failed),
            WriteMode::Atomic => outcomes.all(|outcome| outcome != Outcome::Failed),
            WriteMode::Whole | WriteMode::ValidateOnly => false,
        };
        Repeatable { mark, reply, is_kept }
    }

    /// Repeats the request, and checks that it gets the stored result.
    pub(super) async fn check_repeat(&self, upsert: &Repeatable) {
        let idempotency = self.table.idempotency();
        match idempotency.begin(&upsert.mark, None, self.table.now(), IfRunning::Refuse).await.unwrap() {
            Begun::New(_) => assert!(!upsert.is_kept, "the result of a request is lost"),
            Begun::Done(kept) => {
                assert!(upsert.is_kept, "the result of a failed request is stored");
                let RequestResult::Rows { rows, is_complete: true } = &kept.result else {
                    panic!("{kept:?}")
                };
                let outcomes: Vec<RowOutcome> = rows.iter().map(RowResult::outcome).collect();
                assert_eq!(
                    (outcomes, kept.revision),
                    (upsert.reply.outcomes.clone(), Some(upsert.reply.revision))
                );
            }
        }
    }
}

impl Repeatable {
    pub(super) fn reply(&self) -> &UpsertReply {
        &self.reply
    }
}
