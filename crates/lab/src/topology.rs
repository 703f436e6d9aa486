//! Who is in the lab, and where.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The virtual IP of [`default_config`].
pub const VIP: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 100);

/// A virtual IP of IPv6 for these hosts; [`default_config`] has it not.
pub const VIP6: Ipv6Addr = Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 0x100);

/// Where `whoami` listens on the application servers.
const APP_PORT: u16 = 8080;

/// What a host is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Runs halod.
    Node,
    /// Runs whoami.
    App,
    /// Runs clients.
    Client,
    /// Runs what its owner starts there.
    Other,
}

/// One host: its name, address and purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its name, also its host name.
    pub name: String,
    /// Its address, in 10.77.0.0/24.
    pub address: Ipv4Addr,
    /// What it is for.
    pub kind: Kind,
}

impl Place {
    /// Its IPv6 address, in fd77::/64: 10.77.0.11 has fd77::11.
    #[must_use]
    pub fn address6(&self) -> Ipv6Addr {
        let [.., last] = self.address.octets();
        // The decimal digits, read as hexadecimal ones.
        let digits = u16::from(last % 10 + last / 10 % 10 * 16) + u16::from(last / 100) * 256;
        Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, digits)
    }
}

/// All hosts of a lab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topology {
    /// The hosts, in the order in which they are shown.
    pub places: Vec<Place>,
}

impl Topology {
    /// `nodes` of lb1.., `apps` of app1.., the client, and others with their last address byte.
    #[must_use]
    pub fn new(nodes: u8, apps: u8, others: &[(String, u8)]) -> Self {
        let place = |name: String, last: u8, kind| Place {
            name,
            address: Ipv4Addr::new(10, 77, 0, last),
            kind,
        };
        let mut places = Vec::new();
        places.extend((1..=nodes).map(|n| place(format!("lb{n}"), 10 + n, Kind::Node)));
        places.extend((1..=apps).map(|n| place(format!("app{n}"), 20 + n, Kind::App)));
        places.extend(
            others
                .iter()
                .map(|(name, last)| place(name.clone(), *last, Kind::Other)),
        );
        places.push(place("client".into(), 50, Kind::Client));
        Self { places }
    }

    /// The hosts of a kind.
    pub fn of(&self, kind: Kind) -> impl Iterator<Item = &Place> {
        self.places.iter().filter(move |place| place.kind == kind)
    }
}

/// A configuration for these hosts: the VIP on all nodes, lb1 first; HTTP on port 80 and the same
/// servers over plain TCP on port 9000.
#[must_use]
pub fn default_config(topology: &Topology) -> String {
    let mut text = String::from("[cluster]\nname = \"lab\"\n");
    let mut priority = 200;
    for node in topology.of(Kind::Node) {
        let (name, address) = (&node.name, node.address);
        text += &format!(
            "\n[[node]]\nname = \"{name}\"\naddress = \"{address}/24\"\npriority = {priority}\n"
        );
        priority -= 50;
    }
    text += &format!(
        r#"
[[vip]]
name = "web"
vrid = 51
addresses = ["{VIP}"]

[[listener]]
name = "web"
bind = ["{VIP}:80"]
protocol = "http"
pool = "app"

[[listener]]
name = "tcp"
bind = ["{VIP}:9000"]
protocol = "tcp"
pool = "app"

[[pool]]
name = "app"
health = {{ check = "http", path = "/healthz", interval = "200ms", timeout = "200ms", rise = 1, fall = 2 }}
"#
    );
    for app in topology.of(Kind::App) {
        let (name, address) = (&app.name, app.address);
        text +=
            &format!("[[pool.server]]\nname = \"{name}\"\naddress = \"{address}:{APP_PORT}\"\n");
    }
    text
}

/// The cabling, for people.
#[must_use]
pub fn drawing(topology: &Topology) -> String {
    const WIDTH: usize = 16;
    let mut text = String::new();
    let row = |text: &mut String, cells: &[String]| {
        for cell in cells {
            *text += &format!("  {cell:<WIDTH$}");
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    };
    let boxed = |text: &mut String, places: &[&Place], cable_below: bool| {
        let cells = |line: &dyn Fn(&Place) -> String| -> Vec<String> {
            places.iter().map(|place| line(place)).collect()
        };
        let edge = "─".repeat(WIDTH - 2);
        let half = "─".repeat((WIDTH - 3) / 2);
        let rest = "─".repeat(WIDTH - 3 - (WIDTH - 3) / 2);
        let cable = |corner: [&str; 2], joint: &str| {
            format!("{}{half}{joint}{rest}{}", corner[0], corner[1])
        };
        let (top, bottom) = if cable_below {
            (format!("┌{edge}┐"), cable(["└", "┘"], "┬"))
        } else {
            (cable(["┌", "┐"], "┴"), format!("└{edge}┘"))
        };
        row(text, &cells(&|_| top.clone()));
        row(
            text,
            &cells(&|p| format!("│{:^w$}│", p.name, w = WIDTH - 2)),
        );
        row(
            text,
            &cells(&|p| format!("│{:^w$}│", p.address.to_string(), w = WIDTH - 2)),
        );
        row(text, &cells(&|_| bottom.clone()));
    };
    let upper: Vec<&Place> = topology
        .of(Kind::Client)
        .chain(topology.of(Kind::Node))
        .collect();
    let lower: Vec<&Place> = topology
        .of(Kind::App)
        .chain(topology.of(Kind::Other))
        .collect();
    boxed(&mut text, &upper, true);
    let width = (upper.len().max(lower.len())) * (WIDTH + 2) - 2;
    let mut line: Vec<char> = "═".repeat(width).chars().collect();
    for (count, joint) in [(upper.len(), '╧'), (lower.len(), '╤')] {
        for n in 0..count {
            let at = n * (WIDTH + 2) + 1 + (WIDTH - 3) / 2;
            if let Some(cell) = line.get_mut(at) {
                *cell = if *cell == '╧' { '╪' } else { joint };
            }
        }
    }
    let line: String = line.into_iter().collect();
    writeln!(text, "  {line} switch, 10.77.0.0/24; VIP {VIP}").expect("a String takes all text");
    boxed(&mut text, &lower, false);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_host_has_its_place() {
        let topology = Topology::new(3, 2, &[("ka1".into(), 31)]);
        let shown: Vec<String> = topology
            .places
            .iter()
            .map(|p| format!("{}={}", p.name, p.address))
            .collect();
        assert_eq!(
            shown.join(" "),
            "lb1=10.77.0.11 lb2=10.77.0.12 lb3=10.77.0.13 app1=10.77.0.21 app2=10.77.0.22 \
             ka1=10.77.0.31 client=10.77.0.50"
        );
    }

    #[test]
    fn ipv6_addresses_end_in_the_digits_of_the_ipv4_ones() {
        let topology = Topology::new(1, 0, &[("x".into(), 254)]);
        let shown: Vec<String> = topology
            .places
            .iter()
            .map(|place| place.address6().to_string())
            .collect();
        assert_eq!(shown, ["fd77::11", "fd77::254", "fd77::50"]);
    }

    #[test]
    fn the_drawing_has_every_host_and_lines_of_one_width() {
        let topology = Topology::new(2, 3, &[]);
        let text = drawing(&topology);
        for place in &topology.places {
            assert!(text.contains(&place.name) && text.contains(&place.address.to_string()));
        }
        let widths: Vec<usize> = text
            .lines()
            .filter(|line| line.contains('│'))
            .map(|line| line.chars().count())
            .collect();
        assert!(widths.iter().all(|width| *width == widths[0]), "{text}");
    }
}
