//! The waiting requests: those of a connection in a line, the lines of a party in a queue, and the queues of
//! all parties.
//!
//! No line and no queue is empty. A request leaves only through [`Queues::serve`], when it is admitted, or
//! [`Queues::remove`], when its caller gives up.

use std::collections::VecDeque;

use tokio::sync::oneshot;

use crate::table::shared::budget::party::{Connection, Party, Whose};

/// The queues of all waiting parties, in the order of their turns. Each request waits for a `G`.
#[derive(Debug)]
pub struct Queues<G> {
    parties: VecDeque<Queue<G>>,
    /// The number that the next request to arrive gets.
    next: u64,
}

/// The lines of a waiting party, in the order of their turns.
#[derive(Debug)]
pub struct Queue<G> {
    /// The party.
    pub party: Party,
    lines: VecDeque<Line<G>>,
}

/// The requests of a waiting connection, in the order in which they arrived.
#[derive(Debug)]
pub struct Line<G> {
    /// The connection, if it is known.
    pub connection: Option<Connection>,
    requests: VecDeque<Waiting<G>>,
}

/// A waiting request.
#[derive(Debug)]
pub struct Waiting<G> {
    number: u64,
    /// The bytes that it requests.
    pub bytes: usize,
    /// The bytes that it counts.
    pub counted: usize,
    /// Sends the permit to the caller.
    pub granted: oneshot::Sender<G>,
}

/// What is already waiting when a request arrives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Before {
    /// The bytes of its party.
    pub of_party: usize,
    /// The bytes of its connection.
    pub of_line: usize,
    /// The number of waiting connections of its party, including its own.
    pub lines: usize,
}

/// The place of a line: the place of its party, and its place among the lines of the party.
pub type Place = (usize, usize);

impl<G> Default for Queues<G> {
    fn default() -> Self {
        Self { parties: VecDeque::new(), next: 0 }
    }
}

impl<G> Queues<G> {
    /// Whether a party has a waiting request.
    pub fn has(&self, party: Party) -> bool {
        self.parties.iter().any(|queue| queue.party == party)
    }

    /// The number of waiting requests.
    pub fn len(&self) -> usize {
        self.parties.iter().flat_map(|queue| &queue.lines).map(|line| line.requests.len()).sum()
    }

    /// What is already waiting when a request of `whose` arrives.
    pub fn before(&self, whose: Whose) -> Before {
        let Some(queue) = self.parties.iter().find(|queue| queue.party == whose.party) else {
            return Before { lines: 1, ..Before::default() };
        };
        let of_party = queue.lines.iter().map(Line::counted).sum();
        let line = queue.lines.iter().find(|line| line.connection == whose.connection);
        let lines = queue.lines.len() + usize::from(line.is_none());
        Before { of_party, of_line: line.map_or(0, Line::counted), lines }
    }

    /// Appends a request to the line of its connection, and returns its number.
    pub fn push(&mut self, whose: Whose, bytes: usize, counted: usize, granted: oneshot::Sender<G>) -> u64 {
        let number = self.next;
        self.next += 1;
        let Whose { party, connection } = whose;
        let mut waiting = VecDeque::from([Waiting { number, bytes, counted, granted }]);
        let queue = self.parties.iter_mut().find(|queue| queue.party == party);
        match queue {
            Some(queue) => match queue.lines.iter_mut().find(|line| line.connection == connection) {
                Some(line) => line.requests.append(&mut waiting),
                None => queue.lines.push_back(Line { connection, requests: waiting }),
            },
            None => {
                let lines = VecDeque::from([Line { connection, requests: waiting }]);
                self.parties.push_back(Queue { party, lines });
            }
        }
        number
    }

    /// Removes a request whose caller gives up; returns whether it was still waiting.
    pub fn remove(&mut self, whose: Whose, number: u64) -> bool {
        let Some(at) = self.parties.iter().position(|queue| queue.party == whose.party) else {
            return false;
        };
        let Some(queue) = self.parties.get_mut(at) else { return false };
        let Some(line_at) = queue.lines.iter().position(|line| line.connection == whose.connection) else {
            return false;
        };
        let Some(line) = queue.lines.get_mut(line_at) else { return false };
        // A line is sorted by number.
        let Ok(found) = line.requests.binary_search_by_key(&number, |waiting| waiting.number) else {
            return false;
        };
        line.requests.remove(found);
        if line.requests.is_empty() {
            queue.lines.remove(line_at);
        }
        if queue.lines.is_empty() {
            self.parties.remove(at);
        }
        true
    }

    /// The waiting parties, in the order of their turns.
    pub fn parties(&self) -> impl Iterator<Item = &Queue<G>> {
        self.parties.iter()
    }

    /// The request at the head of a line.
    pub fn head(&self, (party, line): Place) -> Option<(Whose, &Waiting<G>)> {
        let queue = self.parties.get(party)?;
        let line = queue.lines.get(line)?;
        Some((Whose { party: queue.party, connection: line.connection }, line.requests.front()?))
    }

    /// Removes the request at the head of a line. Its line goes behind the other lines of its party, and its
    /// party behind the other parties.
    pub fn serve(&mut self, (party, line): Place) -> Option<Waiting<G>> {
        let mut queue = self.parties.remove(party)?;
        let served = queue.lines.remove(line).and_then(|mut line| {
            let served = line.requests.pop_front();
            if !line.requests.is_empty() {
                queue.lines.push_back(line);
            }
            served
        });
        if !queue.lines.is_empty() {
            self.parties.push_back(queue);
        }
        served
    }
}

impl<G> Queue<G> {
    /// The waiting connections, in the order of their turns.
    pub fn lines(&self) -> impl Iterator<Item = &Line<G>> {
        self.lines.iter()
    }
}

impl<G> Line<G> {
    /// The bytes that its next request counts.
    pub fn next(&self) -> usize {
        self.requests.front().map_or(0, |waiting| waiting.counted)
    }

    fn counted(&self) -> usize {
        self.requests.iter().map(|waiting| waiting.counted).sum()
    }
}
