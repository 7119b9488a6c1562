//! Tokens that nobody can guess.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// 256 random bits, in characters that are safe in URLs and headers.
///
/// # Panics
///
/// When the operating system has no randomness to give; nothing could be kept secret then.
pub fn generate() -> String {
    let mut bytes = [0; 32];
    #[expect(
        clippy::expect_used,
        reason = "without randomness no secret can be made, and no caller could go on"
    )]
    getrandom::fill(&mut bytes).expect("the operating system's random source answers");
    URL_SAFE_NO_PAD.encode(bytes)
}
