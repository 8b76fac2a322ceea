//! What is asked for: jobs of generating a video, as clients describe them.

use sha2::{Digest, Sha256};

/// The operation of every job.
pub const OPERATION: &str = "generateVideo";

/// The length of every result, in bytes.
pub const RESULT_BYTES: usize = 300;

/// One job and its result.
#[derive(Clone)]
pub struct Job {
    /// JSON of exactly the asked length, its members in no order.
    pub params: String,
    pub result: String,
    /// The key that a client which hashes by itself would use.
    pub plain_key: String,
    /// The version of its entry, where that was noted.
    pub version: i64,
}

impl Job {
    /// The job of this number with params of `bytes` bytes, at least 150. The same number gives the same job.
    pub fn new(number: usize, bytes: usize) -> Job {
        let params = params(number, bytes);
        let hash: String = Sha256::digest(&params).iter().map(|byte| format!("{byte:02x}")).collect();
        Job { params, result: result(number), plain_key: format!("result:{OPERATION}:{hash}"), version: 0 }
    }
}

/// The same jobs in an order that has nothing to do with the one before; always the same one.
pub fn shuffled(mut jobs: Vec<Job>) -> Vec<Job> {
    // Sorted by what looks random: the hash of their params.
    jobs.sort_unstable_by(|one, other| one.plain_key.cmp(&other.plain_key));
    jobs
}

/// Params: a handful of settings, then as many scenes as fit, then a label that fills up the rest.
fn params(number: usize, bytes: usize) -> String {
    let mut text = format!(
        r#"{{"width":1280,"seed":{number},"model":"motion-2","fps":23.976,"height":720,"audio":true,"prompt":"Dusk","#
    );
    if bytes >= 600 {
        text += r#""scenes":["#;
        for index in 0.. {
            let scene = scene(number, index);
            if text.len() + scene.len() + 40 > bytes {
                break;
            }
            text += if index == 0 { "" } else { "," };
            text += &scene;
        }
        text += "],";
    }
    text += r#""label":""#;
    let filler = "a lighthouse, waves, long shadows, ".chars().cycle().take(bytes - text.len() - 2);
    text.extend(filler);
    text + r#""}"#
}

/// One scene, of about 230 bytes.
fn scene(number: usize, index: usize) -> String {
    format!(
        concat!(
            r#"{{"start":{start},"prompt":"The camera follows a boat past rock {index}, caf\u00e9 lights ahead","#,
            r#""camera":{{"zoom":1.25,"pan":-0.5,"easing":"in-out"}},"id":"scene-{number}-{index}","#,
            r#""assets":["boat.png","rock-{index}.png"],"end":{end},"transition":null,"guidance":7.5}}"#
        ),
        start = index * 4,
        end = index * 4 + 3,
        index = index,
        number = number,
    )
}

/// A result: where the video is and what is known of it.
fn result(number: usize) -> String {
    let head = format!(r#"{{"path":"/videos/{number}.mp4","bytes":48213377,"duration_s":4.5,"digest":""#);
    let tail = r#""}"#;
    let digest = "0123456789abcdef".chars().cycle().take(RESULT_BYTES - head.len() - tail.len());
    let mut text = head;
    text.extend(digest);
    text + tail
}
