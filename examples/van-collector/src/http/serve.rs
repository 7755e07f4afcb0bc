//! Connections: as many as there is room for, and none for longer than it does something.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutStream;

use super::limits::{Limits, Served, room};
use super::{app, local_app};
use crate::error::RETRY_AFTER_S;
use crate::hub::Hub;

/// Octets of a request's head, and of what is on its way to one reader.
const BUFFER: usize = 64 << 10;
/// After how long without a word a peer is asked whether it is there: one that watches may have nothing to say for hours.
const KEEPALIVE: Duration = Duration::from_mins(1);
/// Connections that are told that there is no room; of more, nobody is told anything.
const REFUSED: usize = 64;
/// How long is waited for who is told so.
const GOODBYE: Duration = Duration::from_secs(1);

/// Serves HTTP on a listener, within limits. On loopback it answers only those who ask `localhost` or an address: a page from elsewhere
/// whose name was made to lead here (DNS rebinding) reads nothing.
///
/// # Errors
/// When the listener has no address.
pub async fn serve(listener: TcpListener, hub: Arc<Hub>, limits: Limits) -> io::Result<()> {
    let local = listener.local_addr()?.ip().is_loopback();
    let served = Arc::new(Served::new(Arc::clone(&hub), limits.clone()));
    let app = if local { local_app(served) } else { app(served) };
    let (connections, refused) = (room(limits.connections), room(REFUSED));
    let most = limits.connections.max(1);
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // It hung up before it was taken, or there are no handles left: the next ones may come.
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        if let Ok(room) = Arc::clone(&connections).try_acquire_owned() {
            let (app, limits) = (app.clone(), limits.clone());
            tokio::spawn(async move {
                connection(stream, app, &limits).await;
                drop(room);
            });
        } else {
            hub.http.refused.fetch_add(1, Ordering::Relaxed);
            if let Ok(room) = Arc::clone(&refused).try_acquire_owned() {
                tokio::spawn(async move {
                    let _ = timeout(GOODBYE, refuse(stream, most)).await;
                    drop(room);
                });
            }
        }
    }
}

async fn connection(stream: TcpStream, app: Router, limits: &Limits) {
    // A connection without these works too.
    let _ = stream.set_nodelay(true);
    let _ = SockRef::from(&stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 4));
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(limits.stall));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.head).max_buf_size(BUFFER);
    // How it ends concerns nobody but the one who asked.
    let _ = http.serve_connection(TokioIo::new(Box::pin(stream)), TowerToHyperService::new(app)).await;
}

async fn refuse(mut stream: TcpStream, connections: usize) -> io::Result<()> {
    let body = format!("{{\"code\":\"ErrBusy\",\"message\":\"all {connections} connections are taken\"}}");
    let head = format!(
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: {}\r\nRetry-After: {RETRY_AFTER_S}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await?;
    // What was asked is read, so that the answer is not lost with the connection.
    let mut octets = [0; 1_024];
    while stream.read(&mut octets).await? > 0 {}
    Ok(())
}
