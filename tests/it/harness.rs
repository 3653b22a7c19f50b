//! A real server for each test, with a free port and a separate folder, and clients for it.

mod database;
mod place;
mod process;

use std::path::Path;
use std::time::Duration;

use memberbase::api::grpc::v1::attribute_service_client::AttributeServiceClient;
use memberbase::api::grpc::v1::member_base_service_client::MemberBaseServiceClient;
use memberbase::api::grpc::v1::member_service_client::MemberServiceClient;
use memberbase::api::grpc::v1::{self, Outcome};
use memberbase::config::Config;
use memberbase::server::{self, Running};
use tempfile::TempDir;
use tokio::runtime::Handle;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

pub use self::database::{Database, database};
pub use self::place::{database_for, engine, is_in_folders};
pub use self::process::{Process, command, offline, run};

/// The largest message that a test's client sends or accepts.
const CLIENT_MAX_BYTES: usize = 64 * 1024 * 1024;
/// The longest time that a test waits for anything.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// How long running calls may take when a test's server stops.
pub const GRACE: Duration = Duration::from_secs(20);

/// How often a test kills something: `usual`, or the number in `MEMBERBASE_TEST_ROUNDS`, for longer runs.
pub fn rounds(usual: u64) -> u64 {
    std::env::var("MEMBERBASE_TEST_ROUNDS").map_or(usual, |rounds| rounds.parse().unwrap())
}

/// Which random choices a test makes: 0, or the number in `MEMBERBASE_TEST_SEED`, for longer runs in
/// portions.
pub fn seed() -> u64 {
    std::env::var("MEMBERBASE_TEST_SEED").map_or(0, |seed| seed.parse().unwrap())
}

/// How long a test's client waits for an answer: [`PATIENCE`], or the seconds in `MEMBERBASE_TEST_PATIENCE`,
/// for runs beside other work.
fn patience() -> Duration {
    let seconds = std::env::var("MEMBERBASE_TEST_PATIENCE");
    seconds.map_or(PATIENCE, |seconds| Duration::from_secs(seconds.parse().unwrap()))
}

pub type Members = MemberServiceClient<Channel>;
pub type MemberBases = MemberBaseServiceClient<Channel>;

/// A server in this process.
pub struct Server {
    running: Option<Running>,
    channel: Channel,
    _data: TempDir,
}

/// Limits at which the guard is off.
pub fn guard_off() -> Option<v1::GuardLimits> {
    let off = Some(v1::GuardLimit { percent: Some(100), count: Some(0) });
    let (removals, identities, clears, reactivations, tiers) = (off, off, off, off, off);
    Some(v1::GuardLimits { removals, identities, clears, reactivations, tiers, ..Default::default() })
}

impl Server {
    pub async fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), |_| {}).await
    }

    /// A server with other settings than those of [`config`].
    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), change).await
    }

    /// A server whose store has one token, with access level `admin`, and the token's secret.
    pub async fn start_with_token() -> (Self, String) {
        Self::start_with_token_and(|_| {}).await
    }

    /// The same with other settings.
    pub async fn start_with_token_and(change: impl FnOnce(&mut Config)) -> (Self, String) {
        let data = tempfile::tempdir().unwrap();
        let wanted = server::WantedToken { access: "admin".into(), ..Default::default() };
        let created = server::create_token(&config(data.path()), wanted).await.unwrap().0;
        (Self::start_in(data, change).await, created.secret.reveal().to_owned())
    }

    async fn start_in(data: TempDir, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = config(data.path());
        change(&mut config);
        let running = server::start(config).await.unwrap();
        let channel = connect(&format!("http://{}", running.address())).await;
        Self { running: Some(running), channel, _data: data }
    }

    pub fn address(&self) -> std::net::SocketAddr {
        self.running.as_ref().unwrap().address()
    }

    /// The address of metrics, if the settings have one.
    pub fn admin_address(&self) -> std::net::SocketAddr {
        self.running.as_ref().unwrap().admin_address().unwrap()
    }

    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    pub fn members(&self) -> Members {
        members(&self.channel)
    }

    pub fn bases(&self) -> MemberBases {
        MemberBaseServiceClient::new(self.channel.clone())
    }

    /// A new memberbase whose guard is off.
    pub async fn base(&self) -> Base {
        let (name, guard_limits) = ("Test".into(), guard_off());
        self.base_with(v1::CreateMemberBaseRequest { name, guard_limits, ..Default::default() }).await
    }

    pub async fn base_with(&self, request: v1::CreateMemberBaseRequest) -> Base {
        let created = self.bases().create_member_base(request).await.unwrap().into_inner();
        Base { id: created.member_base.unwrap().id, client: self.members() }
    }

    /// Sets the attribute schema of a memberbase: keys, each with the name of its type.
    pub async fn schema(&self, member_base_id: &str, types: &[(&str, &str)]) {
        let definition = |kind: &str| v1::AttributeDefinition { r#type: kind.to_owned(), indexed: false };
        let schema = types.iter().map(|(key, kind)| ((*key).to_owned(), definition(kind)));
        let request = v1::SetAttributeSchemaRequest {
            member_base_id: member_base_id.to_owned(),
            schema: schema.collect(),
            ..Default::default()
        };
        AttributeServiceClient::new(self.channel()).set_attribute_schema(request).await.unwrap();
    }

    /// Stops the server and asserts that it succeeds.
    pub async fn stop(mut self) {
        self.running.take().unwrap().stop().await.unwrap();
    }
}

