//! Every upsert of the random steps has a name: what became of it is remembered whatever happens after it.

use super::*;
use crate::model::{RequestId, RequestIdentity};

/// What an upsert under a name was answered, and whether that is to be remembered.
pub(super) struct Named {
    mark: RequestIdentity,
    reply: UpsertReply,
    is_kept: bool,
}

impl Subject {
    /// An upsert whose name is its number.
    pub(super) async fn upsert_named(
        &self,
        number: usize,
        rows: &[MemberRow],
        options: UpsertOptions,
        mode: WriteMode,
    ) -> Named {
        let mark = RequestIdentity::new(RequestId::parse(format!("{number}")).unwrap(), "upsert", b"");
        let idempotency = self.table.idempotency();
        let Ok(Begun::New(named)) = idempotency.begin(&mark, None, self.table.now(), IfRunning::Refuse).await
        else {
            panic!("a request is not new");
        };
        // The directory gives no name to what writes nothing.
        let named = Some(named).filter(|_| mode != WriteMode::ValidateOnly);
        let rows = rows.iter().cloned().map(Ok).collect();
        let reply = self
            .base
            .upsert(UpsertRequest {
                rows,
                options,
                mode,
                claim: named,
                deadline: None,
                origin: Origin::default(),
            })
            .await
            .unwrap();
        let mut outcomes = reply.outcomes.iter().map(|row| row.outcome);
        let is_kept = match mode {
            WriteMode::Partial => outcomes.any(|outcome| outcome != Outcome::Failed),
            WriteMode::Atomic => outcomes.all(|outcome| outcome != Outcome::Failed),
            WriteMode::Whole | WriteMode::ValidateOnly => false,
        };
        Named { mark, reply, is_kept }
    }

    /// Sends the request again.
    pub(super) async fn check_repeat(&self, named: &Named) {
        let idempotency = self.table.idempotency();
        match idempotency.begin(&named.mark, None, self.table.now(), IfRunning::Refuse).await.unwrap() {
            Begun::New(_) => assert!(!named.is_kept, "a request is forgotten"),
            Begun::Answered(kept) => {
                assert!(named.is_kept, "a request that failed is remembered");
                let RequestResult::Rows { rows, is_complete: true } = &kept.answer else {
                    panic!("{kept:?}")
                };
                let outcomes: Vec<RowOutcome> = rows.iter().map(RowResult::outcome).collect();
                assert_eq!(
                    (outcomes, kept.revision),
                    (named.reply.outcomes.clone(), Some(named.reply.revision))
                );
            }
        }
    }
}

impl Named {
    pub(super) fn reply(&self) -> &UpsertReply {
        &self.reply
    }
}
