//! Creates, lists and revokes tokens.

use std::process::ExitCode;

use super::place::{Made, Place, revoke_at};
use super::secret;
use crate::api::grpc::v1;
use crate::cli::client::Client;
use crate::cli::hinted::Hinted;
use crate::cli::{Error, base, output};
use crate::model::{Timestamp, words};
use crate::server;

const LEVELS: Hinted = Hinted(&["read", "write", "admin"]);

/// The arguments of `token`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The first token is created without a token, on the machine of the running server; from \
                  then on every call needs one. If the server does not run, use --data, or --store \
                  if its store is in a database."
)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Creates a token, and prints its secret as the last line
    Create(CreateArgs),
    /// Lists all tokens, without their secrets
    List(ListArgs),
    /// Revokes a token immediately; this cannot be undone
    Revoke(RevokeArgs),
}

/// The arguments of `token create`.
#[derive(Debug, clap::Args)]
struct CreateArgs {
    /// What the token allows: read, write (also changes members) or admin (also manages memberbases and
    /// tokens)
    #[arg(long, value_name = "LEVEL", value_parser = LEVELS, hide_possible_values = true)]
    access: String,
    /// What the token is for
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// When the token expires, such as 2030-01-31T00:00:00Z [default: never, or when the token that creates
    /// it expires]
    #[arg(long, value_name = "TIME")]
    expires_at: Option<String>,
    /// The only memberbase that the token gives access to, by name or id
    #[arg(long, value_name = "NAME-OR-ID")]
    base: Option<String>,
    /// Whether callers with the token see bank details and dates of birth [default: true for write and admin,
    /// false for read, and never more than the token that creates it]
    #[arg(long, value_name = "BOOLEAN")]
    pii: Option<bool>,
    /// Requests a second that callers with the token may send, on average [default: as many as the token that
    /// creates it]
    #[arg(long, value_name = "NUMBER")]
    requests_per_second: Option<u32>,
    /// Rows, keys and events a second that bulk calls with the token may send, on average [default: as many
    /// as the token that creates it]
    #[arg(long, value_name = "NUMBER")]
    rows_per_second: Option<u32>,
    /// Create the store if it does not exist: for the first token of a server that has never run. Needs --data or
    /// --store
    #[arg(long)]
    new_store: bool,
    #[command(flatten)]
    place: Place,
}

/// The arguments of `token list`.
#[derive(Debug, clap::Args)]
struct ListArgs {
    #[command(flatten)]
    place: Place,
}

/// The arguments of `token revoke`.
#[derive(Debug, clap::Args)]
struct RevokeArgs {
    /// The token's id, as `token list` shows it
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    place: Place,
}

