//! The `memberbase` program: reads the command line and hands over to [`memberbase::cli`].

#![deny(clippy::print_stdout, clippy::print_stderr)]

use std::io::{self, Write};
use std::process::ExitCode;

use memberbase::cli::{self, Cli};
use rustix::fs::Mode;

/// Rows are many small texts; glibc spends a sixth of the time of a load on them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Rights that nobody but the owner gets of what is made: members are personal data, in stores, backups and exports alike.
const NOT_FOR_OTHERS: Mode = Mode::RWXG.union(Mode::RWXO);

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
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cli.worker_threads(cores))
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return cli::fail(&cli::Error::Threads(error)),
    };
    runtime.block_on(cli::run(cli))
}
