//! `memberbase backup`: copies the whole store into a folder, from a running server or from a data directory
//! that no server uses.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use crate::api::grpc::v1;
use crate::api::grpc::v1::stream_backup_response::Part;
use crate::config::Config;
use crate::model::words;
use crate::server::ServeError;
use crate::server::backup::{self, FileOutline, Held, HeldFile, Outline, Received, Receiver};

use super::client::{self, Target};
use super::{Error, files, output};

/// How often a backup is resumed after its connection broke.
const RESUMES: usize = 20;
/// Pause before it is resumed.
const RESUME_AFTER: Duration = Duration::from_secs(1);

/// The arguments of `backup`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "If the folder already holds a backup of the same store, only the changes since then are \
                  copied. An interrupted backup continues where it stopped. A backup is complete once all of \
                  it was synced to the disk and read back."
)]
pub struct Args {
    /// The folder for the backup; created if it does not exist
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// The data directory of a stopped server; without it, a running server sends the backup
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    #[command(flatten)]
    target: Target,
}

/// Writes the backup, and prints what it holds.
pub async fn run(args: Args) -> Result<ExitCode, Error> {
    let received = match &args.data {
        Some(data) => {
            files::refuse_nesting(&args.out, data)?;
            backup::back_up(&Config { data: data.clone(), ..Config::default() }, &args.out).await?
        }
        None => from_server(&args).await?,
    };
    let how = if received.extended { "brought up to date" } else { "complete" };
    output::line(format_args!(
        "{}: {how}; everything up to write {}, {}, {} of them new",
        args.out.display(),
        received.position,
        words::count(received.bytes, "byte"),
        received.added
    ))?;
    Ok(ExitCode::SUCCESS)
}

async fn from_server(args: &Args) -> Result<Received, Error> {
    let mut resumed = 0;
    loop {
        match once(args).await {
            Err(Error::Refused(refusal)) if refusal.is_retryable() && resumed < RESUMES => {
                resumed += 1;
                output::note(format_args!("memberbase: {refusal}; trying again in a moment"));
                tokio::time::sleep(RESUME_AFTER).await;
            }
            done => return done,
        }
    }
}

async fn once(args: &Args) -> Result<Received, Error> {
    let (mut receiver, held) = Receiver::open(&args.out).map_err(ServeError::from)?;
    let mut backups = args.target.connect().await?.backups;
    let mut stream = backups.stream_backup(request(held)).await?.into_inner();
    while let Some(message) = client::next(&mut stream).await? {
        match message.part {
            Some(Part::Plan(plan)) => receiver.begin(outline(plan)?).map_err(ServeError::from)?,
            Some(Part::Chunk(chunk)) => {
                let file = usize::try_from(chunk.file).unwrap_or(usize::MAX);
                receiver.write(file, chunk.offset, &chunk.data).map_err(ServeError::from)?;
            }
            None => {}
        }
    }
    Ok(receiver.finish().map_err(ServeError::from)?)
}

fn request(held: Held) -> v1::StreamBackupRequest {
    let files = held.files.into_iter();
    v1::StreamBackupRequest {
        timeline: held.timeline.map(|timeline| timeline.to_vec()).unwrap_or_default(),
        covered: held.covered,
        held: files
            .map(|HeldFile { name, id, bytes, in_backup }| v1::HeldBackupFile { name, id, bytes, in_backup })
            .collect(),
    }
}

fn outline(plan: v1::BackupPlan) -> Result<Outline, Error> {
    let timeline = plan.timeline.as_slice().try_into();
    let files = plan.files.into_iter();
    Ok(Outline {
        timeline: timeline.map_err(|_| Error::Broken("the server's backup plan has no timeline".into()))?,
        extends: plan.extends,
        base: plan.base,
        position: plan.position,
        files: files
            .map(|file| FileOutline { name: file.name, id: file.id, from: file.from, bytes: file.bytes })
            .collect(),
    })
}
