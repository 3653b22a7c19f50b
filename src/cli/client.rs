//! The connection to a server: the only part of the command line that names the gRPC library and its status codes.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use http::Uri;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use crate::api::grpc::v1::{self, MESSAGE_MAX_BYTES};
use crate::model::Reason;
use crate::model::limits::IMPORT_CHUNK_MAX_ROWS;
use v1::api_token_service_client::ApiTokenServiceClient;
use v1::backup_service_client::BackupServiceClient;
use v1::member_base_service_client::MemberBaseServiceClient;
use v1::member_service_client::MemberServiceClient;
use v1::record_service_client::RecordServiceClient;

use super::tls::{self, Tls};
use super::{Error, peer};

pub use tonic::Streaming;

/// The next message of a stream, or its end.
pub async fn next<T>(stream: &mut Streaming<T>) -> Result<Option<T>, Refusal> {
    stream.message().await.map_err(Refusal::from)
}

pub type Members = MemberServiceClient<InterceptedService<Channel, Bearer>>;
pub type Records = RecordServiceClient<InterceptedService<Channel, Bearer>>;
pub type Bases = MemberBaseServiceClient<InterceptedService<Channel, Bearer>>;
pub type Tokens = ApiTokenServiceClient<InterceptedService<Channel, Bearer>>;
pub type Backups = BackupServiceClient<InterceptedService<Channel, Bearer>>;

/// Where http and https are, unless the address says so.
const HTTP_PORT: u16 = 80;
const HTTPS_PORT: u16 = 443;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection that stays silent for a ping and its time-out is lost, so that a dead peer does not hang an import.
const PING_EVERY: Duration = Duration::from_secs(10);
const PING_TIMEOUT: Duration = Duration::from_secs(5);
/// How much the server may send ahead, in bytes: on one stream, and on the connection.
const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;

/// Accepts as many rows as the server takes in one chunk of an import.
pub fn rows_of_chunk() -> clap::builder::RangedI64ValueParser<u16> {
    let most = i64::try_from(IMPORT_CHUNK_MAX_ROWS).unwrap_or(i64::MAX);
    clap::value_parser!(u16).range(1..=most)
}

/// Which server to talk to.
#[derive(Debug, Clone, clap::Args)]
pub struct Target {
    /// The server's address
    #[arg(long, env = "MEMBERBASE_SERVER", value_name = "URL", default_value = "http://127.0.0.1:50051")]
    pub server: String,
    #[command(flatten)]
    pub token: Token,
    #[command(flatten)]
    pub tls: Tls,
}

/// What stands before a token in the header of calls.
const SCHEME: &str = "Bearer ";

/// What the caller shows to the server. Its `Debug` shows nothing.
#[derive(Clone, Default, clap::Args)]
pub struct Token {
    /// The secret of the token to call with, if the server asks for one; the environment keeps it out of lists of processes
    #[arg(long, env = "MEMBERBASE_TOKEN", hide_env_values = true, value_name = "SECRET")]
    token: Option<String>,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.token.is_some() { "Token(…)" } else { "Token" })
    }
}

impl Token {
    /// The token with this secret.
    pub fn of(secret: &str) -> Self {
        Self { token: Some(secret.to_owned()) }
    }

    fn bearer(&self) -> Result<Bearer, Error> {
        let secret = self.token.as_deref().map(str::trim).unwrap_or_default();
        // As it stands in the header of calls.
        let secret = match secret.split_at_checked(SCHEME.len()) {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case(SCHEME) => rest.trim_start(),
            _ => secret,
        };
        // A variable that is there and empty is as good as none.
        if secret.is_empty() {
            return Ok(Bearer(None));
        }
        let mut value = MetadataValue::try_from(format!("{SCHEME}{secret}"))
            .map_err(|_| Error::Usage("--token has characters that no token has".into()))?;
        value.set_sensitive(true);
        Ok(Bearer(Some(value)))
    }
}

/// Sends the token with every call.
#[derive(Debug, Clone)]
pub struct Bearer(Option<MetadataValue<Ascii>>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request.metadata_mut().insert("authorization", value.clone());
        }
        Ok(request)
    }
}

/// A connection with the services on it. Clones share the connection.
#[derive(Debug, Clone)]
pub struct Client {
    pub members: Members,
    pub bases: Bases,
    pub backups: Backups,
    pub records: Records,
    pub tokens: Tokens,
}

impl Target {
    pub async fn connect(&self) -> Result<Client, Error> {
        let bearer = self.token.bearer()?;
        let channel = channel(&self.server, &self.tls).await?;
        Ok(Client::over(channel, bearer))
    }
}

impl Client {
    fn over(channel: Channel, bearer: Bearer) -> Self {
        let members = MemberServiceClient::with_interceptor(channel.clone(), bearer.clone())
            .max_decoding_message_size(MESSAGE_MAX_BYTES)
            .max_encoding_message_size(MESSAGE_MAX_BYTES);
        let bases = MemberBaseServiceClient::with_interceptor(channel.clone(), bearer.clone());
        let backups = BackupServiceClient::with_interceptor(channel.clone(), bearer.clone());
        let tokens = ApiTokenServiceClient::with_interceptor(channel.clone(), bearer.clone());
        let records = RecordServiceClient::with_interceptor(channel, bearer)
            .max_decoding_message_size(MESSAGE_MAX_BYTES);
        Self { members, bases, backups, records, tokens }
    }
}

