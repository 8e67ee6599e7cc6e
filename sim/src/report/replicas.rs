//! How the replicas stood, as the page holds it: a row for each replica, on the lane of its node.
use serde::Serialize;

use super::events::Lane;
use crate::standings::ReplicaLife;

/// What the script reads.
#[derive(Serialize)]
pub(super) struct Replicas<'a> {
    /// The names of the roles, by their places.
    roles: Vec<&'static str>,
    rows: Vec<Row<'a>>,
    /// How many standings were kept of the run.
    total: usize,
}

#[derive(Serialize)]
struct Row<'a> {
    lane: usize,
    partition: &'a str,
    /// Time in microseconds, the role's place, epoch, log end, high watermark; in order.
    standings: Vec<(u64, usize, i32, i64, i64)>,
}

/// The replicas of nodes that have a lane, `most` standings at most: where the role or the epoch turned, and of the others what is
/// nearest to `centre`.
pub(super) fn rows<'a>(lives: &'a [ReplicaLife], lanes: &[Lane], centre: u64, most: usize) -> Replicas<'a> {
    let mut order: Vec<(bool, u64, usize, usize)> = Vec::new();
    for (row, life) in lives.iter().enumerate() {
        for (place, standing) in life.standings.iter().enumerate() {
            let before = place.checked_sub(1).map(|before| &life.standings[before]);
            let turns = before.is_none_or(|one| (one.role, one.epoch) != (standing.role, standing.epoch));
            order.push((!turns, standing.time.0.abs_diff(centre), row, place));
        }
    }
    order.sort_unstable();
    let total = order.len();
    order.truncate(most);
    order.sort_unstable_by_key(|&(_, _, row, place)| (row, place));
    let mut roles: Vec<&'static str> = Vec::new();
    let mut place_of = |role: &'static str| {
        roles.iter().position(|known| *known == role).unwrap_or_else(|| {
            roles.push(role);
            roles.len() - 1
        })
    };
    let mut rows: Vec<Row<'a>> = Vec::new();
    for (number, life) in lives.iter().enumerate() {
        let Some(lane) = lanes.iter().position(|lane| lane.name == life.node) else { continue };
        let kept = order.iter().filter(|(_, _, row, _)| *row == number);
        let standings: Vec<_> = kept
            .map(|&(_, _, _, place)| {
                let one = &life.standings[place];
                (one.time.0 / 1000, place_of(one.role), one.epoch, one.log_end, one.high_watermark)
            })
            .collect();
        if !standings.is_empty() {
            rows.push(Row { lane, partition: &life.partition, standings });
        }
    }
    // What everything else hangs on comes first.
    rows.sort_by_key(|row| (row.lane, row.partition != METADATA, row.partition));
    Replicas { roles, rows, total }
}

/// What the metadata's partition is called.
const METADATA: &str = "metadata-0";

#[cfg(test)]
mod tests {
    use super::super::events::Role;
    use super::*;
    use crate::standings::Standing;
    use crate::time::SimTime;

    fn lane(name: &str) -> Lane {
        Lane { name: name.to_owned(), role: Role::Server }
    }

    fn life(node: &str, partition: &str, standings: &[(u64, &'static str, i32, i64)]) -> ReplicaLife {
        let standing = |&(second, role, epoch, log_end): &(u64, &'static str, i32, i64)| Standing {
            time: SimTime(second * 1_000_000_000),
            role,
            epoch,
            log_end,
            high_watermark: log_end - 1,
        };
        let standings = standings.iter().map(standing).collect();
        ReplicaLife { node: node.to_owned(), partition: partition.to_owned(), standings }
    }

    #[test]
    fn replicas_have_rows_on_their_nodes_lanes() {
        let lives = [
            life("n2", "events-0", &[(1, "follower", 1, 5)]),
            life("n1", "events-0", &[(1, "follower", 1, 5), (2, "leader", 2, 6)]),
            life("n2", "metadata-0", &[(1, "leader", 1, 7)]),
            life("nobody", "events-0", &[(1, "follower", 1, 5)]),
        ];
        let rows = rows(&lives, &[lane("n1"), lane("n2")], 0, 100);
        let told: Vec<(usize, &str)> = rows.rows.iter().map(|row| (row.lane, row.partition)).collect();
        assert_eq!(told, [(0, "events-0"), (1, "metadata-0"), (1, "events-0")]);
        assert_eq!(
            rows.rows[0].standings,
            [(1_000_000, 0, 1, 5, 4), (2_000_000, 1, 2, 6, 5)].map(|mut one| {
                one.1 = rows.roles.iter().position(|role| *role == ["follower", "leader"][one.1]).unwrap();
                one
            })
        );
        assert_eq!(rows.total, 5);
    }

    #[test]
    fn of_too_many_standings_the_turns_and_the_near_are_kept() {
        let standings: Vec<(u64, &'static str, i32, i64)> = (0..100)
            .map(|second| (second, if second == 90 { "leader" } else { "follower" }, 1, second as i64))
            .collect();
        let lives = [life("n1", "events-0", &standings)];
        let rows = rows(&lives, &[lane("n1")], 50_000_000_000, 6);
        let times: Vec<u64> = rows.rows[0].standings.iter().map(|one| one.0 / 1_000_000).collect();
        assert_eq!(times, [0, 49, 50, 51, 90, 91]);
        assert_eq!(rows.total, 100);
    }
}
