//! The streams of `JobService`.

use std::time::{Duration, Instant};

use crate::api::grpc::convert::job;
use crate::api::grpc::convert::outcome::{self, row_error};
use crate::api::grpc::replies::pull::Pieces;
use crate::api::grpc::v1;
use crate::directory::{
    Directory, Error, Headings, InputReader, JobResultRow, JobWatch, RemovedResult, ResultReader, Reverted,
    RevertedAs,
};
use crate::model::{JobState, Outcome};

/// Results in one message.
const RESULTS: usize = 1_000;
/// Until so much time has passed, a rate says nothing, in seconds.
const RATE_AFTER: f64 = 0.2;

/// `WatchJob`.
pub struct Watching {
    directory: Directory,
    watch: JobWatch,
    /// The state that was shown last, since when, and the rows that were done then.
    state: Option<(JobState, Instant, u64)>,
}

impl Watching {
    pub fn new(directory: Directory, watch: JobWatch) -> Self {
        Self { directory, watch, state: None }
    }
}

impl Pieces for Watching {
    type Piece = v1::WatchJobResponse;

    async fn next(&mut self) -> Result<Option<v1::WatchJobResponse>, Error> {
        let Some(found) = self.watch.next().await else { return Ok(None) };
        let shown = job::to_wire(&found, self.directory.sealer());
        let now = Instant::now();
        let (since, before) = match self.state {
            Some((state, since, before)) if state == found.state => (since, before),
            _ => {
                self.state = Some((found.state, now, shown.rows_done));
                (now, shown.rows_done)
            }
        };
        let done = shown.rows_done.saturating_sub(before);
        let left = shown.rows.saturating_sub(shown.rows_done);
        let mut message = v1::WatchJobResponse::default();
        if let Some((rate, time_left)) = pace(done, left, now.duration_since(since)) {
            message.rows_per_second = rate;
            message.time_left = prost_types::Duration::try_from(time_left).ok();
        }
        message.job = Some(shown);
        Ok(Some(message))
    }
}

/// Rows a second, and the time for the rows that are left. `None` before there is something to judge by.
fn pace(done: u64, left: u64, taken: Duration) -> Option<(f64, Duration)> {
    // Counts of rows are far below the numbers that a double cannot represent.
    let [done, left] = [done, left].map(|rows| f64::from(u32::try_from(rows).unwrap_or(u32::MAX)));
    let seconds = taken.as_secs_f64();
    if seconds < RATE_AFTER || done < 1.0 {
        return None;
    }
    let rate = done / seconds;
    Some((rate, Duration::try_from_secs_f64(left / rate).unwrap_or(Duration::MAX)))
}

/// `ListJobResults`.
pub struct Results {
    directory: Directory,
    reader: ResultReader,
    /// What was read and not sent yet.
    rest: std::vec::IntoIter<JobResultRow>,
    is_begun: bool,
}

impl Results {
    pub fn new(directory: Directory, reader: ResultReader) -> Self {
        Self { directory, reader, rest: Vec::new().into_iter(), is_begun: false }
    }

    fn wire(&self, result: JobResultRow) -> v1::JobResult {
        let (base, sealer) = (self.reader.job().base, self.directory.sealer());
        match result {
            JobResultRow::Row { line, result, is_applied, key, is_offboard, input } => {
                let holder = result.error.as_ref().and_then(|error| error.taken_by);
                let holder = holder.map(|row| sealer.member_id(base, row));
                v1::JobResult {
                    line,
                    key: key.unwrap_or_default(),
                    member_id: result.row.map(|row| sealer.member_id(base, row)).unwrap_or_default(),
                    outcome: outcome::to_wire(result.outcome).into(),
                    removed: is_offboard && result.outcome == Outcome::Updated,
                    error: result.error.map(|error| row_error(error, holder, &mut 0)),
                    input,
                    applied: is_applied,
                    ..v1::JobResult::default()
                }
            }
            JobResultRow::Reverted { reverted, key } => {
                v1::JobResult { key: key.unwrap_or_default(), ..self.reverted(reverted) }
            }
            JobResultRow::Member { row, fate, key } => v1::JobResult {
                key: key.unwrap_or_default(),
                member_id: sealer.member_id(base, row),
                removed: matches!(fate, None | Some(RemovedResult::Removed)),
                spared: match fate {
                    None | Some(RemovedResult::Removed) => "",
                    Some(RemovedResult::Changed) => "CHANGED",
                    Some(RemovedResult::Gone) => "GONE",
                    Some(RemovedResult::Inactive) => "INACTIVE",
                }
                .to_owned(),
                applied: fate.is_some(),
                ..v1::JobResult::default()
            },
        }
    }
}

impl Results {
    /// What a revert did with a member.
    fn reverted(&self, Reverted { row, what, is_applied }: Reverted) -> v1::JobResult {
        let id = |row| self.directory.sealer().member_id(self.reader.job().base, row);
        let (outcome, error, removed) = match what {
            RevertedAs::Done(done) => (outcome::to_wire(done), None, false),
            RevertedAs::Deleted => (v1::Outcome::Unspecified, None, true),
            RevertedAs::Offboarded(why) => (v1::Outcome::Unspecified, Some(why), true),
            RevertedAs::Stays(why) => (v1::Outcome::Failed, Some(why), false),
        };
        let holder = error.as_ref().and_then(|error| error.taken_by).map(id);
        v1::JobResult {
            member_id: row.map(id).unwrap_or_default(),
            outcome: outcome.into(),
            removed,
            error: error.map(|error| row_error(error, holder, &mut 0)),
            applied: is_applied,
            ..v1::JobResult::default()
        }
    }
}

impl Pieces for Results {
    type Piece = v1::ListJobResultsResponse;

    async fn next(&mut self) -> Result<Option<v1::ListJobResultsResponse>, Error> {
        let mut message = v1::ListJobResultsResponse::default();
        if !std::mem::replace(&mut self.is_begun, true)
            && let Some(Headings { line, delimiter }) = self.reader.headings().await?
        {
            message.headings = line;
            message.delimiter = delimiter.to_string();
        }
        loop {
            let some: Vec<JobResultRow> = self.rest.by_ref().take(RESULTS).collect();
            if !some.is_empty() {
                message.results = some.into_iter().map(|result| self.wire(result)).collect();
                return Ok(Some(message));
            }
            match self.reader.next().await? {
                Some(more) => self.rest = more.into_iter(),
                None if message.headings.is_empty() => return Ok(None),
                None => return Ok(Some(message)),
            }
        }
    }
}

/// `DownloadJobInput`.
pub struct Input(pub InputReader);

impl Pieces for Input {
    type Piece = v1::DownloadJobInputResponse;

    async fn next(&mut self) -> Result<Option<v1::DownloadJobInputResponse>, Error> {
        Ok(self.0.next().await?.map(|data| v1::DownloadJobInputResponse { data }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_of_what_is_done_tells_how_long_the_rest_takes() {
        let seconds = Duration::from_secs;
        assert_eq!(pace(1_000, 3_000, seconds(2)), Some((500.0, seconds(6))));
        assert_eq!(pace(1_000, 0, seconds(2)), Some((500.0, seconds(0))));
        assert_eq!(pace(0, 3_000, seconds(2)), None);
        assert_eq!(pace(1_000, 3_000, Duration::from_millis(199)), None);
        assert!(pace(1, u64::MAX, Duration::MAX).is_some());
    }
}