/// Each test ends with an orderly stop, before its folder is removed.
impl Drop for Server {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            let stopped = tokio::task::block_in_place(|| Handle::current().block_on(running.stop()));
            if !std::thread::panicking() {
                stopped.unwrap();
            }
        }
    }
}

/// The settings of a test's server on the store at `data`. Test machines may have small disks.
pub fn config(data: &Path) -> Config {
    let database = database_for(data);
    let (store, store_password) = database.map(|database| database.store()).unzip();
    Config {
        store,
        store_password: store_password.flatten(),
        listen: ([127, 0, 0, 1], 0).into(),
        admin_listen: None,
        drain_pause: Duration::ZERO,
        data: data.to_owned(),
        memory: 128 << 20,
        reserve: 1 << 20,
        grace: GRACE,
        ..Config::default()
    }
}

pub async fn connect(address: &str) -> Channel {
    Endpoint::from_shared(address.to_owned()).unwrap().timeout(patience()).connect().await.unwrap()
}

pub fn members(channel: &Channel) -> Members {
    MemberServiceClient::new(channel.clone())
        .max_decoding_message_size(CLIENT_MAX_BYTES)
        .max_encoding_message_size(CLIENT_MAX_BYTES)
}

/// A memberbase and a client for its members.
#[derive(Clone)]
pub struct Base {
    pub id: String,
    pub client: Members,
}

impl Base {
    pub fn request(&self, members: Vec<v1::MemberInput>) -> v1::BulkUpsertMembersRequest {
        v1::BulkUpsertMembersRequest { member_base_id: self.id.clone(), members, ..Default::default() }
    }

    pub async fn send(&mut self, request: v1::BulkUpsertMembersRequest) -> v1::BulkUpsertMembersResponse {
        self.client.bulk_upsert_members(request).await.unwrap().into_inner()
    }

    pub async fn upsert(&mut self, members: Vec<v1::MemberInput>) -> v1::BulkUpsertMembersResponse {
        let request = self.request(members);
        self.send(request).await
    }

    /// Upserts rows in calls of 5,000, asserts that none fails, and returns their ids.
    pub async fn fill(&mut self, members: Vec<v1::MemberInput>) -> Vec<String> {
        let mut ids = Vec::new();
        for part in members.chunks(5_000) {
            let reply = self.upsert(part.to_vec()).await;
            assert_eq!(
                reply.counts.unwrap().failed,
                0,
                "{:?}",
                reply.results.iter().find(|r| r.error.is_some())
            );
            ids.extend(reply.results.into_iter().map(|result| result.id));
        }
        ids
    }

    pub async fn get(&mut self, r#ref: &str) -> Result<v1::Member, Status> {
        let request = v1::GetMemberRequest {
            member_base_id: Some(self.id.clone()),
            r#ref: Some(r#ref.into()),
            ..Default::default()
        };
        Ok(self.client.get_member(request).await?.into_inner().member.unwrap())
    }

    pub fn list_request(&self, filters: Vec<v1::Filter>) -> v1::ListMembersRequest {
        v1::ListMembersRequest { member_base_id: self.id.clone(), filters, ..Default::default() }
    }

