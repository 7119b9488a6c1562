//! The long-poll transport (protocol §8): an actor per session, found by its token.
//!
//! Every answer is HTTP 200 with the real status in the body, as clients expect it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use actix::{Actor, ActorContext, Addr, AsyncContext, Context, Handler, Message, Recipient};
use actix_web::{
    HttpRequest, HttpResponse,
    http::{Method, StatusCode, header},
    web,
};
use bytestring::ByteString;
use dashmap::DashMap;
use futures_util::StreamExt;
use tokio::{sync::oneshot, time};
use tracing::debug;

use super::{
    connect::{self, Admitted, Refusal},
    session::{Session, bounds},
    transport::{Done, Transport},
};
use crate::{
    app::App,
    metrics::Transport as TransportKind,
    moment::Moment,
    phoenix::{Frame, Params, PollLine, parse_body, poll_response},
    realtime::socket_handle::Outbound,
    secret_token,
    tenants::Tenant,
    web::{
        cors::{MAX_AGE, tell_page},
        error::ApiError,
        extract::RequestTenant,
        origin_policy::{Asker, Grant, judge_unknown},
    },
};

/// What a long-poll session is called in metrics.
const TRANSPORT: TransportKind = TransportKind::LongPoll;

/// Begins every session token, so that it is never taken for a user's.
const TOKEN_PREFIX: &str = "lp-";

/// Where session tokens travel besides the query.
const SESSION_TOKEN_HEADER: &str = "x-phoenix-longpoll-token";

/// Where the user's token travels besides the query.
const AUTH_TOKEN_HEADER: &str = "x-phoenix-authtoken";

/// The open long-poll sessions of this server.
#[derive(Default)]
pub struct LongPolls {
    sessions: DashMap<String, Known>,
}

/// An open session, and whose pages may poll it.
#[derive(Clone)]
struct Known {
    session: Addr<PollSession>,
    tenant: Arc<Tenant>,
}

/// `/chat/socket/longpoll`
pub async fn longpoll(
    app: web::Data<App>,
    sessions: web::Data<LongPolls>,
    request: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    let (app, sessions) = (app.into_inner(), sessions.into_inner());
    let known = [Method::GET, Method::POST, Method::OPTIONS].contains(request.method());
    if !known {
        return HttpResponse::BadRequest().finish();
    }
    if connect::check_page(&app, &request).is_err() {
        return answer(403, None, None);
    }
    let mut response = match *request.method() {
        Method::OPTIONS => preflight(&app, &request).await,
        Method::POST => publish(&app, &sessions, &request, payload).await,
        _ => poll(Arc::clone(&app), sessions, &request).await,
    };
    tell_page(&app, &request, response.headers_mut()).await;
    response
}

fn answer(status: u16, token: Option<&str>, messages: Option<&[ByteString]>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(poll_response(status, token, messages))
}

async fn preflight(app: &App, request: &HttpRequest) -> HttpResponse {
    let grant = match Asker::of(request.headers()) {
        Asker::Unsaid => return HttpResponse::Ok().finish(),
        Asker::Page(origin) => judge_unknown(app, request, &origin).await.unwrap_or(Grant::No),
        Asker::Several => Grant::No,
    };
    if grant == Grant::No {
        return answer(403, None, None);
    }
    let mut response = HttpResponse::Ok();
    response
        .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, "get, post, options"))
        .insert_header((header::ACCESS_CONTROL_MAX_AGE, MAX_AGE));
    if let Some(asked) = request.headers().get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        response.insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, asked.clone()));
    }
    response.finish()
}

fn header_value<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    request.headers().get(name)?.to_str().ok()
}

/// The session's token: its own header first, else the last `token` of the query. Released clients append
/// it to a query that may hold the user's under the same name.
fn session_token<'a>(request: &'a HttpRequest, params: &'a Params) -> Option<&'a str> {
    header_value(request, SESSION_TOKEN_HEADER).or_else(|| params.get("token"))
}