async fn channel(server: &str, tls: &Tls) -> Result<Channel, Error> {
    let url = if server.contains("://") { server.to_owned() } else { format!("http://{server}") };
    let uri = url.parse::<Uri>();
    let uri = uri.map_err(|error| Error::Usage(format!("--server {server} is not an address: {error}")))?;
    let (said, mut first) = mpsc::channel(1);
    let connected = match uri.scheme_str() {
        Some("http") => {
            let connect = move |uri: Uri| {
                let host = uri.host().unwrap_or_default().to_owned();
                peer::connect(host, uri.port_u16().unwrap_or(HTTP_PORT), said.clone())
            };
            endpoint(uri).connect_with_connector(tower::service_fn(connect)).await
        }
        Some("https") => {
            let connector = tls.connector()?;
            // The library would encrypt a second time if it knew.
            let plain = url.replacen("https://", "http://", 1).parse().unwrap_or_else(|_| uri.clone());
            let connect = move |uri: Uri| {
                let host = uri.host().unwrap_or_default().to_owned();
                tls::connect(connector.clone(), host, uri.port_u16().unwrap_or(HTTPS_PORT), said.clone())
            };
            endpoint(plain).origin(uri).connect_with_connector(tower::service_fn(connect)).await
        }
        _ => {
            let text = format!("--server {server}: only http:// and https:// addresses are supported");
            return Err(Error::Usage(text));
        }
    };
    let channel = connected.map_err(|error| unreachable(server, &error))?;
    // Whoever serves HTTP/2 speaks at once. Of one who does not, calls would learn no more than that the connection is gone.
    match timeout(CONNECT_TIMEOUT, first.recv()).await {
        Ok(Some(Err(reason))) => Err(Error::Unsuited { server: server.to_owned(), reason }),
        Ok(Some(Ok(())) | None) | Err(_) => Ok(channel),
    }
}

/// Why there is no connection.
fn unreachable(server: &str, error: &(dyn StdError + 'static)) -> Error {
    let server = server.to_owned();
    match tls::why(error) {
        Some(tls::Fault::Certificate(reason)) => Error::Untrusted { server, reason },
        Some(tls::Fault::Other(reason)) => Error::Unsuited { server, reason },
        None => Error::Unreachable { server, reason: causes(error) },
    }
}

fn endpoint(uri: Uri) -> Endpoint {
    Endpoint::from(uri)
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_TIMEOUT)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
}

/// An error that the server answered, or that the connection came back with.
#[derive(Debug)]
pub struct Refusal(Box<Status>);

impl Refusal {
    /// Whether the same call may succeed later. A lost connection shows as one of several codes.
    pub fn is_retryable(&self) -> bool {
        match self.0.code() {
            Code::Unavailable
            | Code::Cancelled
            | Code::Unknown
            | Code::Internal
            | Code::Aborted
            | Code::DeadlineExceeded
            | Code::ResourceExhausted => true,
            Code::Ok
            | Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::FailedPrecondition
            | Code::OutOfRange
            | Code::Unimplemented
            | Code::DataLoss
            | Code::Unauthenticated => false,
        }
    }

    /// For a stream that ended well before its time.
    pub fn ended_early() -> Self {
        Status::unavailable("the server ended the stream before it answered everything").into()
    }

    /// Whether something that the caller wrote is not what it has to be.
    pub fn is_malformed(&self) -> bool {
        self.0.code() == Code::InvalidArgument || self.is_for(Reason::NameAmbiguous)
    }

    /// Whether the server said so for this reason.
    pub fn is_for(&self, reason: Reason) -> bool {
        self.0.get_details_error_info().is_some_and(|info| info.reason == reason.as_str())
    }

    pub fn is_not_found(&self) -> bool {
        self.0.code() == Code::NotFound
    }

    /// How long the server asks to wait before trying again.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.get_details_retry_info().and_then(|info| info.retry_delay)
    }
}

impl StdError for Refusal {}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let info = self.0.get_details_error_info();
        let what = info.map_or_else(|| self.0.code().description().to_owned(), |info| info.reason);
        match self.0.source() {
            // No server has answered: the connection came back with this.
            Some(source) => write!(f, "the connection failed: {}", causes(source))?,
            None => write!(f, "the server answered {what}: {}", self.0.message())?,
        }
        if self.0.code() == Code::Unauthenticated {
            f.write_str("\n  the secret of a token is given with --token or in MEMBERBASE_TOKEN")?;
        }
        for violation in self.0.get_details_bad_request().into_iter().flat_map(|bad| bad.field_violations) {
            let line = format!("{}: {}", violation.field, violation.description);
            // The message names the first ones itself.
            if !self.0.message().contains(&line) {
                write!(f, "\n  {line}")?;
            }
        }
        Ok(())
    }
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        Self(Box::new(status))
    }
}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        Self::Refused(status.into())
    }
}

/// An error with everything that caused it: the outermost text of a transport error says next to nothing.
fn causes(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
