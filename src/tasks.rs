//! Starts every task and thread of the process, so that none of them dies silently.
//!
//! - A task or thread that the store cannot do without is *vital*: if it panics, the process ends at once
//!   with a reason. Otherwise a store whose lane or log is gone would accept calls and never reply. A restart
//!   opens the store as after a crash.
//! - A task or thread for one caller ends only that call or connection if it panics. So does work that is
//!   polled [`Within`] the task of another one.
//! - Work that commits and then changes memory runs [`to_the_end`], even if its caller stops waiting, so that
//!   memory and disk agree.
//!
//! No other module starts tasks or threads; `tests/it/architecture.rs` checks this in the sources. Any layer
//! may use this module, and it uses none.

use std::any::Any;
use std::cell::Cell;
use std::future::Future;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::mpsc;
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::task::JoinHandle;
use tokio::task::coop::unconstrained;
use tracing::Instrument;

/// The exit code of a process that found a fault of its own (EX_SOFTWARE of sysexits.h).
const EXIT_SOFTWARE: i32 = 70;
/// How long a process that ends waits until its reason is written to standard error.
const LAST_WORDS_WITHIN: Duration = Duration::from_secs(1);

/// Work for one caller or one connection.
pub type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Starts a task that the store cannot do without. It may return; if it panics, the process ends.
pub fn vital<T: Send + 'static>(
    name: &'static str,
    work: impl Future<Output = T> + Send + 'static,
) -> JoinHandle<T> {
    tokio::spawn(watch(name, work, end_process))
}

/// Starts a thread that the store cannot do without. It may return; if it panics, the process ends.
pub fn vital_thread(
    name: &'static str,
    work: impl FnOnce() + Send + 'static,
) -> io::Result<thread::JoinHandle<()>> {
    thread::Builder::new().name(name.to_owned()).spawn(move || watch_thread(name, work, end_process))
}

/// Runs `work` in a vital task, which runs to its end even if the caller stops waiting. Its log lines belong
/// to the call of its caller.
pub async fn to_the_end<T: Send + 'static>(
    name: &'static str,
    work: impl Future<Output = T> + Send + 'static,
) -> T {
    match vital(name, work.in_current_span()).await {
        Ok(done) => done,
        // The task is never cancelled, and a panic ends the process. So the runtime is shutting down, and the
        // caller with it.
        Err(_) => std::future::pending().await,
    }
}

/// Starts a task for one caller or one connection: if it panics, only the holder of the handle notices.
pub fn for_caller<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    tokio::spawn(work)
}

/// Work for one caller that is polled within the task of another one. If it panics, it ends, and nothing
/// else. Each poll is one piece of work for tokio, which lets others go first only after it.
pub struct Within(Option<Work>);

thread_local! {
    /// Whether the work that is polled wants a task of its own.
    static WANTS_TASK: Cell<bool> = const { Cell::new(false) };
}

/// The work that is polled here goes on in a task of its own, because it turned out to be more than little.
/// Does nothing to work that has one.
pub fn want_task() {
    WANTS_TASK.set(true);
}

impl Within {
    /// Work that was not polled yet.
    pub fn new(work: Work) -> Self {
        Self(Some(work))
    }

    /// The work goes on in a task of its own.
    pub fn leave(self) {
        if let Some(work) = self.0 {
            for_caller(work);
        }
    }
}

impl Future for Within {
    type Output = ();

    /// Ends when the work is done, has panicked, or has got a task, which polls it at once.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(mut work) = self.0.take() else { return Poll::Ready(()) };
        WANTS_TASK.set(false);
        let polled = catch_unwind(AssertUnwindSafe(|| {
            let polled = pin!(unconstrained(work.as_mut())).poll(cx);
            polled.is_pending().then_some(work)
        }));
        let Ok(Some(work)) = polled else { return Poll::Ready(()) };
        if WANTS_TASK.take() {
            for_caller(work);
            return Poll::Ready(());
        }
        self.0 = Some(work);
        Poll::Pending
    }
}

/// Starts a thread for one caller, which checks how the thread ended.
pub fn thread_for_caller<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<thread::JoinHandle<T>> {
    thread::Builder::new().name(name.to_owned()).spawn(work)
}

/// Runs `work` and returns its result. If it panics, calls `end` with the name and the panic's message.
async fn watch<T>(name: &'static str, work: impl Future<Output = T>, end: fn(&str, &str) -> !) -> T {
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(done) => done,
        Err(panic) => end(name, words_of(&*panic)),
    }
}

