//! Load: as many exchanges as a proxy can take, or so many a second, from one thread and cheaply.
//!
//! wrk does what it can do; this is for what it cannot: exchanges that are not HTTP, a connection for
//! each, bodies too large to be looked at, and a fixed rate. At a fixed rate an exchange begins when
//! it is due, whether a connection is free or not, so that a proxy that stalls pays for all that had
//! to wait (no coordinated omission).

mod connection;
mod datagrams;
mod histogram;
mod idle;

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use nix::sys::time::TimeSpec;
use nix::sys::timer::{Expiration, TimerSetTimeFlags};
use nix::sys::timerfd::{ClockId, TimerFd, TimerFlags};

use connection::{Connection, Step};

pub use datagrams::DnsLoad;
pub use histogram::Histogram;
pub use idle::IdleConnections;

/// Looks at the clock at least this often (in milliseconds).
const TICK_MS: u16 = 10;
/// No exchange takes this long; one that does has failed.
const TIMEOUT: Duration = Duration::from_secs(2);
/// What is not a connection's number.
const TIMER: u64 = u64::MAX;

/// How an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// After so many bytes.
    Bytes(usize),
    /// As its Content-Length says; the status must be 200.
    Http,
}

/// What is asked of whom, and how often.
#[derive(Debug, Clone)]
pub struct Load {
    /// Who is asked.
    pub target: SocketAddr,
    /// What is sent.
    pub request: Vec<u8>,
    /// What comes back.
    pub answer: Answer,
    /// Connections at a time.
    pub connections: usize,
    /// Whether each exchange has a connection of its own.
    pub reconnect: bool,
    /// Exchanges a second; as many as possible if not said.
    pub rate: Option<f64>,
    /// For how long.
    pub duration: Duration,
}

/// How it went.
#[derive(Debug, Clone, Default)]
pub struct LoadReport {
    /// Exchanges that were answered.
    pub exchanges: u64,
    /// Those that were not: connects refused, connections broken, bad answers, none in time.
    pub errors: u64,
    /// How long it took.
    pub elapsed: Duration,
    /// From when an exchange was due to the end of its answer; with the connect if it had its own
    /// connection.
    pub latency: Histogram,
}

impl Load {
    /// Does it, in the calling thread.
    ///
    /// # Errors
    /// When the system gives no sockets. What the proxy does wrong is counted.
    pub fn run(&self) -> io::Result<LoadReport> {
        let mut run = Run::new(self)?;
        let start = Instant::now();
        let end = start + self.duration;
        run.begin(start)?;
        let mut events = [EpollEvent::empty(); 256];
        loop {
            let ready = match run.epoll.wait(&mut events, TICK_MS) {
                Err(nix::errno::Errno::EINTR) => 0,
                other => other?,
            };
            let now = Instant::now();
            if now >= end {
                break;
            }
            for event in &events[..ready] {
                match event.data() {
                    TIMER => run.pay(now)?,
                    number => run.advance(number as usize)?,
                }
            }
            run.expire(now)?;
        }
        run.report.elapsed = start.elapsed();
        Ok(run.report)
    }
}

struct Run<'a> {
    load: &'a Load,
    epoll: Epoll,
    connections: Vec<Connection>,
    /// Connections without an exchange, at a fixed rate.
    free: Vec<usize>,
    /// When exchanges were due for which there was no connection.
    late: VecDeque<Instant>,
    pace: Option<Pace>,
    scratch: Vec<u8>,
    report: LoadReport,
    looked: Instant,
}

/// When exchanges are due at a fixed rate: some at each tick of a timer. A timer for each exchange would
/// take more of the core that the servers share than the exchange does, and what is measured would be the wait for
/// that core.
struct Pace {
    timer: TimerFd,
    tick: Duration,
    /// The next tick.
    due: Instant,
    /// Exchanges a tick.
    share: f64,
    /// Those that are due at the next one, and the part of one that is left over.
    owed: f64,
}

/// The shortest tick. At 40,000 a second ten exchanges begin together.
const SHORTEST_TICK: Duration = Duration::from_micros(250);

impl Pace {
    fn new(timer: TimerFd, rate: f64) -> Self {
        let interval = Duration::from_secs_f64(1.0 / rate.max(1.0));
        let tick = interval.max(SHORTEST_TICK);
        let share = tick.as_secs_f64() / interval.as_secs_f64();
        Self {
            timer,
            tick,
            due: Instant::now(),
            share,
            owed: share,
        }
    }

    /// Adds what is due by now.
    fn collect(&mut self, now: Instant, into: &mut VecDeque<Instant>) {
        while self.due <= now {
            while self.owed >= 1.0 {
                into.push_back(self.due);
                self.owed -= 1.0;
            }
            self.due += self.tick;
            self.owed += self.share;
        }
    }
}

