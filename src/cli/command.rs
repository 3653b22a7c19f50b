//! The commands, and the exit codes that they end with.

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, Parser};

use super::{
    Error, adopt, audiences, backup, bench, check, completions, copy, count, export, get, history, import,
    jobs, man, output, refold, restore, serve, sync, token, undelete, verify,
};

/// How long a thread of tokio's blocking pool may be idle before it ends, and its part of the allocator
/// returns memory to the system. It must be shorter than the second between two checks of the store: each
/// check runs on another idle thread of the pool, so otherwise all threads that a burst started would live
/// for ever.
const IDLE_THREAD: Duration = Duration::from_millis(500);

/// The arguments of the program.
#[derive(Debug, clap::Parser)]
#[command(
    name = "memberbase",
    version = crate::VERSION,
    about = "A member directory that other services keep in sync, over gRPC and JSON"
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

impl Cli {
    /// The arguments of this process, or the error or help text to print.
    pub fn read() -> Result<Self, clap::Error> {
        Self::of(std::env::args_os().collect())
    }

    fn of(arguments: Vec<OsString>) -> Result<Self, clap::Error> {
        Self::try_parse_from(&arguments).map_err(|error| with_plain_usage(error, &arguments))
    }

    /// Whether this command runs the server.
    #[must_use]
    pub fn is_server(&self) -> bool {
        matches!(self.command, Command::Serve(_))
    }

    /// How many threads the runtime of this command should have on this many cores. Clients only wait for the
    /// network; more threads than cores would take time from a server on the same machine.
    fn worker_threads(&self, cores: usize) -> usize {
        match self.command {
            Command::Serve(_) => crate::server::worker_threads(cores),
            _ => cores,
        }
    }
}

/// The error with the usage line that `--help` shows. By default clap also lists arguments as required that
/// an environment variable has set.
fn with_plain_usage(mut error: clap::Error, arguments: &[OsString]) -> clap::Error {
    let mut command = Cli::command();
    command.build();
    for word in arguments.iter().skip(1) {
        match command.find_subcommand(word).cloned() {
            Some(inner) => command = inner,
            None => break,
        }
    }
    if error.get(ContextKind::Usage).is_some() {
        error.insert(ContextKind::Usage, ContextValue::StyledStr(command.render_usage()));
    }
    error
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Runs the server
    Serve(Box<serve::Args>),
    /// Creates and updates members from a CSV or NDJSON file, or a spreadsheet
    Import(import::Args),
    /// Makes a memberbase equal to a list, after showing what that would change
    Sync(sync::Args),
    /// Lists, shows, approves, rejects and cancels jobs
    Jobs(jobs::Args),
    /// Creates, changes and shows audiences, and who is in them
    Audiences(audiences::Args),
    /// Writes all members of a memberbase, or those that match, as CSV or NDJSON
    Export(export::Args),
    /// Counts the members of a memberbase, or those that match
    Count(count::Args),
    /// Prints one member as JSON
    Get(get::Args),
    /// Lists what happened to one member, newest first
    History(history::Args),
    /// Brings deleted members back
    Undelete(undelete::Args),
    /// Creates, lists and revokes tokens
    Token(token::Args),
    /// Checks a store that no server uses, and lists what is damaged
    Check(check::Args),
    /// Copies the whole store into a folder, whether or not the server runs
    Backup(backup::Args),
    /// Reads a whole backup, and lists what is damaged
    Verify(verify::Args),
    /// Creates a data directory from a backup, as of its end or of an earlier time
    Restore(restore::Args),
    /// Copies a whole store between a data directory and a database
    Copy(copy::Args),
    /// Begins a new timeline in a store whose database was restored
    Adopt(adopt::Args),
    /// Updates an older store to the newest rule for comparing e-mail addresses
    Refold(refold::Args),
    /// Measures a server under generated load
    Bench(bench::Args),
    /// Prints a script with which a shell completes these commands
    Completions(completions::Args),
    /// Writes manual pages of these commands
    Man(man::Args),
}

/// Runs one command and returns its exit code: 0 for success, 1 if rows failed or members were not found, 64
/// and above for an error.
///
/// It waits for the command itself: a program that polled one would compile all commands, and the server, a
/// second time.
pub fn run(cli: Cli) -> ExitCode {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cli.worker_threads(cores))
        .thread_keep_alive(IDLE_THREAD)
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(execute(cli)),
        Err(error) => fail(&Error::Threads(error)),
    }
}

async fn execute(cli: Cli) -> ExitCode {
    let result = match cli.command {
        Command::Serve(args) => serve::run(*args, read_by_commands(&Cli::command())).await,
        Command::Import(args) => import::run(args).await,
        Command::Sync(args) => sync::run(args).await,
        Command::Jobs(args) => jobs::run(args).await,
        Command::Audiences(args) => audiences::run(args).await,
        Command::Export(args) => export::run(args).await,
        Command::Count(args) => count::run(args).await,
        Command::Get(args) => get::run(args).await,
        Command::History(args) => history::run(args).await,
        Command::Undelete(args) => undelete::run(args).await,
        Command::Token(args) => token::run(args).await,
        Command::Check(args) => check::run(args).await,
        Command::Backup(args) => backup::run(args).await,
        Command::Verify(args) => verify::run(args).await,
        Command::Restore(args) => restore::run(args).await,
        Command::Copy(args) => copy::run(args).await,
        Command::Adopt(args) => adopt::run(args).await,
        Command::Refold(args) => refold::run(args).await,
        Command::Bench(args) => bench::run(args).await,
        Command::Completions(args) => completions::run(&args, Cli::command()),
        Command::Man(args) => man::run(&args, Cli::command()),
    };
    result.unwrap_or_else(|error| fail(&error))
}

/// Prints why a command failed, unless it has to end silently, and returns its exit code.
pub fn fail(error: &Error) -> ExitCode {
    if !error.is_quiet() {
        output::note(format_args!("memberbase: {error}"));
    }
    ExitCode::from(error.exit_code())
}

/// The environment variables that commands read themselves.
fn read_by_commands(command: &clap::Command) -> Vec<String> {
    let of_arguments = command.get_arguments().filter_map(clap::Arg::get_env);
    let mut names: Vec<String> = of_arguments.map(|name| name.to_string_lossy().into_owned()).collect();
    names.extend(command.get_subcommands().flat_map(read_by_commands));
    names
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::{Cli, read_by_commands};

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_usage_of_an_error_is_that_of_the_help() {
        for (arguments, usage) in [
            (
                &["memberbase", "export", "--token", "x"][..],
                "Usage: memberbase export [OPTIONS] --base <NAME-OR-ID>\n",
            ),
            (&["memberbase", "token", "revoke"], "Usage: memberbase token revoke [OPTIONS] <ID>\n"),
            (&["memberbase", "token", "make"], "Usage: memberbase token <COMMAND>\n"),
        ] {
            let error = Cli::of(arguments.iter().map(Into::into).collect()).unwrap_err().to_string();
            assert!(error.contains(usage), "{error}");
        }
    }

    #[test]
    fn variables_of_every_command_are_known() {
        let mut known = read_by_commands(&Cli::command());
        // cargo sets this variable for the build, and for the programs that it starts.
        known.push("MEMBERBASE_VERSION".to_owned());
        for name in [
            "MEMBERBASE_TOKEN",
            "MEMBERBASE_SERVER",
            "MEMBERBASE_CA",
            "MEMBERBASE_CLIENT_KEY",
            "MEMBERBASE_DATA",
        ] {
            assert!(known.iter().any(|known| known == name), "{name} is not in {known:?}");
        }
    }
}
