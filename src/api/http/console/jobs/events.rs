//! Events of a job that goes on: one after each change, as server-sent events.

use std::time::Duration;

use axum::body::Body;
use axum::response::IntoResponse;
use bytes::Bytes;
use futures_util::stream;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::api::http::console::failure::Failure;
use crate::api::http::console::look::headers;
use crate::api::http::console::visit::{Answer, Visit};
use crate::directory::{Directory, JobWatch};
use crate::model::Job;

/// Least time between two events: a page is loaded after each.
const PAUSE: Duration = Duration::from_millis(500);
/// After so long without an event the browser is told that the server is still there.
const QUIET: Duration = Duration::from_secs(10);
/// How long one reply goes on; then the browser asks again.
const LONGEST: Duration = Duration::from_secs(300);

/// What a page has shown of a job. A job that shows something else has changed.
pub fn seen(job: &Job) -> String {
    format!(
        "{}-{}-{}",
        job.state.as_str(),
        job.planned_rows,
        job.cursor.row.saturating_add(job.cursor.removal)
    )
}

/// Follows a job until nothing more happens to it, nobody may see it any more, or the server stops.
struct Follow {
    directory: Directory,
    id: String,
    watch: JobWatch,
    seen: String,
    until: Instant,
    stopping: CancellationToken,
}

/// The events of a job.
pub async fn events(visit: Visit, stopping: CancellationToken) -> Result<Answer, Failure> {
    let id = visit.id("job").to_owned();
    let watch = visit.directory.watch_job(&id).await?;
    let seen = visit.sent("seen").to_owned();
    let until = Instant::now() + LONGEST;
    let follow = Follow { directory: visit.directory.clone(), id, watch, seen, until, stopping };
    let body = stream::unfold(Some(follow), |follow| async move {
        let mut follow = follow?;
        let text = follow.next().await?;
        Some((Ok::<_, std::io::Error>(Bytes::from(text)), Some(follow)))
    });
    let mut response = Body::from_stream(body).into_response();
    headers(response.headers_mut());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    Ok(Answer::Other(response))
}

impl Follow {
    /// The next event or sign of life; `None` at the end.
    async fn next(&mut self) -> Option<&'static str> {
        loop {
            let now = Instant::now();
            if now >= self.until {
                return None;
            }
            let changed = tokio::select! {
                () = self.stopping.cancelled() => return None,
                changed = timeout_at(now + QUIET, self.watch.next()) => changed,
            };
            // A token that was revoked meanwhile ends the events.
            self.directory.job(&self.id).await.ok()?;
            let Ok(changed) = changed else { return Some(": still here\n\n") };
            let job = changed?;
            let seen = seen(&job);
            if seen != self.seen {
                self.seen = seen;
                tokio::time::sleep(PAUSE).await;
                return Some("data: changed\n\n");
            }
        }
    }
}
