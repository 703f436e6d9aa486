//! A small HTTP application server for trying Halo out: it says who it is and what it was asked.
//!
//! | request | answer |
//! |---|---|
//! | any path | name, client, request line and header fields as text; JSON with `?format=json` |
//! | `?delay=300ms` | the same, that much later (`ms` or `s`) |
//! | `?status=503` | with that status |
//! | `?bytes=10000` | that many bytes instead |
//! | `GET /healthz` | `200 ok NAME`, or 503 after `POST /health/down` until `POST /health/up` |
//! | `/ws` | a WebSocket that sends every message back |

mod answer;
mod query;
mod websocket;

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How long requests in flight may take after a signal.
const DRAIN: Duration = Duration::from_secs(5);

/// Wait after a failed accept, so that a lack of file descriptors is not a spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A small HTTP application server for trying Halo out.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// The address to listen on.
    #[arg(
        long,
        env = "WHOAMI_LISTEN",
        default_value = "0.0.0.0:8080",
        value_name = "ADDRESS:PORT"
    )]
    listen: SocketAddr,

    /// The name it says; the hostname if not given.
    #[arg(long, env = "WHOAMI_NAME")]
    name: Option<String>,
}

/// What all requests share.
#[derive(Debug)]
struct App {
    name: String,
    healthy: AtomicBool,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the event loop")?;
    runtime.block_on(serve(args))
}

async fn serve(args: Args) -> anyhow::Result<()> {
    let name = match args.name {
        Some(name) => name,
        None => hostname()?,
    };
    let app = Arc::new(App {
        name,
        healthy: AtomicBool::new(true),
    });
    let listener = TcpListener::bind(args.listen).await.with_context(|| {
        format!(
            "cannot listen on {}; choose another address with --listen",
            args.listen
        )
    })?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (stop, stopping) = watch::channel(false);
    let mut connections = JoinSet::new();
    // The port may have been chosen by the system: whoever started this reads it here.
    println!("{} listens on {}", app.name, listener.local_addr()?);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, client)) => {
                    connections.spawn(connection(app.clone(), stream, client, stopping.clone()));
                }
                Err(error) => {
                    eprintln!("cannot accept a connection: {error}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    drop(listener);
    stop.send_replace(true);
    let finished = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN, finished).await.is_err() {
        eprintln!("requests still in flight after {DRAIN:?} are cut off");
    }
    Ok(())
}

/// Serves one connection to its end; after `stopping`, to the end of its request.
async fn connection(
    app: Arc<App>,
    stream: TcpStream,
    client: SocketAddr,
    mut stopping: watch::Receiver<bool>,
) {
    if let Err(error) = stream.set_nodelay(true) {
        eprintln!("{client}: {error}");
        return;
    }
    let service = service_fn(move |request| {
        let app = app.clone();
        async move { answer::answer(&app, client, request).await }
    });
    let mut http = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades()
    );
    let ended = tokio::select! {
        ended = http.as_mut() => Some(ended),
        // It changes once.
        _ = stopping.changed() => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            http.as_mut().graceful_shutdown();
            http.await
        }
    };
    // Clients come and go; what is not HTTP is worth a word.
    if let Err(error) = ended
        && error.is_parse()
    {
        eprintln!("{client}: {error}");
    }
}

fn hostname() -> anyhow::Result<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .context("cannot read the hostname; give a name with --name")?;
    Ok(name.trim().to_owned())
}
