//! What processes cost: CPU and memory, as the kernel counts them.

use std::fmt;
use std::fs;
use std::io;
use std::ops::Sub;
use std::time::Duration;

use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use nix::time::{ClockId, clock_gettime};
use nix::unistd::{Pid, SysconfVar, sysconf};

/// CPU time of some processes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CpuTime {
    /// In their own code.
    pub user: Duration,
    /// In the kernel for them, packets that it handled while they ran included.
    pub system: Duration,
}

impl CpuTime {
    /// All of it.
    #[must_use]
    pub fn total(self) -> Duration {
        self.user + self.system
    }

    /// That of processes with their threads, and of their children that have ended.
    #[must_use]
    pub fn of(pids: &[u32]) -> Self {
        let mut sum = Self::default();
        for pid in pids {
            let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
                continue; // it has ended meanwhile
            };
            if let Some((user, system)) = ticks(&stat) {
                sum.user += tick() * user;
                sum.system += tick() * system;
            }
        }
        sum
    }
}

impl Sub for CpuTime {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            user: self.user.saturating_sub(earlier.user),
            system: self.system.saturating_sub(earlier.system),
        }
    }
}

/// utime + cutime, stime + cstime: fields 14 to 17.
fn ticks(stat: &str) -> Option<(u32, u32)> {
    // The name, in parentheses, may hold anything; field 14 is the 12th behind it.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u32>().ok();
    let (user, system, child_user, child_system) = (next()?, next()?, next()?, next()?);
    Some((user + child_user, system + child_system))
}

fn tick() -> Duration {
    let hertz = sysconf(SysconfVar::CLK_TCK).ok().flatten().unwrap_or(100);
    Duration::from_secs(1) / u32::try_from(hertz).unwrap_or(100)
}

/// How long a core was not idle since the machine started.
///
/// # Errors
/// When there is no such core.
pub fn core_busy(core: usize) -> io::Result<Duration> {
    let stat = fs::read_to_string("/proc/stat")?;
    let name = format!("cpu{core}");
    let find = || {
        let line = stat
            .lines()
            .find(|line| line.split(' ').next() == Some(&name))?;
        let fields: Vec<u32> = line
            .split_whitespace()
            .skip(1)
            .filter_map(|field| field.parse().ok())
            .collect();
        // user nice system idle iowait irq softirq steal: what was stolen is not ours.
        let (idle, iowait) = (fields.get(3)?, fields.get(4)?);
        let all: u32 = fields.iter().take(7).sum();
        Some(tick() * (all - idle - iowait))
    };
    find().ok_or_else(|| io::Error::other(format!("/proc/stat says nothing of core {core}")))
}

/// What the hypervisor kept of the time that this machine's processors should have had. Whatever happens
/// in it happens late, and no program of this machine can help it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stolen {
    stolen: u64,
    all: u64,
}

impl Stolen {
    /// Since the machine started.
    ///
    /// # Errors
    /// When the kernel does not say.
    pub fn now() -> io::Result<Self> {
        let stat = fs::read_to_string("/proc/stat")?;
        Self::parse(&stat).ok_or_else(|| io::Error::other("/proc/stat says nothing of stolen time"))
    }

    fn parse(stat: &str) -> Option<Self> {
        let line = stat.lines().find(|line| line.starts_with("cpu "))?;
        // user nice system idle iowait irq softirq steal; guests' time behind them is user's already.
        let fields: Vec<u64> = line
            .split_whitespace()
            .skip(1)
            .take(8)
            .filter_map(|field| field.parse().ok())
            .collect();
        Some(Self {
            stolen: *fields.get(7)?,
            all: fields.iter().sum(),
        })
    }
}

impl Sub for Stolen {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            stolen: self.stolen.saturating_sub(earlier.stolen),
            all: self.all.saturating_sub(earlier.all),
        }
    }
}

impl fmt::Display for Stolen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = self.stolen as f64 * 100.0 / self.all.max(1) as f64;
        write!(
            f,
            "Of the processors' time the hypervisor kept {percent:.1} % to itself."
        )
    }
}

/// The largest resident memory that processes had since [`reset_peaks`], added up, in KiB.
#[must_use]
pub fn peak_kib(pids: &[u32]) -> u64 {
    let of = |pid: &u32| field(&format!("/proc/{pid}/status"), "VmHWM:");
    pids.iter().filter_map(of).sum()
}

/// Their memory now, in KiB; what they share is counted once (PSS).
#[must_use]
pub fn memory_kib(pids: &[u32]) -> u64 {
    let of = |pid: &u32| field(&format!("/proc/{pid}/smaps_rollup"), "Pss:");
    pids.iter().filter_map(of).sum()
}

/// Forgets the peaks so far.
///
/// # Errors
/// When a process is not ours to reset.
pub fn reset_peaks(pids: &[u32]) -> io::Result<()> {
    pids.iter()
        .try_for_each(|pid| fs::write(format!("/proc/{pid}/clear_refs"), "5"))
}

fn field(file: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Keeps the calling thread on one core.
///
/// # Errors
/// When there is no such core.
pub fn pin_thread(core: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(core)?;
    Ok(sched_setaffinity(Pid::from_raw(0), &set)?)
}

/// CPU time of the calling thread.
///
/// # Errors
/// When the system does not count it.
pub fn thread_time() -> io::Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?.into())
}

/// CPU time of this process and of those that it has waited for.
///
/// # Errors
/// When the system does not tell.
pub fn own_time() -> io::Result<Duration> {
    let mut all = Duration::ZERO;
    for who in [UsageWho::RUSAGE_SELF, UsageWho::RUSAGE_CHILDREN] {
        let usage = getrusage(who)?;
        for time in [usage.user_time(), usage.system_time()] {
            let micros = u64::try_from(time.num_microseconds()).unwrap_or_default();
            all += Duration::from_micros(micros);
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn what_a_child_took_is_ours_once_it_has_ended() {
        let before = own_time().unwrap();
        let loops = "i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done";
        let mut child = std::process::Command::new("sh");
        assert!(child.args(["-c", loops]).status().unwrap().success());
        assert!(own_time().unwrap() - before >= Duration::from_millis(2));
    }

    #[test]
    fn a_thread_that_computes_is_seen_to() {
        let me = [std::process::id()];
        let before = CpuTime::of(&me);
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(200) {
            std::hint::spin_loop();
        }
        let used = CpuTime::of(&me) - before;
        assert!(used.user >= Duration::from_millis(20), "{used:?}");
        assert!(peak_kib(&me) >= memory_kib(&me) / 2);
        assert!(memory_kib(&me) > 100);
        assert!(core_busy(0).unwrap() > Duration::ZERO);
    }

    #[test]
    fn stolen_time_is_a_part_of_all_time() {
        let early = Stolen::parse("cpu  10 0 10 60 0 0 0 0 0 0\ncpu0 1 2 3\n").unwrap();
        let late = Stolen::parse("cpu  30 0 30 110 5 1 1 3 20 0\n").unwrap();
        assert_eq!(
            (late - early).to_string(),
            "Of the processors' time the hypervisor kept 3.0 % to itself."
        );
        assert_eq!(Stolen::parse("cpu  1 2 3\n"), None);
    }

    #[test]
    fn ended_children_count_and_names_may_have_parentheses() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 2 3 4 100 20 3 4 20 0 1 0 5 6";
        assert_eq!(ticks(stat), Some((103, 24)));
    }
}
