//! The expensive work: video files, made by ffmpeg and known by their digests.

use std::error::Error;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::digest::digest;

/// The file that renditions are made from.
pub struct Source {
    pub path: PathBuf,
    /// `sha256:` and the digest of the file in hex: what the cache knows it by, wherever it lies.
    pub digest: String,
}

/// What a rendition shall be like. All that changes the outcome stands here, for it becomes part of the params.
#[derive(Serialize)]
pub struct Profile {
    pub name: &'static str,
    pub height: u32,
    pub codec: &'static str,
    /// Constant rate factor: 0 is lossless, 51 the worst.
    pub crf: u32,
    pub preset: &'static str,
}

/// The three renditions that a video is delivered in.
pub const PROFILES: [Profile; 3] = [
    Profile { name: "720p", height: 720, codec: "libx264", crf: 20, preset: "slow" },
    Profile { name: "480p", height: 480, codec: "libx264", crf: 22, preset: "slow" },
    Profile { name: "240p", height: 240, codec: "libx264", crf: 24, preset: "slow" },
];

/// The result that is cached: a small description that stands for a large file.
#[derive(Serialize, Deserialize)]
pub struct Rendition {
    pub path: PathBuf,
    pub bytes: u64,
    pub digest: String,
    pub duration_s: f64,
}

impl Source {
    /// Makes a clip of six seconds with picture and sound, as `source.mp4` in `folder`.
    pub fn make(folder: &Path) -> Result<Source, Box<dyn Error>> {
        let path = folder.join("source.mp4");
        ffmpeg(
            Command::new("ffmpeg")
                .args(["-f", "lavfi", "-i", "mandelbrot=size=1280x720:rate=30"])
                .args(["-f", "lavfi", "-i", "sine=frequency=440", "-t", "6"])
                .args([
                    "-c:v",
                    "libx264",
                    "-preset",
                    "ultrafast",
                    "-crf",
                    "16",
                    "-pix_fmt",
                    "yuv420p",
                    "-c:a",
                    "aac",
                ]),
            &path,
        )?;
        Ok(Source { digest: digest(File::open(&path)?)?, path })
    }
}

impl Rendition {
    /// Encodes the source by the profile, into `folder`.
    pub fn encode(source: &Source, profile: &Profile, folder: &Path) -> Result<Rendition, Box<dyn Error>> {
        let path = folder.join(format!("{}.mp4", profile.name));
        ffmpeg(
            Command::new("ffmpeg")
                .arg("-i")
                .arg(&source.path)
                .args(["-vf", &format!("scale=-2:{}", profile.height), "-c:v", profile.codec])
                .args(["-crf", &profile.crf.to_string(), "-preset", profile.preset, "-c:a", "copy"]),
            &path,
        )?;
        Ok(Rendition {
            bytes: fs::metadata(&path)?.len(),
            digest: digest(File::open(&path)?)?,
            duration_s: duration_of(&path)?,
            path,
        })
    }

    /// Whether the file is still there and still the one that was described. The cache holds the description only;
    /// somebody may have removed or overwritten the file since.
    pub fn is_intact(&self) -> bool {
        File::open(&self.path).and_then(digest).is_ok_and(|now| now == self.digest)
    }
}

/// Runs ffmpeg to write `output`. The file appears under its name when it is whole, or not at all.
fn ffmpeg(command: &mut Command, output: &Path) -> Result<(), Box<dyn Error>> {
    let partial = output.with_extension("part.mp4");
    finish(command.args(["-nostdin", "-v", "error", "-y"]).arg(&partial))?;
    Ok(fs::rename(partial, output)?)
}

/// How long the video plays, in seconds.
fn duration_of(path: &Path) -> Result<f64, Box<dyn Error>> {
    let mut probe = Command::new("ffprobe");
    probe.args(["-v", "error", "-show_entries", "format=duration", "-of", "default=nw=1:nk=1"]).arg(path);
    Ok(finish(&mut probe)?.trim().parse()?)
}

/// Runs a program to its end and gives what it printed; an error with its complaint if it failed.
fn finish(command: &mut Command) -> Result<String, Box<dyn Error>> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output =
        command.output().map_err(|e| format!("{program} cannot be started ({e}): is it installed?"))?;
    if !output.status.success() {
        return Err(format!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim()).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}
