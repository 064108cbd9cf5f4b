//! Units put into waves.
//!
//! *The rule:* a unit is in the earliest wave that is after those of all units it uses and has room; one that is
//! larger than a wave has a wave to itself. Units are taken in the order of their depth, then the smaller first, so
//! that many short ways are open early. Nothing else decides: the same estate makes the same waves.

use super::graph::Unit;

/// The units of each wave, where a unit moves as many resources as its workloads do together.
pub fn draw(units: &[Unit], moves: &[usize], resources_max: usize) -> Vec<Vec<usize>> {
    let size = |unit: &Unit| unit.groups.iter().filter_map(|group| moves.get(*group)).sum::<usize>();
    let mut depth: Vec<usize> = Vec::with_capacity(units.len());
    for unit in units {
        // Units come after those that they use.
        let below = unit.needs.iter().filter_map(|need| depth.get(*need)).max();
        depth.push(below.map_or(0, |below| below + 1));
    }
    let mut order: Vec<usize> = (0..units.len()).collect();
    order.sort_by_key(|place| {
        let unit = units.get(*place);
        (depth.get(*place).copied(), unit.map(size), unit.and_then(|unit| unit.groups.first().copied()))
    });
    let mut waves: Vec<(Vec<usize>, usize)> = Vec::new();
    let mut wave_of = vec![0; units.len()];
    for place in order {
        let Some(unit) = units.get(place) else { continue };
        let own = size(unit);
        let after = unit.needs.iter().filter_map(|need| wave_of.get(*need)).map(|wave| wave + 1).max().unwrap_or(0);
        let has_room = |(held, count): &(Vec<usize>, usize)| held.is_empty() || count + own <= resources_max;
        let found = waves.iter().enumerate().skip(after).find(|(_, wave)| has_room(wave)).map(|(number, _)| number);
        let number = found.unwrap_or(waves.len().max(after));
        while waves.len() <= number {
            waves.push((Vec::new(), 0));
        }
        if let Some((held, count)) = waves.get_mut(number) {
            held.push(place);
            *count += own;
        }
        wave_of.get_mut(place).into_iter().for_each(|slot| *slot = number);
    }
    waves.into_iter().map(|(held, _)| held).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn waves_respect_what_is_used_and_their_bound_and_hold_each_unit_once(
            edges in proptest::collection::vec((1_usize..40, 0_usize..40), 0..80),
            sizes in proptest::collection::vec(1_usize..30, 40),
            most in 1_usize..40,
        ) {
            let mut units: Vec<Unit> = (0..40).map(|group| Unit { groups: vec![group], needs: vec![] }).collect();
            for (from, to) in edges {
                let to = to % from;
                if !units[from].needs.contains(&to) {
                    units[from].needs.push(to);
                }
            }
            let waves = draw(&units, &sizes, most);
            let wave_of = |unit: usize| waves.iter().position(|wave| wave.contains(&unit)).unwrap();
            prop_assert_eq!(waves.iter().map(Vec::len).sum::<usize>(), 40);
            for (number, unit) in units.iter().enumerate() {
                prop_assert!(unit.needs.iter().all(|need| wave_of(*need) < wave_of(number)));
            }
            for wave in &waves {
                prop_assert!(!wave.is_empty());
                let held: usize = wave.iter().map(|unit| sizes[*unit]).sum();
                prop_assert!(held <= most || wave.len() == 1);
            }
        }
    }
}
