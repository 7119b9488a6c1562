//! Questions to the database that are put together: what is asked while an answer is on its way goes into the next
//! statement, whoever asks.
//!
//! Alone, a question is a statement at once. Under load one statement answers many, and what a statement costs (its way
//! there and back, its snapshot, its locks) is shared by all of them.
//!
//! Invariants:
//! * The statement that answers a question begins after it was asked. So an answer is never older than its question:
//!   what was committed before somebody asked is in it.
//! * At most so many questions are in one statement, and so many statements on their way.
//! * Whoever waits is answered, or told that nobody will be: a statement that takes too long is given up, so that a
//!   connection that died unheard holds nobody for long. Who waits is a request that is being handled, and of those
//!   there are only so many.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;
use sea_orm::{ConnAcquireErr, DbErr};
use tokio::sync::oneshot;

/// Asks many questions at once; the answers are in their order.
type Ask<Q, A> = Box<dyn Fn(Vec<Q>) -> BoxFuture<'static, Result<Vec<A>, DbErr>> + Send + Sync>;

/// Who waits for an answer.
type Asker<A> = oneshot::Sender<Result<A, DbErr>>;

/// A kind of question that is put together.
pub struct Gather<Q, A> {
    ask: Ask<Q, A>,
    /// Most questions in one statement.
    questions_max: usize,
    /// Most statements on their way.
    statements_max: usize,
    /// How long a statement may take, the wait for a connection included.
    patience: Duration,
    state: Mutex<State<Q, A>>,
}

struct State<Q, A> {
    waiting: VecDeque<(Q, Asker<A>)>,
    statements: usize,
}

impl<Q: Send + 'static, A: Send + 'static> Gather<Q, A> {
    /// Questions that `ask` puts together, at most `questions_max` of them; how many of these statements there may be at the
    /// same time, and how long one may take.
    pub fn new<F>(
        questions_max: usize,
        statements_max: usize,
        patience: Duration,
        ask: impl Fn(Vec<Q>) -> F + Send + Sync + 'static,
    ) -> Arc<Self>
    where
        F: Future<Output = Result<Vec<A>, DbErr>> + Send + 'static,
    {
        Arc::new(Self {
            ask: Box::new(move |questions| Box::pin(ask(questions))),
            questions_max: questions_max.max(1),
            statements_max: statements_max.max(1),
            patience,
            state: Mutex::new(State {
                waiting: VecDeque::new(),
                statements: 0,
            }),
        })
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    ///
    /// The database's, which all questions of a statement get; [`DbErr::ConnectionAcquire`] when it took too long;
    /// [`DbErr::Custom`] when its work was cut short.
    pub async fn ask(self: &Arc<Self>, question: Q) -> Result<A, DbErr> {
        let (sender, answer) = oneshot::channel();
        let begins = {
            let mut state = self.state();
            state.waiting.push_back((question, sender));
            let begins = state.statements < self.statements_max;
            state.statements += usize::from(begins);
            begins
        };
        if begins {
            // In a task of its own: others wait for it, too, when the one who began it goes away.
            let run = Run {
                gather: Arc::clone(self),
                done: false,
            };
            tokio::spawn(run.run());
        }
        answer.await.unwrap_or_else(|_| Err(cut_short()))
    }

    fn state(&self) -> MutexGuard<'_, State<Q, A>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn cut_short() -> DbErr {
    DbErr::Custom("the work on a statement was cut short".to_owned())
}

/// A task that sends statements until nobody waits.
struct Run<Q, A> {
    gather: Arc<Gather<Q, A>>,
    /// Whether it is no longer counted among the statements.
    done: bool,
}

impl<Q: Send + 'static, A: Send + 'static> Run<Q, A> {
    async fn run(mut self) {
        // Whoever is ready to ask at this moment does so first.
        tokio::task::yield_now().await;
        while let Some((questions, senders)) = self.next() {
            let asked = questions.len();
            let answers = tokio::time::timeout(self.gather.patience, (self.gather.ask)(questions)).await;
            match answers.unwrap_or(Err(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout))) {
                Ok(answers) => {
                    debug_assert_eq!(answers.len(), asked);
                    for (sender, answer) in senders.into_iter().zip(answers) {
                        // Who has gone away meanwhile needs no answer.
                        let _ = sender.send(Ok(answer));
                    }
                }
                Err(error) => {
                    for sender in senders {
                        let _ = sender.send(Err(error.clone()));
                    }
                }
            }
        }
    }

    /// The next questions, as many as one statement takes; `None` when there are none, and this is no longer counted.
    fn next(&mut self) -> Option<(Vec<Q>, Vec<Asker<A>>)> {
        let mut state = self.gather.state();
        if state.waiting.is_empty() {
            state.statements -= 1;
            self.done = true;
            return None;
        }
        let count = state.waiting.len().min(self.gather.questions_max);
        Some(state.waiting.drain(..count).unzip())
    }
}

