//! Whatever clients send, however it is cut.

use proptest::{collection::vec, prelude::*, sample::Index};

use super::{
    Decoder,
    client::{LIMITS, Seen, feed, frame_with},
};

/// Something a client may say, with where its fragments are cut.
#[derive(Clone, Debug)]
enum Said {
    Text(String, Vec<Index>),
    Binary(Vec<u8>, Vec<Index>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
}

fn said() -> impl Strategy<Value = Said> {
    let control = || vec(any::<u8>(), 0..=125);
    prop_oneof![
        4 => (".{0,200}", vec(any::<Index>(), 0..4)).prop_map(|(text, cuts)| Said::Text(text, cuts)),
        2 => (vec(any::<u8>(), 0..300), vec(any::<Index>(), 0..4)).prop_map(|(bytes, cuts)| Said::Binary(bytes, cuts)),
        1 => control().prop_map(Said::Ping),
        1 => control().prop_map(Said::Pong),
    ]
}

/// The pieces that `cuts` make of `bytes`; at least one.
fn pieces<'b>(bytes: &'b [u8], cuts: &[Index]) -> Vec<&'b [u8]> {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    at.sort_unstable();
    at.push(bytes.len());
    let mut start = 0;
    at.into_iter()
        .map(|end| {
            let piece = &bytes[start..end];
            start = end;
            piece
        })
        .collect()
}

fn frames(opcode: u8, payload: &[u8], cuts: &[Index], key: [u8; 4]) -> Vec<u8> {
    let pieces = pieces(payload, cuts);
    let mut bytes = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        let is_final = if index + 1 == pieces.len() { 0x80 } else { 0 };
        let opcode = if index == 0 { opcode } else { 0 };
        bytes.extend(frame_with(is_final | opcode, piece, key));
    }
    bytes
}

fn feed_in_pieces(bytes: &[u8], cuts: &[Index]) -> Vec<Seen> {
    let mut decoder = Decoder::new();
    pieces(bytes, cuts)
        .into_iter()
        .flat_map(|piece| feed(&mut decoder, piece))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_is_said_is_heard(
        conversation in vec((said(), any::<[u8; 4]>()), 0..8),
        cuts in vec(any::<Index>(), 0..12),
    ) {
        let mut bytes = Vec::new();
        let mut heard = Vec::new();
        for (said, key) in conversation {
            match said {
                Said::Text(text, cuts) => {
                    bytes.extend(frames(0x1, text.as_bytes(), &cuts, key));
                    heard.push(Seen::Text(text));
                }
                Said::Binary(payload, cuts) => {
                    bytes.extend(frames(0x2, &payload, &cuts, key));
                    heard.push(Seen::Binary(payload));
                }
                Said::Ping(payload) => {
                    bytes.extend(frames(0x9, &payload, &[], key));
                    heard.push(Seen::Ping(payload));
                }
                Said::Pong(payload) => {
                    bytes.extend(frames(0xa, &payload, &[], key));
                    heard.push(Seen::Pong);
                }
            }
        }
        prop_assert_eq!(feed_in_pieces(&bytes, &cuts), heard);
    }

    #[test]
    fn any_bytes_mean_the_same_however_they_are_cut(
        bytes in vec(prop_oneof![3 => any::<u8>(), 2 => prop::sample::select(vec![0x01, 0x81, 0x80, 0x89, 0x82, 0x88])], 0..300),
        cuts in vec(any::<Index>(), 0..12),
    ) {
        let at_once = feed(&mut Decoder::new(), &bytes);
        prop_assert_eq!(feed_in_pieces(&bytes, &cuts), at_once);
    }

    #[test]
    fn no_more_is_kept_than_the_limits_allow(
        bytes in vec(prop_oneof![1 => any::<u8>(), 3 => prop::sample::select(vec![0x01, 0x02, 0x00, 0x89, 0x80, 0xff])], 0..4000),
    ) {
        let mut decoder = Decoder::new();
        for piece in bytes.chunks(7) {
            feed(&mut decoder, piece);
            prop_assert!(decoder.kept_bytes() <= LIMITS.message_bytes_max + 125);
        }
    }
}
