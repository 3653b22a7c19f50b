//! Records what clients saw of each member, and checks whether it is possible.

use std::collections::BTreeMap;
use std::sync::Mutex;

use todc_utils::linearizability::WGLChecker;
use todc_utils::linearizability::history::{Action, History};
use todc_utils::specifications::Specification;

/// The state of a member: the number written to it, and what is known about its revision.
pub type State = Option<(u64, Revision)>;

/// The revision of a member. A write's reply does not contain the new revision, which is greater than the old
/// one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Revision {
    /// A read returned this revision.
    Is(u64),
    /// It is greater than this one.
    After(u64),
}

/// An operation on one member, with its outcome; `None` where it is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// An upsert of this number; whether it created the member.
    Write(u64, Option<bool>),
    /// An upsert of this number if the member has this revision (0: if it does not exist); whether it was
    /// applied.
    WriteIf(u64, u64, Option<bool>),
    /// A delete; whether the member existed.
    Delete(Option<bool>),
    /// A read of number and revision.
    Read(Option<(u64, u64)>),
}

use Operation::{Delete, Read, Write, WriteIf};

/// How operations change one member.
struct Member;

impl Specification for Member {
    type State = State;
    type Operation = Operation;

    fn init() -> State {
        None
    }

    fn apply(operation: &Operation, state: &State) -> (bool, State) {
        match *operation {
            Write(number, made) => (made.is_none_or(|made| made == state.is_none()), written(number, state)),
            WriteIf(number, revision, done) => {
                let (can_match, can_differ) = match state {
                    None => (revision == 0, revision != 0),
                    Some((_, at)) => (at.can_be(revision), !at.has_to_be(revision)),
                };
                match done {
                    Some(false) => (can_differ, *state),
                    Some(true) => (can_match, written(number, state)),
                    None if can_match => (true, written(number, state)),
                    None => (true, *state),
                }
            }
            Delete(done) => (done.is_none_or(|done| done == state.is_some()), None),
            Read(None) => (state.is_none(), None),
            Read(Some((number, revision))) => {
                let same = state.is_some_and(|(n, at)| n == number && at.can_be(revision));
                (same, Some((number, Revision::Is(revision))))
            }
        }
    }
}

fn written(number: u64, before: &State) -> State {
    let (Revision::Is(at) | Revision::After(at)) = before.map_or(Revision::After(0), |(_, at)| at);
    Some((number, Revision::After(at)))
}

impl Revision {
    fn can_be(self, revision: u64) -> bool {
        match self {
            Self::Is(at) => at == revision,
            Self::After(at) => at < revision,
        }
    }

    fn has_to_be(self, revision: u64) -> bool {
        self == Self::Is(revision)
    }
}

/// Calls and replies of all clients, in the order of recording: a call before it is sent, a reply after it
/// arrived.
#[derive(Debug, Default)]
pub struct Recorder(Mutex<Notes>);

#[derive(Debug, Default)]
struct Notes {
    events: Vec<Event>,
    calls: usize,
}

#[derive(Debug)]
struct Event {
    /// Each call counts as a separate process of the history, because no client waits for a lost reply.
    call: usize,
    member: u64,
    action: Action<Operation>,
}

/// A recorded call: its number and the member.
#[derive(Debug, Clone, Copy)]
pub struct Call(usize, u64);

impl Recorder {
    /// Records the start of an operation.
    pub fn call(&self, member: u64, operation: Operation) -> Call {
        let mut notes = self.0.lock().unwrap();
        let call = notes.calls;
        notes.calls += 1;
        notes.events.push(Event { call, member, action: Action::Call(operation) });
        Call(call, member)
    }

    /// Records the outcome of an operation.
    pub fn answer(&self, Call(call, member): Call, operation: Operation) {
        self.0.lock().unwrap().events.push(Event { call, member, action: Action::Response(operation) });
    }

