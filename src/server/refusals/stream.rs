//! Calls that are answered by a stream: why one ended early stands behind it.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Uri;
use http_body::{Frame, SizeHint};
use tonic::Status;
use tonic::body::Body;

use super::why::of_status;
use crate::api::refused::Refused;

/// The methods that are answered so; the bodies of all others are passed on as they are.
const STREAMS: [&str; 4] = ["/ExportMembers", "/ExportRecords", "/ImportMembers", "/StreamBackup"];

/// Whether a call is answered by a stream.
pub fn is_stream(uri: &Uri) -> bool {
    let path = uri.path();
    STREAMS.iter().any(|method| path.ends_with(method))
}

/// A body that tells why it ended.
pub struct Watched<N> {
    body: Body,
    note: Option<N>,
}

impl<N: FnOnce(Refused) + Unpin + Send + 'static> Watched<N> {
    /// The same body; `note` hears of its end if that is not well.
    pub fn watch(body: Body, note: N) -> Body {
        Body::new(Self { body, note: Some(note) })
    }
}

impl<N: FnOnce(Refused) + Unpin> http_body::Body for Watched<N> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(refused) = frame.trailers_ref().and_then(Status::from_header_map).and_then(of_status)
            && let Some(note) = self.note.take()
        {
            note(refused);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, Full};
    use prost::Message;
    use prost_types::FileDescriptorSet;

    use super::*;
    use crate::api::grpc::v1;

    #[tokio::test]
    async fn why_a_stream_ended_is_heard_once_it_has() {
        for (status, heard) in [(Status::permission_denied("text"), 1), (Status::ok(""), 0)] {
            let mut trailers = http::HeaderMap::new();
            status.add_header(&mut trailers).unwrap();
            let body = Full::new(Bytes::from("data")).with_trailers(std::future::ready(Some(Ok(trailers))));
            let (note, notes) = std::sync::mpsc::channel();
            let watched = Watched::watch(Body::new(body), move |refused| note.send(refused).unwrap());
            assert_eq!(watched.collect().await.unwrap().to_bytes(), "data");
            let reasons: Vec<_> = notes.iter().map(|refused: Refused| refused.reason).collect();
            assert_eq!(reasons, vec![status.code().description(); heard]);
        }
    }

    #[test]
    fn every_call_of_the_contract_that_answers_with_a_stream_is_watched() {
        let files = FileDescriptorSet::decode(v1::DESCRIPTORS).unwrap().file;
        let services = files.into_iter().filter(|file| file.package() == "publisher.v1");
        let methods = services.flat_map(|file| file.service).flat_map(|service| service.method);
        let mut names: Vec<_> = methods
            .filter(|method| method.server_streaming())
            .map(|method| format!("/{}", method.name()))
            .collect();
        names.sort();
        assert_eq!(names, STREAMS);
    }
}
