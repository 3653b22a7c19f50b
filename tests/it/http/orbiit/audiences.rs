//! Audiences: their names, filters and archive.

use serde_json::{Value, json};

use super::{Orbiit, emails};
use crate::harness::Server;
use crate::http::Http;

/// Creates an audience; returns its path.
pub async fn create(orbiit: &Orbiit, name: &str) -> String {
    let made = orbiit.call("POST", "audiences", Some(json!({ "name": name }))).await.is(200);
    assert_eq!(made.as_object().unwrap().len(), 1, "{made}");
    format!("audiences/{}", made["id"].as_str().unwrap())
}

fn names(page: &Value) -> Vec<&str> {
    page["results"].as_array().unwrap().iter().map(|audience| audience["name"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_audience_is_empty_and_has_a_name_of_its_own() {
    let server = Server::start().await;
    let (orbiit, _) = Orbiit::base(&server).await;
    orbiit.filled(2).await;
    let path = create(&orbiit, "  Mentors ").await;
    let shown = orbiit.get(&path).await.is(200);
    let id = path.strip_prefix("audiences/").unwrap();
    assert_eq!(
        shown,
        json!({
            "id": id, "name": "Mentors", "createdAt": shown["createdAt"], "isArchived": false, "filter": [],
            "memberCount": 0, "isBuilding": false,
        })
    );
    let members = orbiit.get(&format!("{path}/members")).await.is(200);
    assert_eq!((&members["totalCount"], &members["nodes"]), (&json!(0), &json!([])));
    // Names are compared exactly, after spaces around them are removed.
    for (name, status) in [("Mentors", 409), (" Mentors\t", 409), ("mentors", 200)] {
        let reply = orbiit.call("POST", "audiences", Some(json!({ "name": name }))).await;
        assert_eq!(reply.status, status, "{name:?}: {reply:?}");
        if status == 409 {
            reply.faults(409, "conflict");
            assert_eq!(reply.body["reason"], "AUDIENCE_NAME_TAKEN");
        }
    }
    // A name of another workspace is free.
    let (other, _) = Orbiit::base(&server).await;
    create(&other, "Mentors").await;
    for (body, fault) in [
        (json!({}), "name"),
        (json!({"name": 5}), "name"),
        (json!({"name": " "}), "name"),
        (json!({"name": "x".repeat(129)}), "name"),
        (json!({"name": "X", "filter": []}), "filter"),
    ] {
        let refused = orbiit.call("POST", "audiences", Some(body)).await;
        assert_eq!(refused.faults(400, "invalid_request"), [fault], "{refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn archiving_hides_an_audience_and_frees_its_name() {
    let server = Server::start().await;
    let (orbiit, _) = Orbiit::base(&server).await;
    let (old, kept) = (create(&orbiit, "Mentors").await, create(&orbiit, "Mentees").await);
    let id = old.strip_prefix("audiences/").unwrap();
    for _ in 0..2 {
        let archived = orbiit.call("DELETE", &old, None).await.is(200);
        assert_eq!(archived, json!({"id": id, "isArchived": true}));
    }
    let shown = orbiit.get(&old).await.is(200);
    assert_eq!((&shown["name"], &shown["isArchived"]), (&json!("Mentors"), &json!(true)));
    let again = create(&orbiit, "Mentors").await;
    assert_ne!(again, old);

    let page = orbiit.get("audiences").await.is(200);
    assert_eq!(names(&page), ["Mentors", "Mentees"]);
    assert_eq!(page["totalCount"], 2);
    let listed = json!({
        "id": again.strip_prefix("audiences/").unwrap(), "createdAt": page["results"][0]["createdAt"],
        "name": "Mentors", "isArchived": false,
    });
    assert_eq!(page["results"][0], listed);
    let all = orbiit.get("audiences?includeArchived=true&sortDirection=ASC").await.is(200);
    assert_eq!(names(&all), ["Mentors", "Mentees", "Mentors"]);
    let archived: Vec<_> = all["results"].as_array().unwrap().iter().map(|one| &one["isArchived"]).collect();
    assert_eq!(archived, [true, false, false]);
    assert_eq!(orbiit.get("audiences?includeArchived=false").await.is(200), page);
    let wrong = orbiit.get("audiences?includeArchived=yes&limit=0").await;
    assert_eq!(wrong.faults(400, "invalid_request"), ["includeArchived", "limit"]);

    // Nobody can use an archived audience.
    for path in [format!("members?audienceId={id}"), format!("{old}/members")] {
        assert_eq!(orbiit.get(&path).await.faults(400, "invalid_request"), ["audienceId"], "{path}");
    }
    for (method, path, body) in [
        ("POST", format!("{old}/members"), json!({"memberIds": []})),
        ("POST", format!("{old}/members"), json!({"members": [super::member("new@example.com")]})),
        ("DELETE", format!("{old}/members"), json!({"memberIds": []})),
    ] {
        let refused = orbiit.call(method, &path, Some(body)).await;
        assert_eq!(refused.faults(409, "conflict"), ["audienceId"], "{method} {path}");
        assert_eq!(refused.body["reason"], "AUDIENCE_ARCHIVED", "{method} {path}");
    }
    // But it may get another name and filter.
    let changes = json!({"name": "Others", "filter": []});
    let changed = orbiit.call("PATCH", &old, Some(changes)).await.is(200);
    let seen = ["name", "filter", "isArchived", "memberCount"].map(|key| changed[key].clone());
    assert_eq!(seen, [json!("Others"), json!([]), json!(true), json!(null)]);
    assert_eq!(orbiit.get("members").await.is(200)["totalCount"], 0);
    assert_eq!(orbiit.get(&kept).await.is(200)["isArchived"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn audiences_are_listed_page_by_page() {
    let server = Server::start().await;
    let (orbiit, _) = Orbiit::base(&server).await;
    let info = json!({"hasNextPage": false, "hasPreviousPage": false, "startCursor": "", "endCursor": ""});
    let empty = json!({"totalCount": 0, "results": [], "pageInfo": info});
    assert_eq!(orbiit.get("audiences").await.is(200), empty);
    for name in ["a", "b", "c", "d", "e"] {
        create(&orbiit, name).await;
    }
    for (direction, order) in [("DESC", ["e", "d", "c", "b", "a"]), ("ASC", ["a", "b", "c", "d", "e"])] {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("audiences?limit=2&sortDirection={direction}&cursor={cursor}");
            let page = orbiit.get(&path).await.is(200);
            let info = &page["pageInfo"];
            assert_eq!(
                (&page["totalCount"], &info["hasPreviousPage"]),
                (&json!(5), &json!(!cursor.is_empty()))
            );
            found.extend(names(&page).into_iter().map(str::to_owned));
            cursor = info["endCursor"].as_str().unwrap().to_owned();
            if info["hasNextPage"] == false {
                break;
            }
        }
        assert_eq!(found, order, "{direction}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_makes_members_of_those_whom_it_matches() {
    let server = Server::start().await;
    let (orbiit, _) = Orbiit::base(&server).await;
    let rows = json!([
        {"email": "a@example.com", "firstName": "A", "role": "QA", "company": "X"},
        {"email": "b@example.com", "firstName": "B", "role": "QA"},
        {"email": "c@example.com", "firstName": "C", "role": "Dev"},
    ]);
    orbiit.save(rows).await;
    let path = create(&orbiit, "Testers").await;
    let id = path.strip_prefix("audiences/").unwrap();
    let filter = json!([{"key": "role", "eq": "QA"}]);
    let changed = orbiit.call("PATCH", &path, Some(json!({"name": "QA", "filter": filter}))).await.is(200);
    assert_eq!((&changed["name"], &changed["filter"]), (&json!("QA"), &filter));
    let built = async || loop {
        let shown = orbiit.get(&path).await.is(200);
        if shown["isBuilding"] == false {
            return shown;
        }
    };
    assert_eq!(built().await["memberCount"], 2);
    for path in [format!("members?audienceId={id}"), format!("{path}/members")] {
        let page = orbiit.get(&path).await.is(200);
        assert_eq!((emails(&page), &page["totalCount"]), (vec!["b@example.com", "a@example.com"], &json!(2)));
    }
    // A write is seen at once.
    orbiit
        .save(json!([{"email": "c@example.com", "role": "QA"}, {"email": "b@example.com", "role": null}]))
        .await;
    let page = orbiit.get(&format!("{path}/members?limit=1&sortDirection=ASC")).await.is(200);
    assert_eq!((emails(&page), &page["totalCount"]), (vec!["a@example.com"], &json!(2)));
    let cursor = page["pageInfo"]["endCursor"].as_str().unwrap();
    let next = orbiit.get(&format!("members?audienceId={id}&sortDirection=ASC&after={cursor}")).await.is(200);
    assert_eq!(emails(&next), ["c@example.com"]);
    assert_eq!(
        (&next["pageInfo"]["hasPreviousPage"], &next["pageInfo"]["hasNextPage"]),
        (&json!(true), &json!(false))
    );
    // A condition may stand alone, and absent fields stay.
    let one = json!({"filter": {"key": "company", "exists": true}});
    let changed = orbiit.call("PATCH", &path, Some(one)).await.is(200);
    assert_eq!(
        (&changed["name"], &changed["filter"]),
        (&json!("QA"), &json!([{"key": "company", "exists": true}]))
    );
    assert_eq!(built().await["memberCount"], 1);
    orbiit.call("PATCH", &path, Some(json!({"filter": []}))).await.is(200);
    assert_eq!(built().await["memberCount"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_filters_are_refused_where_they_are_wrong() {
    let server = Server::start().await;
    let (orbiit, _) = Orbiit::base(&server).await;
    server.schema(&orbiit.workspace, &[("city", "string")]).await;
    let path = create(&orbiit, "Testers").await;
    let old = create(&orbiit, "Old").await;
    orbiit.call("DELETE", &old, None).await.is(200);
    let old = old.strip_prefix("audiences/").unwrap();
    let nobody = "aud_00000000000000000000000000";
    for (filter, fault) in [
        (json!("QA"), "filter"),
        (json!([5]), "filter[0]"),
        (json!([{"key": "role", "is": "QA"}]), "filter[0].is"),
        (json!([{"key": "nothing", "eq": "QA"}]), "filter[0].key"),
        (json!([{"key": "role", "eq": "QA"}, {"key": "attributes.size", "eq": "L"}]), "filter[1].key"),
        (json!({"key": "audience", "eq": nobody}), "filter[0].eq"),
        (json!({"key": "audience", "eq": old}), "filter[0].eq"),
    ] {
        for (method, path) in [("PATCH", path.as_str()), ("POST", "audiences/preview")] {
            let refused = orbiit.call(method, path, Some(json!({ "filter": filter }))).await;
            assert_eq!(refused.faults(400, "invalid_request"), [fault], "{method} {filter}");
        }
    }
    assert_eq!(orbiit.get(&path).await.is(200)["filter"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_audience_uses_itself_and_one_that_is_used_stays() {
    let server = Server::start().await;
    let (orbiit, _) = Orbiit::base(&server).await;
    let (used, user) = (create(&orbiit, "Used").await, create(&orbiit, "User").await);
    let uses = |path: &str| json!({"filter": {"key": "audience", "eq": path.strip_prefix("audiences/")}});
    orbiit.call("PATCH", &user, Some(uses(&used))).await.is(200);
    for path in [&used, &user] {
        let refused = orbiit.call("PATCH", &used, Some(uses(path))).await;
        assert_eq!(refused.faults(409, "conflict"), ["filter[0].eq"]);
        assert_eq!(refused.body["reason"], "AUDIENCE_CYCLE");
    }
    let refused = orbiit.call("DELETE", &used, None).await;
    assert_eq!(refused.faults(409, "conflict"), ["audienceId"]);
    assert_eq!(refused.body["reason"], "AUDIENCE_IN_USE");
    assert!(refused.text.contains("User"), "{refused:?}");
    orbiit.call("DELETE", &user, None).await.is(200);
    orbiit.call("DELETE", &used, None).await.is(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_personal_audience_hides_who_is_in_it() {
    let (server, secret) = Server::start_with_token().await;
    let admin = Http::with_token(&server, &secret);
    let base = admin.ok("member-base/create", json!({"name": "Test"})).await;
    let base = base["id"].as_str().unwrap();
    let token = async |pii: bool| {
        let wanted = json!({"access": "write", "member_base_id": base, "pii": pii});
        let made = admin.ok("api-token/create", wanted).await;
        Orbiit::new(server.address(), base, made["token"].as_str())
    };
    let (seeing, blind) = (token(true).await, token(false).await);
    let path = create(&seeing, "Born").await;
    let filter = json!({"filter": {"key": "dob", "exists": true}});
    seeing.call("PATCH", &path, Some(filter.clone())).await.is(200);
    assert_eq!(seeing.get(&path).await.is(200)["memberCount"], 0);
    assert_eq!(blind.get(&path).await.is(200)["memberCount"], json!(null));
    let id = path.strip_prefix("audiences/").unwrap();
    let nobody = json!({"memberIds": ["m_00000000000000000000000000"]});
    let rows = json!({"members": [super::member("new@example.com")]});
    for (method, path, body) in [
        ("GET", format!("{path}/members"), None),
        ("GET", format!("members?audienceId={id}"), None),
        ("POST", format!("{path}/members"), Some(nobody.clone())),
        ("POST", format!("{path}/members"), Some(rows)),
        ("DELETE", format!("{path}/members"), Some(nobody)),
        ("PATCH", path.clone(), Some(filter.clone())),
        ("POST", "audiences/preview".to_owned(), Some(filter)),
    ] {
        let refused = blind.call(method, &path, body).await;
        refused.faults(403, "permission_denied");
    }
    assert_eq!(blind.get("members").await.is(200)["totalCount"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_counts_and_saves_nothing() {
    let server = Server::start().await;
    let (orbiit, _) = Orbiit::base(&server).await;
    let rows: Vec<Value> = (0..13)
        .map(|number| json!({"email": format!("m{number}@example.com"), "firstName": "A", "role": "QA"}))
        .collect();
    orbiit.save(json!(rows)).await;
    orbiit.save(json!([super::member("other@example.com")])).await;
    let preview = async |filter: Value| {
        orbiit.call("POST", "audiences/preview", Some(json!({ "filter": filter }))).await.is(200)
    };
    let found = preview(json!({"key": "role", "eq": "QA"})).await;
    assert_eq!((&found["totalCount"], emails(&found).len()), (&json!(13), 10));
    assert_eq!(emails(&found)[0], "m0@example.com");
    assert_eq!(preview(json!([])).await, json!({"totalCount": 0, "nodes": []}));
    assert_eq!(orbiit.get("audiences").await.is(200)["totalCount"], 0);
    let refused = orbiit.call("POST", "audiences/preview", Some(json!({}))).await;
    assert_eq!(refused.faults(400, "invalid_request"), ["filter"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_audience_is_not_found() {
    let server = Server::start().await;
    let (orbiit, _) = Orbiit::base(&server).await;
    let (other, _) = Orbiit::base(&server).await;
    let elsewhere = create(&other, "Mentors").await;
    for path in [elsewhere.as_str(), "audiences/aud_00000000000000000000000000"] {
        let id = path.strip_prefix("audiences/").unwrap();
        for (method, path, body) in [
            ("GET", path.to_owned(), None),
            ("PATCH", path.to_owned(), Some(json!({"name": "X"}))),
            ("DELETE", path.to_owned(), None),
            ("GET", format!("{path}/members"), None),
            ("POST", format!("{path}/members"), Some(json!({"memberIds": []}))),
            ("DELETE", format!("{path}/members"), Some(json!({"memberIds": []}))),
            ("GET", format!("members?audienceId={id}"), None),
        ] {
            let missing = orbiit.call(method, &path, body).await;
            assert!(missing.faults(404, "not_found").len() <= 1, "{method} {path}");
            assert_eq!(missing.body["reason"], "AUDIENCE_NOT_FOUND", "{method} {path}");
        }
    }
    for path in
        ["audiences/x", "audiences/m_00000000000000000000000000", "members?audienceId=x", "audiences/%ff"]
    {
        assert_eq!(orbiit.get(path).await.faults(400, "invalid_request").len(), 1, "{path}");
    }
    assert_eq!(other.get(&elsewhere).await.is(200)["isArchived"], false);
}
