//! The `memberbase` program: parses the command line and calls [`memberbase::cli`].

#![deny(clippy::print_stdout, clippy::print_stderr)]

use std::env;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use memberbase::cli::{self, Cli};
use rustix::fs::Mode;

/// Rows are many small texts: with glibc's allocator, a load spends a sixth of its time in it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The environment variable that tells the allocator how many milliseconds to keep freed memory. With its
/// default of one second, a server with 256 MiB and a million members took 550 MB under load; with a tenth of
/// that it took 407 MB and no more time (docs/measurements.md).
const PURGE_DELAY: (&str, &str) = ("MIMALLOC_PURGE_DELAY", "100");
/// Permissions that created files grant to nobody but their owner: stores, backups and exports all contain
/// personal data.
const NOT_FOR_OTHERS: Mode = Mode::RWXG.union(Mode::RWXO);

fn main() -> ExitCode {
    // Set here and not where files are created, because sled creates its own. No other thread runs yet.
    rustix::process::umask(NOT_FOR_OTHERS);
    let cli = match Cli::read() {
        Ok(cli) => cli,
        Err(error) => {
            // `--help` and `--version` come here too; they go to standard output and are not failures.
            if error.use_stderr() {
                // If it cannot be printed, the exit code still reports the failure.
                let _ = error.print();
                return ExitCode::from(cli::EXIT_USAGE);
            }
            let printed = error.print().and_then(|()| io::stdout().flush());
            return printed
                .map_or_else(|error| cli::fail(&cli::Error::Output(error)), |()| ExitCode::SUCCESS);
        }
    };
    if cli.is_server() {
        restart_with_purge_delay();
    }
    cli::run(cli)
}

/// Executes this program again with [`PURGE_DELAY`] set, because the allocator reads it before `main` runs.
/// Returns if the variable is set already. Also returns if this fails: then more memory is kept for longer.
fn restart_with_purge_delay() {
    let (key, value) = PURGE_DELAY;
    if env::var_os(key).is_none()
        && let Ok(program) = env::current_exe()
    {
        let mut arguments = env::args_os();
        let mut again = Command::new(program);
        if let Some(name) = arguments.next() {
            again.arg0(name);
        }
        // This replaces the program of the process, so it returns only if it failed.
        let _ = again.args(arguments).env(key, value).exec();
    }
}