/// The user's token: its own header first, else the first `token` that is not a session's.
fn user_token<'a>(request: &'a HttpRequest, params: &'a Params) -> Option<&'a str> {
    header_value(request, AUTH_TOKEN_HEADER)
        .or_else(|| params.get_all("token").find(|token| !token.starts_with(TOKEN_PREFIX)))
}

async fn poll(app: Arc<App>, sessions: Arc<LongPolls>, request: &HttpRequest) -> HttpResponse {
    let params = Params::parse(request.query_string());
    let window = app.settings.socket.longpoll_window;
    if let Some(token) = session_token(request, &params)
        && let Some(known) = sessions.get(token)
    {
        if check_known(&app, request, &known).is_err() {
            return answer(403, None, None);
        }
        match wait_for_messages(&known.session, window).await {
            PollAnswer::Messages(messages) if messages.is_empty() => return answer(204, Some(token), Some(&[])),
            PollAnswer::Messages(messages) => return answer(200, Some(token), Some(&messages)),
            PollAnswer::Gone => {}
        }
    }
    match connect(app, sessions, request, &params).await {
        Ok(token) => answer(410, Some(&token), Some(&[])),
        Err(refusal) => {
            debug!(reason = %refusal, "long poll refused");
            answer(403, None, None)
        }
    }
}

async fn connect(
    app: Arc<App>,
    sessions: Arc<LongPolls>,
    request: &HttpRequest,
    params: &Params,
) -> Result<String, Refusal> {
    let version = params.vsn().map_err(|_| Refusal::Version)?;
    let user_token = user_token(request, params).ok_or(Refusal::Unauthorized)?;
    let admitted = connect::admit(app, request, params, version, user_token).await?;
    let token = format!("{TOKEN_PREFIX}{}", secret_token::generate());
    let tenant = Arc::clone(&admitted.identity.tenant);
    let session = PollSession::new(admitted, token.clone(), Arc::clone(&sessions)).start();
    sessions.sessions.insert(token.clone(), Known { session, tenant });
    Ok(token)
}

/// Whether the page that knows a session's token is one of the tenant's, as that is now.
fn check_known(app: &App, request: &HttpRequest, known: &Known) -> Result<Arc<Tenant>, ApiError> {
    let live = app.realtime.tenants().get(known.tenant.id);
    let tenant = live.unwrap_or_else(|| Arc::clone(&known.tenant));
    RequestTenant::settle(app, request, &tenant)?;
    Ok(tenant)
}

/// Asks a session for messages, and waits for some as long as the window is open. The session keeps what
/// it could not hand over.
async fn wait_for_messages(session: &Addr<PollSession>, window: Duration) -> PollAnswer {
    let deadline = time::Instant::now() + window;
    let (answer, mut asked) = oneshot::channel();
    if session.send(Poll { answer }).await.is_err() {
        return PollAnswer::Gone;
    }
    match time::timeout_at(deadline, &mut asked).await {
        Ok(Ok(answer)) => answer,
        // A newer poll took this one's place, or the session ended without a word.
        Ok(Err(_)) if session.connected() => {
            time::sleep_until(deadline).await;
            PollAnswer::Messages(Vec::new())
        }
        Ok(Err(_)) => PollAnswer::Gone,
        Err(_) => {
            // From here on the session cannot hand over anything; what it just did is taken.
            asked.close();
            asked.try_recv().unwrap_or(PollAnswer::Messages(Vec::new()))
        }
    }
}

