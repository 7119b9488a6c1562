//! The model test: several clients do at random what clients do — write, change, lose the connection, come back,
//! try again — and in the end each of them has exactly what the database has.
//!
//! `PARLOUR_MODEL_SEED` repeats the choices of a run (its interleaving is the machine's), `PARLOUR_MODEL_STEPS` sets
//! how many steps each client takes.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use futures_util::future;
use parlour::{
    chat::{self, NewRoom, RoomRef},
    config::Cap,
    config::LimitSettings,
    wire::MessageOut,
};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time;

use crate::helpers::{
    app::{TestApp, TestUser},
    random::{Random, number},
    socket::{PATIENCE, TestChannel, TestSocket},
};

const CLIENTS: usize = 4;
const STEPS: u64 = 120;
const EMOJI: [&str; 3] = ["👍", "🎉", "❤️"];

/// What a client asked for.
#[derive(Clone, Debug)]
enum Asked {
    Send { client_id: String, payload: Value },
    Edit { id: String, content: String },
    Delete { id: String },
    React { id: String, emoji: &'static str, on: bool },
    Pin { id: String, on: bool },
}

/// How an acknowledged state can be relied upon.
#[derive(Clone, Debug, PartialEq)]
enum Last<T> {
    /// This was the last thing asked for, and it was acknowledged.
    Sure(T),
    /// Something after it was never answered.
    Unsure,
}

/// What the server has promised to a client.
#[derive(Debug, Default)]
struct Ledger {
    /// Every message that was acknowledged: by `client_id`, its id and place.
    sent: BTreeMap<String, (String, i64)>,
    /// Every acknowledged text of an edit: message and text.
    edits: Vec<(String, String)>,
    /// The text of each message, as its author knows.
    texts: HashMap<String, Last<String>>,
    deleted: BTreeSet<String>,
    reactions: HashMap<(String, &'static str), Last<bool>>,
    pins: HashMap<String, Last<bool>>,
    acknowledged: usize,
    refused: usize,
    unanswered: usize,
    repeats: usize,
    reconnects: usize,
}

struct Client<'a> {
    name: String,
    app: &'a TestApp,
    user: &'a TestUser,
    room: String,
    random: Random,
    /// Messages by id, without what is for one reader only.
    known: BTreeMap<String, Value>,
    /// The last change that was told.
    seq: i64,
    line: Option<(TestSocket, TestChannel)>,
    pending: HashMap<String, Asked>,
    /// Sends that were not answered before the connection was lost.
    again: Vec<Asked>,
    ledger: Ledger,
    sends: usize,
}

impl<'a> Client<'a> {
    fn new(name: String, app: &'a TestApp, user: &'a TestUser, room: String, random: Random) -> Self {
        Self {
            name,
            app,
            user,
            room,
            random,
            known: BTreeMap::new(),
            seq: 0,
            line: None,
            pending: HashMap::new(),
            again: Vec::new(),
            ledger: Ledger::default(),
            sends: 0,
        }
    }

    fn topic(&self) -> String {
        format!("room:{}", self.room)
    }

    /// Connects and catches up.
    async fn connect(&mut self) {
        let mut socket = self.app.connect(self.user).await;
        let (channel, back) = socket.rejoin(&self.topic(), &self.app.app.epoch, self.seq).await;
        assert_eq!(back["recovered"], true, "{}: since {}", self.name, self.seq);
        let mut last = self.seq;
        for message in back["messages"].as_array().unwrap() {
            let changed = message["changed_seq"].as_i64().unwrap();
            assert!(changed > last, "{}: {changed} after {last} in a recovery", self.name);
            last = changed;
            self.upsert(message);
        }
        let head = back["head_seq"].as_i64().unwrap();
        assert_eq!(
            head,
            last.max(self.seq),
            "{}: the last change is in the recovery",
            self.name
        );
        self.seq = head;
        self.line = Some((socket, channel));
        for asked in std::mem::take(&mut self.again) {
            self.ledger.repeats += 1;
            if self.random.chance(50) {
                self.push(asked).await;
            } else {
                self.over_rest(asked).await;
            }
        }
    }

    /// The connection is cut, without a word to the server.
    fn cut(&mut self) {
        self.line = None;
        self.ledger.reconnects += 1;
        for (_, asked) in std::mem::take(&mut self.pending) {
            self.ledger.unanswered += 1;
            match &asked {
                Asked::Send { .. } => self.again.push(asked),
                Asked::Edit { id, .. } => drop(self.ledger.texts.insert(id.clone(), Last::Unsure)),
                Asked::Delete { .. } => {}
                Asked::React { id, emoji, .. } => {
                    self.ledger.reactions.insert((id.clone(), *emoji), Last::Unsure);
                }
                Asked::Pin { id, .. } => drop(self.ledger.pins.insert(id.clone(), Last::Unsure)),
            }
        }
    }

