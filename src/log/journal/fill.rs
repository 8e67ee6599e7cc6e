//! The journal's second task: makes the files that are missing and fills what is not filled, piece by piece,
//! ahead of use.
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::files::FillError;
use super::handle::Shared;
use crate::io::{Clock, Disk};
use crate::log::shortage::{Writer, is_full};

/// How long a full disk is left alone.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// How long a start has the disk for itself before the first piece.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// How long commits have the disk for themselves between two pieces, unless one waits for the next piece.
const PAUSE: Duration = Duration::from_millis(5);

/// Runs until the journal has failed or ended.
pub(crate) async fn fill_files(shared: Arc<Shared>, disk: Arc<dyn Disk>, clock: Arc<dyn Clock>) {
    let mut told = false;
    let mut pause = FIRST_PAUSE;
    loop {
        let files = &shared.files;
        if !files.waiting.load(Ordering::Relaxed) {
            tokio::select! {
                biased;
                () = files.hurry.notified() => {}
                () = clock.sleep(std::mem::replace(&mut pause, PAUSE)) => {}
            }
        }
        let outcome = {
            let _one_at_a_time = shared.files.changing.lock().await;
            if shared.failed.get().is_some() {
                return;
            }
            shared.files.fill(&*disk).await
        };
        match outcome {
            Ok(more) => {
                told = false;
                shared.shortage.passed(Writer::Journal);
                if !more {
                    shared.files.unfilled.notified().await;
                }
            }
            Err(FillError::Passing { path, source }) if is_full(&source) => {
                shared.shortage.refused(Writer::Journal, path, shared.files.unfilled_bytes());
                clock.sleep(RETRY_INTERVAL).await;
            }
            Err(FillError::Passing { path, source }) => {
                if !std::mem::replace(&mut told, true) {
                    tracing::warn!(
                        %path, error = %source,
                        "a journal file cannot be made, it is tried again; appends wait when the others are full"
                    );
                }
                clock.sleep(RETRY_INTERVAL).await;
            }
            Err(fatal @ FillError::Fatal { .. }) => drop(shared.judge(fatal)),
        }
    }
}
