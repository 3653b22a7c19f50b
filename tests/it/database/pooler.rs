//! PgBouncer in transaction mode between the servers and their database. Where it is not installed, nothing
//! is tested.

use std::process::{Child, Command, Stdio};

use rustix::process::Signal;

use super::{expect, free_address, get_member, make_base, run, upsert};
use crate::harness::{Database, Process, connect, database, members, rows};

/// A pooler, which ends with this value.
struct Pooler {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Pooler {
    /// Starts one in front of the server of `database`, with fewer sessions than its clients have
    /// connections.
    fn start(database: &Database, more: &str) -> Option<Self> {
        let program =
            ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"].into_iter().find(|p| std::fs::exists(p).unwrap());
        let (Some(program), Some(host)) = (program, database.socket_folder()) else {
            eprintln!("PgBouncer is not installed, or the database is another one's: nothing is tested");
            return None;
        };
        let address = free_address();
        let port = address.rsplit_once(':').unwrap().1.parse().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (users, settings) = (folder.path().join("users.txt"), folder.path().join("pgbouncer.ini"));
        std::fs::write(&users, "\"memberbase\" \"\"\n").unwrap();
        let text = format!(
            "[databases]\n* = host={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = trust\nauth_file = {}\npool_mode = transaction\n\
             default_pool_size = 4\nmax_client_conn = 200\n{more}\n",
            host.display(),
            users.display()
        );
        std::fs::write(&settings, text).unwrap();
        let mut command = Command::new(program);
        if rustix::process::geteuid().is_root() {
            // It refuses to run as root.
            for path in [folder.path(), &users, &settings] {
                assert!(Command::new("chown").arg("postgres").arg(path).status().unwrap().success());
            }
            command = Command::new("setpriv");
            command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups", program]);
        }
        let child = command.arg("-q").arg(&settings).stderr(Stdio::null()).spawn().unwrap();
        let pooler = Self { child, port, _folder: folder };
        while std::net::TcpStream::connect(&address).is_err() {
            std::thread::yield_now();
        }
        Some(pooler)
    }

    fn url(&self, database: &Database, options: &str) -> String {
        format!("postgres://memberbase@127.0.0.1:{}/postgres?schema={}{options}", self.port, database.schema)
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_mixes_sessions_is_refused_unless_the_address_says_so() {
    let Some(database) = database() else { return };
    // Some are set up to swallow what they cannot pass on.
    for more in ["", "ignore_startup_parameters = options"] {
        let Some(pooler) = Pooler::start(&database, more) else { return };
        let url = pooler.url(&database, "");
        let create = ["token", "create", "--access", "admin", "--new-store", "--store", &url];
        expect(run(&database, &create).await, 64, &["pooler=transaction"]);
        let mut serve = database.serve_at(&url, "127.0.0.1:0");
        let ended = tokio::task::spawn_blocking(move || serve.output().unwrap()).await.unwrap();
        assert_eq!(ended.status.code(), Some(64), "{ended:?}");
        let schema = format!("select count(*) from pg_namespace where nspname = '{}'", database.schema);
        assert_eq!(database.sql(&schema).unwrap().trim(), "0", "nothing was made");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_behind_a_pooler_serve_take_over_and_lose_nothing() {
    let Some(database) = database() else { return };
    let Some(pooler) = Pooler::start(&database, "") else { return };
    let url = pooler.url(&database, "&pooler=transaction");
    let serve = |address: &str| {
        let mut command = database.serve_at(&url, address);
        command.args(["--advertise", &format!("http://{address}")]);
        command
    };
    let at = [free_address(), free_address()];
    let mut active = Process::start(&mut serve(&at[0]));
    let mut standby = Process::start(&mut serve(&at[1]));
    let base = make_base(&standby.address, "base").await;
    let mut writing = tokio::task::JoinSet::new();
    for (writer, server) in [&active, &standby, &active, &standby].into_iter().enumerate() {
        let (channel, base) = (connect(&server.address).await, base.clone());
        writing.spawn(async move {
            for round in 0..10 {
                let prefix = format!("w{writer}r{round}-");
                let request = upsert(&base, rows(&prefix, 300), &prefix);
                members(&channel).bulk_upsert_members(request).await.unwrap();
            }
        });
    }
    writing.join_all().await;
    active.signal(Signal::KILL);
    active.wait();
    for writer in 0..4 {
        get_member(&standby.address, &base, &format!("w{writer}r9-299")).await.unwrap();
    }
    standby.signal(Signal::TERM);
    assert!(standby.wait().success());
    let check = run(&database, &["check", "--store", &url]).await;
    expect(check, 0, &["\nmembers 12000\n", "\nfindings 0\n"]);
}
