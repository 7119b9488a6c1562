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
