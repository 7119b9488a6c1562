//! From settings to a running server, and back to nothing.

use std::{io, net::SocketAddr, sync::Arc};

use actix_web::{
    dev::{Server, ServerHandle},
    web,
};
use tokio::time;
use tracing::{error, info, warn};

use crate::{
    accounts::{PasswordHasher, Tokens},
    app::App,
    chat,
    config::Settings,
    descriptors,
    media::Inspector,
    metrics::Metrics,
    realtime::Realtime,
    standing::Standings,
    store::{DatabaseOptions, Store, StoreError},
    telemetry::{self, TelemetryError},
    tenants,
    upkeep::Upkeep,
    vault::Vault,
    web::{
        bundle::Bundle,
        newest_pages::NewestPages,
        serve::{self, Doors, ListenError, Listening},
        socket::{raw::Writing, session::bounds},
        tls::{Tls, TlsError},
    },
};

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartupError {
    /// Logging could not be set up.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// The database could not be opened or brought up to date.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The database answered with an error.
    #[error("the database could not be read")]
    Database(#[from] sea_orm::DbErr),
    /// A tenant that should exist could not be created.
    #[error("tenant {slug} could not be created")]
    Tenant {
        /// The tenant's slug.
        slug: String,
        /// Why.
        #[source]
        source: tenants::Error,
    },
    /// A tenant's first rooms could not be created.
    #[error("the first rooms of tenant {slug} could not be created")]
    Rooms {
        /// The tenant's slug.
        slug: String,
        /// Why.
        #[source]
        source: chat::Error,
    },
    /// There is no key to sign tokens with, or none to seal secrets with.
    #[error("{0} is not set")]
    NoSecret(&'static str),
    /// The secrets that the database keeps do not open.
    #[error("the secrets in the database cannot be used")]
    Sealed(#[source] tenants::Error),
    /// The certificate or its key are no good.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// An address could not be listened on.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The signals that end the server cannot be listened for.
    #[error("signals cannot be listened for")]
    Signals(#[source] io::Error),
    /// The server stopped with an error.
    #[error("the server failed")]
    Serve(#[source] io::Error),
}

/// A server that listens, and the parts that tests and shutdown reach for.
pub struct Application {
    server: Server,
    doors: Doors,
    address: SocketAddr,
    admin_address: Option<SocketAddr>,
    app: web::Data<App>,
    upkeep: Upkeep,
}

impl Application {
    /// Opens the database, brings its schema up to date, makes the tenants of `tenants.ensure`, starts the
    /// actors and listens. Must be called inside an actix system.
    ///
    /// # Errors
    ///
    /// [`StartupError`] says what stood in the way; nothing is left running then.
    pub async fn build(settings: Settings) -> Result<Self, StartupError> {
        let secret_key = settings
            .auth
            .secret_key
            .clone()
            .ok_or(StartupError::NoSecret("auth.secret_key"))?;
        let vault = Vault::from_settings(&settings.auth).ok_or(StartupError::NoSecret("auth.master_key"))?;
        let tls = Tls::from_settings(&settings.server)?;
        let metrics = Metrics::new(&settings);
        let options = DatabaseOptions::from(&settings.database);
        // Connecting first: a database that is not safe to write to is not migrated either.
        let mut store = Store::connect(&options).await?;
        Store::migrate(&options).await?;
        let queries = metrics.clone();
        store.on_query(&(Arc::new(move |duration, failed| queries.query(duration, failed)) as _));
        tenants::check_sealed(&store, &vault)
            .await
            .map_err(StartupError::Sealed)?;
        for slug in &settings.tenants.ensure {
            ensure_tenant(&store, slug).await?;
        }
        let epoch = store.epoch().await?;
        let passwords = PasswordHasher::with_rounds(
            settings.auth.password_rounds,
            settings.auth.hash_concurrency,
            settings.auth.hash_queue_max.get().unwrap_or(usize::MAX / 2),
        );
        let tokens = Tokens::new(&secret_key, settings.auth.token_lifetime).remembering(settings.cache.tokens);
        let realtime = Realtime::start(&settings, store.clone(), metrics.clone()).await?;
        let app = web::Data::new(App {
            standings: Standings::new(store.clone(), &settings.database, &settings.cache),
            newest_pages: NewestPages::new(settings.cache.page_bytes),
            store,
            tokens,
            vault,
            passwords,
            media: Inspector::new(&settings.uploads),
            realtime,
            socket_limits: Arc::new(bounds::limits(&settings.socket)),
            writing: Arc::new(Writing::new(&settings.socket, metrics.clone())),
            metrics,
            epoch,
            settings,
        });
        let upkeep = Upkeep::start(&app);
        let Listening {
            server,
            doors,
            address,
            admin_address,
        } = serve::listen(&app, tls.as_ref())?;
        if let Some(tls) = tls {
            tls.watch(app.settings.server.tls_reload_interval);
        }
        Ok(Self {
            server,
            doors,
            address,
            admin_address,
            app,
            upkeep,
        })
    }

    /// Where the server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the operator's routes answer, when not there.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin_address
    }

    /// What the server shares with its handlers.
    pub fn app(&self) -> web::Data<App> {
        self.app.clone()
    }

    /// Stops the server from outside while [`Application::serve`] runs.
    pub fn stopper(&self) -> Stopper {
        Stopper {
            server: self.server.handle(),
            doors: self.doors.clone(),
            app: self.app.clone(),
            upkeep: self.upkeep.clone(),
        }
    }

    /// Serves until somebody uses the [`Stopper`].
    ///
    /// # Errors
    ///
    /// [`StartupError::Serve`] when listening failed for good.
    pub async fn serve(self) -> Result<(), StartupError> {
        self.server.await.map_err(StartupError::Serve)
    }
}

/// Ends a server gracefully.
#[derive(Clone)]
pub struct Stopper {
    server: ServerHandle,
    doors: Doors,
    app: web::Data<App>,
    upkeep: Upkeep,
}

impl Stopper {
    /// Tells all sockets to reconnect elsewhere, lets requests in flight finish, and stops, within
    /// `server.shutdown_timeout` in all.
    pub async fn stop(&self) {
        self.upkeep.stop();
        let settings = &self.app.settings;
        let socket = &settings.socket;
        let timeout = settings.server.shutdown_timeout;
        let drained = self
            .app
            .realtime
            .drain(socket.drain_batch, socket.drain_interval, timeout);
        let stopped = async {
            tokio::join!(self.doors.shut(), drained);
            // Sockets live on the workers' threads, which end here.
            self.server.stop(true).await;
        };
        if time::timeout(timeout, stopped).await.is_err() {
            warn!(
                timeout_ms = timeout.as_millis(),
                "stopped before everything was finished"
            );
            self.server.stop(false).await;
        }
        self.app.realtime.finish(timeout).await;
        self.app.realtime.stop();
    }
}

/// Runs a server until SIGTERM or SIGINT. The address goes to standard output as soon as it is listened on.
///
/// # Errors
///
/// [`StartupError`], see [`Application::build`] and [`Application::serve`].
pub async fn run(settings: Settings) -> Result<(), StartupError> {
    telemetry::init(&settings.log)?;
    descriptors::raise_limit(&settings);
    let application = Application::build(settings).await?;
    let address = application.address();
    let app = application.app();
    if app.settings.no_limits {
        warn!("all rate limits are off");
    }
    if !Bundle::from_settings(&app.settings.server).has_pages() {
        warn!("the pages and the widget were not built, only the API answers; `make ui` builds them");
    }
    // Before anybody is told that the server is ready, and may tell it to stop.
    let end = end_signal().map_err(StartupError::Signals)?;
    if let Some(admin_address) = application.admin_address() {
        info!(%admin_address, "administrators are answered on an address of their own");
    }
    info!(%address, environment = ?app.settings.environment, epoch = app.epoch, "ready");
    announce(address, &app.settings);
    let stopper = application.stopper();
    let signals = actix_web::rt::spawn(async move {
        end.await;
        info!("shutting down");
        stopper.stop().await;
    });
    application.serve().await?;
    // The drain ends after the server has stopped accepting.
    if signals.await.is_err() {
        error!("shutdown was cut short");
    }
    // Gives SQLite the occasion to put its log into the file.
    app.store.clone().close().await;
    info!("stopped");
    Ok(())
}

/// Completes when the process is told to end. It listens from the moment it is made.
fn end_signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// The ready line, and in development what can be opened.
#[expect(
    clippy::print_stdout,
    reason = "the ready line is the command's output; logs go to standard error"
)]
fn announce(address: SocketAddr, settings: &Settings) {
    let (http, ws) = if settings.server.tls_cert.is_some() {
        ("https", "wss")
    } else {
        ("http", "ws")
    };
    println!("parlour is ready on {http}://{address}");
    if !settings.environment.is_development() {
        return;
    }
    println!("\n  chat             {http}://{address}/");
    for tenant in settings
        .tenants
        .ensure
        .iter()
        .filter(|slug| **slug != settings.tenants.default)
    {
        println!("                   {http}://{address}/?tenant={tenant}");
    }
    println!(
        "  embed doctor     {http}://{address}/embed/doctor\n  API description  {http}://{address}/docs/\n  \
         socket           {ws}://{address}/chat/socket/websocket\n"
    );
}

async fn ensure_tenant(store: &Store, slug: &str) -> Result<(), StartupError> {
    let tenant = tenants::ensure_tenant(store, slug)
        .await
        .map_err(|source| StartupError::Tenant {
            slug: slug.to_owned(),
            source,
        })?;
    chat::seed::ensure_default_rooms(store, tenant.id)
        .await
        .map_err(|source| StartupError::Rooms {
            slug: slug.to_owned(),
            source,
        })?;
    Ok(())
}