/// Runs one of the actions.
pub async fn run(args: Args) -> Result<ExitCode, Error> {
    match args.action {
        Action::Create(args) => create(args).await?,
        Action::List(ListArgs { place }) => list(place).await?,
        Action::Revoke(RevokeArgs { id, place }) => revoke(id, place).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn create(args: CreateArgs) -> Result<(), Error> {
    let expires_at = args.expires_at.as_deref().map(|text| {
        Timestamp::parse(text).map_err(|rule| Error::Usage(format!("--expires-at {}", rule.describe())))
    });
    let wanted = server::WantedToken {
        access: args.access,
        description: args.description,
        expires_at: expires_at.transpose()?,
        member_base: args.base,
        pii: args.pii,
        requests_per_second: args.requests_per_second,
        rows_per_second: args.rows_per_second,
    };
    secret::refuse_void()?;
    let made = match args.place.store(args.new_store).await? {
        Some(config) => {
            let (created, is_first) = server::create_token(&config, wanted).await?;
            let (id, secret) = (created.token.id.to_string(), created.secret.reveal().to_owned());
            Made { id, secret, is_first }
        }
        None => create_at(&mut args.place.target.connect().await?, wanted).await?,
    };
    secret::show(&made, &args.place).await
}

async fn create_at(client: &mut Client, wanted: server::WantedToken) -> Result<Made, Error> {
    let some = v1::ListApiTokensRequest {
        pagination: Some(v1::Pagination { limit: Some(1), ..Default::default() }),
        ..Default::default()
    };
    let is_first = client.tokens.list_api_tokens(some).await?.into_inner().api_tokens.is_empty();
    let member_base_id = match wanted.member_base {
        None => None,
        Some(named) => Some(base::need(client, &named).await?),
    };
    let request = v1::CreateApiTokenRequest {
        access: wanted.access,
        description: wanted.description.unwrap_or_default(),
        expires_at: wanted.expires_at.map(to_wire),
        member_base_id,
        pii: wanted.pii,
        requests_per_second: wanted.requests_per_second,
        rows_per_second: wanted.rows_per_second,
        ..Default::default()
    };
    let created = client.tokens.create_api_token(request).await?.into_inner();
    let id = created.api_token.map(|token| token.id);
    let id = id.ok_or_else(|| Error::Broken("the server's reply has no token".into()))?;
    Ok(Made { id, secret: created.token, is_first })
}

fn to_wire(time: Timestamp) -> prost_types::Timestamp {
    let (seconds, micros) = (time.micros().div_euclid(1_000_000), time.micros().rem_euclid(1_000_000));
    prost_types::Timestamp { seconds, nanos: i32::try_from(micros * 1_000).unwrap_or(0) }
}

async fn list(place: Place) -> Result<(), Error> {
    let tokens = match place.store(false).await? {
        Some(config) => server::list_tokens(&config).await?,
        None => list_at(&mut place.target.connect().await?).await?,
    };
    for token in &tokens {
        output::line(line(token))?;
    }
    output::note(words::count(tokens.len(), "token"));
    Ok(())
}

async fn list_at(client: &mut Client) -> Result<Vec<v1::ApiToken>, Error> {
    let mut tokens = Vec::new();
    let mut request = v1::ListApiTokensRequest::default();
    loop {
        let page = client.tokens.list_api_tokens(request).await?.into_inner();
        tokens.extend(page.api_tokens);
        let cursor = page.page.and_then(|page| page.cursor);
        if cursor.is_none() {
            return Ok(tokens);
        }
        let pagination = Some(v1::Pagination { cursor, ..Default::default() });
        request = v1::ListApiTokensRequest { pagination, ..Default::default() };
    }
}

/// One line about a token: its id and access, then everything else that is set.
fn line(token: &v1::ApiToken) -> String {
    if token.damaged {
        return format!("{} damaged: its record cannot be read, so it is refused", token.id);
    }
    let mut line = format!("{} {:<5}", token.id, token.access);
    let mut say = |what: &str, value: Option<String>| {
        if let Some(value) = value {
            line.push_str(&format!("  {what} {value}"));
        }
    };
    let time = |time: &Option<prost_types::Timestamp>| time.as_ref().map(ToString::to_string);
    say("revoked", time(&token.revoked_at));
    say("until", time(&token.expires_at));
    say("for", token.member_base_id.clone());
    say("pii", Some(if token.pii { "yes" } else { "no" }.to_owned()));
    say("requests/s", token.requests_per_second.map(|limit| limit.to_string()));
    say("rows/s", token.rows_per_second.map(|limit| limit.to_string()));
    say("created", time(&token.created_at));
    say("used", Some(time(&token.last_used_at).unwrap_or_else(|| "never".to_owned())));
    if !token.description.is_empty() {
        line.push_str(&format!("  {:?}", token.description));
    }
    line
}

async fn revoke(id: String, place: Place) -> Result<(), Error> {
    let revoked = match place.store(false).await? {
        Some(config) => server::revoke_token(&config, &id).await?,
        None => revoke_at(&place.target, id).await?,
    };
    output::line(format_args!("revoked {}: it is refused from now on", revoked.id))
}
