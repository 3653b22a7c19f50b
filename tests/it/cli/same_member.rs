//! Rows of one list that find the same member by different keys.

use memberbase::api::grpc::v1;

use tonic::Code;

use super::{Ended, World, gateway};
use crate::harness::guard_off;

/// A memberbase with members `a` and `b`, each with an address; `former` is an alias of `a`.
struct Two {
    world: World,
    base: String,
    /// The id of `a`, and its 26 characters after the prefix.
    id: String,
    digits: String,
}

impl Two {
    async fn new() -> Self {
        let world = World::new().await;
        let file = world.file("first.csv", "ref,email\nformer,a@x.example\nb,b@x.example\n");
        world.import(&file, "staff", &["--create-base"]).await.expect(0);
        let member = world.get("staff", "former").await;
        let text = |name: &str| member[name].as_str().unwrap().to_owned();
        let (id, base) = (text("id"), text("member_base_id"));
        let request = v1::RenameMemberRequest {
            member_base_id: base.clone(),
            key: Some(v1::MemberKey { id: Some(id.clone()), ..Default::default() }),
            r#ref: "a".into(),
            ..Default::default()
        };
        world.server.members().rename_member(request).await.unwrap();
        // The tests change the two members often.
        let unguarded =
            v1::UpdateMemberBaseRequest { id: base.clone(), guard_limits: guard_off(), ..Default::default() };
        world.server.bases().update_member_base(unguarded).await.unwrap();
        let digits = id.strip_prefix("m_").unwrap().to_owned();
        Self { world, base, id, digits }
    }

    /// Imports rows of `ref,id,email,last_name`.
    async fn import(&self, rows: &[&str], more: &[&str]) -> Ended {
        let file = self.world.file("members.csv", format!("ref,id,email,last_name\n{}\n", rows.join("\n")));
        self.world.import(&file, "staff", more).await
    }

    fn failed(&self) -> Vec<String> {
        self.world.read("members.failed.csv").lines().skip(1).map(str::to_owned).collect()
    }

    async fn last_name(&self) -> serde_json::Value {
        self.world.get("staff", "a").await["last_name"].clone()
    }

