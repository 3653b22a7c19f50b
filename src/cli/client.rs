//! The connection to a server: the only part of the command line that names the gRPC library and its status codes.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use crate::api::grpc::v1;
use v1::backup_service_client::BackupServiceClient;
use v1::member_base_service_client::MemberBaseServiceClient;
use v1::member_service_client::MemberServiceClient;
use v1::record_service_client::RecordServiceClient;

use super::Error;

pub use tonic::Streaming;

/// The next message of a stream, or its end.
pub async fn next<T>(stream: &mut Streaming<T>) -> Result<Option<T>, Refusal> {
    stream.message().await.map_err(Refusal::from)
}

pub type Members = MemberServiceClient<InterceptedService<Channel, Bearer>>;
pub type Records = RecordServiceClient<InterceptedService<Channel, Bearer>>;
pub type Bases = MemberBaseServiceClient<InterceptedService<Channel, Bearer>>;
pub type Backups = BackupServiceClient<InterceptedService<Channel, Bearer>>;

/// The largest message that is sent or accepted, in bytes; the server's limit.
const MAX_MESSAGE: usize = 32 << 20;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection that stays silent for a ping and its time-out is lost, so that a dead peer does not hang an import.
const PING_EVERY: Duration = Duration::from_secs(10);
const PING_TIMEOUT: Duration = Duration::from_secs(5);
/// How much the server may send ahead, in bytes: on one stream, and on the connection.
const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;

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

/// How to know the server, and be known to it, where the address begins with https.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Tls {
    /// The authorities that vouch for the server; by default those that the system trusts
    #[arg(long, env = "MEMBERBASE_CA", value_name = "PEM-FILE")]
    ca: Option<PathBuf>,
    /// A certificate to show to the server, if it asks for one
    #[arg(long, env = "MEMBERBASE_CLIENT_CERT", value_name = "PEM-FILE", requires = "client_key")]
    client_cert: Option<PathBuf>,
    /// The private key of that certificate
    #[arg(long, env = "MEMBERBASE_CLIENT_KEY", value_name = "PEM-FILE", requires = "client_cert")]
    client_key: Option<PathBuf>,
}

impl Tls {
    fn config(&self) -> Result<ClientTlsConfig, Error> {
        let read = |path: &PathBuf| std::fs::read(path).map_err(Error::file("read", path));
        let mut config = match &self.ca {
            Some(path) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(read(path)?)),
            None => ClientTlsConfig::new().with_native_roots(),
        };
        if let (Some(cert), Some(key)) = (&self.client_cert, &self.client_key) {
            config = config.identity(Identity::from_pem(read(cert)?, read(key)?));
        }
        Ok(config)
    }
}

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
    fn bearer(&self) -> Result<Bearer, Error> {
        let Some(secret) = &self.token else { return Ok(Bearer(None)) };
        let mut value = MetadataValue::try_from(format!("Bearer {}", secret.trim()))
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
}

impl Target {
    pub async fn connect(&self) -> Result<Client, Error> {
        let bearer = self.token.bearer()?;
        let endpoint = endpoint(&self.server, &self.tls)?;
        let channel = endpoint
            .connect()
            .await
            .map_err(|error| Error::Unreachable { server: self.server.clone(), reason: causes(&error) })?;
        Ok(Client::over(channel, bearer))
    }
}

impl Client {
    fn over(channel: Channel, bearer: Bearer) -> Self {
        let members = MemberServiceClient::with_interceptor(channel.clone(), bearer.clone())
            .max_decoding_message_size(MAX_MESSAGE)
            .max_encoding_message_size(MAX_MESSAGE);
        let bases = MemberBaseServiceClient::with_interceptor(channel.clone(), bearer.clone());
        let backups = BackupServiceClient::with_interceptor(channel.clone(), bearer.clone());
        let records =
            RecordServiceClient::with_interceptor(channel, bearer).max_decoding_message_size(MAX_MESSAGE);
        Self { members, bases, backups, records }
    }
}

fn endpoint(server: &str, tls: &Tls) -> Result<Endpoint, Error> {
    let url = if server.contains("://") { server.to_owned() } else { format!("http://{server}") };
    let encrypted = url.starts_with("https://");
    if !encrypted && !url.starts_with("http://") {
        return Err(Error::Usage(format!(
            "--server {server}: only http:// and https:// addresses are supported"
        )));
    }
    let mut endpoint = Endpoint::from_shared(url)
        .map_err(|error| Error::Usage(format!("--server {server} is not an address: {error}")))?;
    if encrypted {
        endpoint = endpoint
            .tls_config(tls.config()?)
            .map_err(|error| Error::Usage(format!("the TLS files cannot be used: {}", causes(&error))))?;
    }
    Ok(endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_TIMEOUT)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW))
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

    pub fn is_not_found(&self) -> bool {
        self.0.code() == Code::NotFound
    }

    /// How long the server asks to wait before trying again.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.get_details_retry_info().and_then(|info| info.retry_delay)
    }
}

impl std::error::Error for Refusal {}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server answered {:?}", self.0.code())?;
        if let Some(info) = self.0.get_details_error_info() {
            write!(f, " ({})", info.reason)?;
        }
        write!(f, ": {}", self.0.message())?;
        for violation in self.0.get_details_bad_request().into_iter().flat_map(|bad| bad.field_violations) {
            write!(f, "\n  {}: {}", violation.field, violation.description)?;
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
fn causes(error: &dyn std::error::Error) -> String {
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
