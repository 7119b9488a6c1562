//! The server is killed under load, again and again: what it had acknowledged is there, once.
//!
//! `PARLOUR_CRASH_CYCLES` sets how often (`make test-crash`: 100 times), `PARLOUR_CRASH_SEED` repeats the moments and
//! choices of a run.

use std::{
    cell::Cell,
    collections::{BTreeMap, HashMap},
    fs,
    process::Command,
    rc::Rc,
    time::Duration,
};

use futures_util::{SinkExt, future};
use parlour::{
    entity::{message, room},
    ids::RoomId,
};
use reqwest::Client;
use sea_orm::{ColumnTrait, Database, DatabaseConnection, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time;
use tokio_tungstenite::tungstenite::Message;

use crate::helpers::{
    binary::{Server, secured, succeed},
    random::{Random, number},
    socket::{PATIENCE, TestChannel, TestSocket},
};

const CYCLES: u64 = 3;
const ROOMS: usize = 2;
/// Users of each room; each writes over a socket and over REST at the same time.
const PER_ROOM: usize = 3;
/// Messages on their way on one socket.
const WINDOW: usize = 8;

/// Where a message is: its id and place.
type Stored = (String, i64);

/// Somebody who writes, and all that was ever promised to them.
struct Writer {
    name: String,
    token: String,
    room: String,
    sends: usize,
    acknowledged: HashMap<String, Stored>,
    /// Sent and never answered.
    open: Vec<String>,
}

impl Writer {
    fn take_id(&mut self, way: &str) -> String {
        self.sends += 1;
        format!("{}-{way}-{}", self.name, self.sends)
    }

    fn acknowledge(&mut self, response: &Value) {
        let client_id = response["client_id"].as_str().expect("the id is told").to_owned();
        let stored = (
            response["id"].as_str().expect("an id").to_owned(),
            response["seq"].as_i64().expect("a place"),
        );
        self.open.retain(|open| *open != client_id);
        if let Some(first) = self.acknowledged.insert(client_id, stored.clone()) {
            assert_eq!(first, stored, "the first answer, always");
        }
    }
}

fn payload(client_id: &str) -> Value {
    json!({ "content": format!("said {client_id}"), "client_id": client_id })
}

/// Somebody who listens, across all crashes.
struct Listener {
    token: String,
    room: String,
    known: BTreeMap<i64, String>,
    seq: i64,
}

impl Listener {
    fn heed(&mut self, message: &Value) {
        let seq = message["changed_seq"].as_i64().expect("a number");
        assert_eq!(
            seq,
            self.seq + 1,
            "nothing is missing and nothing is doubled: {message}"
        );
        self.seq = seq;
        self.known
            .insert(seq, message["client_id"].as_str().expect("an id").to_owned());
    }

    async fn come_back(&mut self, server: &Server, epoch: &str) -> TestSocket {
        let mut socket = TestSocket::connect(server.address, &format!("token={}&vsn=2.0.0", self.token)).await;
        let (_, back) = socket.rejoin(&format!("room:{}", self.room), epoch, self.seq).await;
        assert_eq!(back["recovered"], true, "since {}", self.seq);
        for message in back["messages"].as_array().expect("messages") {
            self.heed(message);
        }
        assert_eq!(back["head_seq"], self.seq);
        socket
    }

    async fn listen(&mut self, socket: &mut TestSocket) {
        while let Ok(frame) = socket.read().await {
            if frame[3] == "new_message" {
                self.heed(&frame[4]);
            }
        }
    }
}

async fn open(server: &Server, token: &str, room: &str) -> (TestSocket, TestChannel) {
    let mut socket = TestSocket::connect(server.address, &format!("token={token}&vsn=2.0.0")).await;
    let (channel, _) = socket.join(&format!("room:{room}")).await;
    (socket, channel)
}

/// Sends one message over REST; the answer, unless the server went before it.
async fn over_rest(http: Client, url: String, token: String, client_id: String) -> Option<Value> {
    let request = http.post(url).bearer_auth(token).json(&payload(&client_id));
    let answer = request.send().await.ok()?;
    if answer.status() != 201 {
        return None;
    }
    let body: Value = answer.json().await.ok()?;
    Some(body["data"].clone())
}

/// Writes over both ways until the server is gone, and reads all that it had answered.
async fn write(
    writer: &mut Writer,
    http: &Client,
    url: &str,
    (mut socket, channel): (TestSocket, TestChannel),
    acknowledged: &Cell<usize>,
) {
    let start_rest = |writer: &mut Writer| {
        let id = writer.take_id("rest");
        writer.open.push(id.clone());
        Box::pin(over_rest(http.clone(), url.to_owned(), writer.token.clone(), id))
    };
    let mut on_rest = Some(start_rest(writer));
    let (mut on_socket, mut gone) = (0, false);
    loop {
        while on_socket < WINDOW && !gone {
            let id = writer.take_id("socket");
            let frame = json!([channel.join_ref, id, channel.topic, "new_message", payload(&id)]);
            writer.open.push(id);
            gone = socket.stream().send(Message::text(frame.to_string())).await.is_err();
            on_socket += 1;
        }
        tokio::select! {
            answer = async { on_rest.as_mut().expect("asked for").await }, if on_rest.is_some() => {
                on_rest = answer.map(|response| {
                    writer.acknowledge(&response);
                    acknowledged.set(acknowledged.get() + 1);
                    start_rest(writer)
                });
            }
            frame = socket.read() => {
                let Ok(frame) = frame else { break };
                if frame[3] == "phx_reply" {
                    assert_eq!(frame[4]["status"], "ok", "{frame}");
                    writer.acknowledge(&frame[4]["response"]);
                    acknowledged.set(acknowledged.get() + 1);
                    on_socket -= 1;
                }
            }
        }
    }
    while let Some(answer) = on_rest.take() {
        if let Some(response) = answer.await {
            writer.acknowledge(&response);
            on_rest = Some(start_rest(writer));
        }
    }
}

/// Sends again what was never answered, over a socket or over REST.
async fn retry(writer: &mut Writer, server: &Server, http: &Client, url: &str, random: &mut Random) -> usize {
    let open_ones = std::mem::take(&mut writer.open);
    let (mut socket, channel) = open(server, &writer.token, &writer.room).await;
    let mut retried = 0;
    for id in open_ones {
        if random.chance(30) {
            // Given up: there or not, but never twice.
            writer.open.push(id);
            continue;
        }
        retried += 1;
        let response = if random.chance(50) {
            socket.ask(&channel, "new_message", payload(&id)).await
        } else {
            let answer = http
                .post(url)
                .bearer_auth(&writer.token)
                .json(&payload(&id))
                .send()
                .await;
            let answer = answer.expect("the server answers");
            assert!(answer.status().is_success(), "{}", answer.status());
            answer.json::<Value>().await.expect("JSON")["data"].clone()
        };
        assert_eq!(response["client_id"], *id);
        writer.acknowledge(&response);
    }
    retried
}

/// What the database has: each `client_id` with every place it was stored at.
async fn read(database: &DatabaseConnection, room: &str) -> HashMap<String, Vec<Stored>> {
    let room_id: RoomId = room.parse().expect("an id");
    let head: Option<i64> = room::Entity::find()
        .filter(room::Column::Id.eq(room_id))
        .select_only()
        .column(room::Column::HeadSeq)
        .into_tuple()
        .one(database)
        .await
        .expect("the database answers");
    let rows: Vec<(Option<String>, parlour::ids::MessageId, i64)> = message::Entity::find()
        .filter(message::Column::RoomId.eq(room_id))
        .order_by_asc(message::Column::Seq)
        .select_only()
        .column(message::Column::ClientId)
        .column(message::Column::Id)
        .column(message::Column::Seq)
        .into_tuple()
        .all(database)
        .await
        .expect("the database answers");
    assert_eq!(head, Some(rows.len() as i64), "no number is taken by nothing");
    let mut stored: HashMap<String, Vec<Stored>> = HashMap::new();
    for (index, (client_id, id, seq)) in rows.into_iter().enumerate() {
        assert_eq!(seq, index as i64 + 1, "the log has no gap");
        let client_id = client_id.expect("all were sent with one");
        stored.entry(client_id).or_default().push((id.to_string(), seq));
    }
    stored
}

#[derive(Debug, Default)]
struct Findings {
    acknowledged: usize,
    lost: usize,
    moved: usize,
    doubled: usize,
    unanswered_stored: usize,
    unanswered_not_stored: usize,
}

/// Compares what was promised with what is there.
async fn check(database: &DatabaseConnection, writers: &[Writer], listeners: &[Listener]) -> Findings {
    let mut findings = Findings::default();
    for listener in listeners {
        let stored = read(database, &listener.room).await;
        findings.doubled += stored.values().filter(|places| places.len() > 1).count();
        for writer in writers.iter().filter(|writer| writer.room == listener.room) {
            findings.acknowledged += writer.acknowledged.len();
            for (client_id, place) in &writer.acknowledged {
                match stored.get(client_id).map(Vec::as_slice) {
                    None => findings.lost += 1,
                    Some([there]) if there == place => {}
                    Some(_) => findings.moved += 1,
                }
            }
            let there = writer.open.iter().filter(|id| stored.contains_key(*id)).count();
            findings.unanswered_stored += there;
            findings.unanswered_not_stored += writer.open.len() - there;
        }
        for (seq, client_id) in &listener.known {
            let places = stored.get(client_id).expect("what was told was stored");
            assert_eq!(places[0].1, *seq, "told as it was stored");
        }
    }
    findings
}

both_engines! {
    async fn what_was_acknowledged_outlives_the_server(db: TestDatabase) {
        let seed = Random::seed("PARLOUR_CRASH_SEED");
        let cycles = number("PARLOUR_CRASH_CYCLES").unwrap_or(CYCLES);
        let mut random = Random::new(seed);
        let folder = TempDir::new().unwrap();
        let command = || {
            let mut command: Command = secured(folder.path(), &db.url);
            command
                .env("PARLOUR_NO_LIMITS", "true")
                .env("PARLOUR_SOCKET__RECOVERY_LIMIT", "1000")
                .env("PARLOUR_LOG__FILTER", "error");
            command
        };
        succeed(command().args(["seed", "--tenant", "crash", "--users", &(ROOMS * PER_ROOM).to_string()]).args([
            "--rooms", &ROOMS.to_string(), "--per-room", &PER_ROOM.to_string(), "--tokens", "tokens.txt", "--room-ids", "rooms.txt",
        ]));
        let lines = |name: &str| -> Vec<String> {
            fs::read_to_string(folder.path().join(name)).unwrap().lines().map(str::to_owned).collect()
        };
        let (tokens, rooms) = (lines("tokens.txt"), lines("rooms.txt"));
        let mut writers: Vec<Writer> = tokens.iter().enumerate().map(|(number, token)| Writer {
            name: format!("w{number}"), token: token.clone(), room: rooms[number / PER_ROOM].clone(),
            sends: 0, acknowledged: HashMap::new(), open: Vec::new(),
        }).collect();
        let mut listeners: Vec<Listener> = rooms.iter().enumerate().map(|(number, room)| Listener {
            token: tokens[number * PER_ROOM].clone(), room: room.clone(), known: BTreeMap::new(), seq: 0,
        }).collect();
        let database = Database::connect(&db.url).await.unwrap();
        let epoch = db.store.epoch().await.unwrap();
        let url = |server: &Server, room: &str| server.url(&format!("/api/v1/rooms/{room}/messages"));
        let (mut retried, mut retried_stored) = (0, 0);

        for cycle in 0..=cycles {
            let server = Server::start(&mut command());
            // A connection of the killed server is of no use any more.
            let http = Client::new();
            let findings = check(&database, &writers, &listeners).await;
            assert_eq!((findings.lost, findings.moved, findings.doubled), (0, 0, 0), "cycle {cycle}, PARLOUR_CRASH_SEED={seed}");
            let before: HashMap<String, Stored> = {
                let mut before = HashMap::new();
                for room in &rooms {
                    before.extend(read(&database, room).await.into_iter().map(|(id, places)| (id, places[0].clone())));
                }
                before
            };
            for writer in &mut writers {
                let opened = writer.open.clone();
                let url = url(&server, &writer.room);
                retried += retry(writer, &server, &http, &url, &mut random).await;
                for id in opened {
                    if let (Some(first), Some(answer)) = (before.get(&id), writer.acknowledged.get(&id)) {
                        assert_eq!(first, answer, "stored before the crash, answered as then");
                        retried_stored += 1;
                    }
                }
            }
            let mut listening = Vec::new();
            for listener in &mut listeners {
                let socket = listener.come_back(&server, &epoch).await;
                listening.push((listener, socket));
            }
            if cycle == cycles {
                break;
            }

            let mut lines = Vec::new();
            for writer in &mut writers {
                let (line, url) = (open(&server, &writer.token, &writer.room).await, url(&server, &writer.room));
                lines.push((writer, line, url));
            }
            let acknowledged = Rc::new(Cell::new(0));
            let (http, counted) = (&http, &acknowledged);
            let writing = future::join_all(lines.into_iter().map(|(writer, line, url)| async move {
                write(writer, http, &url, line, counted).await;
            }));
            let listening = future::join_all(listening.into_iter().map(|(listener, mut socket)| async move {
                listener.listen(&mut socket).await;
            }));
            let pause = Duration::from_millis(50 + random.below(451));
            let killing = async {
                let deadline = time::Instant::now() + PATIENCE;
                while acknowledged.get() == 0 {
                    assert!(time::Instant::now() < deadline, "the load is on");
                    time::sleep(Duration::from_millis(1)).await;
                }
                time::sleep(pause).await;
                server.kill();
            };
            let all = future::join3(writing, listening, killing);
            time::timeout(6 * PATIENCE, all).await.expect("everybody notices that the server is gone");
        }

        let findings = check(&database, &writers, &listeners).await;
        assert_eq!((findings.lost, findings.moved, findings.doubled), (0, 0, 0), "PARLOUR_CRASH_SEED={seed}");
        for listener in &listeners {
            let stored = read(&database, &listener.room).await.len();
            assert_eq!(listener.known.len(), stored, "who listened heard of every message");
        }
        let Findings { acknowledged, lost, moved, doubled, unanswered_stored, unanswered_not_stored } = findings;
        eprintln!(
            "{:?}: PARLOUR_CRASH_SEED={seed}: {cycles} kills, {acknowledged} acknowledged, {lost} lost, {moved} moved, {doubled} doubled; \
             {retried} sent again, {retried_stored} of them had been stored; \
             of {} never answered {unanswered_stored} were stored",
            db.engine, unanswered_stored + unanswered_not_stored,
        );
        assert!(cycles == 0 || acknowledged > 0);
    }
}
