//! The progress of a job on standard error, until it is held or has ended.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::api::grpc::v1;
use crate::cli::client::{self, Client};
use crate::cli::job::show::state_word;
use crate::cli::{Error, output};
use crate::model::words;

/// How often to print a line if there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// How often a connection that brings no message is opened again, and the pause before it.
const RESUMES: usize = 60;
const RESUME_AFTER: Duration = Duration::from_secs(1);
const BAR: &str = "{wide_bar} {percent:>3} %  {msg}";

/// Shows the progress of a job until it is held or has ended, and returns the job. A lost connection is
/// opened again, as often as there is news: a job may wait for hours behind a proxy that cuts silent streams
/// each minute.
pub async fn follow(client: &mut Client, id: &str, quiet: bool) -> Result<v1::Job, Error> {
    let mut shown = Shown::new(quiet);
    let mut losses = Losses::default();
    loop {
        match once(client, id, &mut shown, &mut losses).await {
            Ok(Some(job)) => return Ok(job),
            // The server is stopping: the job goes on after its start.
            Ok(None) if losses.may_go_on() => {}
            Ok(None) => return Err(Error::Broken("the server no longer reports the job".to_owned())),
            Err(Error::Refused(refusal)) if refusal.is_retryable() && losses.may_go_on() => {}
            Err(error) => return Err(error),
        }
        tokio::time::sleep(RESUME_AFTER).await;
    }
}

/// `None` if the stream ended while the job was still at work.
async fn once(
    client: &mut Client,
    id: &str,
    shown: &mut Shown,
    losses: &mut Losses,
) -> Result<Option<v1::Job>, Error> {
    let request = v1::WatchJobRequest { id: id.to_owned() };
    let mut stream = client.jobs.watch_job(request).await?.into_inner();
    let mut last = None;
    while let Some(message) = client::next(&mut stream).await? {
        losses.forget();
        shown.update(&message, Instant::now());
        last = message.job;
    }
    let is_over = |job: &v1::Job| {
        !matches!(job.state(), v1::JobState::Pending | v1::JobState::Planning | v1::JobState::Running)
    };
    shown.clear();
    Ok(last.filter(is_over))
}

/// How often the connection was lost since the last message.
#[derive(Default)]
struct Losses(usize);

impl Losses {
    /// Counts one, and says whether to connect again.
    fn may_go_on(&mut self) -> bool {
        self.0 += 1;
        self.0 <= RESUMES
    }

    fn forget(&mut self) {
        self.0 = 0;
    }
}

enum Shown {
    Bar(ProgressBar),
    Lines { last: Option<Instant> },
    Nothing,
}

impl Shown {
    fn new(quiet: bool) -> Self {
        if quiet {
            return Self::Nothing;
        }
        if !std::io::stderr().is_terminal() {
            return Self::Lines { last: None };
        }
        let bar = ProgressBar::new(0);
        // The template is a constant, and a test checks it.
        if let Ok(style) = ProgressStyle::with_template(BAR) {
            bar.set_style(style);
        }
        Self::Bar(bar)
    }

    fn update(&mut self, message: &v1::WatchJobResponse, now: Instant) {
        let Some(job) = &message.job else { return };
        match self {
            Self::Bar(bar) => {
                bar.set_length(job.rows.max(1));
                bar.set_position(job.rows_done);
                bar.set_message(describe(message, job));
            }
            Self::Lines { last } if last.is_none_or(|last| now.duration_since(last) >= LINE_EVERY) => {
                *last = Some(now);
                output::note(describe(message, job));
            }
            Self::Lines { .. } | Self::Nothing => {}
        }
    }

    fn clear(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

fn describe(message: &v1::WatchJobResponse, job: &v1::Job) -> String {
    // How many members a revert is about is known only once it is planned.
    let rows = if job.rows_done > job.rows || job.rows == 0 {
        words::count(job.rows_done, "row")
    } else {
        format!("{} of {}", job.rows_done, words::count(job.rows, "row"))
    };
    let mut text = format!("{}: {rows}", state_word(job.state()));
    if message.rows_per_second >= 1.0 {
        text.push_str(&format!(", {:.0} a second", message.rows_per_second));
    }
    if let Some(left) = &message.time_left {
        text.push_str(&format!(", {} s left", left.seconds.max(1)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_connections_that_bring_nothing_count() {
        let mut losses = Losses::default();
        for _ in 0..3 {
            assert!((0..RESUMES).all(|_| losses.may_go_on()));
            losses.forget();
        }
        assert!((0..RESUMES).all(|_| losses.may_go_on()) && !losses.may_go_on());
    }

    #[test]
    fn progress_says_what_the_job_does_and_how_far_it_is() {
        assert!(ProgressStyle::with_template(BAR).is_ok());
        let state = v1::JobState::Planning.into();
        let job = v1::Job { state, rows: 10, rows_done: 4, ..v1::Job::default() };
        let mut message = v1::WatchJobResponse { job: Some(job.clone()), ..v1::WatchJobResponse::default() };
        assert_eq!(describe(&message, &job), "planning: 4 of 10 rows");
        let revert = v1::Job { rows: 0, ..job.clone() };
        assert_eq!(describe(&message, &revert), "planning: 4 rows");
        message.rows_per_second = 2.0;
        message.time_left = Some(prost_types::Duration { seconds: 3, nanos: 0 });
        assert_eq!(describe(&message, &job), "planning: 4 of 10 rows, 2 a second, 3 s left");
    }
}
