use std::collections::{BTreeMap, BTreeSet};

use super::{ControllerError, Decision};
use crate::metadata::MetadataImage;
use crate::types::NodeId;
use crate::wire::MetadataRecord;
use crate::wire::messages::FeatureLevelRecord;

/// What may be done to a feature's level (KIP-584, KIP-778).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FeatureChange {
    Upgrade,
    SafeDowngrade,
    UnsafeDowngrade,
    /// A number that this release does not know.
    Unknown,
}

/// A feature's level as it is to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FeatureUpdate {
    pub name: String,
    pub level: i16,
    pub change: FeatureChange,
}

/// The levels of `metadata.version` that changed what the metadata hold, by Kafka's list (KIP-778): nobody goes back before them.
const METADATA_CHANGED: [i16; 9] = [7, 8, 11, 13, 14, 15, 17, 23, 30];
/// The feature whose levels Kafka's releases are told by.
const METADATA_VERSION: &str = "metadata.version";

/// A feature of this release, and the levels that it has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SupportedFeature {
    pub name: &'static str,
    pub least: i16,
    pub most: i16,
}

/// Changes the finalised levels of features: all of them, or none. `voters`: those who shall vote on the metadata.
///
/// # Errors
/// Of the first that cannot be changed so; `InvalidFeatureLevel` but for one that is named twice.
pub fn update_features(
    image: &MetadataImage,
    voters: &BTreeSet<NodeId>,
    supported: &[SupportedFeature],
    updates: &[FeatureUpdate],
) -> Decision<Result<(), ControllerError>> {
    let mut records: BTreeMap<&str, MetadataRecord> = BTreeMap::new();
    for update in updates {
        if let Err(why) = check(image, voters, supported, update) {
            let FeatureUpdate { name, level, .. } = update;
            let (name, level) = (name.clone(), *level);
            return Decision::reply(Err(ControllerError::InvalidFeatureLevel { name, level, why }));
        }
        let record = FeatureLevelRecord {
            name: update.name.clone().into(),
            level: update.level,
            ..FeatureLevelRecord::default()
        };
        if records.insert(&update.name, record.into()).is_some() {
            let text = format!("feature {} is named twice in the request; name it once", update.name);
            return Decision::reply(Err(ControllerError::InvalidRequest(text)));
        }
    }
    let is_news = |name: &str, level: i16| image.features.get(name) != Some(&level);
    let news = updates.iter().filter(|update| is_news(&update.name, update.level));
    let records = news.filter_map(|update| records.remove(update.name.as_str())).collect();
    Decision { records, reply: Ok(()) }
}

/// Whether a downgrade of the metadata goes back before a level that changed what they hold.
fn is_lossy(name: &str, level: i16, current: i16) -> bool {
    name == METADATA_VERSION && METADATA_CHANGED.iter().any(|changed| (level + 1..=current).contains(changed))
}

