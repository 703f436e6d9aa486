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

    fn line(&mut self, labels: &[(&str, &str)], value: &dyn Display) {
        self.text.push_str(self.name);
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
