//! The reference that the table is compared with: plain rows, searched from end to end.

use super::*;

/// Plain rows, without any index.
#[derive(Clone, Default)]
pub(super) struct Reference {
    pub(super) rows: BTreeMap<u64, Member>,
    pub(super) records: records::Lists,
    pub(super) deleted: undelete::DeletedRows,
    pub(super) next_row: u64,
    pub(super) revision: u64,
}

/// The outcome of a row, its member, and whether the member kept its status.
pub(super) type Told = (Outcome, Option<u64>, bool);

pub(super) fn same_key(kind: MatchBy, a: &Member, b: &MemberRow, now: Timestamp) -> bool {
    let patch = &b.patch;
    match kind {
        MatchBy::Id => false,
        MatchBy::Ref => patch.ref_.as_set().is_some_and(|value| a.answers_to(value, now)),
        MatchBy::Email => patch.email.as_set().is_some_and(|value| {
            a.profile
                .email
                .as_ref()
                .is_some_and(|email| email.folded(Fold::NEWEST) == value.folded(Fold::NEWEST))
        }),
        MatchBy::WorkerId => {
            patch.worker_id.as_set().is_some_and(|value| a.profile.worker_id.as_ref() == Some(value))
        }
    }
}

/// The keys that find a row's member, the decisive one first.
fn matched_by(options: &UpsertOptions) -> impl Iterator<Item = MatchBy> + use<> {
    let email = Some(MatchBy::Email).filter(|_| options.or_email);
    [options.match_by].into_iter().chain(email)
}

pub(super) const KEYS: [MatchBy; 3] = [MatchBy::Ref, MatchBy::Email, MatchBy::WorkerId];

impl Reference {
    /// The members that have one of a row's keys.
    pub(super) fn holders(&self, row: &MemberRow, now: Timestamp) -> Vec<u64> {
        let has = |member: &Member| KEYS.iter().any(|kind| same_key(*kind, member, row, now));
        self.rows.iter().filter(|(_, member)| has(member)).map(|(row, _)| *row).collect()
    }

    fn upsert_row(&mut self, row: &MemberRow, options: &UpsertOptions, by_row: bool, now: Timestamp) -> Told {
        const FAILED: Told = (Outcome::Failed, None, false);
        let by_id = row.found_by_id;
        if by_id.is_none() && matched_by(options).all(|kind| row.match_key(kind).is_none()) {
            return FAILED;
        }
        let found = self.found(row, options, now).and_then(|number| self.rows.get_key_value(&number));
        if by_id.is_some() && found.is_none() {
            return FAILED;
        }
        let found = found.map(|(number, member)| (*number, member.clone()));
        let mut row = row.clone();
        if let (MatchBy::Ref, None, Some((_, current))) = (options.match_by, by_id, &found) {
            row.patch.ref_ = current.profile.ref_.clone().map_or(Change::Keep, Change::Set);
        }
        let row = &row;
        let (outcome, number, mut member) = match &found {
            None => match upsert::create(row, options, Status::Active, now) {
                Ok(member) => (Outcome::Created, self.next_row, member),
                Err(_) => return FAILED,
            },
            Some((number, current)) => match upsert::update(current, row, options, Status::Active, now) {
                Ok(Update::Unchanged) => {
                    return (
                        Outcome::Unchanged,
                        Some(*number),
                        row.status.is_some_and(|s| s != current.status),
                    );
                }
                Ok(Update::Updated(member)) => (Outcome::Updated, *number, member),
                Ok(Update::Reactivated(member)) => (Outcome::Reactivated, *number, member),
                Err(_) => return (Outcome::Failed, Some(*number), false),
            },
        };
        let conflict = KEYS.iter().any(|kind| {
            (by_id.is_some() || *kind != options.match_by)
                && self.rows.iter().any(|(other, m)| *other != number && same_key(*kind, m, row, now))
        });
        if by_row && conflict {
            return (Outcome::Failed, found.map(|(number, _)| number), false);
        }
        let status_kept = row.status.is_some_and(|status| status != member.status);
        member.revision = self.revision + 1;
        member.drop_aliases(now);
        self.next_row = self.next_row.max(number + 1);
        self.rows.insert(number, member);
        (outcome, Some(number), status_kept)
    }

    /// Whether there is a member at this row.
    pub(super) fn knows(&self, number: u64) -> bool {
        self.rows.contains_key(&number)
    }

    /// The member that a row finds.
    pub(super) fn found(&self, row: &MemberRow, options: &UpsertOptions, now: Timestamp) -> Option<u64> {
        if let Some(wanted) = row.found_by_id {
            return Some(wanted.0).filter(|number| self.knows(*number));
        }
        let find = |kind| self.rows.iter().find(|(_, member)| same_key(kind, member, row, now));
        matched_by(options).find_map(find).map(|(number, _)| *number)
    }

