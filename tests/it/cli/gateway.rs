//! A gateway in front of a server, which lets some calls through and not others, as those of companies do.

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::service::Routes;
use tonic::transport::{Channel, Server};
use tonic::{Code, Status};

/// A gateway for as long as its test runs; every call goes on to `server` but those of `refused`, the name of a method.
pub async fn start(server: Channel, refused: &'static str, code: Code) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let pass = move |request: Request| {
        let mut server = server.clone();
        async move {
            if request.uri().path().ends_with(&format!("/{refused}")) {
                return Status::new(code, "the gateway does not let this through").into_http();
            }
            std::future::poll_fn(|cx| server.poll_ready(cx)).await.unwrap();
            let reply = server.call(request.map(Body::new)).await.unwrap();
            Response::map(reply, axum::body::Body::new)
        }
    };
    let routes = Routes::from(Router::new().fallback(pass));
    tokio::spawn(Server::builder().add_routes(routes).serve_with_incoming(TcpListenerStream::new(listener)));
    url
}