    pub async fn list(&mut self, request: v1::ListMembersRequest) -> Result<v1::ListMembersResponse, Status> {
        Ok(self.client.list_members(request).await?.into_inner())
    }

    /// The refs of all matching members, from all pages.
    pub async fn refs(&mut self, filters: Vec<v1::Filter>) -> Vec<String> {
        let mut request = self.list_request(filters);
        let mut refs = Vec::new();
        loop {
            let reply = self.list(request.clone()).await.unwrap();
            refs.extend(reply.members.into_iter().map(|member| member.r#ref.unwrap_or_default()));
            let page = reply.page.unwrap();
            assert_eq!(page.more, page.cursor.is_some());
            if !page.more {
                return refs;
            }
            request.pagination = Some(v1::Pagination { cursor: page.cursor, ..Default::default() });
        }
    }

    pub async fn delete(&mut self, ids: Vec<String>, refs: Vec<String>) -> v1::BulkDeleteMembersResponse {
        let member_base_id = self.id.clone();
        let request =
            v1::BulkDeleteMembersRequest { member_base_id, member_ids: ids, refs, ..Default::default() };
        self.client.bulk_delete_members(request).await.unwrap().into_inner()
    }
}

/// Sends a secret with every call.
#[derive(Clone)]
pub struct Bearer(pub String);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let value = format!("Bearer {}", self.0).parse().unwrap();
        request.metadata_mut().insert("authorization", value);
        Ok(request)
    }
}

/// A channel that sends a secret with every call.
pub type Known = InterceptedService<Channel, Bearer>;

/// A row with only a ref.
pub fn row(r#ref: &str) -> v1::MemberInput {
    v1::MemberInput { r#ref: Some(r#ref.into()), ..Default::default() }
}

/// Rows `prefix0` to `prefix{count - 1}`, each with an e-mail address.
pub fn rows(prefix: &str, count: usize) -> Vec<v1::MemberInput> {
    (0..count)
        .map(|i| v1::MemberInput {
            email: Some(format!("{prefix}{i}@example.com")),
            first_name: Some("Ana".into()),
            ..row(&format!("{prefix}{i}"))
        })
        .collect()
}

pub fn outcomes(reply: &v1::BulkUpsertMembersResponse) -> Vec<Outcome> {
    reply.results.iter().map(v1::MemberResult::outcome).collect()
}

/// The reason of a row's error, or an empty text.
pub fn row_reason(result: &v1::MemberResult) -> &str {
    result.error.as_ref().map_or("", |error| &error.reason)
}

/// A condition such as `condition("tier", |filter| filter.eq = Some(text("gold")))`.
pub fn condition(key: &str, set: impl FnOnce(&mut v1::Filter)) -> v1::Filter {
    let mut filter = v1::Filter { key: key.into(), ..Default::default() };
    set(&mut filter);
    filter
}

pub fn eq(key: &str, value: &str) -> v1::Filter {
    condition(key, |filter| filter.eq = Some(text(value)))
}

/// A text with the sizes of members removed: a stored member is a byte longer when its change came a second
/// later.
pub fn without_sizes(text: &str) -> String {
    let mut parts = text.split("takes ");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push_str("takes N");
        plain.push_str(part.trim_start_matches(|digit: char| digit.is_ascii_digit()));
    }
    plain
}

pub fn text(value: &str) -> prost_types::Value {
    prost_types::Value { kind: Some(prost_types::value::Kind::StringValue(value.into())) }
}

pub fn number(value: f64) -> prost_types::Value {
    prost_types::Value { kind: Some(prost_types::value::Kind::NumberValue(value)) }
}

pub fn list(values: &[&str]) -> prost_types::ListValue {
    prost_types::ListValue { values: values.iter().map(|value| text(value)).collect() }
}

/// Asserts the code, reason and domain of an error, and returns the fields at fault.
#[track_caller]
pub fn refused(status: &Status, code: Code, reason: &str) -> Vec<String> {
    assert_eq!(status.code(), code, "{status:?}");
    let details = status.get_error_details();
    let info = details.error_info().unwrap_or_else(|| panic!("no ErrorInfo: {status:?}"));
    assert_eq!((info.reason.as_str(), info.domain.as_str()), (reason, "memberbase"), "{status:?}");
    let violations = details.bad_request().map(|faults| faults.field_violations.clone()).unwrap_or_default();
    violations.into_iter().map(|fault| fault.field).collect()
}
