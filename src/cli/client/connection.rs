//! A connection, the clients of the services over it, and the token that each call carries.

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
use tonic::{Request, Status};

use crate::api::grpc::v1::{self, MESSAGE_MAX_BYTES};
use crate::model::limits::IMPORT_CHUNK_MAX_ROWS;
use v1::api_token_service_client::ApiTokenServiceClient;
use v1::audience_service_client::AudienceServiceClient;
use v1::backup_service_client::BackupServiceClient;
use v1::job_service_client::JobServiceClient;
use v1::member_base_service_client::MemberBaseServiceClient;
use v1::member_service_client::MemberServiceClient;
use v1::record_service_client::RecordServiceClient;

use super::tls::{self, Tls};
use super::{peer, tls_fault};
use crate::cli::Error;
use crate::cli::error::{Refusal, causes};

pub use tonic::Streaming;

/// The next message of a stream, or its end.
pub async fn next<T>(stream: &mut Streaming<T>) -> Result<Option<T>, Refusal> {
    stream.message().await.map_err(Refusal::from)
}

pub type Members = MemberServiceClient<InterceptedService<Channel, Bearer>>;
pub type Records = RecordServiceClient<InterceptedService<Channel, Bearer>>;
pub type Bases = MemberBaseServiceClient<InterceptedService<Channel, Bearer>>;
pub type Tokens = ApiTokenServiceClient<InterceptedService<Channel, Bearer>>;
pub type Jobs = JobServiceClient<InterceptedService<Channel, Bearer>>;
pub type Audiences = AudienceServiceClient<InterceptedService<Channel, Bearer>>;
pub type Backups = BackupServiceClient<InterceptedService<Channel, Bearer>>;

/// The default ports of http and https.
const HTTP_PORT: u16 = 80;
const HTTPS_PORT: u16 = 443;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection is lost if a ping gets no reply in time, so that an import does not hang on a dead peer.
const PING_EVERY: Duration = Duration::from_secs(10);
const PING_TIMEOUT: Duration = Duration::from_secs(5);
/// How many bytes the server may send ahead, on one stream and on the connection.
const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;

/// Parses a number of rows, up to the largest chunk of an import that the server accepts.
pub fn rows_of_chunk() -> clap::builder::RangedI64ValueParser<u16> {
    let most = i64::try_from(IMPORT_CHUNK_MAX_ROWS).unwrap_or(i64::MAX);
    clap::value_parser!(u16).range(1..=most)
}

/// The server to call.
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

/// What precedes the token in the header of a call.
const SCHEME: &str = "Bearer ";

/// The token of the caller. Its `Debug` does not show the secret.
#[derive(Clone, Default, clap::Args)]
pub struct Token {
    /// The secret of the token, if the server requires one; set it in the environment to keep it out of
    /// process lists
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
        // The secret may be given with its scheme, as in the header.
        let secret = match secret.split_at_checked(SCHEME.len()) {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case(SCHEME) => rest.trim_start(),
            _ => secret,
        };
        // An empty variable counts as unset.
        if secret.is_empty() {
            return Ok(Bearer(None));
        }
        let mut value = MetadataValue::try_from(format!("{SCHEME}{secret}"))
            .map_err(|_| Error::Usage("--token has characters that cannot be in a token".into()))?;
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

/// A client of each service, over one connection. Clones share the connection.
#[derive(Debug, Clone)]
pub struct Client {
    pub members: Members,
    pub bases: Bases,
    pub audiences: Audiences,
    pub backups: Backups,
    pub jobs: Jobs,
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
        let audiences = AudienceServiceClient::with_interceptor(channel.clone(), bearer.clone())
            .max_decoding_message_size(MESSAGE_MAX_BYTES);
        let backups = BackupServiceClient::with_interceptor(channel.clone(), bearer.clone());
        let tokens = ApiTokenServiceClient::with_interceptor(channel.clone(), bearer.clone());
        let jobs = JobServiceClient::with_interceptor(channel.clone(), bearer.clone())
            .max_decoding_message_size(MESSAGE_MAX_BYTES);
        let records = RecordServiceClient::with_interceptor(channel, bearer)
            .max_decoding_message_size(MESSAGE_MAX_BYTES);
        Self { members, bases, audiences, backups, jobs, records, tokens }
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
            // With an https address, the library would encrypt a second time.
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
    // An HTTP/2 server sends its first bytes at once. If the peer speaks something else, calls would only
    // report that the connection is gone.
    match timeout(CONNECT_TIMEOUT, first.recv()).await {
        Ok(Some(Err(reason))) => Err(Error::Unsuited { server: server.to_owned(), reason }),
        Ok(Some(Ok(())) | None) | Err(_) => Ok(channel),
    }
}

/// The reason why there is no connection.
fn unreachable(server: &str, error: &(dyn StdError + 'static)) -> Error {
    let server = server.to_owned();
    match tls_fault::why(error) {
        Some(tls_fault::Fault::Certificate(reason)) => Error::Untrusted { server, reason },
        Some(tls_fault::Fault::Other(reason)) => Error::Unsuited { server, reason },
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
