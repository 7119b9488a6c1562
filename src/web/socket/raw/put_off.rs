//! Writes that are put off for a moment. Whoever sends a message gets it like everybody in the room, and the answer
//! right behind it: in one write, if the first waits for the second. One timer for all connections of a thread sees to
//! it that nothing waits for long.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use tokio::{sync::Notify, time};

use super::conn::Conn;

thread_local! {
    static PUT_OFF: Rc<PutOff> = PutOff::start();
}

/// The connections of one thread with something that was put off, as far as it is not written yet.
#[derive(Default)]
struct PutOff {
    connections: RefCell<Vec<Rc<Conn>>>,
    /// There is a first one.
    first: Notify,
    /// How long it waits.
    wait: Cell<Duration>,
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
            time::sleep(self.wait.get()).await;
            for conn in self.connections.take() {
                conn.write_put_off();
            }
        }
    }
}

/// Has the connection write what waits there, after `wait` at the latest; together with others, which began earlier.
pub fn write_soon(conn: Rc<Conn>, wait: Duration) {
    PUT_OFF.with(|put_off| {
        let mut connections = put_off.connections.borrow_mut();
        if connections.is_empty() {
            put_off.wait.set(wait);
            put_off.first.notify_one();
        }
        connections.push(conn);
    });
}

#[cfg(test)]
pub(super) mod tests {
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
        config::{Cap, Settings, SocketSettings, Sources},
        metrics::Metrics,
        phoenix::Version,
        realtime::{
            room_shard::Outlet,
            socket_handle::{Outbound, SocketHandle},
        },
        web::socket::raw::writing::Writing,
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
    pub async fn connection(broadcasts_max: usize) -> (Rc<Conn>, TcpStream) {
        connection_with(|settings| settings.outbound_bytes_max = Cap::Max(broadcasts_max)).await
    }

    async fn connection_with(change: impl FnOnce(&mut SocketSettings)) -> (Rc<Conn>, TcpStream) {
        let mut settings = Settings::load(&Sources::default()).unwrap().settings;
        change(&mut settings.socket);
        let writing = Writing::new(&settings.socket, Metrics::new(&settings));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        let handle = SocketHandle::new(Version::V2, Deaf.start().recipient(), writing.broadcasts_max);
        let conn = Conn::new(server, Arc::new(handle), Arc::new(writing));
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

    #[actix_web::test]
    async fn nothing_is_put_off_where_the_settings_say_so() {
        let changes: [fn(&mut SocketSettings); 2] = [
            |settings| settings.put_off = Duration::ZERO,
            |settings| settings.put_off_bytes_max = Cap::Max(10),
        ];
        for change in changes {
            let (conn, mut client) = connection_with(change).await;
            assert!(conn.deliver(Bytes::from_static(b"a broadcast")));
            assert!(conn.is_drained(), "it does not wait");
            assert_eq!(read(&mut client, 11).await, b"a broadcast");
        }
        let (conn, _client) = connection_with(|settings| settings.put_off_bytes_max = Cap::Off).await;
        assert!(conn.deliver(Bytes::from_static(&[1; 50_000])));
        assert!(!conn.is_drained(), "it waits");
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
