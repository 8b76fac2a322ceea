//! Figures over all rounds, and how they are written.

/// A figure over all rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

impl Spread {
    /// The spread of some values, at least one.
    pub fn of(mut values: Vec<f64>) -> Spread {
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let median =
            if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 };
        Spread { median, min: values[0], max: values[values.len() - 1] }
    }
}

/// A figure with its spread.
pub fn figure(spread: Spread) -> String {
    format!("{} ({}..{})", rounded(spread.median), rounded(spread.min), rounded(spread.max))
}

/// A ratio with its spread.
pub fn ratio(spread: Spread) -> String {
    format!("{} ({}..{})", short(spread.median), short(spread.min), short(spread.max))
}

/// A number to three digits or so.
pub fn rounded(value: f64) -> String {
    match value.abs() {
        large if large >= 99.95 => format!("{value:.0}"),
        middle if middle >= 9.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// A number to a length that suits its size, a small one as its inverse.
fn short(value: f64) -> String {
    match value {
        small if small > 0.0 && small < 0.1 => format!("1/{:.0}", small.recip()),
        _ => rounded(value),
    }
}
