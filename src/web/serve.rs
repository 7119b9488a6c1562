//! The HTTP server: listeners, workers, and what every connection goes through before a request comes of it.
//!
//! `actix_web::HttpServer` does the same, but has no place for what upgraded connections need
//! ([`super::socket::upgrade`]); so its parts are put together here.

use std::{
    fmt::Debug,
    io,
    net::{Shutdown, SocketAddr, TcpListener},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use actix_http::{HttpServiceBuilder, Request, Response, TlsAcceptorConfig};
use actix_server::{GracefulShutdownSignal, Server, ServerHandle};
use actix_service::IntoServiceFactory;
use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::{
    App as HttpApp,
    body::{BoxBody, MessageBody},
    dev::{AppConfig, Extensions, Service, ServiceFactory, ServiceResponse, fn_factory, fn_service},
    http::header,
    middleware::{Condition, DefaultHeaders, from_fn},
    rt::net::TcpStream,
    web::Data,
};
use futures_util::{FutureExt, future};
use rustls::ServerConfig;
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::time;
use tracing::{debug, warn};
use tracing_actix_web::TracingLogger;

use super::{
    edge::edge,
    listeners::{self, AdminListener},
    routes,
    socket::{self, longpoll::LongPolls, upgrade::upgrade},
    tls::Tls,
};
use crate::{
    app::App,
    config::{ServerSettings, SocketTransport},
    telemetry::{self, RequestSpan},
};

/// How long the thread that accepts connections may take to stop; it does not say when it has, and complains in the log
/// if it has not.
const PAUSE_PATIENCE: Duration = Duration::from_millis(50);

/// A server that listens, and serves once it is awaited.
pub struct Listening {
    /// The server.
    pub server: Server,
    /// What new connections come in by.
    pub doors: Doors,
    /// Where it listens.
    pub address: SocketAddr,
    /// Where the operator's routes answer, when not there.
    pub admin_address: Option<SocketAddr>,
}

/// The listeners of a server, to be shut while what came in by them goes on.
#[derive(Clone)]
pub struct Doors {
    server: ServerHandle,
    listeners: Arc<[TcpListener]>,
}

impl Doors {
    /// From now on connections are refused, so that clients and proxies go elsewhere at once.
    pub async fn shut(&self) {
        // The server would take a listener that is shut for one that fails.
        self.server.pause().await;
        time::sleep(PAUSE_PATIENCE).await;
        for listener in &*self.listeners {
            if let Err(error) = SockRef::from(listener).shutdown(Shutdown::Both) {
                debug!(%error, "a listener was shut already");
            }
        }
    }
}

/// What every worker's service is made of.
#[derive(Clone)]
struct Parts {
    app: Data<App>,
    polls: Data<LongPolls>,
    admin_listener: AdminListener,
    shutdown: GracefulShutdownSignal,
}

/// Listens on the addresses of the settings, with TLS if there is any. Must be called inside an actix system, after the
/// actors were started.
///
/// # Errors
/// [`ListenError`] when an address is taken, or not this machine's.
pub fn listen(app: &Data<App>, tls: Option<&Tls>) -> Result<Listening, ListenError> {
    let settings = &app.settings.server;
    // For all workers that begin from now on.
    actix_tls::accept::max_concurrent_tls_connect(settings.tls_handshakes_max.or_max());
    let mut builder = Server::build()
        .shutdown_timeout(settings.shutdown_timeout.as_secs().max(1))
        // The caps on sockets decide, and know whom to refuse; the framework's own would let clients wait unheard.
        .max_concurrent_connections(usize::MAX)
        .disable_signals();
    if let Some(workers) = settings.workers {
        builder = builder.workers(workers);
    }
    let parts = Parts {
        app: app.clone(),
        polls: Data::new(LongPolls::default()),
        admin_listener: AdminListener::default(),
        shutdown: builder.graceful_shutdown_signal(),
    };
    let wanted = SocketAddr::new(settings.host, settings.port);
    let (mut addresses, mut listeners) = (Vec::new(), Vec::new());
    for wanted in [Some(wanted), settings.admin_listen].into_iter().flatten() {
        let failed = |source| ListenError {
            address: wanted,
            source,
        };
        let listener = bind(wanted, settings).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        listeners.push(listener.try_clone().map_err(failed)?);
        let (name, parts) = (address.to_string(), parts.clone());
        builder = match tls.map(Tls::config) {
            None => builder.listen(name, listener, move || plain(parts.clone())),
            Some(tls) => builder.listen(name, listener, move || encrypted(parts.clone(), tls.clone())),
        }
        .map_err(failed)?;
        addresses.push(address);
    }
    let admin_address = settings.admin_listen.and(addresses.get(1).copied());
    if let Some(admin_address) = admin_address {
        parts.admin_listener.set(admin_address);
    }
    let server = builder.run();
    Ok(Listening {
        doors: Doors {
            server: server.handle(),
            listeners: listeners.into(),
        },
        server,
        address: addresses.first().copied().unwrap_or(wanted),
        admin_address,
    })
}

/// An address could not be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct ListenError {
    /// The address.
    pub address: SocketAddr,
    /// Why.
    #[source]
    pub source: io::Error,
}

fn bind(address: SocketAddr, settings: &ServerSettings) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Connections of the process before, in their last minute, must not keep this one from its address.
    socket.set_reuse_address(true)?;
    if settings.reuse_port {
        socket.set_reuse_port(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(settings.backlog).unwrap_or(i32::MAX))?;
    Ok(socket.into())
}

