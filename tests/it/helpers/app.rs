//! A whole server per test: its own database, its own port, its own threads.

use std::{
    net::SocketAddr,
    sync::Arc,
    thread::{self, JoinHandle},
};

use actix_web::web::Data;
use parlour::{
    accounts::{self, NewUser, PasswordHasher, User},
    app::App,
    chat::{self, Message, NewMessage, RoomRef},
    config::{Cap, Environment, LimitSettings, RateLimit, Settings, Sources},
    realtime::Sender,
    scope::Scope,
    startup::{Application, Stopper},
    tenants,
};
use reqwest::{Method, RequestBuilder};
use secrecy::ExposeSecret;
use tokio::sync::oneshot;

use super::{database::TestDatabase, socket::TestSocket};

/// What every test server signs its tokens with.
pub const SECRET_KEY: &str = "a-key-for-tests-and-nothing-else-0123456789";

/// The operator's token of every test server.
pub const OPERATOR_TOKEN: &str = "operator-token-of-the-tests-0123456789";

/// A running server.
pub struct TestApp {
    pub address: SocketAddr,
    /// Where the operator's routes answer, when not there.
    pub admin_address: Option<SocketAddr>,
    /// The server's insides, to look at what cannot be seen from outside.
    pub app: Data<App>,
    pub db: Arc<TestDatabase>,
    stopper: Stopper,
    thread: Option<JoinHandle<()>>,
    http: reqwest::Client,
}

/// Somebody with a token.
#[derive(Clone, Debug)]
pub struct TestUser {
    pub user: User,
    pub tenant: String,
    pub token: String,
}

impl TestUser {
    pub fn scope(&self) -> Scope {
        Scope {
            tenant_id: self.user.tenant_id,
            user_id: self.user.id,
        }
    }

    pub fn id(&self) -> String {
        self.user.id.to_string()
    }
}

impl TestApp {
    /// A server with the defaults, but for limits that tests would run into.
    pub async fn start(db: TestDatabase) -> Self {
        Self::start_with(db, |_| ()).await
    }

    /// A server without any rate limit.
    pub async fn start_limitless(db: TestDatabase) -> Self {
        Self::start_with(db, |settings| settings.limits = LimitSettings::off()).await
    }

    /// A server with settings of the test's own.
    pub async fn start_with(db: TestDatabase, change: impl FnOnce(&mut Settings)) -> Self {
        Self::start_on(Arc::new(db), change).await
    }

    /// Another server of the same deployment: on the same database, with nothing else in common.
    pub async fn start_beside(&self, change: impl FnOnce(&mut Settings)) -> Self {
        Self::start_on(Arc::clone(&self.db), change).await
    }

