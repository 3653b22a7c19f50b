//! What a token learns at the JSON doors from values, outcomes, error texts and filters: every call with
//! every kind of token.
//!
//! Three memberbases differ only in dates of birth and bank details. A token without the `pii` right gets
//! identical replies from all of them, for every request and every guess, including revisions and headers. In
//! one of the memberbases every guessed value is correct.

mod plain;
mod writes;

use serde_json::{Value, json};

use self::plain::plain;
use self::writes::{before, refs};
use super::onsi::Onsi;
use super::onsi::calls::every_call as every_onsi_call;
use super::publisher::calls::{Place, every_store_call};
use super::{Http, Reply, guard_off};
use crate::harness::Server;

/// The values that callers guess: date of birth and IBAN.
const GUESS: (&str, &str) = ("1990-02-03", "DE89370400440532013000");
/// Other values that a member may have.
const OTHER: (&str, &str) = ("1985-11-30", "GB82WEST12345698765432");
/// The account holders.
const HOLDERS: [&str; 2] = ["Ada Unseen", "A much longer name of a holder who is unseen"];
/// No reply may contain any of these.
const SECRETS: [&str; 6] = [GUESS.0, GUESS.1, OTHER.0, OTHER.1, HOLDERS[0], HOLDERS[1]];
const LEVELS: [&str; 3] = ["read", "write", "admin"];
const WORLDS: usize = 3;

/// The memberbases that a token may use.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Base {
    Own,
    Other,
    All,
}

/// A kind of token.
#[derive(Debug, Clone, Copy)]
struct Kind {
    access: usize,
    base: Base,
    pii: bool,
}

impl Kind {
    /// Every kind, those without the `pii` right first, because the writes of the others differ between
    /// memberbases.
    fn every() -> impl Iterator<Item = Self> {
        [false, true].into_iter().flat_map(|pii| {
            (0..LEVELS.len()).flat_map(move |access| {
                [Base::Own, Base::Other, Base::All].map(|base| Self { access, base, pii })
            })
        })
    }

    /// Its name, which is part of the refs of its test members.
    fn name(self) -> String {
        format!("{}-{:?}-{}", LEVELS[self.access], self.base, self.pii).to_lowercase()
    }

    fn may(self, needs: &str) -> bool {
        self.access >= LEVELS.iter().position(|level| *level == needs).unwrap()
    }
}

/// One of the memberbases.
struct World {
    base: String,
    elsewhere: String,
    /// The caller that created the members and sees all their fields.
    maker: Http,
}

