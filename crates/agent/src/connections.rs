//! The agent's connections: how many there are, and how long one may take.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, Id, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

/// Most bytes of a request's head, and the room a connection has for reading.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// A pause when the system has no more sockets: some will be closed meanwhile.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// What a connection beyond the limit hears.
const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n\
Content-Length: 127\r\nConnection: close\r\n\r\n\
{\"error\":{\"id\":\"busy\",\"message\":\"too many connections; nothing happened\",\
\"next\":\"close some, or send the request again later\"}}";

/// Bounds of the agent's connections.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConnectionLimits {
    /// Most connections. At this number, one more takes the place of the one that has been idle
    /// for longest; if none is idle, it is refused.
    pub connections_max: usize,
    /// How long a caller may take to read an answer and to send the whole head of the next request.
    /// Bodies have ten seconds of their own.
    pub idle_max: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            // Twice the requests that may be under way: idle ones keep nobody out.
            connections_max: 2 * crate::REQUESTS_MAX,
            idle_max: Duration::from_secs(30),
        }
    }
}

/// Serves connections until `stop` is done, then lets the requests under way finish, for at most
/// [`ConnectionLimits::idle_max`].
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: ConnectionLimits,
    stop: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    let (stopping, _) = watch::channel(false);
    let mut connections = Connections {
        limits,
        router,
        stopping,
        tasks: JoinSet::new(),
        open: BTreeMap::new(),
    };
    let mut stop = pin!(stop);
    let mut sweep = interval(limits.idle_max / 4);
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => connections.admit(stream),
                Err(error) => {
                    tracing::debug!(%error, "no connection accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(ended) = connections.tasks.join_next_with_id() => {
                let id = ended.map_or_else(|error| error.id(), |(id, ())| id);
                connections.open.remove(&id);
            }
            _ = sweep.tick() => connections.sweep(),
        }
    }
    drop(listener);
    connections.stopping.send_replace(true);
    connections.close(|phase, _| phase == Phase::Idle);
    let finished = async { while connections.tasks.join_next().await.is_some() {} };
    // What is left then is closed with the set of tasks.
    let _ = timeout(limits.idle_max, finished).await;
    Ok(())
}

struct Connections {
    limits: ConnectionLimits,
    router: Router,
    stopping: watch::Sender<bool>,
    tasks: JoinSet<()>,
    open: BTreeMap<Id, (AbortHandle, Standing)>,
}

/// What a connection is doing, and since when.
#[derive(Clone, Debug)]
struct Standing(Arc<Mutex<(Phase, Instant)>>);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// Its caller is to read an answer or to send the head of a request.
    Idle,
    /// A request is being answered: handlers have their own limits of time.
    Answering,
}

impl Connections {
    fn admit(&mut self, stream: TcpStream) {
        if self.open.len() >= self.limits.connections_max && !self.close_longest_idle() {
            // Best effort: a caller that does not read it sees the connection closed.
            let _ = stream.try_write(BUSY);
            return;
        }
        let standing = Standing::new();
        let task = run(
            stream,
            self.router.clone(),
            standing.clone(),
            self.stopping.subscribe(),
        );
        let task = self.tasks.spawn(task);
        self.open.insert(task.id(), (task, standing));
    }

    fn close_longest_idle(&mut self) -> bool {
        let idle = self.open.iter().filter_map(|(id, (_, standing))| {
            let (phase, since) = *standing.lock();
            (phase == Phase::Idle).then_some((since, *id))
        });
        let longest = idle.min();
        let closed = longest.and_then(|(_, id)| self.open.remove(&id));
        closed.map(|(task, _)| task.abort()).is_some()
    }

    /// Closes what has taken too long.
    fn sweep(&mut self) {
        let (now, idle_max) = (Instant::now(), self.limits.idle_max);
        self.close(|phase, since| {
            phase == Phase::Idle && now.saturating_duration_since(since) >= idle_max
        });
    }

    fn close(&mut self, which: impl Fn(Phase, Instant) -> bool) {
        self.open.retain(|_, (task, standing)| {
            let (phase, since) = *standing.lock();
            let closed = which(phase, since);
            if closed {
                task.abort();
            }
            !closed
        });
    }
}

impl Standing {
    fn new() -> Self {
        Self(Arc::new(Mutex::new((Phase::Idle, Instant::now()))))
    }

    fn enter(&self, phase: Phase) {
        *self.lock() = (phase, Instant::now());
    }

    fn lock(&self) -> MutexGuard<'_, (Phase, Instant)> {
        self.0.lock().expect("no holder of this lock panics")
    }
}

async fn run(
    stream: TcpStream,
    router: Router,
    standing: Standing,
    mut stopping: watch::Receiver<bool>,
) {
    let router = TowerToHyperService::new(router);
    let service = service_fn(|request: Request<Incoming>| {
        standing.enter(Phase::Answering);
        let (answer, standing) = (router.call(request), standing.clone());
        async move {
            let response: Response<Body> = answer.await.unwrap_or_else(|never| match never {});
            standing.enter(Phase::Idle);
            Ok::<_, Infallible>(response)
        }
    });
    let mut http = http1::Builder::new();
    http.max_buf_size(HEAD_BYTES_MAX).header_read_timeout(None);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        // How a connection ended is its caller's affair.
        _ = connection.as_mut() => return,
        _ = stopping.wait_for(|stopping| *stopping) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refusal_has_the_length_it_says() {
        let text = std::str::from_utf8(BUSY).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(
            head.contains(&format!("Content-Length: {}\r\n", body.len())),
            "{}",
            body.len()
        );
        serde_json::from_str::<serde_json::Value>(body).unwrap();
    }
}