    fn upsert(&mut self, message: &Value) {
        let mut message = message.clone();
        for reaction in message["reactions"].as_array_mut().unwrap() {
            reaction.as_object_mut().unwrap().remove("me");
        }
        let id = message["id"].as_str().unwrap().to_owned();
        if let Some(before) = self.known.get(&id) {
            assert!(
                before["changed_seq"].as_i64() < message["changed_seq"].as_i64(),
                "{}: {message} after {before}",
                self.name
            );
            assert_eq!(before["seq"], message["seq"], "{}: a place never changes", self.name);
        }
        self.known.insert(id, message);
    }

    /// Something the server said.
    fn heed(&mut self, frame: &Value) {
        match frame[3].as_str().unwrap() {
            "phx_reply" => {
                if let Some(asked) = self.pending.remove(frame[1].as_str().unwrap()) {
                    let (ok, response) = (frame[4]["status"] == "ok", &frame[4]["response"]);
                    if ok {
                        let message = response.get("message").unwrap_or(response);
                        let id = message["id"].as_str().unwrap();
                        assert!(
                            self.known.contains_key(id),
                            "{}: told before it is acknowledged",
                            self.name
                        );
                    }
                    self.answered(asked, ok, response);
                }
            }
            "presence_state" | "presence_diff" => {}
            "phx_error" | "phx_close" | "message_history" => panic!("{}: {frame}", self.name),
            _ => {
                let message = frame[4].get("message").unwrap_or(&frame[4]);
                let changed = message["changed_seq"].as_i64().unwrap();
                assert_eq!(
                    changed,
                    self.seq + 1,
                    "{}: a change comes after the one before it: {frame}",
                    self.name
                );
                self.seq = changed;
                self.upsert(message);
            }
        }
    }

    fn answered(&mut self, asked: Asked, ok: bool, response: &Value) {
        if !ok {
            self.ledger.refused += 1;
            let reason = response["reason"].as_str().unwrap_or_default();
            let expected = match asked {
                Asked::Send { .. } => vec!["invalid"],
                Asked::Edit { .. } => vec!["message_not_found", "not_the_author"],
                Asked::Delete { .. } => vec!["not_the_author"],
                Asked::React { .. } => vec!["message_not_found"],
                Asked::Pin { .. } => vec!["message_not_found", "not_a_moderator"],
            };
            // A thread or quote may have gone before the message came.
            assert!(expected.contains(&reason), "{}: {asked:?}: {response}", self.name);
            return;
        }
        self.ledger.acknowledged += 1;
        match asked {
            Asked::Send { client_id, .. } => {
                let stored = (
                    response["id"].as_str().unwrap().to_owned(),
                    response["seq"].as_i64().unwrap(),
                );
                assert_eq!(response["client_id"], client_id);
                let first = self.ledger.sent.entry(client_id).or_insert_with(|| stored.clone());
                assert_eq!(*first, stored, "{}: the first answer, always", self.name);
            }
            Asked::Edit { id, content } => {
                self.ledger.edits.push((id.clone(), content.clone()));
                if self.ledger.texts.get(&id) != Some(&Last::Unsure) {
                    self.ledger.texts.insert(id, Last::Sure(content));
                }
            }
            Asked::Delete { id } => drop(self.ledger.deleted.insert(id)),
            Asked::React { id, emoji, on } => {
                let last = self.ledger.reactions.entry((id, emoji)).or_insert(Last::Sure(on));
                if *last != Last::Unsure {
                    *last = Last::Sure(on);
                }
            }
            Asked::Pin { id, on } => {
                let last = self.ledger.pins.entry(id).or_insert(Last::Sure(on));
                if *last != Last::Unsure {
                    *last = Last::Sure(on);
                }
            }
        }
    }

