//! What a local cluster consists of: ports, directories and settings of each node. Pure but for the look at
//! what is taken.
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use crate::commands::config::Sources;
use crate::failure::Failure;

/// What clients, nodes and metrics connect to lies so many ports apart.
const PORTS_APART: u16 = 1000;

/// What every node is given, and cannot be set for all of them.
const OWN_KEYS: [&str; 11] = [
    "advertised.listeners",
    "broker.id",
    "controller.listener.names",
    "controller.quorum.bootstrap.servers",
    "controller.quorum.voters",
    "listeners",
    "log.dir",
    "log.dirs",
    "node.id",
    "ordain.admin.listener",
    "process.roles",
];

/// A cluster that can be started.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    pub nodes: Vec<NodePlan>,
    /// The directory of all nodes' directories.
    pub data: PathBuf,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NodePlan {
    /// From 1 on.
    pub id: u16,
    pub for_clients: SocketAddr,
    pub for_nodes: SocketAddr,
    pub for_metrics: SocketAddr,
    pub data: PathBuf,
    /// `key=value`, the later ones stronger.
    pub settings: Vec<String>,
}

impl Plan {
    /// `settings` are the user's, for every node.
    ///
    /// # Errors
    /// If the ports do not exist, or a setting is one that differs from node to node.
    pub fn new(count: u16, port: u16, data: &Path, settings: &[String]) -> Result<Plan, Failure> {
        let last = u32::from(port) + u32::from(2 * PORTS_APART) + u32::from(count) - 1;
        if port == 0 || last > u32::from(u16::MAX) {
            return Err(Failure::Usage(format!(
                "--port {port}: {count} nodes take ports from {port} to {last}, and there are those from 1 to 65535; \
                 name a port up to {}",
                u16::MAX - 2 * PORTS_APART - (count - 1)
            )));
        }
        let own = |setting: &&String| OWN_KEYS.contains(&setting.split('=').next().unwrap_or("").trim());
        if let Some(setting) = settings.iter().find(own) {
            return Err(Failure::Usage(format!(
                "--set {setting}: every node of a local cluster is given its own; start the nodes with `ordain serve` \
                 to choose it"
            )));
        }
        let mut nodes: Vec<NodePlan> = (1..=count).map(|id| NodePlan::new(id, port + id - 1, data)).collect();
        let founders: Vec<String> = nodes.iter().map(|node| node.for_nodes.to_string()).collect();
        for node in &mut nodes {
            node.settings = node.settings(count, &founders.join(","), settings);
        }
        Ok(Plan { nodes, data: data.to_path_buf() })
    }

    /// The brokers' addresses, as `--bootstrap` takes them.
    pub fn bootstrap(&self) -> String {
        let addresses: Vec<String> = self.nodes.iter().map(|node| node.for_clients.to_string()).collect();
        addresses.join(",")
    }

    /// Whether every node can be started, as far as that shows beforehand.
    ///
    /// # Errors
    /// The first hindrance.
    pub fn check(&self) -> Result<(), Failure> {
        for node in &self.nodes {
            Sources { config: None, set: node.settings.clone() }.load()?;
        }
        self.check_directory()?;
        for node in &self.nodes {
            for (address, use_of) in [
                (node.for_clients, "clients"),
                (node.for_nodes, "other nodes"),
                (node.for_metrics, "metrics"),
            ] {
                TcpListener::bind(address).map_err(|error| {
                    Failure::Message(format!(
                        "{} cannot have {address}, where it would listen for {use_of}: {error}; stop what uses the \
                         port, or choose others with --port",
                        node.name()
                    ))
                })?;
            }
        }
        Ok(())
    }

    /// Whether the directory holds no more nodes than are to be started: the others would be missed.
    fn check_directory(&self) -> Result<(), Failure> {
        let entries = match std::fs::read_dir(&self.data) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => {
                return Err(Failure::Message(format!(
                    "cannot read the data directory {}: {error}; name another with --data",
                    self.data.display()
                )));
            }
        };
        let ids = entries.filter_map(|entry| {
            let name = entry.ok()?.file_name();
            name.to_str()?.strip_prefix("node-")?.parse::<usize>().ok()
        });
        match ids.max() {
            Some(found) if found > self.nodes.len() => Err(Failure::Message(format!(
                "{} holds a cluster of {found} nodes, of which {} would be started: say --nodes {found}, or name \
                 another directory with --data",
                self.data.display(),
                self.nodes.len()
            ))),
            Some(_) | None => Ok(()),
        }
    }
}

impl NodePlan {
    fn new(id: u16, port: u16, data: &Path) -> NodePlan {
        let at = |apart| SocketAddr::from((Ipv4Addr::LOCALHOST, port + apart));
        NodePlan {
            id,
            for_clients: at(0),
            for_nodes: at(PORTS_APART),
            for_metrics: at(2 * PORTS_APART),
            data: data.join(format!("node-{id}")),
            settings: Vec::new(),
        }
    }

    pub fn name(&self) -> String {
        format!("node-{}", self.id)
    }

    /// What the node's process is started with.
    pub fn arguments(&self) -> Vec<String> {
        let set = self.settings.iter().flat_map(|setting| ["--set".to_owned(), setting.clone()]);
        std::iter::once("serve".to_owned()).chain(set).collect()
    }