fn check(
    image: &MetadataImage,
    voters: &BTreeSet<NodeId>,
    supported: &[SupportedFeature],
    update: &FeatureUpdate,
) -> Result<(), String> {
    let FeatureUpdate { name, level, change } = update;
    if *change == FeatureChange::Unknown {
        return Err("The controller does not know this type of upgrade.".to_owned());
    }
    if *level < 0 {
        return Err("A level cannot be below 0.".to_owned());
    }
    let Some(feature) = supported.iter().find(|feature| feature.name == name) else {
        return Err("The controller does not support this feature.".to_owned());
    };
    let SupportedFeature { least, most, .. } = *feature;
    if !(least..=most).contains(level) {
        return Err(format!("The controller only supports versions {least}-{most}."));
    }
    for (node, registered) in image.registrations() {
        let (least, most) = registered.features.get(name).copied().unwrap_or_default();
        if !(least..=most).contains(level) {
            let what = if registered.roles.is_broker() { "Broker" } else { "Controller" };
            return Err(match (least, most) {
                (0, 0) => format!("{what} {node} does not support this feature."),
                _ => format!("{what} {node} only supports versions {least}-{most}."),
            });
        }
    }
    // What it supports nobody knows, and a vote it has.
    let is_registered = |node: &NodeId| image.registrations().any(|(known, _)| known == *node);
    if let Some(node) = voters.iter().find(|node| !is_registered(node)) {
        return Err(format!("Controller {node} has not registered, and may not support this feature."));
    }
    let current = image.features.get(name).copied().unwrap_or(0);
    match change {
        FeatureChange::Upgrade if *level < current => Err(format!(
            "It is {current} now, and is not downgraded unless the type of the upgrade is a safe or an unsafe downgrade."
        )),
        FeatureChange::SafeDowngrade | FeatureChange::UnsafeDowngrade if *level > current => {
            Err(format!("It is {current} now, and a downgrade does not raise it."))
        }
        FeatureChange::UnsafeDowngrade if is_lossy(name, *level, current) => {
            Err("An unsafe downgrade of the metadata is not supported in this release.".to_owned())
        }
        FeatureChange::SafeDowngrade if is_lossy(name, *level, current) => {
            Err(format!("It is {current} now, and on the way down to {level} metadata could be lost."))
        }
        FeatureChange::Upgrade
        | FeatureChange::SafeDowngrade
        | FeatureChange::UnsafeDowngrade
        | FeatureChange::Unknown => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::messages::register_broker_record::BrokerFeature;
    use crate::wire::messages::{RegisterBrokerRecord, RemoveBrokerRecord};

    const SUPPORTED: &[SupportedFeature] =
        &[SupportedFeature { name: "metadata.version", least: 7, most: 30 }];

    fn image(level: i16) -> MetadataImage {
        let mut image = MetadataImage::default();
        image.features.insert("metadata.version".to_owned(), level);
        image
    }

    fn update(name: &str, level: i16, change: FeatureChange) -> FeatureUpdate {
        FeatureUpdate { name: name.to_owned(), level, change }
    }

    fn decided(level: i16, updates: &[FeatureUpdate]) -> Result<Vec<MetadataRecord>, String> {
        let decision = update_features(&image(level), &BTreeSet::new(), SUPPORTED, updates);
        decision.reply.map(|()| decision.records).map_err(|error| error.to_string())
    }

    #[test]
    fn levels_go_where_their_type_of_change_allows() {
        let level = |level| -> MetadataRecord {
            FeatureLevelRecord { name: "metadata.version".into(), level, ..FeatureLevelRecord::default() }
                .into()
        };
        let one = |name, to, change| [update(name, to, change)];
        let version = "metadata.version";
        assert_eq!(decided(29, &one(version, 30, FeatureChange::Upgrade)), Ok(vec![level(30)]));
        assert_eq!(decided(30, &one(version, 30, FeatureChange::Upgrade)), Ok(Vec::new()), "nothing to do");
        assert_eq!(decided(29, &one(version, 24, FeatureChange::SafeDowngrade)), Ok(vec![level(24)]));
        assert_eq!(decided(22, &one(version, 18, FeatureChange::UnsafeDowngrade)), Ok(vec![level(18)]));
        let refused = [
            (30, version, 29, FeatureChange::Upgrade, "not downgraded unless"),
            (29, version, 30, FeatureChange::SafeDowngrade, "does not raise it"),
            (30, version, 29, FeatureChange::SafeDowngrade, "could be lost"),
            (24, version, 22, FeatureChange::UnsafeDowngrade, "not supported in this release"),
            (30, version, 31, FeatureChange::Upgrade, "only supports versions 7-30"),
            (30, version, 6, FeatureChange::UnsafeDowngrade, "only supports versions 7-30"),
            (30, version, -1, FeatureChange::UnsafeDowngrade, "below 0"),
            (30, version, 30, FeatureChange::Unknown, "type of upgrade"),
            (30, "no.such", 1, FeatureChange::Upgrade, "does not support this feature"),
        ];
        for (now, name, to, change, text) in refused {
            let wrong = decided(now, &one(name, to, change)).expect_err(text);
            assert!(wrong.contains(text), "{wrong}");
        }
    }

    #[test]
    fn a_level_that_a_registered_node_does_not_know_is_refused() {
        let mut image = image(25);
        for (node, roles, most) in [(1, 3, 30), (2, 1, 29), (4, 2, 0)] {
            let feature =
                BrokerFeature { name: METADATA_VERSION.into(), least: 7, most, ..BrokerFeature::default() };
            let record = RegisterBrokerRecord {
                broker_id: node,
                roles,
                features: if most > 0 { vec![feature] } else { Vec::new() },
                ..RegisterBrokerRecord::default()
            };
            image.apply(&record.into()).expect("a registration");
        }
        let decided = |image: &MetadataImage, level| {
            let updates = [update(METADATA_VERSION, level, FeatureChange::Upgrade)];
            let voters = [1, 4].map(NodeId).into();
            update_features(image, &voters, SUPPORTED, &updates).reply.map_err(|error| error.to_string())
        };
        assert!(decided(&image, 30).expect_err("too high").contains("Broker 2 only supports versions 7-29"));
        assert!(
            decided(&image, 29).expect_err("unknown").contains("Controller 4 does not support this feature")
        );
        image
            .apply(&RemoveBrokerRecord { broker_id: 4, ..RemoveBrokerRecord::default() }.into())
            .expect("gone");
        let wrong = decided(&image, 29).expect_err("it votes still");
        assert!(wrong.contains("Controller 4 has not registered, and may not support"), "{wrong}");
        let voters = [1].map(NodeId).into();
        let updates = [update(METADATA_VERSION, 29, FeatureChange::Upgrade)];
        assert_eq!(update_features(&image, &voters, SUPPORTED, &updates).reply, Ok(()));
    }

    #[test]
    fn one_that_is_refused_leaves_all_as_they_were() {
        let good = update("metadata.version", 30, FeatureChange::Upgrade);
        let bad = update("no.such", 1, FeatureChange::Upgrade);
        assert!(decided(29, &[good.clone(), bad]).is_err());
        assert!(decided(29, &[good.clone(), good]).expect_err("twice").contains("named twice"));
    }
}
