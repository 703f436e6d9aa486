//! The text format.

use std::fmt::Display;

/// A page of metrics.
#[derive(Debug, Default)]
pub(super) struct Page {
    text: String,
}

/// What a metric is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// Only rises.
    Counter,
    /// Rises and falls.
    Gauge,
    /// Counts by size.
    Histogram,
}

/// A metric, to which samples are added.
#[derive(Debug)]
pub(super) struct Family<'a> {
    name: &'static str,
    text: &'a mut String,
}

impl Page {
    /// Begins a metric.
    pub(super) fn family(&mut self, name: &'static str, kind: Kind, help: &str) -> Family<'_> {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let header = format!("# HELP {name} {help}\n# TYPE {name} {kind}\n");
        self.text.push_str(&header);
        Family {
            name,
            text: &mut self.text,
        }
    }

    /// The text.
    pub(super) fn finish(self) -> String {
        self.text
    }
}

impl Family<'_> {
    /// Adds a sample.
    pub(super) fn sample(&mut self, labels: &[(&str, &str)], value: u64) {
        self.line(labels, &value);
    }

    /// Adds a sample in seconds, already written.
    pub(super) fn seconds(&mut self, labels: &[(&str, &str)], value: String) {
        self.line(labels, &value);
    }

    /// Adds a histogram of times in seconds, already written: what each bucket counts that is at most as
    /// large, their sum, and how many there are.
    pub(super) fn histogram(&mut self, buckets: &[(String, u64)], sum: String, count: u64) {
        for (bound, value) in buckets {
            self.part("_bucket", &[("le", bound)], value);
        }
        self.part("_bucket", &[("le", "+Inf")], &count);
        self.part("_sum", &[], &sum);
        self.part("_count", &[], &count);
    }

    fn line(&mut self, labels: &[(&str, &str)], value: &dyn Display) {
        self.part("", labels, value);
    }

    fn part(&mut self, suffix: &str, labels: &[(&str, &str)], value: &dyn Display) {
        self.text.push_str(self.name);
        self.text.push_str(suffix);
        for (index, (label, value)) in labels.iter().enumerate() {
            self.text.push(if index == 0 { '{' } else { ',' });
            self.text.push_str(label);
            self.text.push_str("=\"");
            escape(self.text, value);
            self.text.push('"');
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        self.text.push_str(&format!(" {value}\n"));
    }
}

fn escape(text: &mut String, value: &str) {
    for character in value.chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            other => text.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_ends_in_what_is_beyond_all_bounds() {
        let mut page = Page::default();
        let buckets = [("0.1".to_owned(), 2), ("0.5".to_owned(), 3)];
        page.family("halo_x_seconds", Kind::Histogram, "Help.")
            .histogram(&buckets, "1.25".to_owned(), 4);
        assert_eq!(
            page.finish(),
            "# HELP halo_x_seconds Help.\n# TYPE halo_x_seconds histogram\n\
             halo_x_seconds_bucket{le=\"0.1\"} 2\nhalo_x_seconds_bucket{le=\"0.5\"} 3\n\
             halo_x_seconds_bucket{le=\"+Inf\"} 4\nhalo_x_seconds_sum 1.25\nhalo_x_seconds_count 4\n"
        );
    }

    #[test]
    fn labels_are_escaped_and_counters_declared() {
        let mut page = Page::default();
        page.family("halo_x_total", Kind::Counter, "Help.")
            .sample(&[("a", "q\"b\\s\nn"), ("b", "")], 7);
        assert_eq!(
            page.finish(),
            "# HELP halo_x_total Help.\n# TYPE halo_x_total counter\n\
             halo_x_total{a=\"q\\\"b\\\\s\\nn\",b=\"\"} 7\n"
        );
    }
}