impl<'a> Run<'a> {
    fn new(load: &'a Load) -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let pace = match load.rate {
            None => None,
            Some(rate) => {
                let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
                let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
                epoll.add(timer.as_fd(), EpollEvent::new(EpollFlags::EPOLLIN, TIMER))?;
                Some(Pace::new(timer, rate))
            }
        };
        let now = Instant::now();
        let connections = (0..load.connections)
            .map(|number| Connection::open(load.target, &epoll, number as u64))
            .collect::<io::Result<_>>()?;
        Ok(Self {
            load,
            epoll,
            connections,
            free: Vec::new(),
            late: VecDeque::new(),
            pace,
            scratch: vec![0; 1 << 20],
            report: LoadReport::default(),
            looked: now,
        })
    }

    fn begin(&mut self, now: Instant) -> io::Result<()> {
        match &mut self.pace {
            None => (0..self.connections.len()).try_for_each(|number| self.ask(number, now)),
            Some(pace) => {
                pace.due = now;
                let every = Expiration::Interval(TimeSpec::from_duration(pace.tick));
                pace.timer.set(every, TimerSetTimeFlags::empty())?;
                self.free = (0..self.connections.len()).collect();
                Ok(())
            }
        }
    }

    /// Begins the exchanges that are due, with the connections that are free.
    fn pay(&mut self, now: Instant) -> io::Result<()> {
        let Some(pace) = &mut self.pace else {
            return Ok(());
        };
        // The clock says what is due; the timer only wakes us.
        match pace.timer.wait() {
            Ok(()) | Err(nix::errno::Errno::EAGAIN) => {}
            Err(error) => return Err(error.into()),
        }
        pace.collect(now, &mut self.late);
        while let Some(number) = self.free.pop() {
            let Some(due) = self.late.pop_front() else {
                self.free.push(number);
                break;
            };
            self.ask(number, due)?;
        }
        Ok(())
    }

    fn ask(&mut self, number: usize, due: Instant) -> io::Result<()> {
        self.connections[number].ask(due);
        self.advance(number)
    }

    fn advance(&mut self, number: usize) -> io::Result<()> {
        loop {
            let connection = &mut self.connections[number];
            let renew = match connection.advance(self.load, &mut self.scratch) {
                Step::Waits => return Ok(()),
                Step::IdleClosed => return self.renew(number),
                Step::Failed => {
                    self.report.errors += 1;
                    true
                }
                Step::Answered { close } => {
                    let took = connection.started().elapsed();
                    self.report.exchanges += 1;
                    self.report.latency.record(took);
                    close || self.load.reconnect
                }
            };
            if renew {
                self.renew(number)?;
            }
            let due = match self.pace {
                None => Instant::now(),
                Some(_) => match self.late.pop_front() {
                    Some(due) => due,
                    None => {
                        self.free.push(number);
                        return Ok(());
                    }
                },
            };
            self.connections[number].ask(due);
            if renew {
                return Ok(()); // it goes on when it is connected
            }
        }
    }

    fn renew(&mut self, number: usize) -> io::Result<()> {
        self.connections[number] = Connection::open(self.load.target, &self.epoll, number as u64)?;
        Ok(())
    }

    /// Gives up on exchanges without an answer.
    fn expire(&mut self, now: Instant) -> io::Result<()> {
        if now < self.looked + Duration::from_millis(100) {
            return Ok(());
        }
        self.looked = now;
        for number in 0..self.connections.len() {
            let connection = &self.connections[number];
            if connection.is_busy() && now.saturating_duration_since(connection.started()) > TIMEOUT
            {
                self.report.errors += 1;
                self.renew(number)?;
                self.ask(number, now)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// Answers each request, after `delay`, until its client goes.
    fn server(answer: &'static [u8], delay: Duration) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                thread::spawn(move || {
                    let mut request = [0; 4];
                    while stream.read_exact(&mut request).is_ok() {
                        thread::sleep(delay);
                        if stream.write_all(answer).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        address
    }

    fn load(target: SocketAddr) -> Load {
        Load {
            target,
            request: b"ask!".to_vec(),
            answer: Answer::Http,
            connections: 2,
            reconnect: false,
            rate: None,
            duration: Duration::from_millis(500),
        }
    }

    const GOOD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes";

    #[test]
    fn answers_are_counted_and_bad_ones_are_errors() {
        let good = load(server(GOOD, Duration::ZERO)).run().unwrap();
        assert!(good.exchanges > 10 && good.errors == 0, "{good:?}");
        let bad = load(server(b"HTTP/1.1 503 No\r\n\r\n", Duration::ZERO))
            .run()
            .unwrap();
        assert!(bad.exchanges == 0 && bad.errors > 0, "{bad:?}");
    }

    #[test]
    fn plain_bytes_over_a_connection_each_are_counted() {
        let mut load = load(server(GOOD, Duration::ZERO));
        load.answer = Answer::Bytes(GOOD.len());
        load.reconnect = true;
        let report = load.run().unwrap();
        assert!(report.exchanges > 10 && report.errors == 0, "{report:?}");
    }

    #[test]
    fn as_many_exchanges_are_due_as_the_rate_says_however_short_they_are() {
        for rate in [1.0, 30.0, 3999.0, 4001.0, 35_780.0] {
            let flags = TimerFlags::TFD_NONBLOCK;
            let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags).unwrap();
            let mut pace = Pace::new(timer, rate);
            let (start, mut due) = (pace.due, VecDeque::new());
            pace.collect(start + Duration::from_secs(10), &mut due);
            let wrong = due.len() as f64 - 10.0 * rate;
            assert!(wrong.abs() <= rate / 2000.0 + 1.0, "{rate}: {wrong}");
            assert!(due.iter().is_sorted());
        }
    }

    #[test]
    fn at_a_fixed_rate_waiting_for_a_connection_counts() {
        let mut load = load(server(GOOD, Duration::from_millis(20)));
        // Two connections manage a hundred a second; twice as many are due.
        load.rate = Some(200.0);
        let report = load.run().unwrap();
        assert!(report.exchanges <= 55, "{report:?}");
        assert!(report.latency.quantile(0.99) > 100_000.0, "{report:?}");
        load.rate = Some(20.0);
        let report = load.run().unwrap();
        assert!((5..=11).contains(&report.exchanges), "{report:?}");
        assert!(report.latency.quantile(0.5) < 60_000.0, "{report:?}");
    }
}
