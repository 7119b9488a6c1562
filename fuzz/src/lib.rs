//! The two modules that read what strangers send, and nothing of the server but what they stand on: both are sans-IO, so
//! they build in seconds, with every instruction instrumented. Paths are the server's own.

#[path = "../../src/phoenix/mod.rs"]
pub mod phoenix;

#[path = "../../src/small_map.rs"]
pub mod small_map;

#[path = "../../src/web"]
pub mod web {
    //! The edge.

    pub mod socket {
        //! Sockets.

        pub mod rfc6455;
    }
}
