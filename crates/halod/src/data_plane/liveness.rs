//! Whether the data plane serves, and not just runs: each worker must turn its loop, and answer at a
//! listener of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use halo_netio::process::Standing;
use halo_proxy::{Proxy, knock};
use tokio::time::{sleep, timeout};

use super::turning::{Patience, Turning};

/// How often each worker is asked.
const ASK_INTERVAL: Duration = Duration::from_millis(50);
/// How long a worker may go without turning its event loop. It turns fifty times a second under any load
/// that is not a fault, so that this long without a turn is a loop, a lock or a core that is gone; and its
/// virtual IPs are to be elsewhere within a second. One that the kernel does not let run on a busy machine
/// would be no better off after a new start.
const TURNS_WITHIN: Patience = Patience {
    able: Duration::from_millis(800),
    starved: Duration::from_secs(2),
};
/// How long it may go without an answer, while it turns. Longer, since an answer takes the kernel's
/// network as well, which waits for its turn on a machine whose processors are all taken.
const ANSWERS_WITHIN: Patience = Patience {
    able: Duration::from_secs(3),
    starved: Duration::from_secs(3),
};
/// A question that is not answered for so long is asked anew.
const LATE: Duration = Duration::from_secs(1);

/// Watches the workers of one proxy.
#[derive(Debug)]
pub(super) struct Liveness {
    turning: Turning,
    answering: Turning,
    /// How often each worker has answered.
    answers: Arc<[AtomicU64]>,
}

impl Liveness {
    /// Starts to ask. The questions end with the runtime.
    pub(super) fn start(proxy: &Proxy) -> Self {
        let wickets: Vec<SocketAddr> = proxy.wickets().collect();
        let answers: Arc<[AtomicU64]> = wickets.iter().map(|_| AtomicU64::new(0)).collect();
        for (worker, wicket) in wickets.into_iter().enumerate() {
            tokio::spawn(ask(wicket, worker, answers.clone()));
        }
        Self {
            turning: Turning::new("does not turn its event loop any more", TURNS_WITHIN),
            answering: Turning::new(
                "does not answer at its own listener any more",
                ANSWERS_WITHIN,
            ),
            answers,
        }
    }

    /// What a worker does that hangs, for "a worker ..."; `None`: all go on.
    pub(super) fn hanging(
        &mut self,
        pulses: impl Iterator<Item = u64>,
        now: Instant,
    ) -> Option<&'static str> {
        let answers = self.answers.iter();
        let answers = answers.map(|answers| answers.load(Ordering::Relaxed));
        let (turning, answering) = (
            self.turning.handle_pulses(pulses, worker, now),
            self.answering.handle_pulses(answers, |_| None, now),
        );
        turning.or(answering)
    }

    /// Whether every worker has answered once.
    pub(super) fn all_have_answered(&self) -> bool {
        self.answers
            .iter()
            .all(|answers| answers.load(Ordering::Relaxed) > 0)
    }
}

/// The thread of a worker, as [`Proxy`] names it.
fn worker(index: usize) -> Option<Standing> {
    Standing::of_thread(&format!("worker-{index}"))
}

async fn ask(wicket: SocketAddr, worker: usize, answers: Arc<[AtomicU64]>) {
    loop {
        if let Ok(true) = timeout(LATE, knock(wicket)).await {
            answers[worker].fetch_add(1, Ordering::Relaxed);
        }
        sleep(ASK_INTERVAL).await;
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn who_answers_is_counted_and_who_only_listens_is_not() {
        let good = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let deaf = TcpListener::bind("127.0.0.1:0").unwrap();
        let answers: Arc<[AtomicU64]> = [AtomicU64::new(0), AtomicU64::new(0)].into();
        tokio::spawn(ask(good.local_addr().unwrap(), 0, answers.clone()));
        tokio::spawn(ask(deaf.local_addr().unwrap(), 1, answers.clone()));
        for _ in 0..3 {
            let (mut stream, _) = good.accept().await.unwrap();
            tokio::io::AsyncWriteExt::write_all(&mut stream, b"!")
                .await
                .unwrap();
        }
        let counted = || answers[0].load(Ordering::Relaxed);
        while counted() < 3 {
            tokio::task::yield_now().await;
        }
        assert_eq!(answers[1].load(Ordering::Relaxed), 0);
    }
}
