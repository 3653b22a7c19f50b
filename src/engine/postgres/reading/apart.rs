//! Reads that the database refused together, each alone: whoever asks for a row that cannot be read gets the
//! error, and nobody else.

use bytes::Bytes;

use super::queue::Want;
use super::reader::Reader;
use crate::engine::Key;
use crate::engine::postgres::backlog::Read;
use crate::engine::postgres::wire::Failure;

/// How many statements for parts of the keys of one read may be refused. One row among a thousand makes ten
/// refusals; if all is refused, it ends soon.
const REFUSALS: usize = 64;

impl Reader<'_> {
    /// Answers each of `waiting` alone, or with the error that it alone meets. `refused` is what became of
    /// all together.
    pub(super) async fn answer_apart(&mut self, waiting: &mut Vec<Want>, refused: &Failure) {
        tracing::warn!(failure = %refused, reads = waiting.len(), "reads were refused; each is tried alone");
        for want in waiting.drain(..) {
            if want.is_given_up() {
                continue;
            }
            match want {
                Want::Get { keys, reply } => {
                    let read = self.get_apart(keys).await;
                    let _ = reply.send(read.map_err(Failure::into_engine));
                }
                // It was alone.
                Want::Page { .. } => want.fail(refused.clone().into_engine()),
            }
        }
    }

    /// The values of the keys. Halves what is refused, down to the keys that cannot be read.
    async fn get_apart(&mut self, keys: Vec<Key>) -> Result<Read, Failure> {
        let (mut read, mut refusals) = (Read::new(), 0);
        let mut left = vec![keys];
        while let Some(mut part) = left.pop() {
            match self.get(&part.iter().collect::<Vec<_>>()).await {
                Ok(found) => read.extend(part.into_iter().map(|key| {
                    let value = found.get(key.as_slice()).cloned();
                    (Bytes::from(key), value.transpose())
                })),
                Err(failure @ (Failure::Refused(_) | Failure::Damaged(_))) => {
                    refusals += 1;
                    if part.len() > 1 && refusals < REFUSALS {
                        let half = part.split_off(part.len() / 2);
                        left.extend([part, half]);
                    } else {
                        let error = failure.into_engine();
                        read.extend(part.into_iter().map(|key| (Bytes::from(key), Err(error.clone()))));
                    }
                }
                Err(failure) => return Err(failure),
            }
        }
        Ok(read)
    }
}
