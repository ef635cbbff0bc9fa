//! Coverage marks: that a run really was where its seed was meant to lead it.

use std::collections::BTreeMap;

/// How often each mark was passed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Marks(pub(crate) BTreeMap<String, u64>);

impl Marks {
    /// Passes `mark`.
    pub(crate) fn pass(&mut self, mark: &str) {
        self.add(mark, 1);
    }

    /// Passes `mark` so many times.
    pub(crate) fn add(&mut self, mark: &str, times: u64) {
        if times > 0 {
            if let Some(count) = self.0.get_mut(mark) {
                *count += times;
            } else {
                self.0.insert(mark.to_owned(), times);
            }
        }
    }
}
