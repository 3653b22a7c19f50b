//! Pages that call a server that is not active.

use super::*;
use crate::database::free_address;
use crate::harness::{Process, database};

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_calls_a_standby_gets_what_the_active_server_answers() {
    let Some(database) = database() else { return };
    let start = || {
        let address = free_address();
        let mut command = database.serve(&address);
        command.args(["--advertise", &format!("http://{address}"), "--web-origins", PAGE]);
        Process::start(&mut command)
    };
    let (active, standby) = (start(), start());
    let made = v1::CreateMemberBaseRequest { name: "Page".into(), ..Default::default() };
    let made = Sent::call("MemberBaseService/CreateMemberBase", &made).with("origin", PAGE);
    let made: v1::CreateMemberBaseResponse = made.at(Version::Http1, standby.socket()).await.message();
    let base = made.member_base.unwrap().id;
    for version in VERSIONS {
        let servers = [&active, &standby].map(Process::socket);
        let both = async |sent: fn(&str) -> Sent<'static>, origin: &'static str| {
            let replies = servers.map(|server| sent(&base).with("origin", origin).at(version, server));
            let [direct, passed] = futures_util::future::join_all(replies).await.try_into().unwrap();
            for header in ["access-control-allow-origin", "vary", "access-control-expose-headers"] {
                assert_eq!(passed.header(header), Reply::header(&direct, header), "{header}");
            }
            assert_eq!((passed.status, &passed.body), (direct.status, &direct.body), "{passed:?}");
            passed
        };
        let request = v1::BulkUpsertMembersRequest {
            member_base_id: base.clone(),
            members: rows("a", 2_500),
            ..Default::default()
        };
        let written = Sent::call(BULK, &request).with("origin", PAGE).at(version, servers[1]).await;
        let written: v1::BulkUpsertMembersResponse = written.message();
        assert_eq!(written.results.len(), 2_500);
        let found = both(|base| Sent::call(GET, &get(base, "a7")), PAGE).await;
        assert!(found.message::<v1::GetMemberResponse>().member.is_some());
        let (_, missing) = both(|base| Sent::call(GET, &get(base, "nobody")), PAGE).await.messages();
        refused(&missing, Code::NotFound, "MEMBER_NOT_FOUND");
        let export = |base: &str| {
            let request = v1::ExportMembersRequest { member_base_id: base.to_owned(), ..Default::default() };
            Sent::call(EXPORT, &request)
        };
        let (pages, status) = both(export, PAGE).await.messages();
        let members =
            pages.into_iter().map(|page| v1::ExportMembersResponse::decode(page).unwrap().members.len());
        assert_eq!((members.sum::<usize>(), status.code()), (2_500, Code::Ok));
        let asked = both(|_| Sent::preflight(BULK), PAGE).await;
        assert_eq!((asked.status, asked.header("access-control-allow-origin")), (204, PAGE));
        let strange = both(|base| Sent::call(GET, &get(base, "a7")), "https://evil.example").await;
        refused(&strange.messages().1, Code::PermissionDenied, "ORIGIN_REFUSED");
    }
}
