//! Who waits: the requests of a connection in a line, the lines of a party in a queue, and the queues of all parties.
//!
//! No line and no queue is empty. What was let in, and what leaves, goes through [`Queues::remove`] and [`Queues::serve`].

use std::collections::VecDeque;

use tokio::sync::oneshot;

use crate::table::shared::budget::party::{Connection, Party, Whose};

/// The queues of all parties that wait for a `G`: the first is next, if it may have more.
#[derive(Debug)]
pub struct Queues<G> {
    parties: VecDeque<Queue<G>>,
    /// The number of the request that comes next.
    next: u64,
}

/// A party that waits: its first line is next, if that does not have more than others.
#[derive(Debug)]
pub struct Queue<G> {
    /// Who waits.
    pub party: Party,
    lines: VecDeque<Line<G>>,
}

/// A connection that waits.
#[derive(Debug)]
pub struct Line<G> {
    /// Which, if it is known.
    pub connection: Option<Connection>,
    requests: VecDeque<Waiting<G>>,
}

/// A request that waits.
#[derive(Debug)]
pub struct Waiting<G> {
    number: u64,
    /// What is asked for, in bytes.
    pub bytes: usize,
    /// What that counts, in bytes.
    pub counted: usize,
    /// Where the permit goes.
    pub granted: oneshot::Sender<G>,
}

/// What waits with a request that comes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Before {
    /// Bytes of its party.
    pub of_party: usize,
    /// Bytes of its connection.
    pub of_line: usize,
    /// Connections of its party that wait, with its own.
    pub lines: usize,
}

/// Where a request stands: the place of its party, and of its line there.
pub type Place = (usize, usize);

impl<G> Default for Queues<G> {
    fn default() -> Self {
        Self { parties: VecDeque::new(), next: 0 }
    }
}

impl<G> Queues<G> {
    /// Whether anything of a party waits.
    pub fn has(&self, party: Party) -> bool {
        self.parties.iter().any(|queue| queue.party == party)
    }

    /// What waits with a request of `whose`.
    pub fn before(&self, whose: Whose) -> Before {
        let Some(queue) = self.parties.iter().find(|queue| queue.party == whose.party) else {
            return Before { lines: 1, ..Before::default() };
        };
        let of_party = queue.lines.iter().map(Line::counted).sum();
        let line = queue.lines.iter().find(|line| line.connection == whose.connection);
        let lines = queue.lines.len() + usize::from(line.is_none());
        Before { of_party, of_line: line.map_or(0, Line::counted), lines }
    }

    /// Puts a request behind those of its connection, and answers its number.
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

    /// Takes out a request that gives up; false if it is not there any more.
    pub fn remove(&mut self, whose: Whose, number: u64) -> bool {
        let Some(at) = self.parties.iter().position(|queue| queue.party == whose.party) else {
            return false;
        };
        let Some(queue) = self.parties.get_mut(at) else { return false };
        let Some(line_at) = queue.lines.iter().position(|line| line.connection == whose.connection) else {
            return false;
        };
        let Some(line) = queue.lines.get_mut(line_at) else { return false };
        // They are in the order of their numbers.
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

    /// The parties that wait, in the order of their turns.
    pub fn parties(&self) -> impl Iterator<Item = &Queue<G>> {
        self.parties.iter()
    }

    /// The request at the head of a line.
    pub fn head(&self, (party, line): Place) -> Option<(Whose, &Waiting<G>)> {
        let queue = self.parties.get(party)?;
        let line = queue.lines.get(line)?;
        Some((Whose { party: queue.party, connection: line.connection }, line.requests.front()?))
    }

    /// Takes out the request at the head of a line. The others of its line, and of its party, have their next turn after
    /// everybody else.
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
    /// The connections that wait, in the order of their turns.
    pub fn lines(&self) -> impl Iterator<Item = &Line<G>> {
        self.lines.iter()
    }
}

impl<G> Line<G> {
    /// What its next request counts, in bytes.
    pub fn next(&self) -> usize {
        self.requests.front().map_or(0, |waiting| waiting.counted)
    }

    fn counted(&self) -> usize {
        self.requests.iter().map(|waiting| waiting.counted).sum()
    }
}
