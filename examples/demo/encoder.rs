//! An ffmpeg at work, and how far it is.

use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{self, Child, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use crate::media::{FRAMES, Rendition, Source};
use crate::plan::Profile;
use crate::process::that_dies_with_us;

/// An encoding under way. Dropping it stops ffmpeg and leaves no file behind.
pub struct Encoder {
    ffmpeg: Child,
    frames: Receiver<u64>,
    /// Where it writes: a name of this process's own, so that nobody takes the file for whole, or writes to it too.
    partial: PathBuf,
    /// What the file is called once it is whole.
    whole: PathBuf,
}

/// What an encoder says of itself.
pub enum Progress {
    /// So much of the video is encoded.
    Percent(u64),
    /// It said nothing for as long as we listened.
    Silent,
    /// It ended, well or not: [`Encoder::finish`] tells.
    Ended,
}

impl Encoder {
    /// Begins to encode the source by the profile, into the file `whole`, an mp4.
    pub fn begin(source: &Source, profile: &Profile, whole: &Path) -> Result<Encoder, Box<dyn Error>> {
        let partial = whole.with_extension(format!("{}.part.mp4", process::id()));
        let mut ffmpeg = that_dies_with_us("ffmpeg")
            .args(["-nostdin", "-nostats", "-v", "error", "-y"])
            .args(["-progress", "pipe:1", "-stats_period", "0.25", "-i"])
            .arg(&source.path)
            .args(["-vf", &format!("scale=-2:{}", profile.height), "-c:v", profile.codec])
            .args(["-crf", &profile.crf.to_string(), "-preset", profile.preset])
            .args(["-threads", &profile.threads.to_string(), "-c:a", "copy"])
            .arg(&partial)
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| format!("setpriv cannot be started ({e}): is util-linux installed?"))?;
        let stdout = ffmpeg.stdout.take().ok_or("ffmpeg has no standard output")?;
        Ok(Encoder { ffmpeg, frames: frames_told_by(stdout), partial, whole: whole.into() })
    }

    /// What it says within `limit`, as soon as it says it.
    pub fn progress(&self, limit: Duration) -> Progress {
        match self.frames.recv_timeout(limit) {
            Ok(frames) => Progress::Percent(frames.saturating_mul(100) / FRAMES),
            Err(RecvTimeoutError::Timeout) => Progress::Silent,
            Err(RecvTimeoutError::Disconnected) => Progress::Ended,
        }
    }

    /// Waits for the end, and describes the file. It appears under its name when it is whole, or not at all.
    pub fn finish(mut self) -> Result<Rendition, Box<dyn Error>> {
        let status = self.ffmpeg.wait()?;
        if !status.success() {
            return Err(format!("ffmpeg did not encode {}: {status}", self.whole.display()).into());
        }
        fs::rename(&self.partial, &self.whole)?;
        Rendition::of(&self.whole)
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        // All three fail where it finished, and then there is nothing left to do.
        let _ = self.ffmpeg.kill();
        let _ = self.ffmpeg.wait();
        let _ = fs::remove_file(&self.partial);
    }
}

/// Follows what `-progress` writes: lines of `name=value` four times a second, of which `frame` is how many are encoded.
fn frames_told_by(stdout: impl Read + Send + 'static) -> Receiver<u64> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if let Some(frames) = line.strip_prefix("frame=").and_then(|text| text.trim().parse().ok()) {
                // Nobody listens any more: ffmpeg still wants its words read.
                let _ = sender.send(frames);
            }
        }
    });
    receiver
}
