//! What is usual: measures that a few odd days do not move.

/// What makes the median of absolute deviations of a normal distribution its standard
/// deviation: 1 / Φ⁻¹(3/4).
pub const MAD_TO_DEVIATION: f64 = 1.482_602_2;

/// What makes the mean of absolute deviations of a normal distribution its standard
/// deviation: √(π/2).
pub const MEAN_TO_DEVIATION: f64 = 1.253_314_1;

/// The middle one of some values, or halfway between the two in the middle; none of none.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *sorted.get(sorted.len() / 2 - 1)?;
    Some(f64::midpoint(lower, upper))
}

/// The smallest value that a share of all values, from 0 to 1, does not exceed; none of none.
pub fn percentile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place among some hundred values"
    )]
    let place = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(place.saturating_sub(1)).or(sorted.last()).copied()
}

/// How far values usually lie from a middle, as a standard deviation: the median of their
/// distances, or where more than half of them lie on it, the mean of their distances.
pub fn deviation(values: &[f64], middle: f64) -> f64 {
    let distances: Vec<f64> = values.iter().map(|value| (value - middle).abs()).collect();
    let mad = median(&distances).unwrap_or_default();
    if mad > 0.0 { mad * MAD_TO_DEVIATION } else { mean(&distances) * MEAN_TO_DEVIATION }
}

/// The slope of the line through some points by Theil and Sen: the median of the slopes
/// between all pairs. Up to 29 % of the points may lie anywhere. None of fewer than two.
pub fn slope(points: &[(f64, f64)]) -> Option<f64> {
    let mut slopes = Vec::with_capacity(points.len() * points.len() / 2);
    for (number, (x, y)) in points.iter().enumerate() {
        slopes.extend(points.iter().skip(number + 1).filter(|(other, _)| other != x).map(|(a, b)| (b - y) / (a - x)));
    }
    median(&slopes)
}

/// The mean of some values; nothing of none.
pub fn mean(values: &[f64]) -> f64 {
    let (sum, count) = values.iter().fold((0.0, 0.0_f64), |(sum, count), value| (sum + value, count + 1.0));
    if count > 0.0 { sum / count } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_odd_values_move_nothing() {
        assert_eq!(median(&[]), None);
        assert_eq!((median(&[3.0, 1.0, 1000.0]), median(&[4.0, 1.0, 2.0, 3.0])), (Some(3.0), Some(2.5)));
        let line: Vec<(f64, f64)> = (0..20).map(|x| (f64::from(x), 5.0 + 2.0 * f64::from(x))).collect();
        assert_eq!(slope(&line), Some(2.0));
        let mut odd = line;
        odd[3].1 = 1e6;
        odd[15].1 = -1e6;
        assert_eq!(slope(&odd), Some(2.0));
        assert_eq!(slope(&[(1.0, 1.0)]), None);
    }

    #[test]
    fn a_percentile_is_a_value_that_so_many_do_not_exceed() {
        let hundred: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!((percentile(&hundred, 0.95), percentile(&hundred, 1.0)), (Some(95.0), Some(100.0)));
        assert_eq!((percentile(&[7.0], 0.95), percentile(&[], 0.95)), (Some(7.0), None));
    }

    #[test]
    fn the_deviation_is_told_though_most_values_are_alike() {
        assert!((deviation(&[9.0, 10.0, 11.0], 10.0) - MAD_TO_DEVIATION).abs() < 1e-9);
        assert!((deviation(&[10.0, 10.0, 10.0, 14.0], 10.0) - MEAN_TO_DEVIATION).abs() < 1e-9);
        assert!(deviation(&[10.0, 10.0], 10.0).abs() < f64::EPSILON);
    }
}