async fn publish(app: &App, sessions: &LongPolls, request: &HttpRequest, payload: web::Payload) -> HttpResponse {
    let settings = &app.settings.socket;
    let body_max = settings.longpoll_body_bytes_max.get().unwrap_or(usize::MAX);
    let Ok(body) = read_body(payload, body_max).await else {
        return HttpResponse::build(StatusCode::BAD_REQUEST).finish();
    };
    let params = Params::parse(request.query_string());
    let Some((token, known)) = session_token(request, &params).and_then(|token| Some((token, sessions.get(token)?)))
    else {
        return answer(410, None, None);
    };
    let Ok(tenant) = check_known(app, request, &known) else {
        return answer(403, None, None);
    };
    let session = known.session;
    let content_type = header_value(request, "content-type");
    let lines = parse_body(
        content_type,
        &body,
        settings.longpoll_lines_max.get().unwrap_or(usize::MAX),
    );
    let line_max = bounds::size_limits(&tenant, settings).message_bytes_max;
    let lines = match lines {
        Ok(lines) if lines.iter().all(|line| line_len(line) <= line_max) => lines,
        _ => {
            session.try_send(Discard).ok();
            sessions.sessions.remove(token);
            return answer(400, None, None);
        }
    };
    match time::timeout(settings.longpoll_window, session.send(Lines(lines))).await {
        Ok(Ok(true)) => answer(200, None, None),
        Ok(Ok(false)) => answer(400, None, None),
        Ok(Err(_)) => answer(410, None, None),
        Err(_) => answer(408, None, None),
    }
}

fn line_len(line: &PollLine) -> usize {
    match line {
        PollLine::Text(text) => text.len(),
        PollLine::Binary(data) => data.len(),
    }
}

/// The body is over its limit, or its connection broke.
struct Unreadable;

async fn read_body(mut payload: web::Payload, max: usize) -> Result<Vec<u8>, Unreadable> {
    let mut body = Vec::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| Unreadable)?;
        if body.len() + chunk.len() > max {
            return Err(Unreadable);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

impl LongPolls {
    fn get(&self, token: &str) -> Option<Known> {
        self.sessions
            .get(token)
            .filter(|known| known.session.connected())
            .map(|known| known.clone())
    }
}

/// The actor behind one long-poll session.
struct PollSession {
    admitted: Option<Admitted>,
    session: Option<Session>,
    token: String,
    sessions: Arc<LongPolls>,
    window: Duration,
    buffer: Vec<ByteString>,
    buffered_bytes: usize,
    buffered_bytes_max: usize,
    mailbox_capacity: usize,
    waiting: Option<oneshot::Sender<PollAnswer>>,
    last_poll: Instant,
    flushing: bool,
    /// The last lines could not be understood.
    undecodable: bool,
}

/// What a waiting poll is answered with.
enum PollAnswer {
    Messages(Vec<ByteString>),
    Gone,
}

/// A client asks for messages.
#[derive(Message)]
#[rtype(result = "()")]
struct Poll {
    answer: oneshot::Sender<PollAnswer>,
}

/// Frames from the client. The answer tells whether they could be read.
#[derive(Message)]
#[rtype(result = "bool")]
struct Lines(Vec<PollLine>);

/// The client sent what cannot be read; the session is over.
#[derive(Message)]
#[rtype(result = "()")]
struct Discard;

/// Hands over the buffer, once all that is in the mailbox has been handled.
#[derive(Message)]
#[rtype(result = "()")]
struct Flush;

impl PollSession {
    fn new(admitted: Admitted, token: String, sessions: Arc<LongPolls>) -> Self {
        let settings = &admitted.app.settings.socket;
        Self {
            token,
            sessions,
            window: settings.longpoll_window,
            buffer: Vec::new(),
            buffered_bytes: 0,
            buffered_bytes_max: settings.longpoll_buffer_bytes_max.or_max(),
            mailbox_capacity: settings.outbound_messages_max.get().unwrap_or(usize::MAX / 2),
            admitted: Some(admitted),
            session: None,
            waiting: None,
            last_poll: Instant::now(),
            flushing: false,
            undecodable: false,
        }
    }

    fn flush(&mut self) {
        if self.session.as_ref().is_some_and(|session| !session.may_write()) {
            self.buffer.clear();
        }
        if self.buffer.is_empty() {
            return;
        }
        let Some(waiting) = self.waiting.take() else { return };
        let messages = std::mem::take(&mut self.buffer);
        match waiting.send(PollAnswer::Messages(messages)) {
            Ok(()) => self.buffered_bytes = 0,
            // The poll has gone meanwhile: kept for the next one.
            Err(PollAnswer::Messages(messages)) => self.buffer = messages,
            Err(PollAnswer::Gone) => {}
        }
    }
}

impl Transport for PollSession {
    fn session(&mut self) -> Option<&mut Session> {
        self.session.as_mut()
    }

    fn write(&mut self, frame: Frame, ctx: &mut Self::Context) {
        // A long poll cannot carry binary frames (protocol §8.1).
        let Frame::Text(text) = frame else { return };
        self.buffered_bytes += text.len();
        self.buffer.push(text);
        if self.buffered_bytes > self.buffered_bytes_max && self.waiting.is_none() {
            debug!(
                buffered_bytes = self.buffered_bytes,
                "long-poll session does not poll fast enough"
            );
            ctx.stop();
        } else if !self.flushing {
            self.flushing = true;
            ctx.notify(Flush);
        }
    }

    fn close(&mut self, code: u16, ctx: &mut Self::Context) {
        self.undecodable = code == crate::phoenix::close_code::INTERNAL_ERROR;
        ctx.stop();
    }

    fn wake_at(&mut self, moment: Moment, ctx: &mut Self::Context) {
        ctx.notify_later(Done::Due, moment.saturating_since(Moment::now()));
    }

    fn address(&self, ctx: &Self::Context) -> Addr<Self> {
        ctx.address()
    }
}

impl Actor for PollSession {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(self.mailbox_capacity);
        if let Some(admitted) = self.admitted.take() {
            let mailbox: Recipient<Outbound> = ctx.address().recipient();
            self.session = Some(admitted.into_session(mailbox, TRANSPORT));
        }
        let patience = self.window.mul_f32(1.5);
        ctx.run_interval(patience, move |session, ctx| {
            if session.last_poll.elapsed() > patience {
                ctx.stop();
            }
        });
        self.drive(ctx);
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.sessions.sessions.remove(&self.token);
        self.flush();
        if let Some(waiting) = self.waiting.take() {
            waiting.send(PollAnswer::Gone).ok();
        }
        if let Some(mut session) = self.session.take() {
            session.stopped();
        }
    }
}

