//! Which jobs depend on which.

/// A graph without circles.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Graph {
    /// Of each job, where those that depend on it begin among `dependents`; empty where no job depends on any.
    starts: Vec<u32>,
    dependents: Vec<u32>,
}

/// That one job depends on another, by their indexes.
#[derive(Debug, Clone, Copy)]
pub struct Dependency {
    pub job: u32,
    pub on: u32,
}

impl Graph {
    /// The graph of so many jobs; where it has a circle, the index of a job in it.
    ///
    /// Kahn's algorithm (1962): what depends on nothing any more is taken out until nothing is left.
    pub fn of(jobs: usize, dependencies: &[Dependency]) -> Result<Self, usize> {
        if dependencies.is_empty() {
            return Ok(Graph::default());
        }
        let graph = Graph::unchecked(jobs, dependencies);
        let mut open = vec![0u32; jobs];
        for dependency in dependencies {
            count(&mut open, dependency.job);
        }
        let mut ready: Vec<usize> = (0..jobs).filter(|&index| open.get(index) == Some(&0)).collect();
        while let Some(index) = ready.pop() {
            for dependent in graph.dependents_of(index) {
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
            None => Ok(graph),
        }
    }

    /// Sorts the dependencies by what is depended on, by counting.
    fn unchecked(jobs: usize, dependencies: &[Dependency]) -> Self {
        let mut starts = vec![0u32; jobs.saturating_add(1)];
        for dependency in dependencies {
            count(&mut starts, dependency.on);
        }
        // Where the dependents of each end; they are put in from the last to the first, which moves that to where they begin.
        let mut end = 0u32;
        for start in &mut starts {
            end = end.saturating_add(*start);
            *start = end;
        }
        let mut dependents = vec![0; dependencies.len()];
        for &Dependency { job, on } in dependencies.iter().rev() {
            if let Some(start) = starts.get_mut(on as usize) {
                *start = start.saturating_sub(1);
                if let Some(place) = dependents.get_mut(*start as usize) {
                    *place = job;
                }
            }
        }
        Graph { starts, dependents }
    }

    fn dependents_of(&self, index: usize) -> impl Iterator<Item = usize> {
        let bounds = self.starts.get(index).zip(self.starts.get(index.saturating_add(1)));
        let dependents = bounds.and_then(|(&start, &end)| self.dependents.get(start as usize..end as usize));
        dependents.into_iter().flatten().map(|&dependent| dependent as usize)
    }

    /// A job and all that depend on it, directly or not, in the order of their indexes.
    pub fn reached_from(&self, first: usize) -> Vec<usize> {
        if self.starts.is_empty() {
            return vec![first];
        }
        let mut reached = vec![false; self.starts.len()];
        let mut next = vec![first];
        while let Some(index) = next.pop() {
            if let Some(reached) = reached.get_mut(index)
                && !std::mem::replace(reached, true)
            {
                next.extend(self.dependents_of(index));
            }
        }
        reached.iter().enumerate().filter_map(|(index, &reached)| reached.then_some(index)).collect()
    }

    /// Bytes of memory beyond the value itself.
    pub fn heap_bytes(&self) -> usize {
        self.starts.capacity().saturating_add(self.dependents.capacity()).saturating_mul(size_of::<u32>())
    }
}

/// A job in a circle that `first`, which is in it or behind it, depends on. `open` is how many of its dependencies keep each
/// job from being taken out; to go from one to the next of those must come back some time.
fn in_circle(dependencies: &[Dependency], open: &[u32], first: usize) -> usize {
    let is_open = |index: u32| open.get(index as usize).is_some_and(|&open| open > 0);
    let mut behind: Vec<Option<u32>> = vec![None; open.len()];
    for &Dependency { job, on } in dependencies.iter().filter(|dependency| is_open(dependency.on)) {
        if let Some(behind) = behind.get_mut(job as usize) {
            *behind = Some(on);
        }
    }
    let mut index = first;
    while let Some(next) = behind.get_mut(index).and_then(Option::take) {
        index = next as usize;
    }
    index
}

fn count(counts: &mut [u32], index: u32) {
    if let Some(count) = counts.get_mut(index as usize) {
        *count = count.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Against the plain definition: b depends on a where a chain of dependencies leads there.
        #[test]
        fn what_is_reached_is_what_depends(edges in proptest::collection::vec((0..8usize, 0..8usize), 0..16)) {
            let mut depends = [[false; 8]; 8];
            for &(index, on) in &edges {
                depends[index][on] = true;
            }
            for (via, index, on) in (0..512).map(|n| (n / 64, n / 8 % 8, n % 8)) {
                depends[index][on] |= depends[index][via] && depends[via][on];
            }
            let is_circular = (0..8).any(|index| depends[index][index]);
            let dependency = |&(job, on): &(usize, usize)| Dependency { job: job as u32, on: on as u32 };
            match Graph::of(8, &edges.iter().map(dependency).collect::<Vec<_>>()) {
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
