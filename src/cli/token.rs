//! `memberbase token`: tokens, made on the machine of the server while it does not run.

use std::process::ExitCode;

use super::Error;
use crate::config::Config;
use crate::server;

/// The arguments of `token`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Makes a token in a data directory that no server uses at the moment, and prints its secret as the last line
    Create(CreateArgs),
}

/// The arguments of `token create`.
#[derive(Debug, clap::Args)]
struct CreateArgs {
    /// What the token allows: read, write (also changes members) or admin (also manages memberbases and tokens)
    #[arg(long, value_name = "LEVEL")]
    access: String,
    /// The data directory of the server
    #[arg(long, env = "MEMBERBASE_DATA", value_name = "FOLDER", default_value = "./memberbase-data")]
    data: std::path::PathBuf,
    /// What the token is for
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// From when on the token is refused, such as 2030-01-31T00:00:00Z; without it the token never expires
    #[arg(long, value_name = "TIME")]
    expires_at: Option<String>,
    /// The id of the only memberbase that the token is good for
    #[arg(long, value_name = "ID")]
    base: Option<String>,
    /// Whether the token shows bank details and dates of birth [default: true for write and admin, false for read]
    #[arg(long, value_name = "BOOLEAN")]
    pii: Option<bool>,
    /// Requests that the token is good for per second, on average [default: no limit]
    #[arg(long, value_name = "NUMBER")]
    requests_per_second: Option<u32>,
    /// Rows, keys and events that bulk calls with the token may send per second, on average [default: no limit]
    #[arg(long, value_name = "NUMBER")]
    rows_per_second: Option<u32>,
}

/// Runs one of the actions.
pub async fn run(args: Args) -> Result<ExitCode, Error> {
    match args.action {
        Action::Create(args) => create(args).await,
    }
}

async fn create(args: CreateArgs) -> Result<ExitCode, Error> {
    let config = Config { data: args.data, ..Config::default() };
    let wanted = server::WantedToken {
        access: args.access,
        description: args.description,
        expires_at: args.expires_at,
        member_base_id: args.base,
        pii: args.pii,
        requests_per_second: args.requests_per_second,
        rows_per_second: args.rows_per_second,
    };
    let created = server::create_token(&config, wanted).await?;
    println!("created {}; its secret, which is never shown again:", created.token.id);
    println!("{}", created.secret.reveal());
    Ok(ExitCode::SUCCESS)
}