    /// The keys of `a`, each as the cells for ref and id.
    fn keys(&self) -> [String; 4] {
        let Self { id, digits, .. } = self;
        ["a,".into(), "former,".into(), format!(",{id}"), format!(",MEM_{}", digits.to_uppercase())]
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_row_is_not_tried_after_a_newer_one_of_its_member_with_any_keys() {
    let two = Two::new().await;
    // The older row waits for the address of b, which the last row frees.
    for (round, (older, newer)) in pairs(&two.keys()).into_iter().enumerate() {
        let (mine, next) = (format!("b{round}@x.example"), format!("b{}@x.example", round + 1));
        let hold = two.world.file("hold.csv", format!("ref,email\nb,{mine}\n"));
        two.world.import(&hold, "staff", &[]).await.expect(0);
        let rows =
            [format!("{older},{mine},Older"), format!("{newer},,Newer {round}"), format!("b,,{next},B")];
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        for chunk in ["1", "1000"] {
            two.world.import(&hold, "staff", &[]).await.expect(0);
            let ended = two.import(&rows, &["--chunk-rows", chunk]).await.expect(1);
            assert_eq!(two.last_name().await, format!("Newer {round}"), "{rows:?}");
            let failed = two.failed();
            assert_eq!(failed.len(), 1, "{failed:?}");
            assert!(failed[0].contains(",Older,2,LATER_ROW_APPLIED,email,"), "{failed:?}");
            assert!(
                failed[0].contains("EMAIL_TAKEN") && failed[0].contains("the newer row of line 3"),
                "{failed:?}"
            );
            assert!(ended.stderr.contains("warning: 1 failed row is older"), "{}", ended.stderr);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_members_waiting_rows_the_newest_is_tried_with_any_keys() {
    let two = Two::new().await;
    for (round, (older, newer)) in pairs(&two.keys()).into_iter().enumerate() {
        let (mine, next) = (format!("b{round}@x.example"), format!("b{}@x.example", round + 1));
        let hold = two.world.file("hold.csv", format!("ref,email\na,a{round}@x.example\nb,{mine}\n"));
        two.world.import(&hold, "staff", &[]).await.expect(0);
        // Both rows need the address of b; by order alone the older one would get it first.
        let rows = [
            format!("{older},{mine},Older"),
            format!("{newer},{mine},Newer {round}"),
            format!("b,,{next},B"),
        ];
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        two.import(&rows, &[]).await.expect(1);
        assert_eq!(two.last_name().await, format!("Newer {round}"), "{rows:?}");
        let failed = two.failed();
        assert!(failed.len() == 1 && failed[0].contains(",Older,2,LATER_ROW_APPLIED,"), "{failed:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_with_a_bad_cell_is_marked_with_any_key() {
    let two = Two::new().await;
    for (older, newer) in pairs(&two.keys()) {
        // The server did not look for the member of a row with a bad cell. A row of another member is not
        // outdated.
        let rows = [format!("{older},bad,Older"), "b,,bad,B".into(), format!("{newer},,Newer")];
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        two.import(&rows, &["--chunk-rows", "1"]).await.expect(1);
        let failed = two.failed();
        assert!(failed[0].contains(",Older,2,LATER_ROW_APPLIED,email,"), "{failed:?}");
        assert!(failed[1].contains(",B,3,EMAIL_INVALID,email,") && failed.len() == 2, "{failed:?}");
        assert_eq!(two.last_name().await, "Newer");
    }
}

/// An older server does not know the call, and a gateway may refuse it. Then the import cannot find out to
/// which members the rows without a known member belong.
#[tokio::test(flavor = "multi_thread")]
async fn without_keys_from_the_server_a_warning_says_so_and_no_older_row_is_written() {
    let two = Two::new().await;
    // The first row waits for the address that the last row frees; without a newer row it would be tried
    // again then.
    let rows = ["a,,b@x.example,Older", "a,,bad,Bad", "former,,,Newer", "b,,c@x.example,B"];
    for code in [Code::PermissionDenied, Code::Unimplemented] {
        let hold = "ref,email,last_name\na,a@x.example,First\nb,b@x.example,B\n";
        two.world.import(&two.world.file("hold.csv", hold), "staff", &[]).await.expect(0);
        let refusing = gateway::start(two.world.server.channel(), "BatchGetMembers", code).await;
        let file = two.world.file("members.csv", format!("ref,id,email,last_name\n{}\n", rows.join("\n")));
        let arguments = ["import", &file, "--base", "staff", "--server", &refusing, "--chunk-rows", "1"];
        let ended = super::memberbase(&arguments).await.expect(1);
        assert!(
            ended.stderr.contains("warning: for some failed rows it is not known whether a later row"),
            "{}",
            ended.stderr
        );
        assert_eq!(two.last_name().await, "Newer", "{code:?}");
        let failed = two.failed();
        // The server's replies said everything about the first row.
        assert!(failed[0].starts_with("a,,b@x.example,Older,2,LATER_ROW_APPLIED,email,"), "{failed:?}");
        let is_unmarked = failed[1].starts_with("a,,bad,Bad,3,EMAIL_INVALID,email,");
        assert!(is_unmarked && failed.len() == 2, "{failed:?}");
    }
}

/// An older server does not report the members of the rows that it applied.
#[tokio::test(flavor = "multi_thread")]
async fn an_older_server_that_reports_no_members_gets_no_possibly_older_row_again() {
    let two = Two::new().await;
    let older = gateway::start_older(two.world.server.channel()).await;
    let rows = ["a,,b@x.example,Older", "former,,,Newer", "b,,c@x.example,B"];
    let file = two.world.file("members.csv", format!("ref,id,email,last_name\n{}\n", rows.join("\n")));
    let arguments = ["import", &file, "--base", "staff", "--server", &older];
    let ended = super::memberbase(&arguments).await.expect(1);
    assert!(ended.stderr.contains("it is not known whether a later row"), "{}", ended.stderr);
    assert_eq!((ended.counts(), two.last_name().await), ([0, 2, 0, 0, 1], "Newer".into()));
    let failed = two.failed();
    assert!(failed.len() == 1 && failed[0].contains(",Older,2,LATER_ROW_POSSIBLE,email,"), "{failed:?}");
    assert!(failed[0].contains("EMAIL_TAKEN") && failed[0].contains("the newer row of line 4"), "{failed:?}");
    // The row is applied only after a user has decided.
    let again = two.world.file("again.csv", two.world.read("members.failed.csv"));
    two.world.import(&again, "staff", &[]).await.expect(1);
    assert_eq!(two.last_name().await, "Newer");
    let decided = two.world.read("members.failed.csv").replace("LATER_ROW_POSSIBLE", "MENDED");
    two.world.import(&two.world.file("again.csv", decided), "staff", &[]).await.expect(0);
    assert_eq!(two.last_name().await, "Older");
    // Rows without a later applied row are tried again, and so are all rows matched by ids: a swap succeeds.
    let [a, b] = ["a", "b"].map(|name| two.world.get("staff", name));
    let [a, b] = [a.await["id"].as_str().unwrap().to_owned(), b.await["id"].as_str().unwrap().to_owned()];
    let swap = format!("id,email\n{a},c@x.example\n{b},b@x.example\n{a},c@x.example\n");
    let file = two.world.file("swap.csv", swap);
    let arguments = ["import", &file, "--base", "staff", "--server", &older, "--match", "id"];
    assert_eq!(super::memberbase(&arguments).await.expect(1).counts(), [0, 2, 0, 0, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rings_succeed_beside_rows_that_are_found_by_other_keys() {
    let two = Two::new().await;
    let Two { id, .. } = &two;
    let other = two.world.get("staff", "b").await["id"].as_str().unwrap().to_owned();
    // A swap whose rows use different keys, with other rows before, between and after them.
    let swap = [
        "c,,c@x.example,C".to_owned(),
        format!(",{id},b@x.example,A"),
        "d,,d@x.example,D".to_owned(),
        "b,,a@x.example,B".to_owned(),
        "e,,e@x.example,E".to_owned(),
    ];
    let rows: Vec<&str> = swap.iter().map(String::as_str).collect();
    assert_eq!(two.import(&rows, &["--chunk-rows", "1"]).await.expect(0).counts(), [3, 2, 0, 0, 0]);
    let back = [format!(",mem_{},a@x.example,", two.digits), format!(",{other},b@x.example,")];
    let rows: Vec<&str> = back.iter().map(String::as_str).collect();
    let ended = two.import(&rows, &["--match", "id"]).await.expect(0);
    assert_eq!(ended.counts(), [0, 2, 0, 0, 0]);
    assert_eq!(two.world.get("staff", "a").await["email"], "a@x.example");
    assert_eq!(two.world.get("staff", "b").await["member_base_id"], two.base);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_with_two_rows_of_one_member_gets_a_warning() {
    let two = Two::new().await;
    let Two { digits, .. } = &two;
    let rows = ["a,,,1", "b,,,1", "c,,,1"];
    let ended = two.import(&rows, &[]).await.expect(0);
    assert!(!ended.stderr.contains("earlier row"), "{}", ended.stderr);
    // The rows are in the same chunk or in different ones; a failing row counts as well.
    let twice = [&rows[..], &["b,,,2", "d,,bad,1", "a,,bad,2"]].concat();
    for chunk in ["1", "1000"] {
        let ended = two.import(&twice, &["--chunk-rows", chunk]).await.expect(1);
        let text = "warning: 2 rows are for the same member as an earlier row, and overwrite it: those of lines 5, 7\n";
        assert!(ended.stderr.contains(text), "{}", ended.stderr);
    }
    let (one, other) = (format!(",m_{digits},,1"), format!(",mem_{digits},,2"));
    let ended = two.import(&[&one, &other], &["--match", "id", "--quiet"]).await.expect(0);
    assert!(ended.stderr.contains("warning: the row in line 3 is for the same member"), "{}", ended.stderr);
    assert_eq!(two.last_name().await, "2");
}

/// Each key paired with each other key and with itself.
fn pairs(keys: &[String; 4]) -> Vec<(&str, &str)> {
    keys.iter().flat_map(|older| keys.iter().map(move |newer| (older.as_str(), newer.as_str()))).collect()
}
