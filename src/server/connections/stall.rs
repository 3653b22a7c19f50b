//! Ends calls whose peer takes nothing of the reply for too long, and frees their memory.
//!
//! Only the connection knows what a peer takes, and it has no interface for that: it polls the body of a
//! reply if there is room for another piece, and otherwise does not. So what happens to a reply is noted
//! while its call is polled ([`note`]), and the call is watched from outside ([`watch`]). A call that is
//! pending although its body last gave a piece waits for its peer. A call whose body was polled and had
//! nothing waits for the server. A call that is dropped is reset, and its connection continues.
//!
//! A call whose reply is taken at once costs only two accesses to a thread-local value: a timer is started
//! only when a reply has to wait.

use std::cell::Cell;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep};

/// What happened to a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Its body was not polled.
    Nothing,
    /// Its body gave a piece, and may have more.
    Gave,
    /// Its body was polled and had nothing yet.
    HadNothing,
    /// Its body has ended.
    Ended,
}

thread_local! {
    /// What last happened to the reply of the call that is being polled.
    static SEEN: Cell<Seen> = const { Cell::new(Seen::Nothing) };
}

/// Notes what happened to the reply of the call that is being polled.
pub fn note(seen: Seen) {
    SEEN.set(seen);
}

/// Runs `work`, which polls other calls while a call is polled. What happens to their replies is not noted
/// for that call.
pub fn apart<T>(work: impl FnOnce() -> T) -> T {
    let seen = SEEN.get();
    let done = work();
    SEEN.set(seen);
    done
}

/// Runs `call` to its end, or until its peer has taken nothing of the reply for too long.
pub fn watch<F: Future>(call: F, stall_after: Duration) -> Watched<F> {
    Watched { call, wait: Wait { stall_after, timer: None } }
}

pin_project! {
    /// A call that ends when its peer takes nothing of the reply for too long. Not an `async` block, because
    /// that would be as large as two calls, and every call is moved into its task.
    pub struct Watched<F> {
        #[pin]
        call: F,
        wait: Wait,
    }
}

impl<F: Future> Future for Watched<F> {
    type Output = Option<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        SEEN.set(Seen::Nothing);
        match this.call.poll(cx) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending => this.wait.poll(SEEN.get(), cx).map(|()| {
                tracing::debug!("ending a call whose peer takes nothing of the reply");
                None
            }),
        }
    }
}

/// Waits for a peer.
struct Wait {
    stall_after: Duration,
    /// Runs while the reply waits for the peer.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Wait {
    fn poll(&mut self, seen: Seen, cx: &mut Context<'_>) -> Poll<()> {
        match (seen, &mut self.timer) {
            (Seen::HadNothing | Seen::Ended, timer) => *timer = None,
            (Seen::Gave, Some(timer)) => timer.as_mut().reset(Instant::now() + self.stall_after),
            (Seen::Gave, timer) => *timer = Some(Box::pin(tokio::time::sleep(self.stall_after))),
            (Seen::Nothing, _) => {}
        }
        match &mut self.timer {
            Some(timer) => timer.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;

    use super::*;

    const LONG: Duration = Duration::from_secs(30);

    /// A call whose reply has these events, one at each poll, 20 seconds apart.
    async fn call(happens: &[Seen]) -> Option<()> {
        let call = async {
            for seen in happens {
                let mut pause = pin!(tokio::time::sleep(Duration::from_secs(20)));
                poll_fn(|cx| {
                    note(*seen);
                    pause.as_mut().poll(cx)
                })
                .await;
            }
            note(Seen::Nothing);
            std::future::pending().await
        };
        tokio::time::timeout(10 * LONG, watch(call, LONG)).await.ok()?
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_whose_reply_is_not_taken_ends_and_others_do_not() {
        use Seen::{Ended, Gave, HadNothing, Nothing};
        let began = Instant::now();
        for (happens, is_ended) in [
            (vec![Gave], true),
            (vec![Gave, Gave, Gave, Gave], true),
            (vec![Nothing, Nothing], false),
            (vec![Gave, HadNothing], false),
            (vec![Gave, Gave, Ended], false),
        ] {
            let before = Instant::now();
            assert_eq!(call(&happens).await, None);
            let ended = before.elapsed() < 10 * LONG;
            assert_eq!(ended, is_ended, "{happens:?} {:?}", began.elapsed());
        }
    }
}
