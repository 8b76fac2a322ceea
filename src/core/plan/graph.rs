//! Which jobs depend on which.

/// A graph without circles.
#[derive(Debug)]
pub struct Graph {
    /// Of each job, those that depend on it.
    dependents: Vec<Vec<usize>>,
}

impl Graph {
    /// The graph of jobs of which each depends on others, given by their indexes; where it has a circle, the index of a job
    /// in it.
    ///
    /// Kahn's algorithm (1962): what depends on nothing any more is taken out until nothing is left.
    pub fn of(dependencies: &[Vec<usize>]) -> Result<Self, usize> {
        let mut dependents = vec![Vec::new(); dependencies.len()];
        for (index, on) in dependencies.iter().enumerate() {
            for &other in on {
                if let Some(dependents) = dependents.get_mut(other) {
                    dependents.push(index);
                }
            }
        }
        let mut open: Vec<usize> = dependencies.iter().map(Vec::len).collect();
        let mut ready: Vec<usize> = (0..open.len()).filter(|&index| open.get(index) == Some(&0)).collect();
        while let Some(index) = ready.pop() {
            for &dependent in dependents.get(index).into_iter().flatten() {
                if let Some(open) = open.get_mut(dependent) {
                    *open = open.saturating_sub(1);
                    if *open == 0 {
                        ready.push(dependent);
                    }
                }
            }
        }
        match open.iter().position(|&open| open > 0) {
            Some(index) => Err(in_circle(dependencies, &open, index)),
            None => Ok(Graph { dependents }),
        }
    }

    /// A job and all that depend on it, directly or not, in the order of their indexes.
    pub fn reached_from(&self, first: usize) -> Vec<usize> {
        let mut reached = vec![false; self.dependents.len()];
        let mut next = vec![first];
        while let Some(index) = next.pop() {
            if let Some(reached) = reached.get_mut(index)
                && !std::mem::replace(reached, true)
            {
                next.extend(self.dependents.get(index).into_iter().flatten());
            }
        }
        reached.iter().enumerate().filter_map(|(index, &reached)| reached.then_some(index)).collect()
    }
}

/// A job in a circle that `first`, which is in it or behind it, depends on. `open` is how many of its dependencies keep each
/// job from being taken out; to go from one to the next of those must come back some time.
fn in_circle(dependencies: &[Vec<usize>], open: &[usize], first: usize) -> usize {
    let mut seen = vec![false; dependencies.len()];
    let mut index = first;
    while let Some(seen) = seen.get_mut(index)
        && !std::mem::replace(seen, true)
    {
        let on = dependencies.get(index).into_iter().flatten();
        index = on.copied().find(|&other| open.get(other).is_some_and(|&open| open > 0)).unwrap_or(index);
    }
    index
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Against the plain definition: b depends on a where a chain of dependencies leads there.
        #[test]
        fn what_is_reached_is_what_depends(edges in proptest::collection::vec((0..8usize, 0..8usize), 0..16)) {
            let mut dependencies = vec![Vec::new(); 8];
            let mut depends = [[false; 8]; 8];
            for &(index, on) in &edges {
                dependencies[index].push(on);
                depends[index][on] = true;
            }
            for (via, index, on) in (0..512).map(|n| (n / 64, n / 8 % 8, n % 8)) {
                depends[index][on] |= depends[index][via] && depends[via][on];
            }
            let is_circular = (0..8).any(|index| depends[index][index]);
            match Graph::of(&dependencies) {
                Err(index) => prop_assert!(depends[index][index]),
                Ok(graph) => {
                    prop_assert!(!is_circular);
                    (0..8).for_each(|first| {
                        let reached = |&index: &usize| index == first || depends[index][first];
                        let expected: Vec<usize> = (0..8).filter(reached).collect();
                        assert_eq!(graph.reached_from(first), expected);
                    });
                }
            }
        }
    }
}
