//! The `memberbase` program: reads the command line and hands over to [`memberbase::cli`].

use std::process::ExitCode;

use clap::Parser;
use memberbase::cli::{self, Cli};

/// Rows are many small texts; glibc spends a sixth of the time of a load on them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version arrive here too; they go to standard output and are no failure.
            let code = if error.use_stderr() { cli::EXIT_USAGE } else { 0 };
            return match error.print() {
                Ok(()) => ExitCode::from(code),
                Err(_) => ExitCode::from(cli::EXIT_IO),
            };
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cli.worker_threads(cores))
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("memberbase: cannot start threads: {error}");
            return ExitCode::from(cli::EXIT_IO);
        }
    };
    runtime.block_on(cli::run(cli))
}
