//! The `memberbase` program: reads the command line and hands over to [`memberbase::cli`].

#![deny(clippy::print_stdout, clippy::print_stderr)]

use std::env;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};
use std::time::Duration;

use memberbase::cli::{self, Cli};
use rustix::fs::Mode;

/// Rows are many small texts; glibc spends a sixth of the time of a load on them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long the allocator keeps what was freed, in milliseconds, as it reads it from its environment. With its usual second a server with
/// 256 MiB and a million members took 550 MB under load, with a tenth of it 407 MB and no more time (docs/measurements.md).
const PURGE_DELAY: (&str, &str) = ("MIMALLOC_PURGE_DELAY", "100");
/// Rights that nobody but the owner gets of what is made: members are personal data, in stores, backups and exports alike.
const NOT_FOR_OTHERS: Mode = Mode::RWXG.union(Mode::RWXO);
/// After so long without work a thread ends that computes beside the ones that serve, and what its part of the allocator
/// holds goes back to the system. Shorter than the second between two looks at the store: these go to one idle thread
/// after the other, and would keep all that a burst made alive for ever.
const IDLE_THREAD: Duration = Duration::from_millis(500);

fn main() -> ExitCode {
    // Here and not where files are made, because sled makes its own. Nothing else runs yet.
    rustix::process::umask(NOT_FOR_OTHERS);
    let cli = match Cli::read() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version arrive here too; they go to standard output and are no failure.
            if error.use_stderr() {
                // Whoever does not listen misses it, and the code says it as well.
                let _ = error.print();
                return ExitCode::from(cli::EXIT_USAGE);
            }
            let printed = error.print().and_then(|()| io::stdout().flush());
            return printed
                .map_or_else(|error| cli::fail(&cli::Error::Output(error)), |()| ExitCode::SUCCESS);
        }
    };
    if cli.is_server() {
        begin_again();
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cli.worker_threads(cores))
        .thread_keep_alive(IDLE_THREAD)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return cli::fail(&cli::Error::Threads(error)),
    };
    runtime.block_on(cli::run(cli))
}

/// Begins this program again with the setting of the allocator, which is read before anything of ours runs. Returns if it has one
/// already, or where that cannot be done: then more memory is kept for longer.
fn begin_again() {
    let (key, value) = PURGE_DELAY;
    if env::var_os(key).is_none()
        && let Ok(program) = env::current_exe()
    {
        let mut arguments = env::args_os();
        let mut again = Command::new(program);
        if let Some(name) = arguments.next() {
            again.arg0(name);
        }
        // The same process goes on, so it returns only where it failed.
        let _ = again.args(arguments).env(key, value).exec();
    }
}