    async fn push(&mut self, asked: Asked) {
        let (event, payload) = match &asked {
            Asked::Send { payload, .. } => ("new_message", payload.clone()),
            Asked::Edit { id, content } => ("edit_message", json!({ "id": id, "content": content })),
            Asked::Delete { id } => ("delete_message", json!({ "id": id })),
            Asked::React { id, emoji, on } => (
                if *on { "add_reaction" } else { "remove_reaction" },
                json!({ "id": id, "emoji": emoji }),
            ),
            Asked::Pin { id, on } => (if *on { "pin_message" } else { "unpin_message" }, json!({ "id": id })),
        };
        let (socket, channel) = self.line.as_mut().expect("connected");
        let pushed = socket.push(channel, event, payload).await;
        self.pending.insert(pushed.r#ref, asked);
    }

    async fn over_rest(&mut self, asked: Asked) {
        let messages = format!("/api/v1/rooms/{}/messages", self.room);
        let request = |method, path: String| self.app.request_as(self.user, method, &path);
        let on = |on| if on { Method::PUT } else { Method::DELETE };
        let request = match &asked {
            Asked::Send { payload, .. } => request(Method::POST, messages).json(payload),
            Asked::Edit { id, content } => {
                request(Method::PATCH, format!("{messages}/{id}")).json(&json!({ "content": content }))
            }
            Asked::Delete { id } => request(Method::DELETE, format!("{messages}/{id}")),
            Asked::React { id, emoji, on: yes } => {
                let emoji: String = emoji.bytes().map(|byte| format!("%{byte:02X}")).collect();
                request(on(*yes), format!("{messages}/{id}/reactions/{emoji}"))
            }
            Asked::Pin { id, on: yes } => request(on(*yes), format!("{messages}/{id}/pin")),
        };
        let answer = request.send().await.expect("the server answers");
        let status = answer.status().as_u16();
        let body: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default();
        match status {
            200..=299 => self.answered(asked, true, &body["data"]),
            403 | 404 | 422 => self.ledger.refused += 1,
            _ => panic!("{}: {asked:?}: {status} {body}", self.name),
        }
    }

    /// Reads what has come, and waits for a while for more.
    async fn listen(&mut self, patience: Duration) {
        let until = time::Instant::now() + patience;
        while let Some((socket, _)) = &mut self.line {
            match time::timeout_at(until, socket.read()).await {
                Ok(frame) => {
                    let frame = frame.unwrap_or_else(|code| panic!("{}: closed with {code:?}", self.name));
                    self.heed(&frame);
                }
                Err(_) => break,
            }
        }
    }

    /// A message everybody is after, or any.
    fn target(&mut self, wanted: impl Fn(&Value) -> bool) -> Option<String> {
        let mut live: Vec<&Value> = self
            .known
            .values()
            .filter(|message| message["deleted_at"].is_null() && wanted(message))
            .collect();
        live.sort_by_key(|message| message["seq"].as_i64());
        if self.random.chance(60) {
            live.truncate(3);
        }
        Some(self.random.one_of(&live)?["id"].as_str().unwrap().to_owned())
    }

    fn choose(&mut self) -> Option<Asked> {
        let own = json!(self.user.id());
        Some(match self.random.below(100) {
            0..45 => {
                self.sends += 1;
                let client_id = format!("{}-{}", self.name, self.sends);
                let mut payload = json!({ "content": format!("said {client_id}"), "client_id": client_id });
                let roll = self.random.below(10);
                if roll < 2 {
                    payload["reply_to"] = json!(self.target(|_| true)?);
                } else if roll < 4 {
                    payload["thread_root"] = json!(self.target(|message| message["thread_root"].is_null())?);
                    payload["also_in_room"] = json!(roll == 2);
                }
                Asked::Send { client_id, payload }
            }
            45..62 => {
                // Now and then somebody else's, which is refused.
                let any = self.random.chance(10);
                let id = self.target(|message| any || message["user"]["id"] == own)?;
                self.sends += 1;
                let content = format!("edited {}-{}", self.name, self.sends);
                Asked::Edit { id, content }
            }
            62..66 => Asked::Delete {
                id: self.target(|message| message["user"]["id"] == own)?,
            },
            66..92 => Asked::React {
                id: self.target(|_| true)?,
                emoji: EMOJI[self.random.below(3) as usize],
                on: self.random.chance(60),
            },
            _ => Asked::Pin {
                id: self.target(|_| true)?,
                on: self.random.chance(60),
            },
        })
    }

    async fn step(&mut self) {
        if self.line.is_none() {
            self.connect().await;
        }
        match self.random.below(100) {
            0..4 => self.cut(),
            4..10 => {
                // Minutes later, as it were: the same again.
                let sent: Vec<_> = self
                    .ledger
                    .sent
                    .iter()
                    .map(|(client_id, (id, _))| (client_id.clone(), id.clone()))
                    .collect();
                let Some((client_id, id)) = self.random.one_of(&sent).cloned() else {
                    return;
                };
                let Some(message) = self.known.get(&id) else { return };
                let mut payload = json!({ "content": format!("said {client_id}"), "client_id": client_id });
                if message["deleted_at"].is_null() && !message["reply_to"].is_null() {
                    payload["reply_to"] = message["reply_to"]["id"].clone();
                } else if !message["deleted_at"].is_null() {
                    // A deleted one does not say what it answered.
                    return;
                }
                if !message["thread_root"].is_null() {
                    payload["thread_root"] = message["thread_root"].clone();
                    payload["also_in_room"] = message["in_room"].clone();
                }
                self.ledger.repeats += 1;
                let asked = Asked::Send { client_id, payload };
                if self.random.chance(50) {
                    self.push(asked).await;
                } else {
                    self.over_rest(asked).await;
                }
            }
            10..30 => {
                let patience = Duration::from_millis(self.random.below(15));
                self.listen(patience).await;
            }
            roll => {
                let Some(asked) = self.choose() else { return };
                // Two ways at once have no order between them; the ledger wants one.
                if roll < 45 && self.pending.is_empty() {
                    self.over_rest(asked).await;
                } else {
                    self.push(asked).await;
                }
            }
        }
        self.listen(Duration::ZERO).await;
        // Not so many at once that a cut loses most of what was tried.
        while self.pending.len() > 4 {
            self.listen(Duration::from_millis(5)).await;
        }
    }

    /// Comes to rest: everything is answered.
    async fn settle(&mut self) {
        if self.line.is_none() {
            self.connect().await;
        }
        let deadline = time::Instant::now() + 2 * PATIENCE;
        while !self.pending.is_empty() {
            assert!(
                time::Instant::now() < deadline,
                "{}: unanswered: {:?}",
                self.name,
                self.pending
            );
            self.listen(Duration::from_millis(5)).await;
        }
    }

    /// Reads up to the head of the log.
    async fn catch_up(&mut self, head: i64) {
        let deadline = time::Instant::now() + 2 * PATIENCE;
        while self.seq < head {
            assert!(time::Instant::now() < deadline, "{}: {} of {head}", self.name, self.seq);
            self.listen(Duration::from_millis(5)).await;
        }
        assert_eq!(self.seq, head, "{}", self.name);
    }

    /// The messages as this client shows them: quotes show the quoted message as it is, and a thread's numbers are
    /// those that came with the last change of any of its messages.
    fn shown(&self) -> BTreeMap<String, Value> {
        let mut shown = self.known.clone();
        let mut threads: HashMap<String, (i64, Value)> = HashMap::new();
        for message in self.known.values().filter(|message| !message["thread"].is_null()) {
            let root = message["thread"]["root_id"].as_str().unwrap();
            let newest = (message["changed_seq"].as_i64().unwrap(), message["thread"].clone());
            let of_thread = threads.entry(root.to_owned()).or_insert_with(|| newest.clone());
            if newest.0 > of_thread.0 {
                *of_thread = newest;
            }
        }
        for message in shown.values_mut() {
            if let Some(quoted) = message["reply_to"]["id"].as_str() {
                let quoted = &self.known[quoted];
                message["reply_to"]["excerpt"] = quoted["content"].clone();
                message["reply_to"]["deleted"] = json!(!quoted["deleted_at"].is_null());
            }
            let root = message["thread_root"]
                .as_str()
                .or_else(|| message["id"].as_str())
                .unwrap();
            if let Some((_, thread)) = threads.get(root) {
                // Nobody answers a message whose answers are all gone.
                let none_left = message["thread_root"].is_null() && thread["reply_count"] == 0;
                message["thread"] = if none_left { Value::Null } else { thread.clone() };
            }
        }
        shown
    }
}

both_engines! {
    async fn every_client_ends_up_with_what_the_database_has(db: TestDatabase) {
        let seed = Random::seed("PARLOUR_MODEL_SEED");
        let steps = number("PARLOUR_MODEL_STEPS").unwrap_or(STEPS);
        eprintln!("PARLOUR_MODEL_SEED={seed} PARLOUR_MODEL_STEPS={steps}");
        let app = TestApp::start_with(db, |settings| {
            settings.limits = LimitSettings::off();
            settings.socket.recovery_limit = 1000;
            // Who only listens has nothing to say.
            settings.socket.idle_timeout = Duration::from_secs(24 * 60 * 60);
        }).await;
        let mut users = Vec::new();
        for number in 0..=CLIENTS {
            users.push(app.user("acme", &format!("client-{number}")).await);
        }
        let new = NewRoom { name: "Model".to_owned(), ..NewRoom::default() };
        let room = chat::create_room(&app.db.store, &users[0].scope(), new, Cap::Off).await.unwrap().id;
        let mut random = Random::new(seed);
        let mut clients: Vec<Client<'_>> = users[..CLIENTS].iter().enumerate()
            .map(|(number, user)| Client::new(format!("c{number}"), &app, user, room.to_string(), random.branch()))
            .collect();
        // Somebody who only listens, and never loses the connection.
        let mut listener = Client::new("listener".to_owned(), &app, &users[CLIENTS], room.to_string(), random.branch());
        listener.connect().await;
        for client in &mut clients {
            client.connect().await;
        }

        let working = future::join_all(clients.iter_mut().map(|client| async move {
            for _ in 0..steps {
                client.step().await;
            }
            client.settle().await;
        }));
        let mut working = Box::pin(working);
        loop {
            tokio::select! {
                _ = &mut working => break,
                () = listener.listen(Duration::from_millis(20)) => {}
            }
        }
        drop(working);

        let by_id = RoomRef::Id(room);
        let admin = users[0].scope();
        let head = chat::get_room(&app.db.store, &admin, &by_id).await.unwrap().0.head_seq;
        let log = chat::read_changes(&app.db.store, users[0].user.tenant_id, room, 0, u64::from(u32::MAX)).await.unwrap();
        let (read_head, messages) = log.expect("nothing was pruned");
        assert_eq!(read_head, head);
        let database: BTreeMap<String, Value> = messages.into_iter().map(|message| {
            let message = serde_json::to_value(MessageOut::from(message.for_everybody())).unwrap();
            (message["id"].as_str().unwrap().to_owned(), message)
        }).collect();

        assert_eq!(listener.ledger.reconnects, 0);
        clients.push(listener);
        for client in &mut clients {
            client.catch_up(head).await;
            let shown = client.shown();
            for (id, message) in &database {
                assert_eq!(shown.get(id), Some(message), "{}", client.name);
            }
            assert_eq!(shown.len(), database.len(), "{}", client.name);
        }

        // Every acknowledged operation is there, once.
        let mut acknowledged = 0;
        for client in &clients {
            let Ledger { sent, edits, texts, deleted, reactions, pins, .. } = &client.ledger;
            acknowledged += client.ledger.acknowledged;
            let own: Vec<&Value> = database.values().filter(|message| message["user"]["id"] == client.user.id()).collect();
            for (client_id, (id, seq)) in sent {
                let stored: Vec<_> = own.iter().filter(|message| message["client_id"] == *client_id).collect();
                assert_eq!(stored.len(), 1, "{client_id}");
                assert_eq!((&stored[0]["id"], &stored[0]["seq"]), (&json!(id), &json!(seq)), "{client_id}");
            }
            assert_eq!(own.len(), sent.len(), "{}: every send was answered in the end, and none was stored twice", client.name);
            for (id, content) in edits {
                let message = id.parse().unwrap();
                let revisions = chat::list_revisions(&app.db.store, &admin, &by_id, message).await.unwrap();
                let times = revisions.iter().filter(|revision| revision.content == *content).count()
                    + usize::from(database[id]["content"] == *content);
                assert_eq!(times, 1, "{content} of {id}");
            }
            for (id, text) in texts {
                if let Last::Sure(text) = text && database[id]["deleted_at"].is_null() {
                    assert_eq!(database[id]["content"], *text);
                }
            }
            for id in deleted {
                assert!(database[id]["deleted_at"].is_string(), "{id}");
            }
            for ((id, emoji), last) in reactions {
                let Last::Sure(on) = last else { continue };
                if database[id]["deleted_at"].is_null() {
                    let users: Vec<&Value> = database[id]["reactions"].as_array().unwrap().iter()
                        .filter(|reaction| reaction["emoji"] == *emoji)
                        .flat_map(|reaction| reaction["users"].as_array().unwrap())
                        .filter(|user| user["id"] == client.user.id())
                        .collect();
                    assert_eq!(users.len(), usize::from(*on), "{}: {emoji} on {id}", client.name);
                }
            }
            for (id, last) in pins {
                if let Last::Sure(on) = last && database[id]["deleted_at"].is_null() {
                    assert_eq!(database[id]["pinned_at"].is_string(), *on, "{id}");
                }
            }
        }
        let sum = |count: fn(&Ledger) -> usize| clients.iter().map(|client| count(&client.ledger)).sum::<usize>();
        eprintln!(
            "{} changes, {} messages, {acknowledged} acknowledged, {} refused, {} cut connections, {} unanswered, {} repeats",
            head, database.len(), sum(|ledger| ledger.refused), sum(|ledger| ledger.reconnects),
            sum(|ledger| ledger.unanswered), sum(|ledger| ledger.repeats),
        );
        assert!(steps < 100 || (head > 100 && sum(|ledger| ledger.reconnects) > 5), "something happened");
    }
}
