//! Medians and spread. No means: on shared machines one interruption would spoil them.

use serde::{Deserialize, Serialize};

/// The distribution of repeated measurements, in the unit of the measurements.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Half are below.
    pub median: f64,
    /// A tenth are below.
    pub p10: f64,
    /// Nine tenths are below.
    pub p90: f64,
    /// How many there were.
    pub n: usize,
}

impl Summary {
    /// Of any number of measurements but none.
    pub fn of(mut samples: Vec<f64>) -> Option<Summary> {
        samples.sort_by(f64::total_cmp);
        let at = |part: f64| quantile(&samples, part);
        Some(Summary { median: at(0.5)?, p10: at(0.1)?, p90: at(0.9)?, n: samples.len() })
    }

    /// Of something that is counted, not measured.
    pub fn exact(value: f64) -> Summary {
        Summary { median: value, p10: value, p90: value, n: 1 }
    }

    /// In another unit.
    pub fn scaled(self, factor: f64) -> Summary {
        let Summary { median, p10, p90, n } = self;
        Summary { median: median * factor, p10: p10 * factor, p90: p90 * factor, n }
    }
}

/// Between the two neighbours, in proportion.
fn quantile(sorted: &[f64], part: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = part * last as f64;
    let (below, above) = (sorted.get(place.floor() as usize)?, sorted.get(place.ceil() as usize)?);
    Some(below + (above - below) * place.fract())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_quantiles() {
        let samples = (0..=10).rev().map(f64::from).collect();
        let expected = Summary { median: 5.0, p10: 1.0, p90: 9.0, n: 11 };
        assert_eq!(Summary::of(samples), Some(expected));
        assert_eq!(Summary::of(vec![3.0, 1.0]).map(|s| s.median), Some(2.0));
        assert_eq!(Summary::of(vec![7.0]), Some(Summary::exact(7.0)));
        assert_eq!(Summary::of(Vec::new()), None);
        assert_eq!(expected.scaled(2.0).p90, 18.0);
    }
}
