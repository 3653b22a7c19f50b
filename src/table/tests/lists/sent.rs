//! Rows of lists as they are sent: most may be recognised by their texts.

use super::*;

/// A row of a list with its line.
pub(super) struct Sent(u64, SmallListRow, MemberRow);

impl SmallListRow {
    pub(super) fn parsed(&self) -> MemberRow {
        member_row(&self.row)
    }

    pub(super) fn listed(&self, line: u64) -> ListRow {
        let row = match self.fault {
            None => Ok(self.parsed()),
            Some(is_unreadable) => Err(UnreadRow {
                error: Refusal::new(Reason::PhoneInvalid),
                keys: Box::new(RowKeys { is_unreadable, ..RowKeys::of(&self.parsed()) }),
            }),
        };
        ListRow { line, row, named: self.id().map(Row) }
    }

    /// Its id. A row that cannot be applied is found by no id.
    pub(super) fn id(&self) -> Option<u64> {
        self.named.or(self.row.found_by_id.filter(|_| self.fault.is_none()))
    }

    pub(super) fn sent(&self, line: u64) -> Sent {
        Sent(line, self.clone(), self.parsed())
    }
}

/// Reads them.
pub(super) struct Reads;

impl RowReader for Reads {
    type Row = Sent;

    fn texts<'a>(&self, Sent(_, small, row): &'a Sent, texts: &mut RowTexts<'a>) -> bool {
        let is_plain = small.has_texts && small.fault.is_none() && small.id().is_none();
        let patch = &row.patch;
        *texts = RowTexts {
            ref_: text_of(&patch.ref_),
            email: text_of(&patch.email),
            worker_id: text_of(&patch.worker_id),
            tier: text_of(&patch.tier),
            status: row.status.map(Status::as_str),
            ..RowTexts::default()
        };
        is_plain
    }

    fn line(&self, row: &Sent) -> u64 {
        row.0
    }

    fn parse(&self, row: &Sent) -> ListRow {
        row.1.listed(row.0)
    }
}

fn text_of<T: AsRef<str>>(change: &Change<T>) -> Change<&str> {
    match change {
        Change::Keep => Change::Keep,
        Change::Clear => Change::Clear,
        Change::Set(text) => Change::Set(text.as_ref()),
    }
}

/// Plans rows as a job does.
pub(super) async fn plan_rows(plan: &mut ListPlan, rows: Vec<Sent>) -> Vec<PlannedRow> {
    let listed = plan.recogniser().rows(&Reads, rows).await.unwrap();
    plan.rows(&Reads, listed).await.unwrap()
}
