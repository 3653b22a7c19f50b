//! Stands between the engine and its database, and does something bad to chosen statements.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};

use crate::engine::postgres::dsn::{Dsn, Host, Ssl};

/// What happens to a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The database never gets it: the connection is lost first.
    CutBefore,
    /// The database runs it, and the connection is lost before the answer.
    CutAfter,
    /// It is refused with this code, and nothing of its transaction is done.
    Refused(&'static str),
    /// The database runs it, and the answer is this code.
    Answered(&'static str),
}

/// Which statements, and how often.
pub(super) struct Plan {
    pub(super) begins: &'static str,
    pub(super) has: &'static str,
    pub(super) fault: Fault,
    left: AtomicUsize,
    done: AtomicUsize,
}

impl Plan {
    pub(super) fn new(begins: &'static str, has: &'static str, fault: Fault) -> Self {
        Self { begins, has, fault, left: AtomicUsize::new(0), done: AtomicUsize::new(0) }
    }

    /// From now on the next so many of the statements.
    pub(super) fn arm(&self, times: usize) {
        self.left.store(times, Ordering::Release);
    }

    pub(super) fn done(&self) -> usize {
        self.done.load(Ordering::Acquire)
    }

    fn fault_of(&self, statement: &str) -> Option<Fault> {
        let is_meant = statement.starts_with(self.begins) && statement.contains(self.has);
        let take = |left: usize| left.checked_sub(1);
        if !is_meant || self.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, take).is_err() {
            return None;
        }
        self.done.fetch_add(1, Ordering::AcqRel);
        Some(self.fault)
    }
}

/// A DSN that leads to the same database through a proxy with this plan. The proxy ends with the runtime.
pub(super) async fn through(dsn: &Dsn, plan: &Arc<Plan>) -> Dsn {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (host, plan) = (dsn.hosts[0].clone(), Arc::clone(plan));
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (host, plan) = (host.clone(), Arc::clone(&plan));
            tokio::spawn(async move {
                // Whoever ends it, both connections are dropped.
                let _ = match host {
                    Host::Unix { folder, port } => {
                        let socket = UnixStream::connect(folder.join(format!(".s.PGSQL.{port}"))).await?;
                        pass(client, socket, &plan).await
                    }
                    Host::Tcp { name, port } => {
                        pass(client, TcpStream::connect((name.as_str(), port)).await?, &plan).await
                    }
                };
                io::Result::Ok(())
            });
        }
    });
    let hosts = vec![Host::Tcp { name: "127.0.0.1".to_owned(), port }];
    Dsn { hosts, ssl: Ssl::Disable, ..dsn.clone() }
}

async fn pass(
    mut client: TcpStream,
    mut server: impl AsyncRead + AsyncWrite + Unpin,
    plan: &Plan,
) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut startup = vec![0; 4];
    client.read_exact(&mut startup).await?;
    body(&mut client, &mut startup, 0).await?;
    server.write_all(&startup).await?;
    loop {
        let frame = frame(&mut server).await?;
        client.write_all(&frame).await?;
        match frame[0] {
            b'Z' => break,
            // The server asks for a password, or for the next step of proving one.
            b'R' if ![0, 12].contains(&frame[8]) => {
                server.write_all(&self::frame(&mut client).await?).await?
            }
            _ => {}
        }
    }
    loop {
        let (statement, mut sent) = group(&mut client).await?;
        let fault = plan.fault_of(&statement);
        let code = match fault {
            Some(Fault::CutBefore) => return Ok(()),
            Some(Fault::Refused(code)) => {
                // Whatever the transaction did is undone.
                sent = query(if statement == "COMMIT" { "ROLLBACK" } else { "SELECT 1" });
                Some(code)
            }
            Some(Fault::Answered(code)) => Some(code),
            Some(Fault::CutAfter) | None => None,
        };
        server.write_all(&sent).await?;
        loop {
            let frame = frame(&mut server).await?;
            if fault.is_none() {
                client.write_all(&frame).await?;
            }
            if frame[0] == b'Z' {
                if let Some(code) = code {
                    client.write_all(&[error(code), frame].concat()).await?;
                }
                break;
            }
        }
        if fault == Some(Fault::CutAfter) {
            return Ok(());
        }
    }
}

/// The text of the next statement of the client, and all its messages.
async fn group(client: &mut TcpStream) -> io::Result<(String, Vec<u8>)> {
    let (mut statement, mut all) = (String::new(), Vec::new());
    loop {
        let frame = frame(client).await?;
        let text = |skip: usize| {
            let text = frame[5..].split(|byte| *byte == 0).nth(skip).unwrap_or_default();
            String::from_utf8_lossy(text).into_owned()
        };
        match frame[0] {
            b'P' => statement = text(1),
            b'Q' => statement = text(0),
            b'X' => return Err(io::ErrorKind::UnexpectedEof.into()),
            _ => {}
        }
        let is_end = matches!(frame[0], b'Q' | b'S');
        all.extend(frame);
        if is_end {
            return Ok((statement, all));
        }
    }
}

async fn frame(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let mut frame = vec![0; 5];
    from.read_exact(&mut frame).await?;
    body(from, &mut frame, 1).await?;
    Ok(frame)
}

/// Reads what the length at `at`, which counts itself, says is still to come.
async fn body(from: &mut (impl AsyncRead + Unpin), frame: &mut Vec<u8>, at: usize) -> io::Result<()> {
    let length = u32::from_be_bytes(frame[at..at + 4].try_into().unwrap());
    let start = frame.len();
    frame.resize(at + usize::try_from(length).unwrap(), 0);
    from.read_exact(&mut frame[start..]).await.map(drop)
}

fn query(text: &str) -> Vec<u8> {
    message(b'Q', format!("{text}\0").as_bytes())
}

fn error(code: &str) -> Vec<u8> {
    message(b'E', format!("SERROR\0VERROR\0C{code}\0Mthe test says so\0\0").as_bytes())
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap();
    [&[kind][..], &length.to_be_bytes(), body].concat()
}