impl<Q, A> Drop for Run<Q, A> {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        // A panic, or a runtime that ends. Who waits for nobody now is told so, by the end of the channel.
        let mut state = self.gather.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.statements -= 1;
        if state.statements == 0 {
            state.waiting.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Semaphore;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(2);

    /// Statements that tell how many were begun before them, and what they were asked; each takes a permit to end.
    #[derive(Clone)]
    struct Database {
        begun: Arc<AtomicUsize>,
        asked: Arc<Mutex<Vec<usize>>>,
        may_end: Arc<Semaphore>,
    }

    impl Database {
        fn new() -> Self {
            Self {
                begun: Arc::default(),
                asked: Arc::default(),
                may_end: Arc::new(Semaphore::new(0)),
            }
        }

        fn gather(&self, questions_max: usize, statements_max: usize) -> Arc<Gather<u32, (u32, usize)>> {
            let database = self.clone();
            Gather::new(questions_max, statements_max, PATIENCE, move |questions: Vec<u32>| {
                let database = database.clone();
                async move {
                    let number = database.begun.fetch_add(1, Ordering::SeqCst);
                    database.asked.lock().unwrap().push(questions.len());
                    database.may_end.acquire().await.unwrap().forget();
                    if questions.contains(&13) {
                        return Err(DbErr::Custom("thirteen".to_owned()));
                    }
                    assert!(!questions.contains(&666), "as a broken statement may");
                    Ok(questions.into_iter().map(|question| (question, number)).collect())
                }
            })
        }

        async fn begins(&self, statements: usize) {
            while self.begun.load(Ordering::SeqCst) < statements {
                tokio::task::yield_now().await;
            }
        }
    }

    fn asking(
        gather: &Arc<Gather<u32, (u32, usize)>>,
        question: u32,
    ) -> tokio::task::JoinHandle<Result<(u32, usize), DbErr>> {
        let gather = Arc::clone(gather);
        tokio::spawn(async move { gather.ask(question).await })
    }

    #[actix_web::test]
    async fn what_is_asked_while_a_statement_is_on_its_way_goes_into_the_next_one() {
        let database = Database::new();
        let gather = database.gather(8, 1);
        let first = asking(&gather, 1);
        database.begins(1).await;
        let others: Vec<_> = (2..6).map(|question| asking(&gather, question)).collect();
        database.may_end.add_permits(1);
        assert_eq!(first.await.unwrap().unwrap(), (1, 0));
        database.may_end.add_permits(1);
        for (other, question) in others.into_iter().zip(2..) {
            assert_eq!(
                other.await.unwrap().unwrap(),
                (question, 1),
                "not by one that began before it was asked"
            );
        }
        assert_eq!(*database.asked.lock().unwrap(), [1, 4]);
    }

    #[actix_web::test]
    async fn statements_and_the_questions_in_them_are_bounded() {
        let database = Database::new();
        let gather = database.gather(3, 2);
        let (one, two) = (asking(&gather, 1), asking(&gather, 2));
        database.begins(1).await;
        let late = asking(&gather, 3);
        database.begins(2).await;
        let others: Vec<_> = (10..13)
            .chain(14..18)
            .map(|question| asking(&gather, question))
            .collect();
        tokio::task::yield_now().await;
        assert_eq!(
            database.begun.load(Ordering::SeqCst),
            2,
            "no third one at the same time"
        );
        database.may_end.add_permits(100);
        for asked in [one, two, late].into_iter().chain(others) {
            asked.await.unwrap().unwrap();
        }
        assert!(database.asked.lock().unwrap().iter().all(|questions| *questions <= 3));
    }

    #[actix_web::test]
    async fn a_statement_that_fails_fails_for_all_in_it_and_for_nobody_after_it() {
        let database = Database::new();
        database.may_end.add_permits(100);
        let gather = database.gather(8, 1);
        let (one, other) = (asking(&gather, 13), asking(&gather, 1));
        assert!(one.await.unwrap().is_err() && other.await.unwrap().is_err());
        assert!(gather.ask(2).await.is_ok());
        // Nor does a panic leave anybody waiting.
        assert!(asking(&gather, 666).await.unwrap().is_err());
        assert!(gather.ask(3).await.is_ok());
    }

    #[actix_web::test]
    async fn a_statement_without_an_end_is_given_up() {
        let database = Database::new();
        let gather = database.gather(8, 1);
        let error = gather.ask(1).await.unwrap_err();
        assert!(crate::store::is_unreachable(&error), "{error}");
        database.may_end.add_permits(1);
        assert_eq!(gather.ask(2).await.unwrap(), (2, 1));
    }

    #[actix_web::test]
    async fn who_goes_away_takes_nobody_with_them() {
        let database = Database::new();
        let gather = database.gather(8, 1);
        let first = asking(&gather, 1);
        database.begins(1).await;
        let other = asking(&gather, 2);
        tokio::task::yield_now().await;
        first.abort();
        database.may_end.add_permits(2);
        assert_eq!(other.await.unwrap().unwrap(), (2, 1));
    }
}