fn watch_thread(name: &'static str, work: impl FnOnce(), end: fn(&str, &str) -> !) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(work)) {
        end(name, words_of(&*panic));
    }
}

/// Ends the process. The reason goes to standard error as well as into the log, which may be off.
fn end_process(name: &str, reason: &str) -> ! {
    tracing::error!(task = name, reason, "a task that the process cannot do without panicked, so it ends");
    let words =
        format!("memberbase: the task `{name}`, which the process cannot do without, panicked: {reason}");
    // On a separate thread, because writing blocks if standard error is a full pipe.
    let (said, is_said) = mpsc::channel();
    let say = thread::Builder::new().spawn(move || {
        let _ = writeln!(io::stderr(), "{words}");
        let _ = said.send(());
    });
    if say.is_ok() {
        let _ = is_said.recv_timeout(LAST_WORDS_WITHIN);
    }
    std::process::exit(EXIT_SOFTWARE)
}

fn words_of(panic: &(dyn Any + Send)) -> &str {
    let literal = panic.downcast_ref::<&str>().copied();
    literal.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no words")
}

#[cfg(test)]
pub(crate) mod tests {
    use std::process::{Command, Output};
    use std::sync::Mutex;

    use tokio::sync::oneshot;

    use super::*;

    /// Set in the child processes of tests.
    const CHILD: &str = "MEMBERBASE_TEST_CHILD";

    /// Runs the test `name` again in a child process, which calls `dies`; returns the output of that process.
    pub(crate) fn last_words(name: &str, dies: impl FnOnce()) -> Output {
        if std::env::var_os(CHILD).is_some() {
            dies();
            std::process::exit(0);
        }
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", name, "--nocapture"]).env(CHILD, "1").output().unwrap()
    }

    /// Asserts that a process ended because the task `name` panicked with these words.
    pub(crate) fn assert_died(output: &Output, name: &str, reason: &str) {
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(EXIT_SOFTWARE), "{text}");
        let words = format!("`{name}`, which the process cannot do without, panicked: {reason}");
        assert!(text.contains(&words), "{text}");
    }

    static NOTED: Mutex<Vec<(String, String)>> = Mutex::new(Vec::new());

    fn note(name: &str, reason: &str) -> ! {
        NOTED.lock().unwrap().push((name.to_owned(), reason.to_owned()));
        // This stands in for the end of the process.
        std::panic::resume_unwind(Box::new(()))
    }

    #[tokio::test]
    async fn only_a_panic_is_reported_with_its_message() {
        assert_eq!(tokio::spawn(watch("calm", async { 7 }, note)).await.unwrap(), 7);
        let number = 5;
        tokio::spawn(watch("formatted", async move { panic!("number {number}") }, note)).await.unwrap_err();
        thread::spawn(|| watch_thread("literal", || panic!("a literal"), note)).join().unwrap_err();
        thread::spawn(|| watch_thread("wordless", || std::panic::panic_any(1), note)).join().unwrap_err();
        let expected = [("formatted", "number 5"), ("literal", "a literal"), ("wordless", "no words")]
            .map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(*NOTED.lock().unwrap(), expected);
    }

    #[test]
    fn a_vital_task_that_panics_ends_the_process() {
        let output = last_words("tasks::tests::a_vital_task_that_panics_ends_the_process", || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async { vital("task", async { panic!("enough") }).await }).unwrap();
        });
        assert_died(&output, "task", "enough");
    }

    #[test]
    fn a_vital_thread_that_panics_ends_the_process() {
        let output = last_words("tasks::tests::a_vital_thread_that_panics_ends_the_process", || {
            vital_thread("thread", || panic!("enough")).unwrap().join().unwrap();
        });
        assert_died(&output, "thread", "enough");
    }

    #[tokio::test]
    async fn a_panic_of_work_for_one_caller_reaches_only_that_caller() {
        assert!(for_caller(async { panic!("for the caller") }).await.unwrap_err().is_panic());
        thread_for_caller("caller", || panic!("for the caller")).unwrap().join().unwrap_err();
    }

    #[tokio::test]
    async fn work_to_the_end_is_finished_even_if_its_caller_stops_waiting() {
        let (go, gone) = oneshot::channel();
        let (done, end) = oneshot::channel();
        let mut work = Box::pin(to_the_end("work", async move {
            gone.await.unwrap();
            done.send(()).unwrap();
        }));
        assert!(work.as_mut().now_or_never().is_none());
        drop(work);
        go.send(()).unwrap();
        end.await.unwrap();
        assert_eq!(to_the_end("work", async { 3 }).await, 3);
    }
}