    async fn start_on(db: Arc<TestDatabase>, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = settings(&db);
        change(&mut settings);
        let (started, running) = oneshot::channel();
        let thread = thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let application = Application::build(settings).await.expect("the server starts");
                let addresses = (application.address(), application.admin_address());
                let parts = (addresses, application.app(), application.stopper());
                assert!(started.send(parts).is_ok(), "the test waits for its server");
                application.serve().await.expect("the server ends well");
            });
        });
        let ((address, admin_address), app, stopper) = running.await.expect("the server starts");
        Self {
            address,
            admin_address,
            app,
            db,
            stopper,
            thread: Some(thread),
            http: reqwest::Client::new(),
        }
    }

    /// A user of a tenant; the tenant is made when it is new.
    pub async fn user(&self, tenant: &str, username: &str) -> TestUser {
        let store = &self.db.store;
        let of = tenants::ensure_tenant(store, tenant).await.unwrap();
        chat::seed::ensure_default_rooms(store, of.id).await.unwrap();
        let new = NewUser {
            username: username.to_owned(),
            password: super::people::PASSWORD.into(),
        };
        let user = accounts::register(store, &PasswordHasher::weak_for_tests(), of.id, new)
            .await
            .unwrap();
        let token = self.app.tokens.issue(&user).token.expose_secret().to_owned();
        TestUser {
            user,
            tenant: tenant.to_owned(),
            token,
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A request by nobody in particular.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, self.url(path))
    }

    /// A request by a user.
    pub fn request_as(&self, user: &TestUser, method: Method, path: &str) -> RequestBuilder {
        self.request(method, path).bearer_auth(&user.token)
    }

    /// The user as one who acts through the runtime, with the tenant's settings of now.
    pub async fn sender(&self, user: &TestUser) -> Sender {
        let tenant = tenants::get_tenant(&self.db.store, user.user.tenant_id).await.unwrap();
        Sender {
            scope: user.scope(),
            user: user.user.clone().into(),
            tenant: tenant.into(),
        }
    }

    /// Writes a message as a request would, and tells the sockets.
    pub async fn send(&self, user: &TestUser, room: &RoomRef, content: &str) -> Message {
        let new = NewMessage {
            content: content.to_owned(),
            ..NewMessage::default()
        };
        let sender = self.sender(user).await;
        self.app
            .realtime
            .send_message(&sender, room, new)
            .await
            .unwrap()
            .message
    }

    /// Writes a message behind the server's back: it is in the log, and nobody is told.
    pub async fn append(&self, user: &TestUser, room: &RoomRef, content: &str) -> Message {
        let new = NewMessage {
            content: content.to_owned(),
            ..NewMessage::default()
        };
        chat::append_message(&self.db.store, &user.scope(), room, new, Cap::Off)
            .await
            .unwrap()
            .message
    }

    /// A V2 socket of a user.
    pub async fn connect(&self, user: &TestUser) -> TestSocket {
        TestSocket::connect(self.address, &format!("token={}&vsn=2.0.0", user.token)).await
    }

    /// Stops the server as SIGTERM does.
    pub async fn stop(&self) {
        self.stopper.stop().await;
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        let stopper = self.stopper.clone();
        let stopping =
            thread::spawn(move || actix_web::rt::System::new().block_on(async move { stopper.stop().await }));
        let ended = [Some(stopping), self.thread.take()]
            .into_iter()
            .flatten()
            .all(|thread| thread.join().is_ok());
        assert!(ended || thread::panicking(), "the server's threads end well");
    }
}

/// The settings of every test server, as far as tests do not change them.
pub fn settings(db: &TestDatabase) -> Settings {
    // A folder without a settings file: only the defaults count.
    let sources = Sources {
        folder: "/nonexistent".into(),
        ..Sources::default()
    };
    let mut settings = Settings::load(&sources).expect("the defaults are fine").settings;
    settings.environment = Environment::Development;
    settings.server.host = [127, 0, 0, 1].into();
    settings.server.port = 0;
    // Whether the pages were built on this machine makes no difference.
    settings.server.ui_dir = Some("/nonexistent".into());
    settings.server.workers = Some(2);
    settings.database.url = db.url.clone().into();
    settings.database.pool_size = Some(8);
    settings.database.allow_unsafe_durability = true;
    settings.auth.secret_key = Some(SECRET_KEY.to_owned().into());
    settings.auth.master_key = Some("a-master-key-for-tests-and-nothing-else-9876543210".to_owned().into());
    settings.auth.operator_token = Some(OPERATOR_TOKEN.to_owned().into());
    settings.auth.password_rounds = 1000;
    settings.socket.drain_interval = std::time::Duration::from_millis(1);
    for limit in [
        &mut settings.limits.logins_per_account,
        &mut settings.limits.logins_per_address,
        &mut settings.limits.registrations_per_address,
        &mut settings.limits.rooms_created_per_user,
        &mut settings.limits.requests_per_user,
        &mut settings.limits.requests_per_address,
        &mut settings.limits.messages_per_room,
    ] {
        *limit = RateLimit::Off;
    }
    settings
}
