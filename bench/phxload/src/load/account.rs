//! Which message came to whom, and how often.

use serde_json::{Value, json};

use super::{Load, tally};
use crate::engine::{Engine, State};

/// What became of the messages of a run. The first part is about those sent while measuring.
#[derive(Clone, Debug, Default)]
pub(super) struct Account {
    sent: u64,
    acknowledged: u64,
    refused: u64,
    unanswered: u64,
    expected: u64,
    received: u64,
    lost: u64,
    doubled: u64,
    warmup_expected: u64,
    warmup_lost: u64,
    warmup_doubled: u64,
    /// Copies of messages that were refused.
    delivered_despite_error: u64,
    /// Members who did not get exactly the messages of their room.
    members_with_wrong_set: u64,
    members_disconnected: u64,
    /// Copies that came in another room.
    pub misrouted: u64,
    /// Copies and answers of messages that nobody sent.
    pub unknown_number: u64,
    /// Messages without a mark of this run.
    pub foreign_broadcasts: u64,
    pub late_or_duplicate_acks: u64,
    /// Messages not sent because too much waited to be sent already.
    pub send_blocked: u64,
    /// Messages not sent because nobody of the lane is there any more.
    pub no_live_sender: u64,
    /// Members that the server has thrown out.
    pub channel_errors: u64,
    /// Seconds until everything had come.
    pub drain_s: f64,
}

impl Account {
    pub fn report(&self) -> Value {
        json!({
            "sent": self.sent, "acked_ok": self.acknowledged, "acked_error": self.refused,
            "no_reply": self.unanswered,
            "expected_deliveries": self.expected, "received_deliveries": self.received,
            "lost": self.lost, "duplicates": self.doubled,
            "warmup_expected": self.warmup_expected, "warmup_lost": self.warmup_lost,
            "warmup_duplicates": self.warmup_doubled,
            "delivered_despite_error": self.delivered_despite_error,
            "members_with_wrong_set": self.members_with_wrong_set,
            "members_disconnected": self.members_disconnected,
            "misrouted": self.misrouted, "unknown_number": self.unknown_number,
            "foreign_broadcasts": self.foreign_broadcasts,
            "late_or_duplicate_acks": self.late_or_duplicate_acks,
            "send_blocked": self.send_blocked, "no_live_sender": self.no_live_sender,
            "channel_errors": self.channel_errors,
            "drain_s": self.drain_s,
        })
    }
}

impl Load {
    /// Counts message by message, so that a loss cannot hide behind a double, and then member by member.
    pub(super) fn close_account(&self, engine: &Engine) -> Account {
        let mut account = self.account.clone();
        account.sent = self.measured.len() as u64;
        let mut tallies = vec![0u64; engine.rooms.len()];
        for (number, message) in self.messages.iter().enumerate() {
            let measured = self.measured.contains(&number);
            let copies = u64::from(message.copies);
            if message.refused {
                account.refused += u64::from(measured);
                account.delivered_despite_error += copies;
                continue;
            }
            let room = message.room as usize;
            tallies[room] = tallies[room].wrapping_add(tally(number as u32));
            let members = u64::from(self.members[room]);
            let (lost, doubled) = (members.saturating_sub(copies), copies.saturating_sub(members));
            if measured {
                account.acknowledged += u64::from(message.acknowledged);
                account.unanswered += u64::from(!message.acknowledged);
                account.expected += members;
                account.received += copies;
                account.lost += lost;
                account.doubled += doubled;
            } else {
                account.warmup_expected += members;
                account.warmup_lost += lost;
                account.warmup_doubled += doubled;
            }
        }
        for connection in self.joined.iter().map(|&slot| &engine.connections[slot]) {
            if connection.state != State::Joined {
                account.members_disconnected += 1;
            } else if connection.received != tallies[connection.room as usize] {
                account.members_with_wrong_set += 1;
            }
        }
        account
    }
}
