//! The memo of plans: what the newest plans led to, found again by their text.
//!
//! Who has a plan asks for it again and again: looks it up, fills what was missing, looks it up once more, invalidates it.
//! So of the few newest all is kept that was read and worked out. A text is known as a spelling is by the
//! [memo of single entries](super::super::memo), and under a secret of its own.

use super::super::memo::{Secret, Speller, Spelling};
use super::super::name::NamespaceName;

/// How much memory the plans of a memo take at most, in bytes.
pub const MAX_BYTES: usize = 16 << 20;

/// How many plans a memo remembers at most: few enough to look at each.
pub const MAX_PLANS: usize = 64;

/// The newest plans of a process.
pub struct PlanMemo<T> {
    speller: Speller,
    /// The one that was asked for last comes last.
    plans: Vec<Remembered<T>>,
    /// What all of them take.
    bytes: usize,
}

struct Remembered<T> {
    spelling: Spelling,
    bytes: usize,
    value: T,
}

impl<T> PlanMemo<T> {
    /// One without any memory yet.
    pub fn new(secret: Secret) -> Self {
        PlanMemo { speller: Speller::new(secret), plans: Vec::new(), bytes: 0 }
    }

    /// The spelling of a plan for a namespace.
    pub fn spelling(&mut self, namespace: NamespaceName<'_>, text: &[u8]) -> Option<Spelling> {
        self.speller.spelling([namespace.as_str().as_bytes(), b""], text)
    }

    /// What a plan led to, where that is remembered.
    pub fn find(&mut self, spelling: Spelling) -> Option<&T> {
        let place = self.plans.iter().position(|plan| plan.spelling == spelling)?;
        self.plans.get_mut(place..)?.rotate_left(1);
        self.plans.last().map(|plan| &plan.value)
    }

    /// Remembers what a plan led to, and that it takes so many bytes. Others are forgotten for it, those that were asked
    /// for longest ago first; one that is too large for the memo is not taken.
    pub fn remember(&mut self, spelling: Spelling, bytes: usize, value: T) {
        self.forget_where(|plan| plan.spelling == spelling);
        if bytes > MAX_BYTES {
            return;
        }
        while self.plans.len() >= MAX_PLANS || self.bytes.saturating_add(bytes) > MAX_BYTES {
            let mut is_first = true;
            self.forget_where(|_| std::mem::take(&mut is_first));
        }
        self.bytes = self.bytes.saturating_add(bytes);
        self.plans.push(Remembered { spelling, bytes, value });
    }

    fn forget_where(&mut self, mut is_meant: impl FnMut(&Remembered<T>) -> bool) {
        let bytes = &mut self.bytes;
        self.plans.retain(|plan| {
            let is_meant = is_meant(plan);
            *bytes = bytes.saturating_sub(if is_meant { plan.bytes } else { 0 });
            !is_meant
        });
    }

    /// Forgets everything, and gives its memory back.
    pub fn clear(&mut self) {
        (self.plans, self.bytes) = (Vec::new(), 0);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECRET: Secret = Secret([1, 2, 3, 4]);

    fn spelling(namespace: &str, text: &str) -> Spelling {
        let namespace = NamespaceName::parse(namespace.as_bytes()).expect("a namespace");
        PlanMemo::<()>::new(SECRET).spelling(namespace, text.as_bytes()).expect("of a name")
    }

    #[test]
    fn a_spelling_is_of_its_namespace_and_its_secret() {
        let all = [
            spelling("a", "[]"),
            spelling("b", "[]"),
            spelling("a", "[ ]"),
            spelling("a1", "2"),
            spelling("a", "12"),
        ];
        for (n, one) in all.iter().enumerate() {
            assert!(all[..n].iter().all(|other| other != one));
        }
        let mut other = PlanMemo::<()>::new(Secret([1, 2, 3, 5]));
        assert_ne!(other.spelling(NamespaceName::parse(b"a").expect("a namespace"), b"[]"), Some(all[0]));
    }

    #[test]
    fn one_that_is_too_large_pushes_out_nothing() {
        let mut memo = PlanMemo::new(SECRET);
        memo.remember(spelling("a", "1"), MAX_BYTES, 1);
        memo.remember(spelling("a", "2"), MAX_BYTES + 1, 2);
        assert_eq!(
            [memo.find(spelling("a", "1")).copied(), memo.find(spelling("a", "2")).copied()],
            [Some(1), None]
        );
        memo.remember(spelling("a", "1"), MAX_BYTES + 1, 3);
        assert_eq!((memo.find(spelling("a", "1")).copied(), memo.bytes), (None, 0));
    }

    #[derive(Debug, Clone)]
    enum Step {
        Remember(u32, usize, u32),
        Find(u32),
        Clear,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let bytes = prop_oneof![0..1000usize, MAX_BYTES / 8..MAX_BYTES / 2];
        let step = prop_oneof![
            20 => (0..90u32, bytes, any::<u32>()).prop_map(|(name, bytes, value)| Step::Remember(name, bytes, value)),
            20 => (0..90u32).prop_map(Step::Find),
            1 => Just(Step::Clear),
        ];
        proptest::collection::vec(step, 0..200)
    }

    proptest! {
        /// Against a list of everything, the newest last: what fits from its end is known.
        #[test]
        fn the_newest_that_fit_are_known(steps in steps()) {
            let mut memo = PlanMemo::new(SECRET);
            let mut model: Vec<(u32, usize, u32)> = Vec::new();
            for step in steps {
                match step {
                    Step::Remember(name, bytes, value) => {
                        memo.remember(spelling("a", &name.to_string()), bytes, value);
                        model.retain(|known| known.0 != name);
                        model.push((name, bytes, value));
                        while model.len() > MAX_PLANS || model.iter().map(|known| known.1).sum::<usize>() > MAX_BYTES {
                            model.remove(0);
                        }
                    }
                    Step::Find(name) => {
                        let place = model.iter().position(|known| known.0 == name);
                        if let Some(place) = place {
                            let known = model.remove(place);
                            model.push(known);
                        }
                        let expected = place.and_then(|_| model.last()).map(|known| known.2);
                        prop_assert_eq!(memo.find(spelling("a", &name.to_string())).copied(), expected);
                    }
                    Step::Clear => {
                        memo.clear();
                        model.clear();
                    }
                }
                prop_assert_eq!(memo.bytes, model.iter().map(|known| known.1).sum::<usize>());
            }
        }
    }
}