impl World {
    async fn new(server: &Server, admin: &Http, number: usize) -> Self {
        let new = json!({"name": "Test", "new_members": "invited", "guard_limits": guard_off()});
        let id =
            async || admin.ok("member-base/create", new.clone()).await["id"].as_str().unwrap().to_owned();
        let token = admin.ok("api-token/create", json!({"access": "write"})).await["token"].clone();
        let maker = Http::with_token(server, token.as_str().unwrap());
        let world = Self { base: id().await, elsewhere: id().await, maker };
        let base = &world.base;
        let schema: Value = (0..8).map(|i| (format!("a{i}"), json!({"type": "string"}))).collect();
        admin.ok("attribute.schema/set", json!({"member_base_id": base, "schema": schema})).await;
        for kind in Kind::every() {
            let own = writes::full(&format!("own-{}", kind.name()), number);
            let refs = refs(&kind.name()).into_iter();
            let probes = refs.map(|(write, probe, r#ref)| before(write, probe, &r#ref, number));
            let members: Vec<_> = [own].into_iter().chain(probes).collect();
            admin.ok("member/bulk-upsert", json!({"member_base_id": base, "members": members})).await;
        }
        world
    }

    /// The secret of a new token of this kind.
    async fn token(&self, admin: &Http, kind: Kind) -> String {
        let base = match kind.base {
            Base::Own => Some(&self.base),
            Base::Other => Some(&self.elsewhere),
            Base::All => None,
        };
        let request = json!({"access": LEVELS[kind.access], "pii": kind.pii, "member_base_id": base});
        admin.ok("api-token/create", request).await["token"].as_str().unwrap().to_owned()
    }

    async fn id(&self, admin: &Http, r#ref: &str) -> String {
        let got = admin.ok("member/get", json!({"member_base_id": self.base, "ref": r#ref})).await;
        got["id"].as_str().unwrap().to_owned()
    }
}

/// A caller at both doors, with all replies that it got.
struct Listener {
    kind: Kind,
    http: Http,
    onsi: Onsi,
    heard: Vec<String>,
}

impl Listener {
    /// Notes a reply. Asserts that it has nothing personal if the caller lacks the `pii` right.
    fn note(&mut self, what: &str, reply: &Reply) {
        let text = format!("{what}: {}", plain(reply));
        if !self.kind.pii {
            for secret in SECRETS {
                assert!(!text.contains(secret), "{:?} finds {secret} in {text}", self.kind);
            }
        }
        self.heard.push(text);
    }

    /// Asserts whether a call was refused because of a missing right.
    fn judge(&self, what: &str, reply: &Reply, may: bool) {
        assert_eq!(reply.status != 403, may, "{:?} {what}: {reply:?}", self.kind);
        assert_ne!(reply.status, 401, "{:?} {what}: {reply:?}", self.kind);
    }
}

/// Every call of both doors.
async fn try_calls(listener: &mut Listener, world: &World, member: &str) {
    let (kind, http) = (listener.kind, listener.http.clone());
    let place = Place { base: world.base.clone(), member: member.to_owned() };
    for (call, needs, body) in place.every_call() {
        let reply = http.call(call, body).await;
        // The replies do not show that members of another memberbase exist.
        listener.judge(call, &reply, kind.may(needs) && kind.base != Base::Other);
        listener.note(call, &reply);
    }
    let email = format!("own-{}@example.com", kind.name());
    let id = format!("mem_{}", member.strip_prefix("m_").unwrap());
    for call in every_onsi_call(&id, &email) {
        let reply = call.of(&listener.onsi).await;
        let what = format!("{} {}", call.method, call.path.replace(&id, "ID"));
        listener.judge(&what, &reply, kind.may(call.needs) && kind.base != Base::Other);
        listener.note(&what, &reply);
    }
    for (call, body) in every_store_call().into_iter().chain([("member-base/list", json!({}))]) {
        let reply = http.call(call, body).await;
        listener.judge(
            call,
            &reply,
            call == "member-base/list" || (kind.may("admin") && kind.base == Base::All),
        );
        // Replies about the store contain all three memberbases and the effects of former calls.
        if kind.base != Base::All {
            listener.note(call, &reply);
        }
    }
}

/// Filters that would reveal hidden values, alone and inside others.
fn filters() -> Vec<Value> {
    let mut filters = Vec::new();
    for operator in ["eq", "ne", "gt", "gte", "lt", "lte"] {
        filters.push(json!({"key": "dob", operator: GUESS.0}));
    }
    filters.push(json!({"key": "dob", "in": [GUESS.0]}));
    filters.push(json!({"key": "dob", "nin": [GUESS.0]}));
    for key in ["dob", "account_details"] {
        filters.extend([true, false].map(|exists| json!({"key": key, "exists": exists})));
    }
    let harmless = json!({"key": "ref", "eq": "a"});
    let nested: Vec<_> = filters
        .iter()
        .flat_map(|inner| [json!({"or": [harmless, inner]}), json!({"and": [harmless, {"or": [inner]}]})])
        .collect();
    filters.extend(nested);
    filters
}

async fn try_filters(listener: &mut Listener, world: &World) {
    for (index, filter) in filters().into_iter().enumerate() {
        let list = json!({"member_base_id": world.base, "filters": [filter], "include_total": true});
        let reply = listener.http.call("member/list", list).await;
        listener.judge("a filter", &reply, listener.kind.pii);
        listener.note(&format!("filter {index}"), &reply);
    }
    // The sort keys and parameters of these doors do not have these fields.
    for key in ["dob", "account_details"] {
        let list = json!({"member_base_id": world.base, "sorts": [{"key": key}]});
        listener.http.call("member/list", list).await.refused(400, "bad_request");
        assert_eq!(listener.onsi.get(&format!("members?{key}={}", GUESS.0)).await.status, 400);
    }
}

/// Writes whose replies could reveal hidden values by what they change, or by what no longer fits.
async fn try_writes(listener: &mut Listener, world: &World, number: usize) {
    let name = listener.kind.name();
    for (write, probe, r#ref) in refs(&name) {
        let id = world.id(&world.maker, &r#ref).await;
        if write == "upsert" {
            let member = before(write, probe, &r#ref, number);
            writes::upsert(&world.maker, &world.base, member, &r#ref).await;
        }
        let (http, onsi) = (&listener.http, &listener.onsi);
        let mut replies = Vec::new();
        // Twice without a key, and twice under the key that the creator used for the member's current values.
        for key in ["", "", &r#ref, &r#ref] {
            replies.push(writes::send(http, onsi, write, probe, (&world.base, &r#ref, &id), key).await);
        }
        replies.push(http.call("member/get", json!({"id": id})).await);
        for reply in &replies {
            assert!(reply.status < 300, "{ref}: {reply:?}");
            listener.note(&r#ref, reply);
        }
    }
    let id = world.id(&world.maker, &format!("own-{name}")).await;
    // No member is so near to the limit that one byte more or less would matter.
    for length in (3_400..4_000).step_by(40) {
        let long = |i: usize| "x".repeat(if i < 7 { 4_096 } else { length });
        let entry = |i| json!({"member_id": id, "attribute_key": format!("a{i}"), "value": long(i)});
        let entries: Vec<_> = (0..8).map(entry).collect();
        let set = json!({"member_base_id": world.base, "attributes": entries});
        listener.note("long attributes", &listener.http.call("member.attributes/set", set).await);
        let attributes: Value = (0..8).map(|i| (format!("a{i}"), json!(long(i)))).collect();
        let row = json!({"ref": format!("own-{name}"), "attributes": attributes});
        let rows = json!({"member_base_id": world.base, "members": [row]});
        listener.note("a long row", &listener.http.call("member/bulk-upsert", rows).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_call_of_the_json_doors_reveals_what_its_token_may_not_see() {
    let (server, secret) = Server::start_with_token().await;
    let root = Http::with_token(&server, &secret);
    let mut worlds = Vec::new();
    for number in 0..WORLDS {
        worlds.push(World::new(&server, &root, number).await);
    }
    for kind in Kind::every() {
        let mut heard = Vec::new();
        for (number, world) in worlds.iter().enumerate() {
            let token = world.token(&root, kind).await;
            let base = Some(world.base.as_str()).filter(|_| kind.base != Base::Own);
            let (http, onsi) = (Http::with_token(&server, &token), Onsi::new(&server, Some(&token), base));
            let mut listener = Listener { kind, http, onsi, heard: Vec::new() };
            let member = world.id(&root, &format!("own-{}", kind.name())).await;
            if kind.base != Base::Other {
                try_filters(&mut listener, world).await;
                if kind.may("write") {
                    try_writes(&mut listener, world, number).await;
                }
            }
            try_calls(&mut listener, world, &member).await;
            heard.push(listener.heard);
        }
        let all = heard[0].join("\n");
        if kind.pii {
            // The calls must have had an effect, or equal replies would prove nothing.
            assert_eq!(all.contains(GUESS.0) && all.contains(GUESS.1), kind.base != Base::Other, "{kind:?}");
            assert_eq!(heard[0] != heard[1], kind.base != Base::Other, "{kind:?}");
            continue;
        }
        if kind.may("write") && kind.base != Base::Other {
            assert!(
                all.contains("MEMBER_TOO_LARGE") && all.contains("besides bank details and date of birth")
            );
            assert!(all.contains("idempotency-replayed"));
        }
        for others in &heard[1..] {
            assert_eq!(heard[0].len(), others.len());
            for (first, other) in heard[0].iter().zip(others) {
                assert_eq!(first, other, "{kind:?}");
            }
        }
    }
}
