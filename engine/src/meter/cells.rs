//! Numbers for cells (a meter with one value of each dimension) and for the values of unique meters.
//!
//! Workers number them in the order they meet them, so the numbers differ from run to run; `sorted` tells which
//! number has which place in the sorted list, and only places leave the hot path.

use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::DictionaryArray;
use arrow::datatypes::Int32Type;
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
        let coded = Coded::of(dimensions);
        let cell_of = |row: usize| {
            let texts = coded.columns.iter().filter_map(|column| coded.texts.get(column.code(row) as usize));
            number(texts.map(|text| Arc::from(*text)).collect())
        };
        let mut known = coded.known();
        let mut numbers = vec![0; rows];
        for (row, slot) in numbers.iter_mut().enumerate().filter(|(row, _)| wanted(*row)) {
            *slot = known.cell(&coded, row, cell_of);
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

    /// The number of one cell.
    #[must_use]
    pub fn number(&self, cell: &Cell) -> u32 {
        self.cells.lock().unwrap_or_else(PoisonError::into_inner).number(cell)
    }

    /// The number of one value of a unique meter.
    #[must_use]
    pub fn number_value(&self, text: &str) -> u32 {
        self.values.lock().unwrap_or_else(PoisonError::into_inner).number_of(text)
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

/// Dimension columns of a batch with their values numbered within it, so that a row costs a look at small integers.
struct Coded<'t> {
    texts: Vec<&'t str>,
    columns: Vec<Codes<'t>>,
}

/// The codes of one column: by value of its dictionary, where it has one, else by row.
struct Codes<'t> {
    codes: Vec<u32>,
    dictionary: Option<&'t DictionaryArray<Int32Type>>,
    blank: u32,
}

impl Codes<'_> {
    fn code(&self, row: usize) -> u32 {
        let at = match self.dictionary {
            Some(dictionary) => dictionary.key(row),
            None => Some(row),
        };
        at.and_then(|at| self.codes.get(at)).copied().unwrap_or(self.blank)
    }
}

impl<'t> Coded<'t> {
    fn of(dimensions: &[Texts<'t>]) -> Self {
        let mut local: HashMap<&str, u32> = HashMap::new();
        let mut texts: Vec<&str> = Vec::new();
        let mut place = |text: &'t str| {
            *local.entry(text).or_insert_with(|| {
                texts.push(text);
                u32::try_from(texts.len() - 1).unwrap_or(u32::MAX)
            })
        };
        let blank = place("");
        let column = |column: &Texts<'t>| {
            let mut code = |text: Option<&'t str>| text.map_or(blank, &mut place);
            match *column {
                Texts::Dictionary(dictionary, values) => {
                    Codes { codes: values.iter().map(&mut code).collect(), dictionary: Some(dictionary), blank }
                }
                other => {
                    let codes = (0..other.len()).map(|row| code(other.get(row))).collect();
                    Codes { codes, dictionary: None, blank }
                }
            }
        };
        let columns = dimensions.iter().map(column).collect();
        Self { texts, columns }
    }

    /// Room for the cells of every combination, where these are few.
    fn known(&self) -> Known {
        let combinations = self.columns.iter().try_fold(1_usize, |all, _| all.checked_mul(self.texts.len()));
        match combinations.filter(|all| *all <= FEW) {
            Some(all) => Known::Few(vec![None; all]),
            None => Known::Many(HashMap::new(), Vec::new()),
        }
    }
}

/// Combinations that are looked up by position.
const FEW: usize = 1 << 12;

/// The cells met in a batch.
enum Known {
    Few(Vec<Option<u32>>),
    Many(HashMap<Vec<u32>, u32>, Vec<u32>),
}

impl Known {
    fn cell(&mut self, coded: &Coded<'_>, row: usize, cell_of: impl Fn(usize) -> u32) -> u32 {
        let codes = coded.columns.iter().map(|column| column.code(row));
        match self {
            Self::Few(cells) => {
                let at = codes.fold(0, |at, code| at * coded.texts.len() + code as usize);
                cells.get_mut(at).map_or_else(|| cell_of(row), |cell| *cell.get_or_insert_with(|| cell_of(row)))
            }
            Self::Many(cells, key) => {
                key.clear();
                key.extend(codes);
                if let Some(cell) = cells.get(key) {
                    return *cell;
                }
                let cell = cell_of(row);
                cells.insert(key.clone(), cell);
                cell
            }
        }
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
    fn cells_have_one_number_however_their_values_are_held() {
        let cells = Cells::default();
        let plain = |texts: &[Option<&str>]| -> ArrayRef { Arc::new(StringArray::from(texts.to_vec())) };
        let repeated = |texts: &[Option<&str>]| -> ArrayRef {
            Arc::new(texts.iter().copied().collect::<DictionaryArray<Int32Type>>())
        };
        let number = |columns: &[ArrayRef]| {
            let texts: Vec<Texts<'_>> = columns.iter().filter_map(Texts::of).collect();
            cells.number_rows(3, &texts, columns[0].len(), |row| row != 1)
        };
        let (a, b) =
            ([Some("x"), Some("z"), Some("y"), None, Some("x")], [Some("y"), Some("z"), Some("x"), None, None]);
        let few = number(&[plain(&a), repeated(&b)]);
        assert_eq!(few, number(&[repeated(&a), plain(&b)]));
        let blank = [Some(""); 5];
        // So many columns that combinations are looked up by value; blank text is no value too.
        let wide = |own: [&[Option<&str>]; 2]| {
            number(&[&own[..], &[&blank[..]; 9]].concat().into_iter().map(plain).collect::<Vec<_>>())
        };
        assert_eq!(wide([&a, &b])[3], wide([&blank, &blank])[0]);
        let (sorted, _) = cells.sorted_cells();
        let values = |cell: u32| {
            sorted[cells.sorted_cells().1[cell as usize] as usize]
                .values
                .iter()
                .map(|v| v.to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!([few[0], few[2], few[3], few[4]].map(values), [["x", "y"], ["y", "x"], ["", ""], ["x", ""]]);
    }

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