impl Handler<Poll> for PollSession {
    type Result = ();

    fn handle(&mut self, Poll { answer }: Poll, _: &mut Self::Context) {
        self.last_poll = Instant::now();
        self.waiting = Some(answer);
        self.flush();
    }
}

impl Handler<Lines> for PollSession {
    type Result = bool;

    fn handle(&mut self, Lines(lines): Lines, ctx: &mut Self::Context) -> bool {
        for line in lines {
            let Some(session) = &mut self.session else { return false };
            match line {
                PollLine::Text(text) => session.receive_text(&text),
                PollLine::Binary(data) => session.receive_binary(&data),
            }
            self.drive(ctx);
        }
        !self.undecodable
    }
}

impl Handler<Discard> for PollSession {
    type Result = ();

    fn handle(&mut self, _: Discard, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

impl Handler<Flush> for PollSession {
    type Result = ();

    fn handle(&mut self, _: Flush, _: &mut Self::Context) {
        self.flushing = false;
        self.flush();
    }
}

impl Handler<Outbound> for PollSession {
    type Result = ();

    fn handle(&mut self, outbound: Outbound, ctx: &mut Self::Context) {
        if let Some(session) = &mut self.session {
            session.outbound(outbound);
            self.drive(ctx);
        }
    }
}

impl Handler<Done> for PollSession {
    type Result = ();

    fn handle(&mut self, done: Done, ctx: &mut Self::Context) {
        if let Some(session) = &mut self.session {
            session.done(done);
            self.drive(ctx);
        }
    }
}
