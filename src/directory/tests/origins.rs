//! The origin in the commits of every operation that writes.

use std::sync::Arc;

use super::*;
use crate::directory::{
    AttributeDeletion, AttributeEntry, BaseChange, ClipInput, IfRunning, Key, RecordSelector, Selector,
    Series, StampCollectionInput, TransactionInput, Undelete, Upsert,
};
use crate::engine::{Direction, Engine};
use crate::model::origin::{Actor, Call, Cause, Door};
use crate::model::schema::SentDefinition;
use crate::model::token::{SecretHash, Token, TokenId, TokenLimits};
use crate::model::{
    AttributeValue, Edit, ImportId, Origin, Payload, Rename, RequestId, RequestIdentity, UpsertOptions,
};
use crate::stored::commit::CommitPart;
use crate::stored::key;
use crate::table::MayMake;

struct Service {
    engine: Arc<dyn Engine>,
    table: Arc<Table>,
    gate: Gate,
}

impl Service {
    async fn new() -> Self {
        let engine: Arc<dyn Engine> = Arc::new(MemoryEngine::new());
        let clock = Arc::new(|| Timestamp::from_micros(1_700_000_000_000_000));
        let table = Table::open(Arc::clone(&engine), clock, TableConfig::default()).await.unwrap();
        let gate = Gate::new(Arc::clone(&table), Door::System);
        Self { engine, table, gate }
    }

    async fn anyone(&self, door: Door) -> Directory {
        let gate = self.gate.at(door);
        gate.enter(gate.identify(None).await.unwrap(), AccessLevel::Admin).await.unwrap()
    }

    /// The origins of all commits of a memberbase, in order.
    async fn origins(&self, base: BaseNumber) -> Vec<Origin> {
        let commits = self.engine.scan(key::commits(base), Direction::Forward, 999).await.unwrap();
        commits.iter().map(|(_, part)| CommitPart::open(part).unwrap().origin.unwrap()).collect()
    }
}

fn rows(numbers: std::ops::Range<u64>) -> Vec<Result<MemberRow, crate::model::RowError>> {
    numbers.map(|n| Ok(row(n))).collect()
}

fn upsert(numbers: std::ops::Range<u64>) -> Upsert {
    let mode = WriteMode::Partial;
    Upsert { rows: rows(numbers), options: UpsertOptions::default(), mode, deadline: None }
}

fn mark(id: &str) -> RequestIdentity {
    RequestIdentity::new(RequestId::parse(id.to_owned()).unwrap(), "test", b"")
}