    /// Panics if no order explains the history of a member.
    pub fn check(&self) {
        let notes = self.0.lock().unwrap();
        let mut members: BTreeMap<u64, Vec<(usize, Action<Operation>)>> = BTreeMap::new();
        for event in &notes.events {
            members.entry(event.member).or_default().push((event.call, event.action.clone()));
        }
        for (member, actions) in members {
            let whole = completed(actions);
            assert!(is_linearizable(&whole), "no order explains the history of member {member}: {whole:#?}");
        }
    }
}

/// Completes a history: drops reads without a reply, and lets writes without a reply end at the end.
fn completed(actions: Vec<(usize, Action<Operation>)>) -> Vec<(usize, Action<Operation>)> {
    let is_answer = |action: &Action<Operation>| matches!(action, Action::Response(_));
    let answered: Vec<usize> =
        actions.iter().filter(|(_, action)| is_answer(action)).map(|(call, _)| *call).collect();
    let mut open = Vec::new();
    let mut whole = Vec::new();
    for (call, action) in actions {
        match &action {
            Action::Call(operation) if !answered.contains(&call) => {
                if matches!(operation, Read(_)) {
                    continue;
                }
                open.push((call, Action::Response(*operation)));
            }
            Action::Call(_) | Action::Response(_) => {}
        }
        whole.push((call, action));
    }
    whole.extend(open);
    whole
}

fn is_linearizable(actions: &[(usize, Action<Operation>)]) -> bool {
    // The checker needs processes with small consecutive numbers.
    let mut numbers: Vec<usize> = actions.iter().map(|(call, _)| *call).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let process = |call: &usize| numbers.binary_search(call).unwrap();
    let actions = actions.iter().map(|(call, action)| (process(call), action.clone())).collect();
    WGLChecker::<Member>::is_linearizable(History::from_actions(actions))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(events: &[(usize, Option<Operation>)], calls: &[Operation]) -> bool {
        let recorder = Recorder::default();
        let mut open = BTreeMap::new();
        for (call, answer) in events {
            match answer {
                None => drop(open.insert(*call, recorder.call(0, calls[*call]))),
                Some(answer) => recorder.answer(open[call], *answer),
            }
        }
        let notes = recorder.0.into_inner().unwrap();
        is_linearizable(&completed(
            notes.events.into_iter().map(|event| (event.call, event.action)).collect(),
        ))
    }

    #[test]
    fn a_read_of_an_old_state_is_rejected_and_a_lost_reply_allows_both_outcomes() {
        let calls = [Write(1, None), Write(2, None), Read(None), Read(None)];
        let first = [(0, None), (0, Some(Write(1, Some(true))))];
        let lost = [(1, None)];
        let read = |call, number| [(call, None), (call, Some(Read(Some((number, number)))))];
        let one = [first.as_slice(), &lost, &read(2, 1), &read(3, 2)].concat();
        assert!(judge(&one, &calls));
        let never = [first.as_slice(), &lost, &read(2, 1), &read(3, 1)].concat();
        assert!(judge(&never, &calls));
        let back = [first.as_slice(), &lost, &read(2, 2), &read(3, 1)].concat();
        assert!(!judge(&back, &calls));
    }

    #[test]
    fn impossible_outcomes_are_rejected() {
        let made_twice = [Write(1, None), Write(2, None)];
        let events = [(0, None), (0, Some(Write(1, Some(true)))), (1, None), (1, Some(Write(2, Some(true))))];
        assert!(!judge(&events, &made_twice));
        let lost_update = [Write(1, None), WriteIf(2, 7, None), WriteIf(3, 7, None), Read(None)];
        let read = Read(Some((1, 7)));
        let events = [
            (0, None),
            (0, Some(Write(1, Some(true)))),
            (3, None),
            (3, Some(read)),
            (1, None),
            (2, None),
            (1, Some(WriteIf(2, 7, Some(true)))),
            (2, Some(WriteIf(3, 7, Some(true)))),
        ];
        assert!(judge(&events[..7], &lost_update));
        assert!(!judge(&events, &lost_update));
    }
}
