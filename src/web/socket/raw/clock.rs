//! When the raw sockets of a thread have something to do by themselves. One timer for all of them: a timer of its own
//! would cost each socket more than the rest of its waiting.

use std::{
    cell::RefCell,
    collections::{BTreeMap, btree_map::Entry},
    rc::Rc,
    time::{Duration, Instant},
};

use tokio::{sync::Notify, time};

use super::conn::Conn;
use crate::moment::Moment;

/// Sockets whose moments are within one of these are woken together, at its end: a place in a list is smaller than one
/// in a tree, and nothing that a socket waits for is shorter by far.
const TICK: Duration = Duration::from_millis(50);

thread_local! {
    static CLOCK: Rc<Clock> = Clock::start();
}

/// The moments of one thread's sockets, one of each. A connection knows its place among those of a tick.
#[derive(Default)]
struct Clock {
    due: RefCell<BTreeMap<Moment, Vec<Rc<Conn>>>>,
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
            let first = self.due.borrow().keys().next().copied();
            let moment = async {
                match first {
                    Some(tick) => time::sleep_until(Instant::from(tick).into()).await,
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
        let now = Moment::now();
        loop {
            let first = match self.due.borrow_mut().first_entry() {
                Some(entry) if *entry.key() <= now => entry.remove(),
                _ => return,
            };
            for conn in first {
                conn.wake();
            }
        }
    }

    fn add(&self, tick: Moment, conn: Rc<Conn>) {
        let mut due = self.due.borrow_mut();
        let is_first = due.keys().next().is_none_or(|&first| tick < first);
        let together = due.entry(tick).or_default();
        conn.set_place(together.len());
        together.push(conn);
        if is_first {
            self.earlier.notify_one();
        }
    }

    fn remove(&self, tick: Moment, conn: &Rc<Conn>) {
        let mut due = self.due.borrow_mut();
        let Entry::Occupied(mut entry) = due.entry(tick) else {
            return;
        };
        let (together, place) = (entry.get_mut(), conn.place());
        // It was woken, if another one has its place.
        if together.get(place).is_some_and(|known| Rc::ptr_eq(known, conn)) {
            together.swap_remove(place);
            if let Some(moved) = together.get(place) {
                moved.set_place(place);
            }
        }
        if together.is_empty() {
            entry.remove();
        }
    }
}

/// An actor's next moment. Its connection is woken then, once, unless this is dropped.
pub struct Alarm {
    at: Moment,
    conn: Rc<Conn>,
}

impl Alarm {
    /// Has `conn` woken at that moment, or a tick later. It has no other alarm.
    pub fn set(at: Moment, conn: &Rc<Conn>) -> Self {
        CLOCK.with(|clock| clock.add(at.round_up(TICK), Rc::clone(conn)));
        Self {
            at,
            conn: Rc::clone(conn),
        }
    }

    /// When it wakes.
    pub fn at(&self) -> Moment {
        self.at
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        // When the thread ends the clock may have gone first.
        let _ = CLOCK.try_with(|clock| clock.remove(self.at.round_up(TICK), &self.conn));
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering},
        },
        task::{Context, Wake, Waker},
    };

    use super::*;
    use crate::web::socket::raw::put_off::tests::connection;

    #[derive(Default)]
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    /// A connection, and whether its actor was woken.
    async fn socket() -> (Rc<Conn>, Arc<Woken>) {
        let ((conn, _), woken) = (connection(1000).await, Arc::new(Woken::default()));
        conn.wake_here(&Context::from_waker(&Waker::from(Arc::clone(&woken))));
        (conn, woken)
    }

    #[actix_web::test]
    async fn of_those_of_a_tick_who_has_gone_is_not_woken_and_the_others_are() {
        let sockets = [socket().await, socket().await, socket().await, socket().await];
        let at = (Moment::now() + TICK).round_up(TICK);
        let mut alarms: Vec<_> = sockets.iter().map(|(conn, _)| Alarm::set(at, conn)).collect();
        // The last one takes the place of the first, and of the second after that.
        alarms.remove(0);
        alarms.remove(0);
        let is_woken = || sockets.each_ref().map(|(_, woken)| woken.0.load(Ordering::Relaxed));
        let wait_for = async |expected: [bool; 4]| {
            let all = async {
                while is_woken() != expected {
                    time::sleep(TICK).await;
                }
            };
            let in_time = time::timeout(Duration::from_secs(10), all).await;
            assert!(in_time.is_ok(), "{:?} instead of {expected:?}", is_woken());
        };
        wait_for([false, false, true, true]).await;
        // One that has rung is not there any more, whoever may have its place by now.
        let later = Alarm::set(at, &sockets[0].0);
        drop(alarms);
        wait_for([true, false, true, true]).await;
        drop(later);
        CLOCK.with(|clock| assert!(clock.due.borrow().is_empty()));
    }
}
