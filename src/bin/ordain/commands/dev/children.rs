//! The nodes as processes: starting them, passing on what they say, noticing their ends, and stopping them.
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::plan::NodePlan;
use crate::failure::Failure;
use crate::signals::Signals;

/// The longest piece of a line that is passed on at once, in bytes.
const LINE_BYTES_MAX: u64 = 64 << 10;

/// The nodes that run. Those that are left when it is dropped are killed.
pub struct Children {
    running: BTreeMap<u16, Running>,
    /// Comes when one ends; several ends may be one.
    ends: Signal,
}

struct Running {
    child: Child,
    lines: JoinHandle<()>,
}

/// A node whose process is gone.
pub struct Ended {
    pub id: u16,
    pub status: ExitStatus,
}

impl Children {
    pub fn new() -> Result<Children, Failure> {
        let ends = signal(SignalKind::child())
            .map_err(|error| Failure::Message(format!("cannot install a signal handler: {error}")))?;
        Ok(Children { running: BTreeMap::new(), ends })
    }

    /// Starts the node. The process is told to stop if this one dies, where the system can do that.
    pub fn start(&mut self, node: &NodePlan) -> Result<(), Failure> {
        let failed = |error| Failure::Message(format!("cannot start {}: {error}", node.name()));
        let mut command = Command::new(std::env::current_exe().map_err(failed)?);
        command.args(node.arguments()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        if std::env::var_os("ORDAIN_LOG").is_none() {
            command.env("ORDAIN_LOG", "warn");
        }
        // Ctrl-C is for this process, which stops the nodes in turn.
        command.process_group(0);
        #[cfg(target_os = "linux")]
        {
            let parent = std::process::id();
            // SAFETY: what runs between fork and exec makes two system calls and allocates nothing.
            unsafe { command.pre_exec(move || end_with(parent)) };
        }
        let mut child = command.spawn().map_err(failed)?;
        let from = child.stderr.take().expect("it is piped");
        let name = node.name();
        let lines = std::thread::spawn(move || {
            if let Err(error) = pass_on(from, |line| write_line(&name, line)) {
                say(format_args!("what {name} says cannot be read any more: {error}"));
            }
        });
        self.running.insert(node.id, Running { child, lines });
        Ok(())
    }

    pub fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// The process id of a node that runs.
    pub fn process_id(&self, id: u16) -> Option<u32> {
        self.running.get(&id).map(|running| running.child.id())
    }

    /// The next node that ends; without nodes, never. Nothing is lost if it is dropped before it completes.
    pub async fn ended(&mut self) -> Ended {
        loop {
            let ids: Vec<u16> = self.running.keys().copied().collect();
            for id in ids {
                if let Some(ended) = self.take_ended(id) {
                    return ended;
                }
            }
            self.ends.recv().await;
        }
    }

    /// Asks the nodes to stop, one after another, the last one first, and waits for each. A signal kills those that are left.
    pub async fn stop(&mut self, signals: &mut Signals) -> Result<(), Failure> {
        while let Some(id) = self.running.keys().next_back().copied() {
            if self.running.get(&id).is_some_and(|running| !running.terminate()) {
                say(format_args!("node-{id} cannot be asked to stop: {}", io::Error::last_os_error()));
            }
            let ended = loop {
                if let Some(ended) = self.take_ended(id) {
                    break ended;
                }
                tokio::select! {
                    biased;
                    name = signals.next() => return Err(self.kill(name)),
                    _ = self.ends.recv() => {}
                }
            };
            if ended.status.success() {
                say(format_args!("node-{id} has stopped"));
            } else {
                say(format_args!("node-{id} was asked to stop, and has ended with {}", ended.status));
            }
        }
        Ok(())
    }

    fn kill(&mut self, signal: &str) -> Failure {
        let names: Vec<String> = self.running.keys().map(|id| format!("node-{id}")).collect();
        self.kill_all();
        Failure::Message(format!("{signal} again: {} killed before the shutdown was done", names.join(", ")))
    }

    fn kill_all(&mut self) {
        for (id, mut running) in std::mem::take(&mut self.running) {
            if let Err(error) = running.child.kill().and_then(|()| running.child.wait()) {
                say(format_args!("node-{id} cannot be killed: {error}"));
            }
        }
    }

    fn take_ended(&mut self, id: u16) -> Option<Ended> {
        let running = self.running.get_mut(&id)?;
        let status = match running.child.try_wait() {
            Ok(status) => status?,
            Err(error) => panic!("a child that nobody else waits for can be waited for: {error}"),
        };
        let running = self.running.remove(&id).expect("it was there");
        // Its end of the pipe is closed, so that this ends, and its last words stand before the news of its end.
        if running.lines.join().is_err() {
            say(format_args!("some lines of node-{id} are lost"));
        }
        Some(Ended { id, status })
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        self.kill_all();
    }
}

impl Running {
    /// Whether the signal was sent.
    fn terminate(&self) -> bool {
        let process = libc::pid_t::try_from(self.child.id()).expect("process ids fit");
        // SAFETY: the child is ours and not yet waited for, so that its id is its own.
        unsafe { libc::kill(process, libc::SIGTERM) == 0 }
    }
}

/// Passes on each line that a node writes, until it is gone.
fn pass_on(from: impl Read, mut to: impl FnMut(&str)) -> io::Result<()> {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    while from.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line)? > 0 {
        to(String::from_utf8_lossy(&line).trim_end());
        line.clear();
    }
    Ok(())
}

/// Tells the user something about the cluster, between the lines of its nodes.
pub fn say(text: std::fmt::Arguments<'_>) {
    write_line("ordain", text);
}

fn write_line(who: &str, text: impl std::fmt::Display) {
    // Whoever has closed standard error does not want to know; the nodes go on.
    let _ = writeln!(io::stderr().lock(), "{who} | {text}");
}

/// In a new process: has it told to stop when the process that started it is gone.
#[cfg(target_os = "linux")]
fn end_with(parent: u32) -> io::Result<()> {
    // SAFETY: with this option, the call takes a signal and touches no memory.
    if unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it takes nothing and cannot fail.
    let present = unsafe { libc::getppid() };
    // It may have died before it could be told of.
    if u32::try_from(present) == Ok(parent) { Ok(()) } else { Err(io::Error::from_raw_os_error(libc::ESRCH)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_node_says_is_passed_on_in_lines_and_long_ones_in_pieces() {
        let long = [&[b'x'; 100_000][..], b"\n\xff\n\nlast"].concat();
        let mut told = Vec::new();
        pass_on(&long[..], |line| told.push(line.to_owned())).expect("memory can be read");
        let lengths: Vec<usize> = told.iter().map(String::len).collect();
        assert_eq!(lengths[..2], [64 << 10, 100_000 - (64 << 10)]);
        assert_eq!(told[2..], ["\u{fffd}", "", "last"]);
    }
}
