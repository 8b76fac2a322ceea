//! Results as they are really stored: of the five uses that `docs/policies.md` has rules for, some 300 bytes of JSON each.
//!
//! What tells one result from the next is as random as it is in life: ids, digests and signatures are drawn bit by bit,
//! times and measurements with all their digits, titles from a vocabulary. What stays the same are the names of members
//! and what a site has but one of. A seed and a number always give the same result. Of the standard library alone, so
//! that whoever needs such results can have this file.

/// A use of the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Videos that a model has generated.
    Video,
    /// A video site: pages of its list, statistics, presigned URLs.
    Site,
    /// An editor: scenes, decisions of an AI, builds of components.
    Editor,
    /// Jobs whose progress browsers poll.
    Progress,
    /// Renditions of an encoder, each with its profile.
    Encoder,
}

/// A result, and what it is the result of.
pub struct Made {
    pub operation: &'static str,
    pub params: String,
    pub result: String,
}

impl Kind {
    pub const ALL: [Kind; 5] = [Kind::Video, Kind::Site, Kind::Editor, Kind::Progress, Kind::Encoder];

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Video => "generated videos",
            Kind::Site => "lists, statistics, presigned URLs",
            Kind::Editor => "scenes, decisions, builds",
            Kind::Progress => "progress of jobs",
            Kind::Encoder => "renditions and profiles",
        }
    }

    /// Its operations, which take turns from one number to the next.
    pub fn operations(self) -> &'static [&'static str] {
        match self {
            Kind::Video => &["generateVideo"],
            Kind::Site => &["video:list", "video:stats", "video:url"],
            Kind::Editor => &["scene", "ai:decide", "component:build"],
            Kind::Progress => &["progress"],
            Kind::Encoder => &["encode"],
        }
    }

    /// The result of this number.
    pub fn make(self, seed: u64, number: u64) -> Made {
        let operations = self.operations();
        let operation = operations[(number % operations.len() as u64) as usize];
        let draw = &mut Draw::new(seed, self as u64, number);
        let result = match operation {
            "video:list" => list(draw),
            "video:stats" => statistics(draw),
            "video:url" => presigned(draw),
            "scene" => scene(draw),
            "ai:decide" => decision(draw),
            "component:build" => build(draw),
            "progress" => progress(draw),
            "encode" => rendition(draw),
            _ => video(draw),
        };
        Made { operation, params: format!(r#"{{"seed":{seed},"number":{number}}}"#), result }
    }
}

fn video(draw: &mut Draw) -> String {
    format!(
        concat!(
            r#"{{"url":"https://media.example.com/renders/{}.mp4","bytes":{},"durationS":{},"width":{},"height":720,"#,
            r#""codec":"h264","sha256":"{}","model":"motion-{}","seed":{},"createdAt":"{}"}}"#
        ),
        draw.uuid(),
        draw.between(2_000_000, 60_000_000),
        draw.decimal(3000, 12_000, 3),
        draw.one_of(&["1280", "960", "720"]),
        draw.hex(64),
        draw.between(1, 4),
        draw.between(0, 1 << 32),
        draw.time(),
    )
}

fn list(draw: &mut Draw) -> String {
    let videos: Vec<String> = (0..3)
        .map(|_| format!(r#"{{"id":"{}","title":"{}","views":{}}}"#, draw.id(11), draw.title(), draw.count()))
        .collect();
    format!(
        r#"{{"page":{},"total":{},"videos":[{}],"next":"{}"}}"#,
        draw.between(1, 200),
        draw.count(),
        videos.join(","),
        draw.id(24)
    )
}

fn statistics(draw: &mut Draw) -> String {
    let days: Vec<String> = (0..7).map(|_| draw.between(0, 20_000).to_string()).collect();
    format!(
        concat!(
            r#"{{"id":"{}","views":{},"likes":{},"comments":{},"watchSeconds":{},"completion":{},"#,
            r#""byDay":[{}],"byCountry":{{"DE":{},"US":{},"IN":{},"BR":{}}},"#,
            r#""peakConcurrent":{},"averageBitrateKbps":{},"updatedAt":"{}"}}"#
        ),
        draw.id(11),
        draw.count(),
        draw.between(0, 90_000),
        draw.between(0, 4000),
        draw.count(),
        draw.decimal(0, 10_000, 4),
        days.join(","),
        draw.between(0, 50_000),
        draw.between(0, 50_000),
        draw.between(0, 50_000),
        draw.between(0, 50_000),
        draw.between(0, 4000),
        draw.between(800, 6000),
        draw.time(),
    )
}

fn presigned(draw: &mut Draw) -> String {
    let signed = draw.between(SPRING, WINTER);
    let [year, month, day, hour, minute, second] = parts(signed);
    format!(
        concat!(
            r#"{{"url":"https://videos.s3.eu-central-1.amazonaws.com/{}.mp4?X-Amz-Algorithm=AWS4-HMAC-SHA256"#,
            r#"&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F{y}{m:02}{d:02}%2Feu-central-1%2Fs3%2Faws4_request"#,
            r#"&X-Amz-Date={y}{m:02}{d:02}T{h:02}{min:02}{s:02}Z&X-Amz-Expires=3600&X-Amz-SignedHeaders=host"#,
            r#"&X-Amz-Signature={}","expires":{}}}"#
        ),
        draw.id(11),
        draw.hex(64),
        signed + 3600,
        y = year,
        m = month,
        d = day,
        h = hour,
        min = minute,
        s = second,
    )
}

fn scene(draw: &mut Draw) -> String {
    let layers: Vec<String> = (0..2)
        .map(|index| {
            format!(
                r#"{{"asset":"{}-{}.png","x":{},"y":{},"scale":{},"z":{index}}}"#,
                draw.word(),
                draw.between(1, 99),
                draw.decimal(0, 10_000, 4),
                draw.decimal(0, 10_000, 4),
                draw.decimal(25, 400, 2),
            )
        })
        .collect();
    format!(
        concat!(
            r#"{{"sceneId":"{}","title":"{}","start":{},"end":{},"#,
            r#""layers":[{}],"transition":"{}","revision":{},"editedAt":"{}"}}"#
        ),
        draw.uuid(),
        draw.title(),
        draw.decimal(0, 600_000, 3),
        draw.decimal(0, 600_000, 3),
        layers.join(","),
        draw.one_of(&["cut", "fade", "wipe", "dissolve"]),
        draw.between(1, 80),
        draw.time(),
    )
}

fn decision(draw: &mut Draw) -> String {
    format!(
        concat!(
            r#"{{"targetSceneId":"{}","action":"{}","at":{},"confidence":{},"#,
            r#""reason":"The {} near the {} holds for {} seconds while the {} is still; cut to the {} before it moves","#,
            r#""alternative":"{}","model":"director-{}","tokensIn":{},"tokensOut":{}}}"#
        ),
        draw.uuid(),
        draw.one_of(&["cut", "trim", "split", "zoom", "mute"]),
        draw.decimal(0, 600_000, 3),
        draw.decimal(4000, 10_000, 4),
        draw.word(),
        draw.word(),
        draw.between(2, 30),
        draw.word(),
        draw.word(),
        draw.one_of(&["trim", "split", "keep"]),
        draw.between(2, 5),
        draw.between(400, 9000),
        draw.between(40, 900),
    )
}

fn build(draw: &mut Draw) -> String {
    format!(
        concat!(
            r#"{{"component":"{}-{}","file":"/builds/{}.js","bytes":{},"gzipBytes":{},"tookMs":{},"warnings":{},"#,
            r#""exports":["default","{}","{}"],"dependencies":{{"react":"18.3.{}","three":"0.16{}.0","zod":"3.2{}.{}"}},"#,
            r#""builtAt":"{}"}}"#
        ),
        draw.word(),
        draw.word(),
        draw.hex(16),
        draw.between(4000, 400_000),
        draw.between(1000, 90_000),
        draw.between(80, 9000),
        draw.between(0, 4),
        draw.word(),
        draw.word(),
        draw.between(0, 2),
        draw.between(0, 9),
        draw.between(0, 6),
        draw.between(0, 9),
        draw.time(),
    )
}

/// Seven in ten are under way, two are completed, one has failed.
fn progress(draw: &mut Draw) -> String {
    let (frames, job, worker) = (draw.between(600, 9000), draw.uuid(), draw.between(1, 40));
    let [created, updated] = [draw.time(), draw.time()];
    let status = match draw.between(0, 10) {
        0..7 => format!(
            r#""in_progress","percent":{},"step":"encode {}","frame":{},"fps":{},"etaS":{},"url":null,"error":null"#,
            draw.decimal(0, 10_000, 2),
            draw.one_of(&["360p", "720p", "1080p"]),
            draw.between(0, frames),
            draw.decimal(900, 9000, 2),
            draw.between(1, 600),
        ),
        7 | 8 => format!(
            r#""completed","percent":100,"tookMs":{},"url":"https://media.example.com/jobs/{}.mp4","error":null"#,
            draw.between(4000, 900_000),
            draw.uuid(),
        ),
        _ => format!(
            r#""failed","percent":{},"step":"upload","url":null,"error":"the storage answered {} after {} ms (request {})""#,
            draw.decimal(0, 10_000, 2),
            draw.one_of(&["500", "502", "503", "504"]),
            draw.between(10, 30_000),
            draw.hex(16),
        ),
    };
    format!(
        concat!(
            r#"{{"job":"{}","frames":{},"worker":"encoder-{}","attempt":{},"createdAt":"{}","updatedAt":"{}","#,
            r#""status":{}}}"#
        ),
        job,
        frames,
        worker,
        draw.between(1, 3),
        created,
        updated,
        status,
    )
}

fn rendition(draw: &mut Draw) -> String {
    let height = draw.one_of(&["360", "480", "720", "1080", "2160"]);
    let codec = draw.one_of(&["libx264", "libx265", "libsvtav1"]);
    format!(
        concat!(
            r#"{{"path":"/renditions/{}/{height}p.mp4","bytes":{},"duration_s":{},"digest":"sha256:{}","#,
            r#""profile":{{"name":"{height}p","codec":"{codec}","height":{height},"preset":"{}","crf":{},"#,
            r#""audio":"aac"}},"bitrate_kbps":{},"vmaf":{},"encoded_s":{}}}"#
        ),
        draw.hex(12),
        draw.between(200_000, 900_000_000),
        draw.decimal(4000, 7_200_000, 3),
        draw.hex(64),
        draw.one_of(&["fast", "medium", "slow"]),
        draw.between(18, 34),
        draw.between(300, 18_000),
        draw.decimal(8000, 9900, 2),
        draw.decimal(2000, 9_000_000, 3),
        height = height,
        codec = codec,
    )
}

/// What titles are made of, as a site has them.
const WORDS: [&str; 64] = [
    "harbour",
    "lantern",
    "dusk",
    "river",
    "stone",
    "glass",
    "winter",
    "meadow",
    "signal",
    "engine",
    "copper",
    "violin",
    "market",
    "shadow",
    "garden",
    "bridge",
    "tower",
    "canyon",
    "island",
    "forest",
    "desert",
    "mirror",
    "window",
    "train",
    "sailor",
    "painter",
    "fox",
    "heron",
    "whale",
    "wolf",
    "storm",
    "thunder",
    "snow",
    "rain",
    "ember",
    "candle",
    "silver",
    "golden",
    "crimson",
    "silent",
    "broken",
    "hidden",
    "ancient",
    "distant",
    "floating",
    "burning",
    "frozen",
    "wandering",
    "city",
    "street",
    "kitchen",
    "library",
    "station",
    "theatre",
    "orchard",
    "valley",
    "coast",
    "lighthouse",
    "boat",
    "kite",
    "clock",
    "letter",
    "map",
    "song",
];

/// Instants of the year 2026, in Unix seconds.
const SPRING: u64 = 1_772_323_200;
const WINTER: u64 = 1_795_000_000;

/// Draws the parts of a result: SplitMix64.
struct Draw(u64);

impl Draw {
    fn new(seed: u64, kind: u64, number: u64) -> Draw {
        let mut draw = Draw(seed.rotate_left(32) ^ (kind << 56) ^ number);
        // Neighbours become strangers.
        Draw(draw.next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From `least` up to, but not, `most`.
    fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.next() % (most - least)
    }

    /// A number as people count things: many small ones, few large ones.
    fn count(&mut self) -> u64 {
        let digits = self.between(2, 8) as u32;
        self.between(0, 10u64.pow(digits))
    }

    /// Such a number of units of ten to the minus `places`, as JSON writers spell it.
    fn decimal(&mut self, least: u64, most: u64, places: u32) -> f64 {
        self.between(least, most) as f64 / 10f64.powi(places as i32)
    }

    fn one_of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.between(0, choices.len() as u64) as usize]
    }

    fn word(&mut self) -> &'static str {
        self.one_of(&WORDS)
    }

    fn title(&mut self) -> String {
        format!("The {} {} of the {}", self.word(), self.word(), self.word())
    }

    /// So many digits of a digest.
    fn hex(&mut self, length: usize) -> String {
        self.letters(b"0123456789abcdef", length)
    }

    /// So many letters of an id, six bits each.
    fn id(&mut self, length: usize) -> String {
        self.letters(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", length)
    }

    fn letters(&mut self, alphabet: &[u8], length: usize) -> String {
        (0..length).map(|_| char::from(alphabet[self.between(0, alphabet.len() as u64) as usize])).collect()
    }

    /// A random UUID (RFC 9562, version 4).
    fn uuid(&mut self) -> String {
        let variant = self.one_of(&["8", "9", "a", "b"]);
        let [start, low, mid, high, node] = [8, 4, 3, 3, 12].map(|length| self.hex(length));
        format!("{start}-{low}-4{mid}-{variant}{high}-{node}")
    }

    /// An instant of the year 2026 (RFC 3339).
    fn time(&mut self) -> String {
        let [year, month, day, hour, minute, second] = parts(self.between(SPRING, WINTER));
        format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

/// Year, month, day, hour, minute and second of an instant in Unix seconds, from March to December 2026.
fn parts(seconds: u64) -> [u64; 6] {
    let mut day = (seconds - SPRING) / 86_400;
    let mut month = 3;
    for length in [31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if day < length {
            break;
        }
        day -= length;
        month += 1;
    }
    let second = seconds % 86_400;
    [2026, month, day + 1, second / 3600, second / 60 % 60, second % 60]
}