/// What one worker does with the connections of a listener without TLS.
fn plain(parts: Parts) -> impl ServiceFactory<TcpStream, Config = (), Response = (), InitError = ()> {
    fn_factory(move || {
        let parts = parts.clone();
        async move {
            let linger = parts.app.settings.server.disconnect_timeout;
            let hands_over = parts.app.settings.socket.transport == SocketTransport::Raw;
            let http = http(&parts, |stream: &TcpStream| stream);
            let application = started(parts).await?;
            let upgrades = hands_over.then(|| {
                let application = Rc::clone(&application);
                fn_service(move |(request, connection)| {
                    upgrade(Rc::clone(&application), request, connection, linger).map(Ok::<(), actix_web::Error>)
                })
            });
            http.finish(fn_factory(move || future::ok::<_, ()>(Rc::clone(&application))))
                .upgrade(upgrades)
                .tcp()
                .new_service(())
                .await
        }
    })
}

/// What one worker does with the connections of a listener with TLS.
fn encrypted(
    parts: Parts,
    tls: ServerConfig,
) -> impl ServiceFactory<TcpStream, Config = (), Response = (), InitError = ()> {
    fn_factory(move || {
        let (parts, tls) = (parts.clone(), tls.clone());
        async move {
            let acceptor =
                TlsAcceptorConfig::default().handshake_timeout(parts.app.settings.server.tls_handshake_timeout);
            let http = http(&parts, |stream: &TlsStream<TcpStream>| stream.get_ref().0).secure();
            let application = started(parts).await?;
            http.finish(fn_factory(move || future::ok::<_, ()>(Rc::clone(&application))))
                .rustls_0_23_with_config(tls, acceptor)
                .new_service(())
                .await
        }
    })
}

/// What HTTP connections have in common, over whatever they come.
fn http<T: 'static, S>(parts: &Parts, tcp: fn(&T) -> &TcpStream) -> HttpServiceBuilder<T, S>
where
    S: ServiceFactory<Request, Config = ()>,
    S::Error: Into<Response<BoxBody>> + 'static,
    S::InitError: Debug,
    <S::Service as Service<Request>>::Future: 'static,
{
    let settings = &parts.app.settings;
    let user_timeout = settings.socket.user_timeout;
    let (admin_listener, shutdown) = (parts.admin_listener.clone(), parts.shutdown.clone());
    HttpServiceBuilder::default()
        .graceful_shutdown_signal(move || {
            let shutdown = shutdown.clone();
            async move { shutdown.notified().await }
        })
        .client_request_timeout(settings.server.header_timeout)
        .client_disconnect_timeout(settings.server.disconnect_timeout)
        .on_connect_ext(move |stream: &T, extensions: &mut Extensions| {
            let stream = tcp(stream);
            admin_listener.mark(stream, extensions);
            tune(stream, user_timeout);
        })
}

/// One worker's instance of the application, for all of its connections.
async fn started(
    parts: Parts,
) -> Result<
    Rc<
        impl Service<
            Request,
            Response = ServiceResponse<impl MessageBody + 'static>,
            Error = actix_web::Error,
            Future: 'static,
        > + 'static,
    >,
    (),
> {
    // What is answered does not depend on the scheme and host that the framework keeps in it.
    application(parts).new_service(AppConfig::default()).await.map(Rc::new)
}

/// The routes, and what every request goes through on its way to one.
fn application(
    parts: Parts,
) -> impl ServiceFactory<
    Request,
    Config = AppConfig,
    Response = ServiceResponse<impl MessageBody + 'static>,
    Error = actix_web::Error,
    InitError = (),
> {
    let Parts {
        app,
        polls,
        admin_listener,
        ..
    } = parts;
    app.metrics.watch_runtime();
    let tls_only = tls_only(&app.settings.server);
    HttpApp::new()
        .app_data(polls)
        .app_data(Data::new(admin_listener))
        .app_data(Data::new(app.metrics.clone()))
        .configure(socket::configure)
        .configure(routes::configure(app))
        .wrap(from_fn(listeners::operations_only))
        .wrap(from_fn(edge))
        .wrap(tls_only)
        .wrap(from_fn(telemetry::observe))
        .wrap(TracingLogger::<RequestSpan>::new())
        .into_factory()
}

/// The wish to be asked over TLS only, for a server that speaks it (RFC 6797).
fn tls_only(settings: &ServerSettings) -> Condition<DefaultHeaders> {
    let wished = settings.tls_cert.is_some() && !settings.tls_only_for.is_zero();
    let value = format!("max-age={}", settings.tls_only_for.as_secs());
    Condition::new(
        wished,
        DefaultHeaders::new().add((header::STRICT_TRANSPORT_SECURITY, value)),
    )
}

/// Small frames must not wait for one another, and a peer that takes nothing more must not keep its socket: where the
/// HTTP server writes for an actor ([`super::socket::websocket`]), the actor is not even polled then, so only the
/// kernel can end it.
fn tune(stream: &TcpStream, user_timeout: Duration) {
    let socket = SockRef::from(stream);
    let tuned = socket
        .set_tcp_nodelay(true)
        .and_then(|()| socket.set_tcp_user_timeout(Some(user_timeout)))
        .and_then(|()| socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(user_timeout)));
    if let Err(error) = tuned {
        warn!(%error, "socket options not set");
    }
}