    fn settings(&self, count: u16, founders: &str, settings: &[String]) -> Vec<String> {
        let replicas = count.min(3);
        let listeners = format!("PLAINTEXT://{},CONTROLLER://{}", self.for_clients, self.for_nodes);
        let weak = [
            format!("default.replication.factor={replicas}"),
            format!("offsets.topic.replication.factor={replicas}"),
            // A quarter of the usual journal: all nodes share one disk.
            "ordain.journal.file.bytes=16777216".to_owned(),
        ];
        let strong = [
            format!("node.id={}", self.id),
            "process.roles=broker,controller".to_owned(),
            format!("listeners={listeners}"),
            format!("advertised.listeners={listeners}"),
            "controller.listener.names=CONTROLLER".to_owned(),
            format!("controller.quorum.bootstrap.servers={founders}"),
            "controller.quorum.voters=".to_owned(),
            format!("ordain.admin.listener={}", self.for_metrics),
            format!("log.dirs={}", self.data.display()),
        ];
        weak.into_iter().chain(settings.iter().cloned()).chain(strong).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ordain::config::{Inputs, load};

    fn plan(count: u16, port: u16, settings: &[&str]) -> Result<Plan, String> {
        let settings: Vec<String> = settings.iter().map(|one| (*one).to_owned()).collect();
        Plan::new(count, port, Path::new("/d"), &settings).map_err(|failure| failure.to_string())
    }

    #[test]
    fn a_node_is_started_with_its_ports_its_directory_and_the_founders() {
        let plan = plan(3, 9092, &["num.partitions=6"]).expect("right");
        assert_eq!(plan.bootstrap(), "127.0.0.1:9092,127.0.0.1:9093,127.0.0.1:9094");
        let arguments = plan.nodes[1].arguments();
        assert_eq!(arguments[0], "serve");
        let settings: Vec<&str> = arguments[2..].iter().step_by(2).map(String::as_str).collect();
        assert!(arguments[1..].iter().step_by(2).all(|option| option == "--set"));
        assert_eq!(
            settings,
            [
                "default.replication.factor=3",
                "offsets.topic.replication.factor=3",
                "ordain.journal.file.bytes=16777216",
                "num.partitions=6",
                "node.id=2",
                "process.roles=broker,controller",
                "listeners=PLAINTEXT://127.0.0.1:9093,CONTROLLER://127.0.0.1:10093",
                "advertised.listeners=PLAINTEXT://127.0.0.1:9093,CONTROLLER://127.0.0.1:10093",
                "controller.listener.names=CONTROLLER",
                "controller.quorum.bootstrap.servers=127.0.0.1:10092,127.0.0.1:10093,127.0.0.1:10094",
                "controller.quorum.voters=",
                "ordain.admin.listener=127.0.0.1:11093",
                "log.dirs=/d/node-2",
            ]
        );
    }

    #[test]
    fn the_settings_form_a_cluster_without_a_warning() {
        for count in [1, 3, 5] {
            let plan = plan(count, 9092, &[]).expect("right");
            let mut peers = Vec::new();
            for node in &plan.nodes {
                let inputs = Inputs { overrides: &node.settings, ..Inputs::default() };
                let loaded = load(&inputs, None).unwrap_or_else(|errors| panic!("{errors}"));
                assert_eq!(loaded.warnings, []);
                let quorum = loaded.broker.quorum.expect("a cluster");
                assert_eq!(quorum.servers.len(), usize::from(count));
                assert_eq!(quorum.servers[usize::from(node.id) - 1].port, quorum.listener.port);
                assert_eq!(loaded.broker.topics.replication_factor, i16::try_from(count.min(3)).expect("3"));
                peers.push(quorum.servers);
            }
            assert!(peers.iter().all(|list| *list == peers[0]), "all name the same");
        }
    }

    #[test]
    fn what_cannot_be_started_is_told() {
        assert_eq!(
            plan(3, 63_534, &[]),
            Err("--port 63534: 3 nodes take ports from 63534 to 65536, and there are those from 1 to 65535; name a \
                 port up to 63533"
                .to_owned())
        );
        assert!(plan(3, 63_533, &[]).is_ok());
        assert!(plan(1, 0, &[]).is_err());
        assert_eq!(
            plan(3, 9092, &["num.partitions=1", "node.id=7"]),
            Err("--set node.id=7: every node of a local cluster is given its own; start the nodes with `ordain \
                 serve` to choose it"
                .to_owned())
        );
        let stronger = plan(3, 9092, &["default.replication.factor=1"]).expect("right");
        let inputs = Inputs { overrides: &stronger.nodes[0].settings, ..Inputs::default() };
        assert_eq!(load(&inputs, None).expect("right").broker.topics.replication_factor, 1);
    }

    #[test]
    fn a_larger_cluster_is_not_started_in_part() {
        let directory = tempfile::tempdir().expect("a directory");
        let of = |count| Plan::new(count, 9092, directory.path(), &[]).expect("right").check_directory();
        assert!(of(1).is_ok());
        for name in ["node-1", "node-3", "node-x", "other"] {
            std::fs::create_dir(directory.path().join(name)).expect("a directory");
        }
        assert!(of(3).is_ok() && of(5).is_ok());
        let told = of(1).expect_err("refused").to_string();
        assert!(
            told.contains("holds a cluster of 3 nodes, of which 1 would be started: say --nodes 3"),
            "{told}"
        );
    }
}
