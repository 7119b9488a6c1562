//! What a member knows of its room, and shows when it comes back to be told what it has missed.

use memchr::memmem;

use crate::phoenix::{self, json_text};

/// A place in the history of a room.
#[derive(Clone, Debug, Default)]
pub struct Known {
    epoch: String,
    seq: u64,
}

impl Known {
    /// Takes over what the reply to a join says.
    pub fn joined(&mut self, reply: &[u8]) {
        const EPOCH: &[u8] = b"\"epoch\":\"";
        if let Some(at) = memmem::find(reply, EPOCH) {
            let epoch = &reply[at + EPOCH.len()..];
            let end = epoch.iter().position(|&byte| byte == b'"').unwrap_or(epoch.len());
            self.epoch = String::from_utf8_lossy(&epoch[..end]).into_owned();
        }
        if let Some(seq) = phoenix::number_of(reply, b"\"head_seq\":") {
            self.seq = seq;
        }
    }

    /// Takes over what a change of the room says.
    pub fn heard(&mut self, broadcast: &[u8]) {
        if let Some(seq) = phoenix::number_of(broadcast, b"\"changed_seq\":") {
            self.seq = seq;
        }
    }

    /// The params of a join that wants what is newer.
    pub fn params(&self) -> String {
        format!(
            "{{\"since\":{{\"epoch\":{},\"seq\":{}}}}}",
            json_text(&self.epoch),
            self.seq
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_thing_heard_counts() {
        let mut known = Known::default();
        known.joined(br#"["1","1","room:a","phx_reply",{"status":"ok","response":{"epoch":"3eea","head_seq":12}}]"#);
        assert_eq!(known.params(), r#"{"since":{"epoch":"3eea","seq":12}}"#);
        known.heard(br#"[null,null,"room:a","new_message",{"seq":13,"changed_seq":13}]"#);
        known.heard(b"[]");
        assert_eq!(known.params(), r#"{"since":{"epoch":"3eea","seq":13}}"#);
    }
}
