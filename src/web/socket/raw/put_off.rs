//! Writes that are put off for a moment. Whoever sends a message gets it like everybody in the room, and the answer right
//! behind it: in one write, if the first waits for the second. One timer for all connections of a thread sees to it that
//! nothing waits for long.

use std::{cell::RefCell, rc::Rc, time::Duration};

use tokio::{sync::Notify, time};

use super::conn::Conn;

/// The longest that something waits for an answer to go out with. Far below what a person notices, and longer than an
/// answer takes to follow what it answers, also on a busy thread.
const WAIT_MAX: Duration = Duration::from_millis(20);

thread_local! {
    static PUT_OFF: Rc<PutOff> = PutOff::start();
}

/// The connections of one thread with something that was put off, as far as it is not written yet.
#[derive(Default)]
struct PutOff {
    connections: RefCell<Vec<Rc<Conn>>>,
    /// There is a first one.
    first: Notify,
}

impl PutOff {
    fn start() -> Rc<Self> {
        let put_off = Rc::new(Self::default());
        // Until the thread ends.
        actix::spawn(Rc::clone(&put_off).run());
        put_off
    }

    async fn run(self: Rc<Self>) {
        loop {
            self.first.notified().await;
            time::sleep(WAIT_MAX).await;
            for conn in self.connections.take() {
                conn.write_put_off();
            }
        }
    }
}

/// Has the connection write before long what waits there.
pub fn write_soon(conn: Rc<Conn>) {
    PUT_OFF.with(|put_off| {
        let mut connections = put_off.connections.borrow_mut();
        if connections.is_empty() {
            put_off.first.notify_one();
        }
        connections.push(conn);
    });
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::sync::Arc;

    use actix::{Actor, Context, Handler};
    use bytes::Bytes;
    use tokio::{
        io::AsyncReadExt,
        net::{TcpListener, TcpStream},
    };

    use super::*;
    use crate::{
        config::{Settings, Sources},
        metrics::Metrics,
        phoenix::Version,
        realtime::{
            room_shard::Outlet,
            socket_handle::{Outbound, SocketHandle},
        },
    };

    /// A session that is told nothing.
    struct Deaf;

    impl Actor for Deaf {
        type Context = Context<Self>;
    }

    impl Handler<Outbound> for Deaf {
        type Result = ();

        fn handle(&mut self, _: Outbound, _: &mut Self::Context) {}
    }

    /// A connection whose client waits for an answer, and the client.
    async fn connection(broadcasts_max: usize) -> (Rc<Conn>, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        let handle = SocketHandle::new(Version::V2, Deaf.start().recipient(), broadcasts_max);
        let metrics = Metrics::new(&Settings::load(&Sources::default()).unwrap().settings);
        let conn = Conn::new(server.into_split().1, Arc::new(handle), broadcasts_max, metrics);
        conn.expect_answer(true);
        (conn, client)
    }

    async fn read(client: &mut TcpStream, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        client.read_exact(&mut bytes).await.unwrap();
        bytes
    }

    #[actix_web::test]
    async fn a_broadcast_goes_out_with_the_answer_and_before_it() {
        let (conn, mut client) = connection(1_000_000).await;
        assert!(conn.deliver(Bytes::from_static(b"own broadcast, ")));
        assert!(!conn.is_drained(), "it waits");
        conn.cork();
        conn.send(Bytes::from_static(b"answer"));
        conn.uncork();
        assert!(conn.is_drained());
        assert_eq!(read(&mut client, 21).await, b"own broadcast, answer");
    }

    #[actix_web::test]
    async fn a_broadcast_does_not_wait_for_an_answer_that_is_long_in_coming() {
        let (conn, mut client) = connection(1_000_000).await;
        for _ in 0..2 {
            assert!(conn.deliver(Bytes::from_static(b"a broadcast")));
            assert!(!conn.is_drained(), "it waits");
            assert_eq!(read(&mut client, 11).await, b"a broadcast");
        }
    }

    /// A client must not be taken for a slow one since something was put off.
    #[actix_web::test]
    async fn what_is_put_off_takes_nothing_of_what_may_wait() {
        let (conn, mut client) = connection(100).await;
        assert!(conn.deliver(Bytes::from_static(&[1; 20])));
        assert!(!conn.is_drained() && !conn.is_congested());
        assert!(conn.deliver(Bytes::from_static(&[2; 90])), "together they are too much");
        assert!(conn.is_drained(), "what is large is not put off");
        assert_eq!(read(&mut client, 110).await.len(), 110);
    }
}
