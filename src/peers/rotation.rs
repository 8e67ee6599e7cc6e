use std::collections::BTreeMap;

/// Keys that wait for their turn, each once: who comes first is served first. All operations are logarithmic in how many
/// wait; the others cost nothing.
#[derive(Debug)]
pub(super) struct Rotation<K> {
    turns: BTreeMap<i64, K>,
    places: BTreeMap<K, i64>,
    next: i64,
    /// The turn before all others.
    front: i64,
}

impl<K: Ord + Copy> Rotation<K> {
    pub(super) fn new() -> Rotation<K> {
        Rotation { turns: BTreeMap::new(), places: BTreeMap::new(), next: 0, front: -1 }
    }

    pub(super) fn len(&self) -> usize {
        self.turns.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }

    /// Puts `key` at the end, unless it waits already.
    pub(super) fn push(&mut self, key: K) {
        let turn = self.next;
        self.next += i64::from(self.place(key, turn));
    }

    /// Puts `key` before all others, unless it waits already.
    pub(super) fn push_front(&mut self, key: K) {
        let turn = self.front;
        self.front -= i64::from(self.place(key, turn));
    }

    fn place(&mut self, key: K, turn: i64) -> bool {
        if self.places.contains_key(&key) {
            return false;
        }
        self.places.insert(key, turn);
        self.turns.insert(turn, key);
        true
    }

    pub(super) fn pop(&mut self) -> Option<K> {
        let (_, key) = self.turns.pop_first()?;
        self.places.remove(&key);
        Some(key)
    }

    pub(super) fn remove(&mut self, key: K) {
        if let Some(turn) = self.places.remove(&key) {
            self.turns.remove(&turn);
        }
    }

    pub(super) fn clear(&mut self) {
        self.turns.clear();
        self.places.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_waits_once_and_in_its_turn() {
        let mut rotation = Rotation::new();
        for key in [3, 1, 3, 2] {
            rotation.push(key);
        }
        rotation.push_front(9);
        rotation.push_front(8);
        rotation.push_front(1);
        rotation.remove(2);
        rotation.push(2);
        rotation.remove(7);
        assert_eq!(rotation.len(), 5);
        let order: Vec<i32> = std::iter::from_fn(|| rotation.pop()).collect();
        assert_eq!(order, [8, 9, 3, 1, 2]);
        assert!(rotation.is_empty());
    }
}
