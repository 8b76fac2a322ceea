//! Numbers as people read them.

/// `1.2k`, `34M`: three digits at most.
pub fn count(number: f64) -> String {
    scaled(number, 1000.0, &["", "k", "M", "G", "T"])
}

/// `1.2 KB`, in powers of 1024.
pub fn bytes(number: f64) -> String {
    scaled(number, 1024.0, &[" B", " KB", " MB", " GB", " TB"])
}

fn scaled(mut number: f64, step: f64, units: &[&str]) -> String {
    let mut unit = 0;
    while number >= step && unit + 1 < units.len() {
        number /= step;
        unit += 1;
    }
    let decimals = usize::from(unit > 0 && number < 99.95);
    format!("{number:.decimals$}{}", units[unit])
}

/// `850ms`, `12s`, `3m 20s`, `5h 12m`, `7d 3h`.
pub fn duration(ms: f64) -> String {
    let seconds = (ms / 1000.0) as u64;
    match seconds {
        0 => format!("{ms:.0}ms"),
        1..60 => format!("{seconds}s"),
        60..3600 => format!("{}m {}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h {}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d {}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// `97.5 %`, or a dash where there was nothing.
pub fn percent(percent: Option<f64>) -> String {
    percent.map_or_else(|| "-".to_owned(), |percent| format!("{percent:.1} %"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_short() {
        assert_eq!([0.0, 999.0, 1000.0, 123_456.0, 2.5e9].map(count), ["0", "999", "1.0k", "123k", "2.5G"]);
        assert_eq!([0.0, 1023.0, 1536.0, 5e12].map(bytes), ["0 B", "1023 B", "1.5 KB", "4.5 TB"]);
        let spans = [0.0, 850.0, 12_000.0, 200_000.0, 18_720_000.0, 615_600_000.0];
        assert_eq!(spans.map(duration), ["0ms", "850ms", "12s", "3m 20s", "5h 12m", "7d 3h"]);
        assert_eq!([None, Some(97.46)].map(percent), ["-", "97.5 %"]);
    }
}