#[tokio::test]
async fn every_operation_says_which_it_is() {
    let service = Service::new().await;
    let directory = service.anyone(Door::Grpc).await;
    let named = BaseChange { name: Some("Staff".to_owned()), ..BaseChange::default() };
    let base = directory.create_base(named).await.unwrap().number;
    let id = |row| directory.sealer().member_id(base, Row(row));
    let text = SentDefinition { kind: "string".to_owned(), indexed: true };
    directory.set_schema(base, [("colour".to_owned(), text)]).await.unwrap();
    directory.bulk_upsert(base, upsert(0..4)).await.unwrap();
    directory.upsert_all(base, rows(4..6)).await.unwrap();
    directory.begin_upsert(base, upsert(6..8), &Series::default()).await.unwrap().reply().await.unwrap();
    directory.create_member(base, row(8), false, None).await.unwrap();
    let mut invited = row(9);
    invited.status = Some(Status::Invited);
    directory.create_member(base, invited, false, None).await.unwrap();
    let mut renamed = row(9);
    renamed.patch.ref_ = Change::Keep;
    renamed.patch.company = Change::Set(Name::parse("Other").unwrap());
    renamed.status = None;
    let edits = [
        Edit::Activate,
        Edit::Update(Box::new(renamed.clone())),
        Edit::Offboard,
        Edit::Replace(Box::new(MemberRow { status: None, ..row(9) })),
        Edit::Rewrite(Box::new(renamed)),
        Edit::Rename(Box::new(Rename::new(Ref::parse("new").unwrap(), 0))),
    ];
    for edit in edits {
        directory.change_member(Selector::Within(base, Key::Id(id(9))), edit, None, None).await.unwrap();
    }
    let value = AttributeValue::text("red").unwrap();
    let entry = AttributeEntry { member_id: id(1), key: "colour".to_owned(), value: Some(Ok(value)) };
    directory.set_attributes(base, vec![entry]).await.unwrap();
    let all = AttributeDeletion { all: true, ..AttributeDeletion::default() };
    directory.delete_attributes(base, all).await.unwrap();
    let clip = ClipInput { creative_id: "c".to_owned(), ..ClipInput::default() };
    directory.save_clip(&id(1), clip, 7, None).await.unwrap();
    let own = |text: &str| RecordSelector { id: None, own: Some(text.to_owned()) };
    directory.delete_clip(&id(1), own("c"), None).await.unwrap();
    let stamps = StampCollectionInput { loyalty_program_id: "p".to_owned(), external_id: "s".to_owned() };
    directory.create_stamp_collection(&id(1), stamps, 8, None).await.unwrap();
    directory.add_stamps(&id(1), own("s"), 3, None).await.unwrap();
    let transaction = TransactionInput {
        member_id: id(1),
        external_id: "t".to_owned(),
        auth_code: "a".to_owned(),
        network: "visa".to_owned(),
        bin: "411111".to_owned(),
        merchant_id: "m".to_owned(),
        authed_at: Some(Ok(Timestamp::from_micros(1))),
        ..TransactionInput::default()
    };
    directory.ingest(vec![transaction], None).await.unwrap();
    directory.bulk_delete(base, &[id(2)], Vec::new(), None).await.unwrap();
    let undelete = Undelete { ids: vec![id(2)], ..Undelete::default() };
    directory.undelete_members(base, &undelete, None).await.unwrap();
    let change = BaseChange { name: Some("Other".to_owned()), ..BaseChange::default() };
    directory.update_base(base, change, None).await.unwrap();
    directory.delete_base(base, None).await.unwrap();
    directory.undelete_base(base, None).await.unwrap();
    let expected = [
        Call::SET_SCHEMA,
        Call::UPSERT_MEMBERS,
        Call::UPSERT_ALL_MEMBERS,
        Call::IMPORT_MEMBERS,
        Call::CREATE_MEMBER,
        Call::CREATE_MEMBER,
        Call::ACTIVATE_MEMBER,
        Call::UPDATE_MEMBER,
        Call::OFFBOARD_MEMBER,
        Call::REPLACE_MEMBER,
        Call::REWRITE_MEMBER,
        Call::RENAME_MEMBER,
        Call::SET_ATTRIBUTES,
        Call::DELETE_ATTRIBUTES,
        Call::SAVE_CLIP,
        Call::DELETE_CLIP,
        Call::CREATE_STAMP_COLLECTION,
        Call::ADD_STAMPS,
        Call::INGEST_TRANSACTIONS,
        Call::DELETE_MEMBERS,
        Call::UNDELETE_MEMBERS,
        Call::UPDATE_BASE,
        Call::DELETE_BASE,
        Call::UNDELETE_BASE,
    ];
    let origin = |call| Origin { actor: Actor::Nobody, door: Door::Grpc, call, cause: Cause::None };
    assert_eq!(service.origins(base).await, expected.map(origin));
}

#[tokio::test]
async fn a_commit_names_its_actor_its_door_and_what_it_was_made_for() {
    let service = Service::new().await;
    let anyone = service.anyone(Door::Publisher).await;
    let named = BaseChange { name: Some("Staff".to_owned()), ..BaseChange::default() };
    let base = anyone.create_base(named).await.unwrap().number;
    anyone.create_member(base, row(0), false, None).await.unwrap();
    let once = anyone.with_request_id(&mark("once"), IfRunning::Wait).await.unwrap();
    once.create_member(base, row(1), false, None).await.unwrap();
    let token = Token {
        id: TokenId(77),
        access: AccessLevel::Write,
        pii: true,
        base: None,
        description: None,
        limits: TokenLimits::default(),
        created_at: Timestamp::from_micros(1),
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
        is_damaged: false,
    };
    service.table.tokens().create(token, SecretHash::of("secret"), MayMake::Any, None).await.unwrap();
    let gate = service.gate.at(Door::Onsi);
    let holder = gate.enter(gate.identify(Some("secret")).await.unwrap(), AccessLevel::Write).await.unwrap();
    holder.create_member(base, row(2), false, None).await.unwrap();
    let chunk = RequestIdentity::chunk(ImportId(5), 1, Payload::of("chunk"));
    let import = holder.clone().with_request_id(&chunk, IfRunning::Wait).await.unwrap();
    import.begin_upsert(base, upsert(3..5), &Series::default()).await.unwrap().reply().await.unwrap();
    let gate = service.gate.at(Door::CommandLine);
    let owner = gate.enter(gate.owner(), AccessLevel::Admin).await.unwrap();
    owner.create_member(base, row(5), false, None).await.unwrap();
    let origins = service.origins(base).await;
    let token = Actor::Token(TokenId(77));
    let found: Vec<_> = origins.iter().map(|origin| (origin.actor, origin.door)).collect();
    let expected = [
        (Actor::Nobody, Door::Publisher),
        (Actor::Nobody, Door::Publisher),
        (token, Door::Onsi),
        (token, Door::Onsi),
        (Actor::Owner, Door::CommandLine),
    ];
    assert_eq!(found, expected);
    let causes: Vec<Cause> = origins.iter().map(|origin| origin.cause).collect();
    assert!(
        matches!(causes[..], [Cause::None, Cause::Request(_), Cause::None, Cause::Import(5), Cause::None]),
        "{causes:?}"
    );
}
