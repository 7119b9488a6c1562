//! Has the binary built again when the pages it embeds were built again. The compiler knows the files that were there
//! the last time, but neither that there are others now, nor that there are any at all.

use std::{env, path::Path};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Builds with debug assertions read the files when they are asked for.
    if env::var_os("CARGO_CFG_DEBUG_ASSERTIONS").is_some() {
        return;
    }
    if Path::new("static/dist").is_dir() {
        println!("cargo::rerun-if-changed=static/dist");
    } else {
        // One that is missing would always count as changed.
        println!("cargo::rerun-if-changed=static");
        println!("cargo::warning=static/dist is missing: the binary will have no pages; `make ui` builds them");
    }
}
