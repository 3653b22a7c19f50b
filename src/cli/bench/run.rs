//! Measures phase by phase.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use serde_json::json;

use crate::api::grpc::v1;

use super::args::{Args, PhaseName};
use super::calls::{Calls, Kind};
use super::disk::disk_bytes;
use super::lists::Lists;
use super::load::Load;
use super::report::{self, Phase, ServerUse, Timings};
use super::server::OwnServer;
use super::stream::Streams;
use super::workload;
use crate::cli::client::{Client, Target};
use crate::cli::{Error, base, output};
use crate::metrics::process::{self, Usage};

/// Measures phase by phase; exit code 1 if the server did something wrong.
pub async fn run(args: Args) -> Result<ExitCode, Error> {
    let phases = args.chosen_phases()?;
    let own = match &args.server {
        Some(_) => None,
        None => Some(OwnServer::start(args.data.clone(), args.serve.clone())?),
    };
    let mut bench = Bench::new(args, own).await?;
    bench.check_members().await?;
    let measured = bench.measure(&phases).await;
    bench.remove_own_base().await?;
    Ok(if measured? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

struct Bench {
    args: Args,
    own: Option<OwnServer>,
    clients: Vec<Client>,
    member_base_id: String,
    next_new: Arc<AtomicU64>,
}

impl Bench {
    async fn new(args: Args, own: Option<OwnServer>) -> Result<Self, Error> {
        let server =
            own.as_ref().map(|own| own.url().to_owned()).or_else(|| args.server.clone()).unwrap_or_default();
        let mut clients = connect(server, &args).await?;
        let client = clients.first_mut().ok_or_else(|| Error::Usage("--connections must not be 0".into()))?;
        let member_base_id = match &args.base {
            Some(base) => base::find_or_create(client, base).await?,
            None => create_base(client).await?,
        };
        let next_new = Arc::new(AtomicU64::new(u64::from(args.members)));
        Ok(Self { args, own, clients, member_base_id, next_new })
    }

    /// Rejects a phase that reads members if the memberbase of `--base` has none.
    async fn check_members(&self) -> Result<(), Error> {
        match self.args.first_without_members() {
            Some(name) if self.lists().await?.members == 0 => {
                Err(name.needs_members("the memberbase of --base has none"))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Measures all phases and reports each as it ends; returns whether all results were right.
    async fn measure(&mut self, phases: &[PhaseName]) -> Result<bool, Error> {
        if !self.args.json {
            output::line(report::header())?;
        }
        let mut all = Vec::new();
        for &name in phases {
            for phase in self.phase(name).await? {
                if !self.args.json {
                    output::line(report::line(&phase))?;
                }
                all.push(phase);
            }
        }
        let good = all.iter().all(Phase::is_good);
        if self.args.json {
            let report = json!({ "members": self.args.members, "good": good, "phases": all });
            output::line(format_args!("{report:#}"))?;
        }
        Ok(good)
    }

    /// Measures one phase, with what the server used for it.
    async fn phase(&mut self, name: PhaseName) -> Result<Vec<Phase>, Error> {
        if name == PhaseName::Reopen {
            return self.reopen().await;
        }
        let (before, own_before) = (self.server_usage(), own_usage());
        let mut phases = match name {
            PhaseName::Fresh | PhaseName::Unchanged | PhaseName::Changed => vec![self.load(name).await?],
            PhaseName::Get => vec![self.calls().run("get by ref", Kind::GetByRef).await?],
            PhaseName::GetId => {
                let ids = self.calls().known_ids().await?;
                vec![self.calls().run("get by id", ids).await?]
            }
            PhaseName::Pages => self.lists().await?.all_pages().await?,
            PhaseName::Deep => self.lists().await?.deep_pages().await?,
            PhaseName::Filters => self.lists().await?.filtered().await?,
            PhaseName::Mixed => vec![self.calls().run("mixed 80/20", Kind::Mixed).await?],
            PhaseName::Single => vec![self.calls().run("create one a call", Kind::Create).await?],
            PhaseName::Stream => vec![self.streams().run("changes on a stream").await?],
            PhaseName::Reopen => Vec::new(),
        };
        let client_cpu = own_usage().cpu_seconds - own_before.cpu_seconds;
        if let (Some(before), Some(after), Some(last)) = (before, self.server_usage(), phases.last_mut()) {
            last.server = Some(ServerUse::between(&before, &after, client_cpu, self.disk_bytes()));
        }
        Ok(phases)
    }

    async fn load(&self, name: PhaseName) -> Result<Phase, Error> {
        let (seed, members, percent) = (self.args.seed, self.args.members, u64::from(self.args.changed));
        let load = Load {
            client: self.client()?,
            member_base_id: &self.member_base_id,
            via: self.args.via,
            batch: usize::from(self.args.batch),
            in_flight: usize::from(self.args.batches_in_flight),
        };
        let all = u64::from(members);
        let in_order = (0..all).map(move |i| workload::member(seed, i, 0));
        let (title, loaded, expected) = match name {
            PhaseName::Changed => {
                let changed = move |i: &u64| workload::changes(seed, *i, percent);
                let order = workload::shuffled(seed, members).into_iter().map(u64::from);
                let updated = u64::try_from((0..all).filter(changed).count()).unwrap_or(u64::MAX);
                let rows = order.map(move |i| workload::member(seed, i, u64::from(changed(&i))));
                let expected = v1::BulkCounts { updated, unchanged: all - updated, ..Default::default() };
                (format!("{percent} % changed, random"), load.run(rows).await?, expected)
            }
            PhaseName::Unchanged => {
                let expected = v1::BulkCounts { unchanged: all, ..Default::default() };
                ("unchanged".to_owned(), load.run(in_order).await?, expected)
            }
            _ => {
                let expected = v1::BulkCounts { created: all, ..Default::default() };
                ("fresh".to_owned(), load.run(in_order).await?, expected)
            }
        };
        let mut phase = Phase::new(title, "rows", all, loaded.took, &loaded.timings);
        phase.expect("created", loaded.counts.created, expected.created);
        phase.expect("updated", loaded.counts.updated, expected.updated);
        phase.expect("unchanged", loaded.counts.unchanged, expected.unchanged);
        phase.expect("failed", loaded.counts.failed, 0);
        Ok(phase)
    }

    /// Measures how long the server takes to stop, to open, and to open after a crash.
    async fn reopen(&mut self) -> Result<Vec<Phase>, Error> {
        let members = self.lists().await?.members;
        let own = self.own.as_mut().ok_or_else(|| Error::Broken("bench has not started a server".into()))?;
        let nothing = Timings::new()?;
        let stopped = own.stop()?;
        own.start_again()?;
        let opened = own.opened_in;
        own.kill()?;
        own.start_again()?;
        let recovered = own.opened_in;
        self.clients = connect(own.url().to_owned(), &self.args).await?;
        let mut last = Phase::new("open after kill -9", "opens", 1, recovered, &nothing);
        last.expect("members after reopening", self.lists().await?.members, members);
        if let Some(usage) = self.server_usage() {
            let client_cpu = 0.0;
            last.server = Some(ServerUse::between(&Usage::default(), &usage, client_cpu, self.disk_bytes()));
        }
        Ok(vec![
            Phase::new("clean stop", "stops", 1, stopped, &nothing),
            Phase::new("open after clean stop", "opens", 1, opened, &nothing),
            last,
        ])
    }

    fn calls(&self) -> Calls {
        Calls {
            clients: self.clients.clone(),
            member_base_id: self.member_base_id.clone(),
            seed: self.args.seed,
            members: u64::from(self.args.members),
            in_flight: usize::from(self.args.in_flight),
            duration: Duration::from_secs(self.args.seconds),
            next_new: self.next_new.clone(),
        }
    }

    fn streams(&self) -> Streams {
        Streams {
            clients: self.clients.clone(),
            member_base_id: self.member_base_id.clone(),
            seed: self.args.seed,
            members: u64::from(self.args.members),
            in_flight: usize::from(self.args.rows_in_flight),
            duration: Duration::from_secs(self.args.seconds),
        }
    }

    /// The lists to read, with the number of members that the server counts.
    async fn lists(&self) -> Result<Lists, Error> {
        let mut client = self.client()?.clone();
        let request = v1::GetMemberBaseRequest { id: self.member_base_id.clone() };
        let base = client.bases.get_member_base(request).await?.into_inner().member_base.unwrap_or_default();
        Ok(Lists {
            client,
            member_base_id: self.member_base_id.clone(),
            members: base.counts.unwrap_or_default().total,
            duration: Duration::from_secs(self.args.seconds),
        })
    }

    fn client(&self) -> Result<&Client, Error> {
        self.clients.first().ok_or_else(|| Error::Broken("no connection".into()))
    }

    fn server_usage(&self) -> Option<Usage> {
        process::usage(self.own.as_ref().map(OwnServer::pid).or(self.args.pid)?)
    }

    fn disk_bytes(&self) -> Option<u64> {
        let data = self.own.as_ref().map(OwnServer::data).or(self.args.data.as_deref())?;
        Some(disk_bytes(data))
    }

    /// Deletes the memberbase if this run created it on an existing server.
    async fn remove_own_base(&self) -> Result<(), Error> {
        if self.own.is_none() && self.args.base.is_none() {
            let (id, mut client) = (self.member_base_id.clone(), self.client()?.clone());
            let request = v1::GetMemberBaseRequest { id: id.clone() };
            let base = client.bases.get_member_base(request).await?.into_inner().member_base;
            let expect_members = base.and_then(|base| base.counts).map(|counts| counts.total);
            let request = v1::DeleteMemberBaseRequest { id, expect_members, request_id: String::new() };
            client.bases.delete_member_base(request).await?;
        }
        Ok(())
    }
}

async fn connect(server: String, args: &Args) -> Result<Vec<Client>, Error> {
    let target = Target { server, token: args.token.clone(), tls: args.tls.clone() };
    let mut clients = Vec::new();
    for _ in 0..args.connections {
        clients.push(target.connect().await?);
    }
    Ok(clients)
}

fn own_usage() -> Usage {
    process::usage(std::process::id()).unwrap_or_default()
}

/// A memberbase of which any number of members may change.
async fn create_base(client: &mut Client) -> Result<String, Error> {
    let id = base::create(client, "bench").await?;
    let off = || Some(v1::GuardLimit { percent: Some(100), count: None });
    let limits = v1::GuardLimits {
        removals: off(),
        identities: off(),
        clears: off(),
        reactivations: off(),
        tiers: off(),
        removals_of_tiers: Vec::new(),
    };
    let request =
        v1::UpdateMemberBaseRequest { id: id.clone(), guard_limits: Some(limits), ..Default::default() };
    client.bases.update_member_base(request).await?;
    Ok(id)
}
