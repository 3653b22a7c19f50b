//! Every call with every kind of token: each access level, for the call's memberbase, for another one or for
//! all, with and without the `pii` right.

use memberbase::api::grpc::v1;

use super::calls::{About, Call};
use super::{Admin, denied, make, passed, wanted};
use crate::harness::Server;

const LEVELS: [&str; 3] = ["read", "write", "admin"];

/// The memberbases that a token may use.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Base {
    Own,
    Other,
    All,
}

/// Whether a token may make a call, by the documented rules.
fn may(call: &Call, access: usize, base: Base, pii: bool) -> bool {
    let needs = LEVELS.iter().position(|level| *level == call.1).unwrap();
    let is_there = match call.2 {
        About::Base | About::Member => base != Base::Other,
        About::Store => base == Base::All,
        About::Own => true,
    };
    access >= needs && is_there && (pii || call.0 != "BackupService/StreamBackup")
}

#[tokio::test(flavor = "multi_thread")]
async fn each_token_may_make_exactly_the_calls_that_its_rights_allow() {
    let (server, secret) = Server::start_with_token().await;
    let mut admin = Admin::new(&server, &secret);
    let (own, other) = (admin.place().await, admin.place().await);
    let calls = own.calls();
    for (access, level) in LEVELS.into_iter().enumerate() {
        for base in [Base::Own, Base::Other, Base::All] {
            for pii in [false, true] {
                let member_base_id = match base {
                    Base::Own => Some(own.base.clone()),
                    Base::Other => Some(other.base.clone()),
                    Base::All => None,
                };
                let request = v1::CreateApiTokenRequest { member_base_id, pii: Some(pii), ..wanted(level) };
                let token = admin.token(request).await.token;
                for call in &calls {
                    let status = make(&server, Some(&token), call).await;
                    if may(call, access, base, pii) {
                        passed(call, status.as_ref());
                    } else {
                        denied(call, status);
                    }
                }
            }
        }
    }
}
