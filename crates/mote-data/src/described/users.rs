//! Numbers for users, whatever they are called.

use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Gives every name of a user a number of its own.
#[derive(Debug, Default)]
pub(crate) struct Users {
    numbers: HashMap<String, u32>,
    taken: BTreeSet<u32>,
    /// Names that are not the number itself.
    names: BTreeMap<u32, String>,
}

impl Users {
    /// Returns the number of the user `name`: the number it is (`7`, `07` and `7.0` are the same), or else the lowest that
    /// is free.
    pub(crate) fn number(&mut self, name: &str) -> u32 {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        let value = name.parse::<f64>().ok();
        let whole = value.filter(|v| v.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(v));
        let own = whole.map(|v| v as u32);
        let key = own.map_or(name.to_owned(), |n| n.to_string());
        if let Some(&number) = self.numbers.get(&key) {
            self.numbers.insert(name.to_owned(), number);
            return number;
        }
        let free = || (1..=u32::MAX).find(|n| !self.taken.contains(n));
        let number = match own {
            Some(own) if !self.taken.contains(&own) => own,
            _ => free().unwrap_or(u32::MAX),
        };
        if own != Some(number) {
            self.names.insert(number, name.to_owned());
        }
        self.taken.insert(number);
        self.numbers.insert(key, number);
        self.numbers.insert(name.to_owned(), number);
        number
    }

    /// Returns the names of users whose number is not their name.
    pub(crate) fn names(self) -> BTreeMap<u32, String> {
        self.names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_a_number_of_its_own() {
        let mut users = Users::default();
        let names = ["p-one", "7", "07", "7.0", "1", "12345678901", "p-one", "-3"];
        let numbers = names.map(|n| users.number(n));
        assert_eq!(numbers, [1, 7, 7, 7, 2, 3, 1, 4]);
        let named: Vec<_> = users.names().into_iter().collect();
        let named: Vec<_> = named.iter().map(|(n, s)| (*n, s.as_str())).collect();
        assert_eq!(
            named,
            [(1, "p-one"), (2, "1"), (3, "12345678901"), (4, "-3")]
        );
    }
}
