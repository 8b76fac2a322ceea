//! The expensive work: video files, made by ffmpeg and known by their digests.

use std::error::Error;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::digest::digest;
use crate::encoder::Encoder;
use crate::plan::Profile;

/// The file that renditions are made from.
pub struct Source {
    pub path: PathBuf,
    /// `sha256:` and the digest of the file in hex: what the cache knows it by, wherever it lies.
    pub digest: String,
}

/// How many pictures the source of the first two acts has: six seconds at thirty a second.
pub const FRAMES: u64 = 180;

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
        Source::film(Source::path_in(folder), "mandelbrot=size=1280x720:rate=30", 440, 6)
    }

    /// Makes a clip of a second that is unlike those with other numbers.
    pub fn make_short(path: PathBuf, number: u32) -> Result<Source, Box<dyn Error>> {
        let picture =
            format!("mandelbrot=size=640x360:rate=30:start_scale={}", 3.0 - 0.1 * f64::from(number));
        Source::film(path, &picture, 220 + 20 * number, 1)
    }

    fn film(path: PathBuf, picture: &str, hertz: u32, seconds: u32) -> Result<Source, Box<dyn Error>> {
        finish(
            Command::new("ffmpeg")
                .args(["-nostdin", "-v", "error"])
                .args(["-f", "lavfi", "-i", picture])
                .args(["-f", "lavfi", "-i", &format!("sine=frequency={hertz}")])
                .args(["-t", &seconds.to_string()])
                .args(["-c:v", "libx264", "-preset", "ultrafast", "-crf", "16"])
                .args(["-pix_fmt", "yuv420p", "-c:a", "aac"])
                .arg(&path),
        )?;
        Ok(Source { digest: digest(File::open(&path)?)?, path })
    }

    /// Where [`Source::make`] puts the file.
    pub fn path_in(folder: &Path) -> PathBuf {
        folder.join("source.mp4")
    }
}

impl Rendition {
    /// Encodes the source by the profile, into the file at `path`.
    pub fn encode(source: &Source, profile: &Profile, path: &Path) -> Result<Rendition, Box<dyn Error>> {
        Encoder::begin(source, profile, path)?.finish()
    }

    /// Describes the file at `path`.
    pub fn of(path: &Path) -> Result<Rendition, Box<dyn Error>> {
        Ok(Rendition {
            bytes: fs::metadata(path)?.len(),
            digest: digest(File::open(path)?)?,
            duration_s: duration_of(path)?,
            path: path.into(),
        })
    }

    /// Whether the file is still there and still the one that was described. The cache holds the description only;
    /// somebody may have removed or overwritten the file since.
    pub fn is_intact(&self) -> bool {
        File::open(&self.path).and_then(digest).is_ok_and(|now| now == self.digest)
    }
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