    pub(super) fn upsert(
        &mut self,
        rows: &[MemberRow],
        options: &UpsertOptions,
        mode: WriteMode,
        now: Timestamp,
    ) -> Vec<Told> {
        let before = self.clone();
        let by_row = mode != WriteMode::Atomic;
        let mut outcomes: Vec<_> =
            rows.iter().map(|row| self.upsert_row(row, options, by_row, now)).collect();
        let wrote = |outcome: &Outcome| !matches!(outcome, Outcome::Unchanged | Outcome::Failed);
        if mode == WriteMode::Atomic {
            let all = self.rows.clone();
            let keys = |m: &Member| {
                let p = &m.profile;
                [
                    p.ref_.as_ref().map(|v| v.as_str().to_owned()),
                    p.email.as_ref().map(|v| v.folded(Fold::NEWEST).into_owned()),
                    p.worker_id.as_ref().map(|v| v.as_str().to_owned()),
                ]
            };
            let clash = outcomes.iter().any(|(outcome, number, _)| {
                let number = number.unwrap_or_default();
                wrote(outcome)
                    && all.iter().any(|(other, m)| {
                        let own = all[&number].profile.ref_.as_ref();
                        let answers = own.is_some_and(|own| m.answers_to(own, now));
                        *other != number
                            && (answers
                                || keys(m)
                                    .iter()
                                    .zip(keys(&all[&number]))
                                    .any(|(a, b)| a.is_some() && *a == b))
                    })
            });
            if clash || outcomes.iter().any(|(outcome, ..)| *outcome == Outcome::Failed) {
                *self = before;
                outcomes.iter_mut().for_each(|outcome| *outcome = (Outcome::Failed, None, false));
                return outcomes;
            }
        }
        if mode == WriteMode::ValidateOnly {
            *self = before;
            outcomes.iter_mut().for_each(|o| o.1 = o.1.filter(|number| *number < self.next_row));
        } else if outcomes.iter().any(|(outcome, ..)| wrote(outcome)) {
            self.revision += 1;
        }
        outcomes
    }

    pub(super) fn delete(&mut self, rows: &[Row], refs: &[Ref], now: Timestamp) -> DeleteReply {
        let (records, revisions) = (Default::default(), Vec::new());
        let mut reply = DeleteReply { deleted: 0, records, revision: 0, revisions };
        let mut take = |reference: &mut Self, row: u64| {
            if let Some(member) = reference.rows.remove(&row) {
                reply.deleted += 1;
                reference.keep_deleted(row, member);
                reply.records.add(reference.drop_records(row));
            }
        };
        for row in rows {
            take(self, row.0);
        }
        for value in refs {
            let found = self.rows.iter().find(|(_, m)| m.answers_to(value, now)).map(|(row, _)| *row);
            if let Some(row) = found {
                take(self, row);
            }
        }
        if reply.deleted > 0 {
            self.revision += 1;
            reply.revisions.push(self.revision);
        }
        reply.revision = self.revision;
        reply
    }

    /// Deletes rows and refs that are in different slices; see [`delete_many`].
    pub(super) fn delete_many(&mut self, rows: &[u8], refs: &[u16], now: Timestamp) -> DeleteReply {
        let rows: Vec<Row> = rows.iter().map(|row| Row(u64::from(*row))).collect();
        let refs: Vec<Ref> = refs.iter().map(|n| ref_of(*n)).collect();
        let first = self.delete(&rows, &[], now);
        let mut both = self.delete(&[], &refs, now);
        both.deleted += first.deleted;
        both.records.add(first.records);
        both.revisions.splice(..0, first.revisions);
        both
    }
}

impl Subject {
    /// Compares every index with the reference, in both directions.
    pub(super) async fn compare(&self, reference: &Reference) {
        crate::table::audit::tests::assert_sound(&self.engine).await;
        let view = self.base.view().await;
        let now = self.table.now();
        assert_eq!(view.revision(), reference.revision);
        assert_eq!(view.next_row(), Row(reference.next_row));
        let all: Vec<Row> = (0..reference.next_row).map(Row).collect();
        let stored: BTreeMap<u64, Member> =
            view.members(&all).await.unwrap().into_iter().map(|(row, member)| (row.0, member)).collect();
        assert_eq!(stored, reference.rows);
        for n in 0..REFS.max(EMAILS) {
            let keys = [
                MemberKey::Ref(ref_of(n)),
                MemberKey::Email(Email::parse(format!("m{n}@X.example")).unwrap()),
                MemberKey::WorkerId(WorkerId::parse(format!("w{n}")).unwrap()),
            ];
            for (key, found) in keys.iter().zip(view.find(&keys).await.unwrap()) {
                let expected = reference.rows.iter().find(|(_, m)| match key {
                    MemberKey::Ref(value) => m.answers_to(value, now),
                    MemberKey::Email(value) => m
                        .profile
                        .email
                        .as_ref()
                        .is_some_and(|email| email.folded(Fold::NEWEST) == value.folded(Fold::NEWEST)),
                    MemberKey::WorkerId(value) => m.profile.worker_id.as_ref() == Some(value),
                    MemberKey::Row(_) => false,
                });
                assert_eq!(
                    found.map(|(row, member)| (row.0, member)),
                    expected.map(|(row, m)| (*row, m.clone()))
                );
            }
        }
        let counts = view.summary().counts;
        for status in Status::ALL {
            let expected: Vec<u64> =
                reference.rows.iter().filter(|(_, m)| m.status == status).map(|(row, _)| *row).collect();
            let rows = view.sets().of_value(SetField::Status, status.as_str()).unwrap();
            assert_eq!(rows.chunk(0).into_iter().flatten().map(u64::from).collect::<Vec<_>>(), expected);
            assert_eq!(counts.get(status), u64::try_from(expected.len()).unwrap());
            assert_eq!(view.sets().count(SetField::Status, status.as_str()), Some(counts.get(status)));
        }
        for n in 0..4 {
            let tier = format!("tier {n}");
            let has = |m: &Member| m.profile.tier.as_ref().is_some_and(|t| t.as_str() == tier);
            let expected: Vec<u64> =
                reference.rows.iter().filter(|(_, m)| has(m)).map(|(row, _)| *row).collect();
            let rows = view.sets().of_value(SetField::Tier, &tier).unwrap();
            assert_eq!(rows.chunk(0).into_iter().flatten().map(u64::from).collect::<Vec<_>>(), expected);
        }
        drop(view);
        self.compare_records(reference).await;
    }
}
