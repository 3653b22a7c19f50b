//! A service of plain tonic with an empty unary method, and a stream that answers each empty message with
//! one. It listens on a free port of the loopback address, and prints which.

use std::pin::Pin;

use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_stream::{Stream, StreamExt};
use tonic::{Request, Response, Status, Streaming};

/// A message without fields. Fields that a caller sends are skipped.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct Empty {}

mod generated {
    include!(concat!(env!("OUT_DIR"), "/limit.Limit.rs"));
}

struct Nothing;

#[tonic::async_trait]
impl generated::limit_server::Limit for Nothing {
    async fn unary(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        Ok(Response::new(Empty {}))
    }

    type EchoStream = Pin<Box<dyn Stream<Item = Result<Empty, Status>> + Send>>;

    async fn echo(&self, request: Request<Streaming<Empty>>) -> Result<Response<Self::EchoStream>, Status> {
        Ok(Response::new(Box::pin(request.into_inner().map(|message| message.map(|_| Empty {})))))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("listening on http://{}", listener.local_addr()?);
    // As tonic's own listener does.
    let connections = TcpListenerStream::new(listener)
        .map(|accepted| accepted.and_then(|connection| connection.set_nodelay(true).map(|()| connection)));
    let service = generated::limit_server::LimitServer::new(Nothing);
    tonic::transport::Server::builder().add_service(service).serve_with_incoming(connections).await?;
    Ok(())
}
