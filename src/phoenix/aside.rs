//! Pushes of one channel that overlap: the next begins before the last is answered, and the answers keep their order.

use std::collections::VecDeque;

use super::frame::Frame;

/// Names a push that was set aside; never used twice by a socket.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Aside(pub(super) u64);

/// The pushes of a channel that were set aside, in their order, and answers that have to wait for theirs.
#[derive(Debug)]
pub(super) struct SetAside {
    /// The event whose pushes may begin meanwhile.
    next: &'static str,
    answers: VecDeque<(Aside, Answer)>,
}

#[derive(Debug)]
enum Answer {
    Open,
    /// What to send, if anything, when all before it are given.
    Given(Option<Frame>),
}

impl SetAside {
    pub(super) fn new(next: &'static str) -> SetAside {
        SetAside {
            next,
            answers: VecDeque::new(),
        }
    }

    /// Whether a push of this event may begin, when `at_once` may be in hand.
    pub(super) fn admits(&self, event: &str, at_once: u16) -> bool {
        event == self.next && self.answers.len() < usize::from(at_once)
    }

    /// The push `aside` comes next; once it is set aside, one of `next` may begin.
    pub(super) fn add(&mut self, aside: Aside, next: &'static str) {
        self.next = next;
        self.answers.push_back((aside, Answer::Open));
    }

    /// Keeps a frame until everything that was set aside is answered.
    pub(super) fn hold(&mut self, place: Aside, frame: Frame) {
        self.answers.push_back((place, Answer::Given(Some(frame))));
    }

    /// Takes the answer of a push. What is answered already stays so.
    pub(super) fn answer(&mut self, aside: Aside, frame: Option<Frame>) {
        if let Ok(at) = self.answers.binary_search_by_key(&aside, |&(known, _)| known)
            && let Some((_, answer @ Answer::Open)) = self.answers.get_mut(at)
        {
            *answer = Answer::Given(frame);
        }
    }

    /// The next answer whose turn has come.
    pub(super) fn take_given(&mut self) -> Option<Frame> {
        while let Some((_, Answer::Given(frame))) = self.answers.front_mut() {
            let frame = frame.take();
            self.answers.pop_front();
            if frame.is_some() {
                return frame;
            }
        }
        None
    }

    pub(super) fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }
}
