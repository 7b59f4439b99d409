//! How a time grows with a size: a straight line through the logarithms, by least squares.

use serde::{Deserialize, Serialize};

/// `time ≈ constant · size^exponent`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// What grows.
    pub name: String,
    /// 1 for linear, 0 for not at all.
    pub exponent: f64,
    /// The sizes and the median times in milliseconds that the line goes through.
    pub points: Vec<(f64, f64)>,
}

impl Fit {
    /// Through at least two different sizes; points that have no logarithm are left out.
    pub fn through(name: impl Into<String>, points: Vec<(f64, f64)>) -> Option<Fit> {
        let logs: Vec<(f64, f64)> =
            points.iter().filter(|(x, y)| *x > 0.0 && *y > 0.0).map(|(x, y)| (x.ln(), y.ln())).collect();
        let n = logs.len() as f64;
        let mean = |of: fn(&(f64, f64)) -> f64| logs.iter().map(of).sum::<f64>() / n;
        let (x, y) = (mean(|p| p.0), mean(|p| p.1));
        let along: f64 = logs.iter().map(|p| (p.0 - x).powi(2)).sum();
        let across: f64 = logs.iter().map(|p| (p.0 - x) * (p.1 - y)).sum();
        (logs.len() >= 2 && along > 0.0).then(|| Fit { name: name.into(), exponent: across / along, points })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponents_of_known_powers() {
        for power in [0.0, 0.5, 1.0, 2.0] {
            let points = (1..9).map(|k| (f64::from(k), 3.0 * f64::from(k).powf(power))).collect();
            let fit = Fit::through("x", points).unwrap();
            assert!((fit.exponent - power).abs() < 1e-12, "{power}: {}", fit.exponent);
        }
        assert_eq!(Fit::through("x", vec![(1.0, 1.0)]), None);
        assert_eq!(Fit::through("x", vec![(2.0, 1.0), (2.0, 3.0)]), None);
        assert_eq!(Fit::through("x", vec![(1.0, 1.0), (2.0, 0.0)]), None);
    }
}
