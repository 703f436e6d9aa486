//! Figures, and what is said of several.

use std::collections::BTreeMap;
use std::fmt;

use super::workload::Workload;

/// What one measurement found.
#[derive(Debug, Clone, Default)]
pub(super) struct Sample {
    pub(super) per_second: f64,
    pub(super) p50_us: f64,
    pub(super) p99_us: f64,
    /// CPU of all the proxy's processes for a request, in microseconds.
    pub(super) user_us: f64,
    pub(super) system_us: f64,
    pub(super) peak_mib: f64,
    pub(super) errors: u64,
    /// The share of the proxy's core that was not used by the proxy: others were on it.
    pub(super) unaccounted: f64,
    /// How busy the core of generator and servers was: near 1, they were the limit.
    pub(super) other_core: f64,
    /// CPU of generator and servers for a request, in microseconds.
    pub(super) others_us: f64,
    /// Memory for each idle connection, where that is what was measured.
    pub(super) idle_bytes: Option<f64>,
}

impl Sample {
    pub(super) fn cpu_us(&self) -> f64 {
        self.user_us + self.system_us
    }

    /// Requests for each second of the proxy's CPU.
    pub(super) fn per_cpu_second(&self) -> f64 {
        1e6 / self.cpu_us()
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(bytes) = self.idle_bytes {
            return write!(f, "{bytes:.0} bytes a connection, {} errors", self.errors);
        }
        write!(
            f,
            "{:.0}/s, p50 {:.0} us, p99 {:.0} us, CPU {:.2} + {:.2} us, {:.1} MiB, {} errors, \
             unaccounted {:.0} %, other core {:.0} % busy",
            self.per_second,
            self.p50_us,
            self.p99_us,
            self.user_us,
            self.system_us,
            self.peak_mib,
            self.errors,
            self.unaccounted * 100.0,
            self.other_core * 100.0
        )
    }
}

/// Of several figures the middle, the least and the largest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) least: f64,
    pub(super) most: f64,
}

impl Spread {
    pub(super) fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let (least, most) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median = match values.len() % 2 {
            0 => f64::midpoint(values[middle - 1], values[middle]),
            _ => values[middle],
        };
        Some(Self {
            median,
            least,
            most,
        })
    }

    /// `12.3 (11.9-12.8)`; a single figure where there is no spread.
    pub(super) fn text(self, decimals: usize) -> String {
        let show = |value: f64| format!("{value:.decimals$}");
        let (median, least, most) = (show(self.median), show(self.least), show(self.most));
        if least == most {
            return median;
        }
        format!("{median} ({least}-{most})")
    }
}

/// All measurements.
#[derive(Debug, Default)]
pub(super) struct Results {
    samples: BTreeMap<Workload, BTreeMap<String, Vec<Sample>>>,
}

impl Results {
    pub(super) fn add(&mut self, workload: Workload, contender: &str, sample: Sample) {
        let of_workload = self.samples.entry(workload).or_default();
        of_workload
            .entry(contender.to_owned())
            .or_default()
            .push(sample);
    }

    pub(super) fn workloads(&self) -> impl Iterator<Item = Workload> {
        self.samples.keys().copied()
    }

    pub(super) fn of(&self, workload: Workload, contender: &str) -> &[Sample] {
        let found = self
            .samples
            .get(&workload)
            .and_then(|all| all.get(contender));
        found.map_or(&[], Vec::as_slice)
    }

    /// A figure of one contender.
    pub(super) fn spread(
        &self,
        workload: Workload,
        contender: &str,
        figure: impl Fn(&Sample) -> f64,
    ) -> Option<Spread> {
        Spread::of(self.of(workload, contender).iter().map(figure))
    }

    /// A figure of one contender as a share of another's, round by round.
    pub(super) fn ratio(
        &self,
        workload: Workload,
        (contender, base): (&str, &str),
        figure: impl Fn(&Sample) -> f64,
    ) -> Option<Spread> {
        let pairs = self
            .of(workload, contender)
            .iter()
            .zip(self.of(workload, base));
        Spread::of(
            pairs
                .map(|(one, other)| figure(one) / figure(other))
                .filter(|ratio| ratio.is_finite()),
        )
    }

    /// Whether every measurement got answers.
    pub(super) fn is_complete(&self) -> bool {
        let mut all = self.samples.values().flat_map(BTreeMap::values).flatten();
        all.all(|sample| sample.per_second > 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_names_median_least_and_most() {
        let spread = |values: &[f64]| Spread::of(values.iter().copied()).map(|s| s.text(1));
        assert_eq!(spread(&[3.0, 1.0, 2.0]).as_deref(), Some("2.0 (1.0-3.0)"));
        assert_eq!(spread(&[1.0, 2.0]).as_deref(), Some("1.5 (1.0-2.0)"));
        assert_eq!(spread(&[1.01, 1.02]).as_deref(), Some("1.0"));
        assert_eq!(spread(&[]), None);
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        let mut results = Results::default();
        for (ours, theirs) in [(1.0, 2.0), (30.0, 40.0), (4.0, 4.0)] {
            for (name, per_second) in [("a", ours), ("b", theirs)] {
                let sample = Sample {
                    per_second,
                    ..Sample::default()
                };
                results.add(Workload::Tcp100b, name, sample);
            }
        }
        let ratio = results.ratio(Workload::Tcp100b, ("a", "b"), |s| s.per_second);
        assert_eq!(
            ratio.map(|r| r.text(2)).as_deref(),
            Some("0.75 (0.50-1.00)")
        );
        assert!(results.is_complete());
    }
}
