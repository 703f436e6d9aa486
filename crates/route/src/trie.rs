//! A trie over labels: the segments of a path, the labels of a host name.

use crate::label::Case;

/// A node's place in [`Trie::nodes`].
type NodeId = u32;

const ROOT: NodeId = 0;
/// The root is nobody's child, so its number marks a free slot.
const FREE: NodeId = ROOT;

/// The smallest table of slots; a power of two, as all are.
const MIN_SLOTS: usize = 8;

/// A trie whose edges are all in one hash table, so that a step down costs one probe however many
/// children a node has.
#[derive(Debug, Clone)]
pub(crate) struct Trie<V> {
    case: Case,
    nodes: Vec<Node<V>>,
    /// Nodes by their parent and label: open addressing with linear probing, at most half full.
    slots: Box<[NodeId]>,
}

#[derive(Debug, Clone)]
struct Node<V> {
    parent: NodeId,
    hash: u32,
    label: Box<[u8]>,
    value: Option<V>,
}

impl<V> Trie<V> {
    pub(crate) fn new(case: Case) -> Self {
        let root = Node {
            parent: ROOT,
            hash: 0,
            label: Box::default(),
            value: None,
        };
        Self {
            case,
            nodes: vec![root],
            slots: Box::new([FREE; MIN_SLOTS]),
        }
    }

    /// The value at the end of `labels`; a place for one, when there is none.
    pub(crate) fn entry<'a>(&mut self, labels: impl Iterator<Item = &'a [u8]>) -> &mut Option<V> {
        let mut node = ROOT;
        for label in labels {
            node = match self.child(node, label) {
                Some(child) => child,
                None => self.add(node, label),
            };
        }
        &mut self.nodes[node as usize].value
    }

    /// The value at the end of a single label.
    pub(crate) fn get(&self, label: &[u8]) -> Option<&V> {
        let node = self.child(ROOT, label)?;
        self.nodes[node as usize].value.as_ref()
    }

    /// Whether it leads nowhere.
    pub(crate) fn is_empty(&self) -> bool {
        self.nodes.len() == 1
    }

    /// The values along `labels`, from as far down as they lead back to the root's.
    pub(crate) fn upwards<'a>(
        &self,
        labels: impl Iterator<Item = &'a [u8]>,
    ) -> impl Iterator<Item = &V> {
        let mut node = ROOT;
        if !self.is_empty() {
            for label in labels {
                match self.child(node, label) {
                    Some(child) => node = child,
                    None => break,
                }
            }
        }
        let climb = |id: &NodeId| (*id != ROOT).then(|| self.nodes[*id as usize].parent);
        std::iter::successors(Some(node), climb)
            .filter_map(|id| self.nodes[id as usize].value.as_ref())
    }

    fn child(&self, parent: NodeId, label: &[u8]) -> Option<NodeId> {
        let hash = self.case.hash(parent, label);
        let mut slot = self.home(hash);
        loop {
            let id = self.slots[slot];
            if id == FREE {
                return None;
            }
            let node = &self.nodes[id as usize];
            if node.hash == hash && node.parent == parent && self.case.is_equal(&node.label, label)
            {
                return Some(id);
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
    }

    fn add(&mut self, parent: NodeId, label: &[u8]) -> NodeId {
        let id = NodeId::try_from(self.nodes.len()).expect("a route is longer than a byte");
        self.nodes.push(Node {
            parent,
            hash: self.case.hash(parent, label),
            label: label.into(),
            value: None,
        });
        if self.nodes.len() * 2 > self.slots.len() {
            self.slots = vec![FREE; self.slots.len() * 2].into();
            for id in 1..id {
                self.fill_slot(id);
            }
        }
        self.fill_slot(id);
        id
    }

    fn fill_slot(&mut self, id: NodeId) {
        let mut slot = self.home(self.nodes[id as usize].hash);
        while self.slots[slot] != FREE {
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        self.slots[slot] = id;
    }

    /// The slot at which the search for a hash begins.
    fn home(&self, hash: u32) -> usize {
        hash as usize & (self.slots.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::{Case, Trie};

    fn labels(text: &str) -> impl Iterator<Item = &[u8]> {
        text.split_terminator(' ').map(str::as_bytes)
    }

    fn upwards(trie: &Trie<u32>, text: &str) -> Vec<u32> {
        trie.upwards(labels(text)).copied().collect()
    }

    #[test]
    fn values_are_met_from_the_deepest_up() {
        let mut trie = Trie::new(Case::Kept);
        assert!(trie.is_empty());
        for (text, value) in [("", 0), ("a b", 2), ("a b c d", 4), ("x", 9)] {
            *trie.entry(labels(text)) = Some(value);
        }
        assert!(!trie.is_empty());
        assert_eq!(upwards(&trie, ""), [0]);
        assert_eq!(upwards(&trie, "a"), [0]);
        assert_eq!(upwards(&trie, "a b c"), [2, 0]);
        assert_eq!(upwards(&trie, "a b c d e f"), [4, 2, 0]);
        assert_eq!(upwards(&trie, "b"), [0]);
        assert_eq!(trie.get(b"x"), Some(&9));
        assert_eq!(trie.get(b"a"), None, "a node on the way has no value");
    }

    #[test]
    fn one_label_below_many_parents_is_told_apart_while_the_table_grows() {
        let mut trie = Trie::new(Case::Kept);
        for n in 0..1000 {
            *trie.entry(labels(&format!("p{n} same"))) = Some(n);
        }
        for n in 0..1000 {
            assert_eq!(upwards(&trie, &format!("p{n} same")), [n]);
        }
        assert_eq!(upwards(&trie, "same"), [0; 0]);
    }
}
