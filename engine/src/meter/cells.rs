//! Numbers for cells (a meter with one value of each dimension) and for the values of unique meters.
//!
//! Workers number them in the order they meet them, so the numbers differ from run to run; `sorted` tells which
//! number has which place in the sorted list, and only places leave the hot path.

use std::sync::{Arc, Mutex, PoisonError};

use hashbrown::HashMap;

use crate::columns::Texts;
use crate::usage::Cell;

/// All cells and values met so far, shared by the workers.
#[derive(Debug, Default)]
pub struct Cells {
    cells: Mutex<Numbered<Cell>>,
    values: Mutex<Numbered<Arc<str>>>,
}

#[derive(Debug)]
struct Numbered<T> {
    numbers: HashMap<T, u32>,
    list: Vec<T>,
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self { numbers: HashMap::new(), list: Vec::new() }
    }
}

impl<T: Clone + Eq + std::hash::Hash> Numbered<T> {
    fn number(&mut self, value: &T) -> u32 {
        if let Some(number) = self.numbers.get(value) {
            return *number;
        }
        let number = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
        self.list.push(value.clone());
        self.numbers.insert(value.clone(), number);
        number
    }
}

impl Numbered<Arc<str>> {
    /// Copies the text only when it is new.
    fn number_of(&mut self, text: &str) -> u32 {
        match self.numbers.get(text) {
            Some(number) => *number,
            None => self.number(&Arc::from(text)),
        }
    }
}

impl Cells {
    /// The cell number of each row of a batch for `meter`, given its dimension columns; `wanted(row)` tells which rows
    /// are needed (others get 0).
    pub fn number_rows(
        &self,
        meter: u32,
        dimensions: &[Texts<'_>],
        rows: usize,
        wanted: impl Fn(usize) -> bool,
    ) -> Vec<u32> {
        let number = |values: Vec<Arc<str>>| {
            self.cells.lock().unwrap_or_else(PoisonError::into_inner).number(&Cell { meter, values })
        };
        if dimensions.is_empty() {
            return vec![number(Vec::new()); rows];
        }
        // Values are numbered within the batch first, so that a row costs a lookup of small integers.
        let mut local: HashMap<&str, u32> = HashMap::new();
        let mut texts: Vec<&str> = Vec::new();
        let columns: Vec<Vec<u32>> = dimensions
            .iter()
            .map(|column| {
                let mut place = |text| {
                    *local.entry(text).or_insert_with(|| {
                        texts.push(text);
                        u32::try_from(texts.len() - 1).unwrap_or(u32::MAX)
                    })
                };
                let blank = place("");
                column.map(blank, place)
            })
            .collect();
        let mut known: HashMap<Vec<u32>, u32> = HashMap::new();
        let mut key = Vec::with_capacity(columns.len());
        let mut numbers = vec![0; rows];
        for (row, slot) in numbers.iter_mut().enumerate() {
            if !wanted(row) {
                continue;
            }
            key.clear();
            key.extend(columns.iter().map(|column| column[row]));
            *slot = match known.get(&key) {
                Some(cell) => *cell,
                None => {
                    let values = key.iter().filter_map(|at| texts.get(*at as usize)).map(|text| Arc::from(*text));
                    let cell = number(values.collect());
                    known.insert(key.clone(), cell);
                    cell
                }
            };
        }
        numbers
    }

    /// The number of each `wanted` row's value of a unique meter (others get 0); no value is blank text.
    pub fn number_values(&self, texts: &Texts<'_>, wanted: impl Fn(usize) -> bool) -> Vec<u32> {
        // Numbered within the batch first: the other workers are held up once a batch, not once a record.
        let mut local: HashMap<&str, usize> = HashMap::new();
        let mut met: Vec<&str> = Vec::new();
        let places: Vec<Option<usize>> = (0..texts.len())
            .map(|row| {
                let text = wanted(row).then(|| texts.get(row).unwrap_or_default())?;
                Some(*local.entry(text).or_insert_with(|| {
                    met.push(text);
                    met.len() - 1
                }))
            })
            .collect();
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        let numbers: Vec<u32> = met.into_iter().map(|text| values.number_of(text)).collect();
        drop(values);
        places.into_iter().map(|place| place.map_or(0, |place| numbers[place])).collect()
    }

    /// All cells sorted, and the place of each number among them.
    #[must_use]
    pub fn sorted_cells(&self) -> (Vec<Cell>, Vec<u32>) {
        sorted(&self.cells.lock().unwrap_or_else(PoisonError::into_inner).list)
    }

    /// All values sorted, and the place of each number among them.
    #[must_use]
    pub fn sorted_values(&self) -> (Vec<Arc<str>>, Vec<u32>) {
        sorted(&self.values.lock().unwrap_or_else(PoisonError::into_inner).list)
    }
}

fn sorted<T: Clone + Ord>(list: &[T]) -> (Vec<T>, Vec<u32>) {
    let mut order: Vec<usize> = (0..list.len()).collect();
    order.sort_unstable_by(|a, b| list[*a].cmp(&list[*b]));
    let mut places = vec![0; list.len()];
    for (place, number) in (0_u32..).zip(&order) {
        places[*number] = place;
    }
    (order.iter().map(|number| list[*number].clone()).collect(), places)
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, StringArray};

    use super::*;

    #[test]
    fn values_have_one_number_in_every_batch_and_no_value_is_blank() {
        let cells = Cells::default();
        let numbers = |texts: Vec<Option<&str>>| {
            let texts: ArrayRef = Arc::new(StringArray::from(texts));
            cells.number_values(&Texts::of(&texts).unwrap(), |row| row != 1)
        };
        let first = numbers(vec![Some("b"), Some("unwanted"), Some("a"), Some("b"), None]);
        let second = numbers(vec![Some("a"), None, Some(""), Some("c"), Some("b")]);
        assert_eq!((first[0], first[2], first[4]), (first[3], second[0], second[2]));
        assert_eq!(first[0], second[4]);
        let (sorted, places) = cells.sorted_values();
        assert_eq!(sorted.iter().map(|text| &**text).collect::<Vec<_>>(), ["", "a", "b", "c"]);
        assert_eq!([first[4], first[2], first[0], second[3]].map(|number| places[number as usize]), [0, 1, 2, 3]);
    }
}
