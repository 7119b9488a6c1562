//! The few system calls the generator needs.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    time::Duration,
};

use rustix::{
    event::{
        Timespec,
        epoll::{self, CreateFlags, Event, EventData, EventFlags},
    },
    fd::{AsFd, OwnedFd},
    io::Errno,
    net::{self, AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, sockopt},
    process::{Resource, Rlimit, getrlimit, setrlimit},
    time::{ClockId, clock_gettime},
};

/// Nanoseconds of a second.
pub const SECOND: u64 = 1_000_000_000;

/// Connections that wait to be accepted by the generator's own little server.
const BACKLOG: i32 = 4096;

fn clock(id: ClockId) -> u64 {
    let time = clock_gettime(id);
    time.tv_sec.unsigned_abs() * SECOND + time.tv_nsec.unsigned_abs()
}

/// Monotonic nanoseconds.
#[inline]
pub fn now() -> u64 {
    clock(ClockId::Monotonic)
}

/// Seconds as nanoseconds; none for what is negative.
pub fn nanoseconds(seconds: f64) -> u64 {
    (seconds * SECOND as f64) as u64
}

/// Nanoseconds as seconds.
pub fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / SECOND as f64
}

/// CPU time of the calling thread, in nanoseconds. The generator is one thread.
pub fn thread_cpu() -> u64 {
    clock(ClockId::ThreadCPUTime)
}

/// Raises the soft limit of open files to the hard one, and that one too where the kernel lets us. Gives the limit in
/// force.
pub fn raise_open_files(wanted: u64) -> u64 {
    let limits = getrlimit(Resource::Nofile);
    let hard = limits.maximum.unwrap_or(u64::MAX);
    [wanted.max(hard), hard]
        .into_iter()
        .find(|&files| {
            let raised = Rlimit {
                current: Some(files),
                maximum: Some(files),
            };
            setrlimit(Resource::Nofile, raised).is_ok()
        })
        .unwrap_or(limits.current.unwrap_or(u64::MAX))
}

fn stream_socket() -> Result<OwnedFd, Errno> {
    net::socket_with(
        AddressFamily::INET,
        SocketType::STREAM,
        SocketFlags::NONBLOCK | SocketFlags::CLOEXEC,
        None,
    )
}

/// Begins to connect without waiting.
pub fn connect(to: SocketAddrV4, from: Option<Ipv4Addr>) -> Result<OwnedFd, Errno> {
    let socket = stream_socket()?;
    sockopt::set_tcp_nodelay(&socket, true)?;
    // Once it is closed its port is free: with tens of thousands resting for a minute, finding a free one takes longer
    // than connecting.
    sockopt::set_socket_linger(&socket, Some(Duration::ZERO))?;
    if let Some(address) = from {
        net::bind(&socket, &SocketAddrV4::new(address, 0))?;
    }
    match net::connect(&socket, &to) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(socket),
        Err(error) => Err(error),
    }
}

/// Listens on an address.
pub fn listen(address: SocketAddrV4) -> Result<OwnedFd, Errno> {
    let socket = stream_socket()?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    net::bind(&socket, &address)?;
    net::listen(&socket, BACKLOG)?;
    Ok(socket)
}

/// The port a listening socket has.
pub fn local_port(socket: &OwnedFd) -> Result<u16, Errno> {
    Ok(SocketAddrV4::try_from(net::getsockname(socket)?)?.port())
}

/// The next connection of a listening socket.
pub fn accept(listener: &OwnedFd) -> Result<OwnedFd, Errno> {
    let socket = net::accept_with(listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC)?;
    sockopt::set_tcp_nodelay(&socket, true)?;
    Ok(socket)
}

/// How a connect that was begun has ended.
pub fn connect_result(socket: &OwnedFd) -> Result<(), Errno> {
    sockopt::socket_error(socket)?
}

/// How much the kernel takes, about, before it is read.
pub fn set_receive_buffer(socket: &OwnedFd, bytes: usize) {
    // Without it the connection is only emptied more slowly.
    let _ = sockopt::set_socket_recv_buffer_size(socket, bytes);
}

/// What has arrived; 0 at the end of the stream.
#[inline]
pub fn receive(socket: &OwnedFd, buffer: &mut [u8]) -> Result<usize, Errno> {
    net::recv(socket, buffer, RecvFlags::empty()).map(|(read, _)| read)
}

/// How much of it was taken.
#[inline]
pub fn send(socket: &OwnedFd, bytes: &[u8]) -> Result<usize, Errno> {
    net::send(socket, bytes, SendFlags::NOSIGNAL)
}

/// Says when sockets can be read or written: edge-triggered, so once for each change.
pub struct Poller {
    epoll: OwnedFd,
    events: Vec<Event>,
}

/// What is said about a socket.
#[derive(Clone, Copy, Debug)]
pub struct Readiness {
    /// What the socket was added with.
    pub tag: u64,
    flags: EventFlags,
}

impl Readiness {
    /// It can be written.
    pub fn writable(self) -> bool {
        self.flags.contains(EventFlags::OUT)
    }

    /// Something came, perhaps the end.
    pub fn readable(self) -> bool {
        self.flags.contains(EventFlags::IN) || self.ended()
    }

    /// The other side writes no more.
    pub fn ended(self) -> bool {
        self.flags
            .intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR)
    }
}

impl Poller {
    /// One that tells of at most so many sockets at a time.
    pub fn new(capacity: usize) -> Result<Self, Errno> {
        let nothing = Event {
            flags: EventFlags::empty(),
            data: EventData::new_u64(0),
        };
        Ok(Self {
            epoll: epoll::create(CreateFlags::CLOEXEC)?,
            events: vec![nothing; capacity],
        })
    }

    /// Tells of a socket from now on, until it is closed.
    pub fn add(&self, socket: impl AsFd, tag: u64) -> Result<(), Errno> {
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        epoll::add(&self.epoll, socket, EventData::new_u64(tag), flags)
    }

    /// Tells of a socket no more.
    pub fn remove(&self, socket: impl AsFd) {
        // What was never added is not told of either.
        let _ = epoll::delete(&self.epoll, socket);
    }

    /// Waits at most so many nanoseconds, rounded up to milliseconds. Tells how many events there are.
    #[inline]
    pub fn wait(&mut self, timeout: u64) -> usize {
        let timeout = Timespec {
            tv_sec: (timeout / SECOND).cast_signed(),
            tv_nsec: (timeout % SECOND).cast_signed(),
        };
        // A signal is as good as nothing having happened.
        epoll::wait(&self.epoll, self.events.as_mut_slice(), Some(&timeout)).unwrap_or(0)
    }

    /// One of the events of the last [`wait`](Self::wait).
    #[inline]
    pub fn event(&self, index: usize) -> Readiness {
        let event = self.events[index];
        Readiness {
            tag: event.data.u64(),
            flags: event.flags,
        }
    }
}
