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

use super::limits::{Limits, Served, room};
use super::patient::Patient;
use super::{app, local_app};
use crate::error::RETRY_AFTER_S;
use crate::hub::Hub;

/// Octets of a request's head, and of what is on its way to one reader.
const BUFFER: usize = 64 << 10;
/// Octets that the system holds for one reader. Left to itself it takes megabytes, and says so late that some of them were taken that a slow
/// reader seems to take nothing for a minute.
const SENT: usize = 256 << 10;
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
            let (app, limits, hub) = (app.clone(), limits.clone(), Arc::clone(&hub));
            tokio::spawn(async move {
                connection(stream, app, &limits, &hub).await;
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

async fn connection(stream: TcpStream, app: Router, limits: &Limits, hub: &Hub) {
    // A connection without these works too.
    let _ = stream.set_nodelay(true);
    let socket = SockRef::from(&stream);
    let _ = socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 4));
    let _ = socket.set_send_buffer_size(SENT);
    let stream = Patient::new(stream, limits.stall, limits.rate);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.head).max_buf_size(BUFFER);
    let mut connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(app));
    // How it ends concerns nobody but the one who asked.
    let _ = (&mut connection).await;
    let stream = connection.into_parts().io.into_inner();
    if stream.is_out() {
        hub.http.cut.fetch_add(1, Ordering::Relaxed);
        // What the system holds goes with it, and the reader sees that it was cut off.
        let _ = SockRef::from(stream.stream()).set_linger(Some(Duration::ZERO));
    }
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
