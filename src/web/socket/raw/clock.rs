//! When the raw sockets of a thread have something to do by themselves. One timer for all of them: a timer of its own
//! would cost each socket more than the rest of its waiting.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc, time::Instant};

use tokio::{sync::Notify, time};

use super::conn::Conn;
use crate::realtime::socket_handle::SocketId;

thread_local! {
    static CLOCK: Rc<Clock> = Clock::start();
}

/// The moments of one thread's sockets, one of each.
#[derive(Default)]
struct Clock {
    due: RefCell<BTreeMap<(Instant, SocketId), Rc<Conn>>>,
    /// The first moment comes earlier than was known.
    earlier: Notify,
}

impl Clock {
    fn start() -> Rc<Self> {
        let clock = Rc::new(Self::default());
        // Until the thread ends.
        actix::spawn(Rc::clone(&clock).run());
        clock
    }

    async fn run(self: Rc<Self>) {
        loop {
            let first = self.due.borrow().keys().next().map(|&(at, _)| at);
            let moment = async {
                match first {
                    Some(at) => time::sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = moment => self.wake_due(),
                () = self.earlier.notified() => {}
            }
        }
    }

    fn wake_due(&self) {
        let now = Instant::now();
        loop {
            let first = match self.due.borrow_mut().first_entry() {
                Some(entry) if entry.key().0 <= now => entry.remove(),
                _ => return,
            };
            first.wake();
        }
    }
}

/// An actor's next moment. Its connection is woken then, once, unless this is dropped.
pub struct Alarm {
    at: Instant,
    id: SocketId,
}

impl Alarm {
    /// Has `conn` woken at that moment.
    pub fn set(at: Instant, conn: &Rc<Conn>) -> Self {
        let id = conn.handle().id();
        CLOCK.with(|clock| {
            let mut due = clock.due.borrow_mut();
            let is_first = due.keys().next().is_none_or(|&(first, _)| at < first);
            due.insert((at, id), Rc::clone(conn));
            if is_first {
                clock.earlier.notify_one();
            }
        });
        Self { at, id }
    }

    /// When it wakes.
    pub fn at(&self) -> Instant {
        self.at
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        // When the thread ends the clock may have gone first.
        let _ = CLOCK.try_with(|clock| clock.due.borrow_mut().remove(&(self.at, self.id)));
    }
}
