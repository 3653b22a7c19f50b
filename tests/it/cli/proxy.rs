//! A proxy that cuts connections.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Passes bytes on to a server. Cuts the first connections, each after a number of bytes from the client; may
/// leave a last one alone.
pub struct Proxy {
    pub url: String,
    pub connections: Arc<AtomicUsize>,
}

impl Proxy {
    /// `cuts` has the number of bytes for each connection. Afterwards one connection lasts if `heal`; others
    /// are refused.
    pub async fn start(server: SocketAddr, cuts: Vec<usize>, heal: bool) -> Self {
        Self::start_with(server, cuts, heal, move || server).await
    }

    /// The same, but calls `at_cut` just before it cuts a connection, and then uses the returned server
    /// address.
    pub async fn start_with(
        server: SocketAddr,
        cuts: Vec<usize>,
        heal: bool,
        mut at_cut: impl FnMut() -> SocketAddr + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = connections.clone();
        tokio::spawn(async move {
            let lasting = heal.then_some(usize::MAX);
            let mut server = server;
            for bytes in cuts.into_iter().chain(lasting) {
                let (client, _) = listener.accept().await.unwrap();
                counted.fetch_add(1, Ordering::Relaxed);
                let upstream = TcpStream::connect(server).await.unwrap();
                // One connection after another: a client whose connection was cut connects again.
                pass(client, upstream, bytes, || server = tokio::task::block_in_place(&mut at_cut)).await;
            }
        });
        Self { url, connections }
    }
}

/// Copies in both directions until either ends, or until the client has sent `bytes` bytes. Dropping both
/// halves cuts the connection.
async fn pass(client: TcpStream, server: TcpStream, mut bytes: usize, at_cut: impl FnOnce()) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let upwards = async move {
        let mut buffer = vec![0; 16 << 10];
        while bytes > 0 {
            let room = buffer.len().min(bytes);
            let Ok(read @ 1..) = from_client.read(&mut buffer[..room]).await else { return };
            bytes -= read;
            if to_server.write_all(&buffer[..read]).await.is_err() {
                return;
            }
        }
        at_cut();
    };
    let downwards = async move { tokio::io::copy(&mut from_server, &mut to_client).await };
    tokio::select! {
        () = upwards => {}
        _ = downwards => {}
    }
}
