//! The way of a list into the store: read and stored piece by piece, and then a job.

use crate::api::http::console::failure::Failure;
use crate::api::http::file::File;
use crate::directory::{BegunList, Directory, Error, InputReader, NewList};
use crate::model::Job;

/// Where the bytes of a list come from.
pub enum Source {
    /// A file that arrives.
    File(Box<File>),
    /// The list of another job.
    Stored(InputReader),
}

impl Source {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        match self {
            Self::File(file) => Ok(file.next().await?.map(|bytes| bytes.to_vec())),
            Self::Stored(input) => Ok(input.next().await?),
        }
    }
}

/// Makes a job of a list.
pub async fn receive(directory: &Directory, new: NewList, source: &mut Source) -> Result<Job, Failure> {
    let BegunList::New(mut upload) = directory.begin_list(new).await? else {
        let private = "a list without a request id is a repeat".to_owned();
        return Err(Error::Internal { private }.into());
    };
    while let Some(bytes) = source.next().await? {
        upload.push(&bytes).await?;
    }
    upload.end().await?;
    Ok(upload.complete(None, None).await?)
}
