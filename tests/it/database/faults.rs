//! Databases that cannot be used: each is a clear error, shows no password, and leaves nothing behind.

use std::io::Read;
use std::net::TcpListener;
use std::process::Stdio;

use rustix::process::Signal;

use super::{expect, free_address, make_base, run};
use crate::harness::{Process, database};
use crate::metrics::get;

/// A role of the test that may do little, and the address for it.
fn role(sql: impl Fn(&str) -> Option<String>, url: &str, name: &str, more: &str) -> Option<String> {
    sql(&format!("create role {name} login; {more}"))?;
    Some(url.replacen("memberbase@", &format!("{name}@"), 1))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_cannot_hold_a_store_is_refused_and_stays_as_it_is() {
    let Some(database) = database() else { return };
    let (url, schema) = (database.url(), &database.schema);
    let sql = |text: &str| database.sql(text);
    let tables = || sql(&format!("select count(*) from pg_tables where schemaname = '{schema}'"));
    let Some(before) = tables() else { return };
    let no_rights = role(sql, &url, &format!("{schema}_none"), "").unwrap();
    let name = format!("{schema}_reads");
    let read_only = format!(
        "alter role {name} set default_transaction_read_only = on; grant create on database postgres to {name}"
    );
    let read_only = role(sql, &url, &name, &read_only).unwrap();
    for (url, words) in [
        (no_rights, &["permission denied"][..]),
        (read_only, &["accepts no writes"]),
        (url.replace("/postgres?", "/nowhere?"), &["nowhere"]),
        (url.replacen("memberbase@", "nobody@", 1), &["nobody"]),
    ] {
        let (code, said) =
            run(&database, &["token", "create", "--access", "admin", "--new-store", "--store", &url]).await;
        assert!([64, 74].contains(&code), "{code} {said}");
        words.iter().for_each(|word| assert!(said.contains(word), "{word} is missing in {said}"));
        assert!(said.contains(&database.schema), "the place is named: {said}");
    }
    assert_eq!(tables().unwrap(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_does_not_answer_holds_up_neither_commands_nor_probes() {
    let Some(database) = database() else { return };
    // It accepts connections and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let hanging = format!("postgres://mb:s3cret@{}/m", silent.local_addr().unwrap());
    let gone = format!("postgres://mb:s3cret@{}/m", free_address());
    for url in [&hanging, &gone] {
        let mut command = database.memberbase(&["check", "--store", &url.replace(":s3cret", "")]);
        command.env("MEMBERBASE_STORE_PASSWORD", "s3cret");
        let ended = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(74), "{said}");
        assert!(
            said.contains("cannot open the store in postgres://mb@") && !said.contains("s3cret"),
            "{said}"
        );

        let at = free_address();
        let mut command =
            database.memberbase(&["serve", "--listen", &at, "--admin-listen", "off", "--log", "warn"]);
        command.env("MEMBERBASE_STORE", url).stderr(Stdio::piped());
        let mut server = Process::begin(&mut command, &at);
        let socket = at.parse().unwrap();
        while tokio::net::TcpStream::connect(socket).await.is_err() {
            tokio::task::yield_now().await;
        }
        loop {
            let reply = get(socket, "/readyz", "localhost").await;
            assert_eq!(reply.status, 503, "{reply:?}");
            if reply.text == "the database of the store cannot be used; the log says why\n" {
                break;
            }
            tokio::task::yield_now().await;
        }
        server.signal(Signal::TERM);
        assert!(server.wait().success());
        let mut log = String::new();
        server.stderr().read_to_string(&mut log).unwrap();
        assert!(log.contains("the database cannot be used") && !log.contains("s3cret"), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_into_a_used_database_is_refused_and_a_store_of_a_newer_format_too() {
    let Some(database) = database() else { return };
    let url = database.url();
    let mut server = Process::start(&mut database.serve("127.0.0.1:0"));
    make_base(&server.address, "base").await;
    server.signal(Signal::TERM);
    assert!(server.wait().success());
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut other = Process::serve(&data);
    make_base(&other.address, "base").await;
    other.signal(Signal::TERM);
    other.wait();
    let dump = || {
        database.sql(&format!(
            "select md5(string_agg(k::text || v::text, ',' order by k, n)) from {}.kv",
            database.schema
        ))
    };
    let before = dump();
    let refused = run(&database, &["copy", "--from", data.to_str().unwrap(), "--to", &url]).await;
    expect(refused, 64, &["the target is not empty"]);
    assert_eq!(dump(), before);

    let newer = "set v = '\\x09'::bytea || substring(v from 2) where k = 'meta'";
    if database.sql(&format!("update {}.hot {newer}", database.schema)).is_some() {
        expect(run(&database, &["check", "--store", &url]).await, 74, &["format version 9"]);
    }
}
