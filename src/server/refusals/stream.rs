//! Notes why calls that return a stream ended early, which is in the trailers of the stream.

use http::Uri;
use http_body_util::BodyExt;
use tonic::Status;
use tonic::body::Body;

use super::why::of_status;
use crate::api::refused::Refused;

/// The methods that return a stream. The bodies of other replies are not watched.
const STREAMS: [&str; 8] = [
    "/DownloadJobInput",
    "/ExportMembers",
    "/ExportRecords",
    "/ImportMembers",
    "/ListJobResults",
    "/StreamBackup",
    "/UpsertMembers",
    "/WatchJob",
];

/// Whether a call returns a stream.
pub fn is_stream(uri: &Uri) -> bool {
    let path = uri.path();
    STREAMS.iter().any(|method| path.ends_with(method))
}

/// Passes a body on unchanged, and calls `note` if its trailers have the status of a rejected call.
pub fn watch(body: Body, note: impl FnOnce(Refused) + Send + 'static) -> Body {
    let mut note = Some(note);
    Body::new(body.map_frame(move |frame| {
        let refused = frame.trailers_ref().and_then(Status::from_header_map).and_then(of_status);
        if let Some(refused) = refused
            && let Some(note) = note.take()
        {
            note(refused);
        }
        frame
    }))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body_util::Full;
    use prost::Message;
    use prost_types::FileDescriptorSet;

    use super::*;
    use crate::api::grpc::v1;

    #[tokio::test]
    async fn the_reason_is_noted_when_a_stream_ends_with_one() {
        for (status, expected) in [(Status::permission_denied("text"), 1), (Status::ok(""), 0)] {
            let mut trailers = http::HeaderMap::new();
            status.add_header(&mut trailers).unwrap();
            let body = Full::new(Bytes::from("data")).with_trailers(std::future::ready(Some(Ok(trailers))));
            let (note, notes) = std::sync::mpsc::channel();
            let watched = watch(Body::new(body), move |refused| note.send(refused).unwrap());
            assert_eq!(watched.collect().await.unwrap().to_bytes(), "data");
            let reasons: Vec<_> = notes.iter().map(|refused: Refused| refused.reason).collect();
            assert_eq!(reasons, vec![status.code().description(); expected]);
        }
    }

    #[test]
    fn every_method_that_returns_a_stream_is_watched() {
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
