//! The state that survives a lost connection: the chunks without a reply, and how long to keep trying.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::cli::import::reading::Chunk;

const FIRST_DELAY: Duration = Duration::from_millis(100);
const LONGEST_DELAY: Duration = Duration::from_secs(5);

/// The chunks that were sent but have no reply, in the order of sending, which is also that of the replies.
#[derive(Debug)]
pub struct Unanswered {
    chunks: VecDeque<Chunk>,
    limit: usize,
}

impl Unanswered {
    pub fn new(limit: usize) -> Self {
        Self { chunks: VecDeque::with_capacity(limit), limit }
    }

    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// The line of the first row without a reply.
    pub fn line(&self) -> Option<u64> {
        self.chunks.iter().find_map(|chunk| Some(chunk.sent_row(0)?.number()))
    }

    /// How many rows have no reply.
    pub fn rows(&self) -> usize {
        self.chunks.iter().map(Chunk::sendable).sum()
    }

    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Whether no more chunks may be sent for now.
    pub fn is_full(&self) -> bool {
        self.chunks.len() >= self.limit
    }

    pub fn push(&mut self, chunk: Chunk) {
        self.chunks.push_back(chunk);
    }

    /// All chunks that a new connection has to send again, oldest first.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Chunk> {
        self.chunks.iter_mut()
    }

    /// Removes the chunk that a reply is for; `None` if it is not the oldest, which is an error of the
    /// server.
    pub fn answered(&mut self, number: u64) -> Option<Chunk> {
        self.pop_if(|chunk| chunk.number == number)
    }

    /// Removes the oldest chunk if none of its rows can be sent, so that no reply will arrive.
    pub fn unsendable(&mut self) -> Option<Chunk> {
        self.pop_if(|chunk| chunk.sendable() == 0)
    }

    fn pop_if(&mut self, wanted: impl FnOnce(&Chunk) -> bool) -> Option<Chunk> {
        if wanted(self.chunks.front()?) { self.chunks.pop_front() } else { None }
    }
}

/// How long to wait before the next try, and when to give up. Any reply resets it.
#[derive(Debug)]
pub struct Patience {
    give_up_after: Duration,
    delay: Duration,
    failing_since: Option<Instant>,
}

impl Patience {
    pub fn new(give_up_after: Duration) -> Self {
        Self { give_up_after, delay: FIRST_DELAY, failing_since: None }
    }

    /// Called when the server has replied.
    pub fn refresh(&mut self) {
        self.delay = FIRST_DELAY;
        self.failing_since = None;
    }

    /// Called when a try failed. Returns how long to wait before the next one, at least as long as the server
    /// `asked` for, or `None` to give up.
    pub fn failed(&mut self, now: Instant, asked: Option<Duration>) -> Option<Duration> {
        let since = *self.failing_since.get_or_insert(now);
        if now.duration_since(since) >= self.give_up_after {
            return None;
        }
        let delay = self.delay.max(asked.unwrap_or_default()).min(LONGEST_DELAY);
        self.delay = (self.delay * 2).min(LONGEST_DELAY);
        Some(delay)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{LONGEST_DELAY, Patience, Unanswered};
    use crate::cli::import::reading::{Chunk, Format};
    use crate::lists::ListRow;

    fn chunk(number: u64, lines: &[&str]) -> Chunk {
        let rows = (1..).zip(lines).map(|(line, text)| ListRow::ndjson(line, text));
        Chunk::new(number, rows.collect(), 0, &Format::ndjson())
    }

    #[test]
    fn answers_settle_chunks_in_order_only() {
        let mut unanswered = Unanswered::new(2);
        unanswered.push(chunk(1, &[r#"{"ref":"a"}"#]));
        assert!(!unanswered.is_full());
        unanswered.push(chunk(2, &[r#"{"ref":"b"}"#]));
        assert!(unanswered.is_full());
        assert!(unanswered.answered(2).is_none());
        assert_eq!(unanswered.answered(1).unwrap().number, 1);
        assert!(unanswered.answered(1).is_none());
        assert_eq!(unanswered.answered(2).unwrap().number, 2);
        assert!(unanswered.is_empty());
    }

    #[test]
    fn a_chunk_is_sent_again_with_the_same_members() {
        let mut chunk = chunk(1, &[r#"{"ref":"a"}"#, "nonsense", r#"{"ref":"b"}"#]);
        let first = chunk.take_members(&Format::ndjson());
        assert_eq!(first.len(), 2);
        assert_eq!(chunk.take_members(&Format::ndjson()), first);
    }

    #[test]
    fn a_chunk_of_bad_rows_waits_for_no_answer() {
        let mut unanswered = Unanswered::new(8);
        unanswered.push(chunk(1, &[r#"{"ref":"a"}"#]));
        unanswered.push(chunk(2, &["nonsense"]));
        assert!(unanswered.unsendable().is_none());
        unanswered.answered(1).unwrap();
        assert_eq!(unanswered.unsendable().unwrap().number, 2);
    }

    #[test]
    fn an_answer_counts_only_the_rows_that_were_sent() {
        let chunk = chunk(1, &["bad", r#"{"ref":"a"}"#, "bad", "bad", r#"{"ref":"b"}"#]);
        let lines: Vec<_> = (0..3).map(|index| chunk.sent_row(index).map(|row| row.number())).collect();
        assert_eq!(lines, [Some(2), Some(5), None]);
    }

    #[test]
    fn delays_double_up_to_a_cap_and_end() {
        let start = Instant::now();
        let mut patience = Patience::new(Duration::from_secs(60));
        let delays: Vec<_> = (0..8).map(|_| patience.failed(start, None).unwrap()).collect();
        assert_eq!(delays[..3], [100, 200, 400].map(Duration::from_millis));
        assert_eq!(delays[7], LONGEST_DELAY);
        assert_eq!(patience.failed(start + Duration::from_secs(60), None), None);
        patience.refresh();
        assert_eq!(patience.failed(start + Duration::from_secs(61), None), Some(Duration::from_millis(100)));
        assert_eq!(patience.failed(start, Some(Duration::from_secs(2))), Some(Duration::from_secs(2)));
    }
}
