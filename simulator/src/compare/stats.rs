//! Medians with their least and greatest.

/// A handful of runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The one in the middle.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

impl Spread {
    /// Of these values; `None` if there are none.
    pub fn of(values: &[Option<f64>]) -> Option<Self> {
        let mut sorted: Vec<f64> =
            values.iter().copied().flatten().filter(|value| value.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let (&min, &max) = (sorted.first()?, sorted.last()?);
        let middle = sorted.len() / 2;
        let median =
            if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 };
        Some(Self { median, min, max })
    }

    /// Of the ratios of runs that stood next to each other in time: of the rounds in which both gave a value.
    pub fn of_ratios(values: &[Option<f64>], to: &[Option<f64>]) -> Option<Self> {
        let ratios: Vec<Option<f64>> =
            values.iter().zip(to).map(|(value, to)| Some((*value)? / (*to)?)).collect();
        Self::of(&ratios)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_in_the_middle_and_its_neighbours() {
        let spread = |median, min, max| Some(Spread { median, min, max });
        let of = |values: &[f64]| values.iter().copied().map(Some).collect::<Vec<_>>();
        assert_eq!(Spread::of(&of(&[3.0, 1.0, 2.0])), spread(2.0, 1.0, 3.0));
        assert_eq!(Spread::of(&of(&[4.0, 1.0])), spread(2.5, 1.0, 4.0));
        assert_eq!(Spread::of(&[]), None);
        assert_eq!(Spread::of_ratios(&of(&[2.0, 9.0, 4.0]), &of(&[1.0, 3.0, 4.0])), spread(2.0, 1.0, 3.0));
        assert_eq!(Spread::of_ratios(&of(&[2.0]), &of(&[0.0])), None, "a ratio to nothing is none");
        let with_a_hole = [Some(2.0), None, Some(4.0)];
        assert_eq!(Spread::of(&with_a_hole), spread(3.0, 2.0, 4.0));
        assert_eq!(Spread::of_ratios(&with_a_hole, &of(&[1.0, 9.0, 4.0])), spread(1.5, 1.0, 2.0));
    }
}
