//! phxload: a load generator for chat servers that speak Phoenix Channels V2. See its README.

mod churn;
mod cli;
mod engine;
mod identities;
mod known;
mod load;
mod mark;
mod peer;
mod phoenix;
mod process_stats;
mod ramp;
mod random;
mod report;
mod rest;
mod scenarios;
mod setup;
mod statistics;
mod storm;
mod system;
#[cfg(test)]
mod tests;
mod websocket;

use std::{error::Error, process::ExitCode};

use clap::Parser;

use crate::{
    cli::{Cli, Command},
    peer::{Faults, Peer},
    scenarios::{Idle, Rooms},
    setup::SetupError,
    storm::StormOptions,
};

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut text = error.to_string();
            let mut source = error.source();
            while let Some(cause) = source {
                text.push_str(&format!(": {cause}"));
                source = cause.source();
            }
            eprintln!("phxload: {text}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<(), SetupError> {
    let result = match command {
        Command::Idle {
            common,
            conns,
            join,
            per_room,
            first,
            rate,
            hold,
            before,
            leave,
        } => {
            let idle = Idle {
                connections: conns,
                join,
                per_room,
                first,
                rate,
                hold,
                before,
                leave,
            };
            scenarios::idle(&common, &idle)
        }
        Command::Fanout {
            common,
            sending,
            members,
            senders,
        } => {
            let rooms = Rooms {
                name: "fanout",
                rooms: 1,
                per_room: members,
                senders: Some(senders),
            };
            scenarios::rooms(&common, &sending, &rooms)
        }
        Command::Rooms {
            common,
            sending,
            rooms,
            per_room,
        } => {
            let rooms = Rooms {
                name: "rooms",
                rooms,
                per_room,
                senders: None,
            };
            scenarios::rooms(&common, &sending, &rooms)
        }
        Command::Churn {
            common,
            conns,
            per_room,
            span,
        } => scenarios::churn(&common, conns, per_room, span),
        Command::Storm {
            common,
            rooms,
            per_room,
            rate,
            bytes,
            calm,
            away,
            drain,
        } => {
            let patience = common.timeout;
            let options = StormOptions {
                rate,
                bytes,
                calm,
                away,
                patience,
                drain,
            };
            scenarios::storm(&common, rooms, per_room, options)
        }
        Command::RestPost {
            common,
            requests,
            rest_path,
            bytes,
        } => scenarios::rest(&common, &requests, &rest_path, Some(bytes)),
        Command::RestGet {
            common,
            requests,
            rest_path,
        } => scenarios::rest(&common, &requests, &rest_path, None),
        Command::Peer { port, seconds, faults } => return peer(port, seconds, faults),
    };
    report::print(result?);
    Ok(())
}

fn peer(port: u16, seconds: f64, faults: Faults) -> Result<(), SetupError> {
    system::raise_open_files(0);
    let peer = Peer::listen(port, faults)?;
    eprintln!("listening on 127.0.0.1:{}", peer.port()?);
    peer.serve(system::now() + system::nanoseconds(seconds));
    Ok(())
}
