//! The servers that a request has been to.

/// A set of server indices; allocates only for pools of more than 64 servers.
#[derive(Debug, Clone, Default)]
pub struct Tried {
    low: u64,
    high: Vec<usize>,
}

impl Tried {
    /// No server yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a server.
    pub fn insert(&mut self, server: usize) {
        if server < 64 {
            self.low |= 1 << server;
        } else if !self.high.contains(&server) {
            self.high.push(server);
        }
    }

    /// Whether the server was tried.
    #[must_use]
    pub fn contains(&self, server: usize) -> bool {
        if server < 64 {
            self.low & (1 << server) != 0
        } else {
            self.high.contains(&server)
        }
    }

    /// How many servers were tried.
    #[must_use]
    pub fn len(&self) -> usize {
        self.low.count_ones() as usize + self.high.len()
    }

    /// Whether none was.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::Tried;

    #[test]
    fn servers_beyond_the_first_64_count_too() {
        let mut tried = Tried::new();
        assert!(tried.is_empty());
        for server in [0, 63, 64, 1000, 1000, 63] {
            tried.insert(server);
        }
        assert_eq!(tried.len(), 4);
        assert!(tried.contains(0) && tried.contains(63));
        assert!(tried.contains(64) && tried.contains(1000));
        assert!(!tried.contains(1) && !tried.contains(65));
    }
}
