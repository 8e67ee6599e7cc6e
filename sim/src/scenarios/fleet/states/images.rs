//! Metadata images: what all records of the log before a place make is one thing, on whichever node, in whichever of its runs, from a
//! snapshot or from the log, read or written.
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt::Display;
use std::sync::Arc;

use ordain::metadata::MetadataImage;
use ordain::types::{NodeId, Offset};

use super::{By, where_unlike};
use crate::time::SimTime;

/// All images that were shown.
#[derive(Default)]
pub(super) struct Images {
    /// By the places up to which they go.
    made: BTreeMap<Offset, Made>,
    /// When an image went further than all before it, and up to where; both grow.
    grown: Vec<(SimTime, Offset)>,
    /// Up to where the image goes that each node has shown last.
    ends: BTreeMap<NodeId, (By, Offset)>,
}

struct Made {
    image: Arc<MetadataImage>,
    /// Who has shown it first,
    by: NodeId,
    /// and whether another node has shown it, too.
    several: bool,
}

impl Images {
    /// A node's image is this one from now on.
    pub(super) fn shows(
        &mut self,
        now: SimTime,
        by: By,
        end: Offset,
        image: Arc<MetadataImage>,
    ) -> Result<(), String> {
        self.ends.insert(by.node, (by, end));
        if self.grown.last().is_none_or(|(_, most)| *most < end) {
            self.grown.push((now, end));
        }
        match self.made.entry(end) {
            Entry::Vacant(free) => {
                free.insert(Made { image, by: by.node, several: false });
                Ok(())
            }
            Entry::Occupied(mut known) => {
                let known = known.get_mut();
                known.several |= known.by != by.node;
                known.is(format_args!("node {}", by.node), end, &image)
            }
        }
    }

    /// Whether an image that goes up to there is the one that was shown, if one was.
    pub(super) fn is_shown(&self, what: &str, end: Offset, image: &MetadataImage) -> Result<(), String> {
        self.made.get(&end).map_or(Ok(()), |known| known.is(what, end, image))
    }

    /// The places behind the first and up to the second, each with whether several nodes have shown the same there.
    pub(super) fn between(&self, from: Offset, to: Offset) -> BTreeMap<Offset, bool> {
        let behind = self.made.range(from..).filter(|(end, _)| **end > from && **end <= to);
        behind.map(|(end, made)| (*end, made.several)).collect()
    }

    /// Up to where the image goes that a run has shown last.
    pub(super) fn end_of(&self, by: By) -> Option<Offset> {
        self.ends.get(&by.node).filter(|(shown, _)| *shown == by).map(|(_, end)| *end)
    }

    /// Up to when all that was acknowledged is in an image that goes up to there: before a change is acknowledged, an image with it is shown.
    pub(super) fn has_all_until(&self, end: Offset) -> SimTime {
        let beyond = self.grown.partition_point(|(_, grown)| *grown <= end);
        let since = self.grown.get(beyond).map(|(since, _)| *since);
        since.map_or(SimTime(u64::MAX), |since| SimTime(since.0.saturating_sub(1)))
    }
}

impl Made {
    fn is(&self, what: impl Display, end: Offset, image: &MetadataImage) -> Result<(), String> {
        if *self.image == *image {
            return Ok(());
        }
        let (known, found) = where_unlike(&self.image, &image);
        Err(format!(
            "of the metadata log up to {end} node {} has made …{known}…, and {what} makes …{found}…",
            self.by
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::image;
    use super::*;

    fn by(node: i32, run: u64) -> By {
        By { node: NodeId(node), run }
    }

    #[test]
    fn another_image_of_the_same_log_is_found_whoever_makes_it() {
        let mut images = Images::default();
        let mut show = |time: u64, by: By, end: i64, nodes: &[i32]| {
            images.shows(SimTime(time), by, Offset(end), image(nodes))
        };
        assert_eq!(show(1, by(1, 1), 4, &[1]), Ok(()));
        assert_eq!(show(2, by(2, 1), 4, &[1]), Ok(()));
        assert_eq!(show(3, by(1, 1), 6, &[1, 2]), Ok(()));
        assert_eq!(show(4, by(1, 2), 4, &[1]), Ok(()), "from the disk, which had less");
        let wrong = show(5, by(3, 1), 6, &[1, 3]).unwrap_err();
        assert!(wrong.contains("up to 6 node 1") && wrong.contains("node 3 makes"), "{wrong}");
        assert!(show(6, by(1, 2), 6, &[1]).is_err(), "and by the same node later");
        let held = |end: i64, nodes: &[i32]| images.is_shown("a disk", Offset(end), &image(nodes));
        assert_eq!([held(4, &[1]), held(5, &[9])], [Ok(()), Ok(())], "nobody has shown the second");
        assert!(held(4, &[2]).is_err());
        let places = images.between(Offset(0), Offset(6));
        assert_eq!(places, BTreeMap::from([(Offset(4), true), (Offset(6), true)]));
        assert_eq!(images.between(Offset(4), Offset(5)), BTreeMap::new());
    }

    #[test]
    fn what_was_acknowledged_before_an_image_grew_is_in_the_one_before() {
        let mut images = Images::default();
        for (time, node, end) in [(10, 1, 4), (12, 2, 4), (20, 1, 6), (30, 1, 7), (31, 2, 5)] {
            images.shows(SimTime(time), by(node, 1), Offset(end), image(&[1])).expect("it is the same");
        }
        let until = |end: i64| images.has_all_until(Offset(end));
        assert_eq!(until(3), SimTime(9));
        assert_eq!([until(4), until(5)], [SimTime(19); 2], "what ended at 20 may be the next change");
        assert_eq!(until(6), SimTime(29));
        assert_eq!(until(7), SimTime(u64::MAX));
        assert_eq!(images.end_of(by(2, 1)), Some(Offset(5)));
        assert_eq!(images.end_of(by(2, 2)), None, "another run, which has shown nothing yet");
        assert_eq!(images.end_of(by(3, 1)), None);
    }
}
