//! Sends a list to the server.
//!
//! If the connection is lost, a file is sent again from its beginning, under the same request id: so one list
//! becomes one job, also if the server had all of it and only its reply was lost. A pipe cannot be read
//! again.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::stream;
use sha2::{Digest, Sha256};

use crate::api::grpc::v1;
use crate::cli::client::{Client, Refusal};
use crate::cli::{Error, output};
use crate::model::Reason;

/// Bytes of the file in one message.
const PIECE_BYTES: usize = 256 * 1024;
/// The pauses before the file is sent again.
const AGAIN_AFTER_SECONDS: [u64; 5] = [1, 2, 4, 8, 16];

/// Sends the file, and returns the job.
pub async fn send(client: &mut Client, options: v1::SyncOptions, path: &Path) -> Result<v1::Job, Error> {
    let can_be_read_again = std::fs::metadata(path).is_ok_and(|there| there.is_file());
    let mut pauses = AGAIN_AFTER_SECONDS.into_iter().filter(|_| can_be_read_again);
    loop {
        let refusal = match once(client, options.clone(), path).await {
            Err(Error::Refused(refusal)) if refusal.is_retryable() => refusal,
            done => return done,
        };
        let Some(pause) = pauses.next() else { return Err(Error::Refused(refusal)) };
        output::note(format_args!("memberbase: {refusal}; sending the list again in {pause} s"));
        tokio::time::sleep(Duration::from_secs(pause)).await;
    }
}

async fn once(client: &mut Client, options: v1::SyncOptions, path: &Path) -> Result<v1::Job, Error> {
    let file = File::open(path).map_err(Error::file("open", path))?;
    let unread = Arc::new(Mutex::new(None));
    let sending = Sending {
        file,
        hash: Sha256::new(),
        next: Next::Options(Box::new(options)),
        unread: Arc::clone(&unread),
    };
    let messages = stream::unfold(sending, |mut sending| async {
        let message = sending.next()?;
        Some((message, sending))
    });
    let reply = client.jobs.sync_members(messages).await;
    if let Some(error) = unread.lock().unwrap_or_else(PoisonError::into_inner).take() {
        return Err(Error::file("read", path)(error));
    }
    let reply = match reply.map_err(Refusal::from) {
        Ok(reply) => reply,
        Err(refusal) if refusal.is_for(Reason::FileRefused) => return Err(Error::Data(refusal.to_string())),
        Err(refusal) => return Err(refusal.into()),
    };
    let v1::SyncMembersResponse { job, notes } = reply.into_inner();
    notes.iter().for_each(output::note);
    job.ok_or_else(|| Error::Broken("the server's reply has no job".to_owned()))
}

struct Sending {
    file: File,
    hash: Sha256,
    next: Next,
    /// Why the file could not be read to its end. The stream then ends without its last message, so the
    /// server makes no job.
    unread: Arc<Mutex<Option<std::io::Error>>>,
}

enum Next {
    Options(Box<v1::SyncOptions>),
    Data,
    Nothing,
}

impl Sending {
    fn next(&mut self) -> Option<v1::SyncMembersRequest> {
        let empty = v1::SyncMembersRequest::default();
        match std::mem::replace(&mut self.next, Next::Data) {
            Next::Options(options) => Some(v1::SyncMembersRequest { options: Some(*options), ..empty }),
            Next::Nothing => None,
            Next::Data => {
                let mut data = Vec::with_capacity(PIECE_BYTES);
                let limit = u64::try_from(PIECE_BYTES).unwrap_or(u64::MAX);
                if let Err(error) = self.file.by_ref().take(limit).read_to_end(&mut data) {
                    *self.unread.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                    self.next = Next::Nothing;
                    return None;
                }
                if data.is_empty() {
                    self.next = Next::Nothing;
                    let sha256 = format!("{:x}", std::mem::take(&mut self.hash).finalize());
                    let complete = v1::SyncComplete { rows: None, sha256: Some(sha256) };
                    return Some(v1::SyncMembersRequest { complete: Some(complete), ..empty });
                }
                self.hash.update(&data);
                Some(v1::SyncMembersRequest { data: data.into(), ..empty })
            }
        }
    }
}
