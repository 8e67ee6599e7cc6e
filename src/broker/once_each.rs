//! Requests that name a topic more than once.
use std::collections::BTreeMap;

use crate::wire::Text;

/// The topics of a request, each once, at the place where it is named first, as in Kafka; `asked` is what is asked of a topic's
/// partitions, and those of which that is nothing are left out.
pub(super) fn once_each<T, P>(
    topics: Vec<T>,
    name: fn(&T) -> &Text,
    asked: fn(&mut T) -> &mut Vec<P>,
) -> Vec<T> {
    let mut places: BTreeMap<Text, usize> = BTreeMap::new();
    let mut each: Vec<T> = Vec::with_capacity(topics.len());
    for mut topic in topics {
        if asked(&mut topic).is_empty() {
            continue;
        }
        match places.get(name(&topic)) {
            Some(&place) => asked(&mut each[place]).append(asked(&mut topic)),
            None => {
                places.insert(name(&topic).clone(), each.len());
                each.push(topic);
            }
        }
    }
    each
}
