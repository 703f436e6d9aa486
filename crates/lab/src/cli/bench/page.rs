//! The page of results.

use super::contender::Contender;
use super::sample::{Results, Sample};
use super::workload::Workload;
use super::{OTHER_CORE, proxy_cores};
use crate::cli::circumstances;
use crate::cli::table::Table;

/// A contender with so many workers.
pub(super) fn with_workers(name: &str, workers: usize) -> String {
    let s = if workers == 1 { "" } else { "s" };
    format!("{name}, {workers} worker{s}")
}

/// More of the proxy's core than this in other hands makes a figure doubtful.
const NOISE: f64 = 0.05;
/// From here on generator and servers may be the limit.
const SATURATED: f64 = 0.97;

pub(super) struct Page<'a> {
    pub(super) contenders: &'a [Contender],
    pub(super) results: &'a Results,
    pub(super) workers: usize,
    pub(super) rounds: u32,
    pub(super) seconds: u32,
}

impl Page<'_> {
    pub(super) fn markdown(&self) -> anyhow::Result<String> {
        let mut text = String::from("# Benchmarks\n\n<!-- Written by `make bench`. -->\n\n");
        text += &self.circumstances()?;
        text += "\n## In short\n\n";
        text += &self.ratios();
        text += "\n## Figures\n";
        for workload in self.results.workloads() {
            text += &format!(
                "\n### {}\n\n`{workload}`\n\n{}",
                workload.title(),
                self.table(workload)
            );
            text += &self.doubts(workload);
        }
        text += "\n## Configurations\n\nOf the 100 routes the first and the last are shown.\n";
        for contender in self.contenders {
            let (name, config) = (contender.name(), &contender.shown);
            text += &format!(
                "\n<details><summary>{name}</summary>\n\n```\n{config}```\n\n</details>\n"
            );
        }
        Ok(text)
    }

    fn circumstances(&self) -> anyhow::Result<String> {
        let mut text = format!(
            "Client, proxies and servers are network namespaces of one machine on one bridge, joined \
             by veth pairs; TCP congestion control is cubic, receive packet steering is off. Workers \
             of the proxy: {}, pinned to core {}; generator and servers share core {OTHER_CORE}. Each figure is the median of {} rounds of {} s, with the least and the \
             largest behind it; the proxies take turns in each round. CPU is that of all the proxy's \
             processes, from `/proc/PID/stat`; ratios are taken round by round.\n\n{}",
            self.workers,
            proxy_cores(self.workers),
            self.rounds,
            self.seconds,
            circumstances::machine()?
        );
        for contender in self.contenders {
            text += &format!("| {} | {} |\n", contender.name(), contender.version);
        }
        Ok(text)
    }

    /// Halo beside the others, a line a workload.
    fn ratios(&self) -> String {
        let others: Vec<&str> = self
            .contenders
            .iter()
            .skip(1)
            .map(Contender::name)
            .collect();
        let mut head = vec!["Halo as a ratio to".to_owned()];
        head.extend(others.iter().map(|name| (*name).to_owned()));
        let mut table = Table::new(head);
        let mut row = |workload: Workload, what: &str, figure: &dyn Fn(&Sample) -> f64| {
            let mut cells = vec![format!("{}: {what}", workload.title())];
            cells.extend(others.iter().map(|other| {
                let ratio = self.results.ratio(workload, ("Halo", other), figure);
                ratio.map_or("-".to_owned(), |ratio| ratio.text(2))
            }));
            table.row(cells);
        };
        for workload in self.results.workloads() {
            match workload {
                Workload::IdleMemory => {
                    row(workload, "memory", &|s| s.idle_bytes.unwrap_or_default());
                }
                Workload::HttpRate => row(workload, "p99", &|s| s.p99_us),
                Workload::HttpHalf => row(workload, "requests/s", &|s| s.per_second),
                Workload::Http100b => {
                    row(workload, "CPU", &Sample::cpu_us);
                    row(workload, "CPU in user space", &|s| s.user_us);
                    row(workload, "requests/s", &|s| s.per_second);
                }
                // Has a table of its own.
                Workload::Scaling => {}
                _ => row(workload, "CPU", &Sample::cpu_us),
            }
        }
        table.markdown()
    }

    /// What a request costs with one worker and with two.
    fn scaling(&self) -> String {
        let workload = Workload::Scaling;
        let head = [
            "",
            "requests/s",
            "CPU us",
            "requests for a second of the proxy's CPU",
            "CPU us of generator and servers",
            "p99 us",
            "errors",
        ];
        let mut table = Table::new(head.map(str::to_owned).to_vec());
        let mut said = String::new();
        for contender in self.contenders {
            let names = [1, 2].map(|workers| with_workers(contender.name(), workers));
            for name in &names {
                let show = |decimals, figure: fn(&Sample) -> f64| {
                    let spread = self.results.spread(workload, name, figure);
                    spread.map_or(String::new(), |spread| spread.text(decimals))
                };
                let samples = self.results.of(workload, name);
                if samples.is_empty() {
                    continue;
                }
                let errors: u64 = samples.iter().map(|s| s.errors).sum();
                table.row(vec![
                    name.clone(),
                    show(0, |s| s.per_second),
                    show(2, Sample::cpu_us),
                    show(0, Sample::per_cpu_second),
                    show(2, |s| s.others_us),
                    show(0, |s| s.p99_us),
                    errors.to_string(),
                ]);
            }
            let pair = (names[1].as_str(), names[0].as_str());
            let ratio = |figure: fn(&Sample) -> f64| self.results.ratio(workload, pair, figure);
            if let (Some(done), Some(all)) =
                (ratio(Sample::per_cpu_second), ratio(|s| s.per_second))
            {
                said += &format!(
                    "\n{}: with two workers a second of CPU does {} of what it does with one; \
                     requests/s, with generator and servers on one of the two cores: {}.\n",
                    contender.name(),
                    done.text(2),
                    all.text(2)
                );
            }
        }
        table.markdown() + &said
    }

    fn table(&self, workload: Workload) -> String {
        if workload == Workload::Scaling {
            return self.scaling();
        }
        let idle = workload == Workload::IdleMemory;
        let head: &[&str] = if idle {
            &[
                "",
                "bytes a connection",
                "connections/s",
                "peak MiB",
                "errors",
            ]
        } else {
            &[
                "",
                "requests/s",
                "p50 us",
                "p99 us",
                "CPU us",
                "user",
                "system",
                "peak MiB",
                "errors",
            ]
        };
        let mut table = Table::new(head.iter().map(|&cell| cell.to_owned()).collect());
        for contender in self.contenders {
            let name = contender.name();
            if self.results.of(workload, name).is_empty() {
                continue;
            }
            let show = |decimals, figure: fn(&Sample) -> f64| {
                let spread = self.results.spread(workload, name, figure);
                spread.map_or(String::new(), |spread| spread.text(decimals))
            };
            let mut cells = vec![name.to_owned()];
            if idle {
                cells.push(show(0, |s| s.idle_bytes.unwrap_or_default()));
                cells.push(show(0, |s| s.per_second));
            } else {
                cells.extend([
                    show(0, |s| s.per_second),
                    show(0, |s| s.p50_us),
                    show(0, |s| s.p99_us),
                    show(2, Sample::cpu_us),
                    show(2, |s| s.user_us),
                    show(2, |s| s.system_us),
                ]);
            }
            let errors: u64 = self
                .results
                .of(workload, name)
                .iter()
                .map(|s| s.errors)
                .sum();
            cells.extend([show(1, |s| s.peak_mib), errors.to_string()]);
            table.row(cells);
        }
        table.markdown()
    }

    /// What speaks against the figures of a workload.
    fn doubts(&self, workload: Workload) -> String {
        let mut text = String::new();
        for contender in self.contenders {
            let name = contender.name();
            let median = |figure: fn(&Sample) -> f64| {
                let spread = self.results.spread(workload, name, figure);
                spread.map_or(0.0, |spread| spread.median)
            };
            let (noise, other) = (median(|s| s.unaccounted), median(|s| s.other_core));
            if noise > NOISE && self.workers == 1 && workload != Workload::IdleMemory {
                text += &format!(
                    "\n{name}: {:.0} % of the busy time of its core was not its own.\n",
                    noise * 100.0
                );
            }
            if other > SATURATED && workload != Workload::HttpRate {
                text += &format!(
                    "\n{name}: generator and servers were {:.0} % busy; the proxy may take more.\n",
                    other * 100.0
                );
            }
        }
        text
    }
}
