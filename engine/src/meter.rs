//! Metering: quantities of records, and usage buckets of quantities.
//!
//! Every distinct quantity expression of a source is evaluated once for a batch, whatever the number of meters that use
//! it. Metering does not know prices.

mod aggregate;
mod cells;
mod merge;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{Decimal128Type, SchemaRef};

pub use aggregate::{Metering, bucketed, shard_of};
pub use cells::Cells;

use crate::book::model::{Aggregate, Meter};
use crate::columns::{Texts, to_text};
use crate::fault::{Faults, Outcome};
use crate::money::Decimal;
use crate::rules::{Computed, Expression, Rules, Want};

/// The meters compiled for the columns of one source.
#[derive(Debug)]
pub struct Gauges {
    expressions: Vec<Expression>,
    /// By meter: how it measures here; `None` when this source lacks a column it needs.
    gauges: Vec<Option<Gauge>>,
}

#[derive(Clone, Debug)]
struct Gauge {
    /// Index in `expressions`; `None` for count.
    expression: Option<usize>,
    /// Column index of each dimension, then of each attribute.
    dimensions: Vec<usize>,
}

/// The measures of one batch.
#[derive(Debug)]
pub struct Measures {
    evaluated: Vec<Computed>,
    /// Dimension columns as text, by column index.
    texts: Vec<Option<ArrayRef>>,
}

/// What a meter makes of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measured<'a> {
    /// A quantity.
    Quantity(Decimal),
    /// A value to be counted once, or none; its number is in [`Gauges::numbers`].
    Value,
    /// The expression is null for this record.
    Null,
    /// The expression cannot be computed on this record, for this cause.
    Failed(&'a str),
    /// The source lacks a column the meter needs.
    NotHere,
}

/// The numbers of one meter in a batch, by row.
#[derive(Clone, Debug)]
pub struct Numbers {
    cell: Vec<u32>,
    /// Of unique meters.
    value: Option<Vec<u32>>,
}

impl Numbers {
    /// The cell of `row`.
    #[must_use]
    pub fn cell(&self, row: usize) -> u32 {
        self.cell.get(row).copied().unwrap_or(0)
    }

    /// The number of the value that a unique meter counts in `row`.
    #[must_use]
    pub fn value(&self, row: usize) -> u32 {
        self.value.as_ref().and_then(|numbers| numbers.get(row)).copied().unwrap_or(0)
    }
}

/// Why a quantity that is there cannot be rounded.
const BEYOND_PULSE: &str = "the quantity is too large to be rounded to the meter's step";

impl Gauges {
    /// Compiles every meter for the mediated columns `schema`.
    ///
    /// A meter that cannot be planned over these columns is left out here; the faults are returned beside, and concern
    /// the user only when no source can measure the meter.
    pub fn new(rules: &Rules, meters: &[Meter], schema: &SchemaRef) -> (Self, Vec<Option<Faults>>) {
        let mut compiled: Vec<(&str, bool, usize)> = Vec::new();
        let mut gauges = Self { expressions: Vec::new(), gauges: Vec::new() };
        let mut faults = Vec::new();
        for meter in meters {
            let gauge = gauges.gauge(rules, meter, schema, &mut compiled);
            faults.push(gauge.as_ref().err().cloned());
            gauges.gauges.push(gauge.ok());
        }
        (gauges, faults)
    }

    fn gauge<'b>(
        &mut self,
        rules: &Rules,
        meter: &'b Meter,
        schema: &SchemaRef,
        compiled: &mut Vec<(&'b str, bool, usize)>,
    ) -> Outcome<Gauge> {
        let mut dimensions = Vec::new();
        for name in meter.dimensions.iter().chain(&meter.attributes) {
            dimensions.push(schema.index_of(name).map_err(|_| missing_dimension(meter, name))?);
        }
        let Some(text) = &meter.expression else { return Ok(Gauge { expression: None, dimensions }) };
        let unique = meter.aggregate == Aggregate::Unique;
        if let Some((.., index)) = compiled.iter().find(|(known, kind, _)| *known == text.text && *kind == unique) {
            return Ok(Gauge { expression: Some(*index), dimensions });
        }
        self.expressions.push(rules.expression(text, schema, if unique { Want::Text } else { Want::Quantity })?);
        let index = self.expressions.len() - 1;
        compiled.push((&text.text, unique, index));
        Ok(Gauge { expression: Some(index), dimensions })
    }

    /// Measures a mediated batch: every distinct expression once. `wanted(meter, row)` tells which rows a meter counts: on
    /// others its expression cannot fail.
    ///
    /// # Errors
    /// Only our own bugs: what cannot be computed on a record is [`Measured::Failed`].
    pub fn measure(&self, records: &RecordBatch, wanted: impl Fn(usize, usize) -> bool) -> Outcome<Measures> {
        let evaluate = |(index, expression): (usize, &Expression)| {
            let measured = |gauge: &Option<Gauge>| gauge.as_ref().is_some_and(|gauge| gauge.expression == Some(index));
            let meters = self.gauges.iter().enumerate().filter(|(_, gauge)| measured(gauge)).map(|(meter, _)| meter);
            expression.evaluate(records, |row| meters.clone().any(|meter| wanted(meter, row)))
        };
        let evaluated = self.expressions.iter().enumerate().map(evaluate).collect::<Outcome<_>>()?;
        let mut texts = vec![None; records.num_columns()];
        for column in self.gauges.iter().flatten().flat_map(|gauge| &gauge.dimensions) {
            if texts[*column].is_none() {
                texts[*column] = Some(to_text(records.column(*column))?);
            }
        }
        Ok(Measures { evaluated, texts })
    }

    /// What `meter` makes of `row`.
    #[must_use]
    pub fn measured<'m>(&self, measures: &'m Measures, meter: &Meter, index: usize, row: usize) -> Measured<'m> {
        let Some(gauge) = &self.gauges[index] else { return Measured::NotHere };
        let Some(expression) = gauge.expression else { return Measured::Quantity(Decimal::ONE) };
        let computed = &measures.evaluated[expression];
        if let Some(cause) = computed.cause(row) {
            return Measured::Failed(cause);
        }
        if meter.aggregate == Aggregate::Unique {
            return Measured::Value;
        }
        let decimals = computed.values.as_primitive::<Decimal128Type>();
        if decimals.is_null(row) {
            return Measured::Null;
        }
        let quantity = Decimal::from_units(decimals.value(row));
        pulsed(quantity, meter).map_or(Measured::Failed(BEYOND_PULSE), Measured::Quantity)
    }

    /// The numbers in `cells` of what meter `index` counts in the `wanted` rows of a batch.
    #[must_use]
    pub fn numbers(
        &self,
        cells: &Cells,
        measures: &Measures,
        meter: &Meter,
        index: usize,
        rows: usize,
        wanted: impl Fn(usize) -> bool,
    ) -> Numbers {
        let dimensions = self.dimensions(measures, index);
        let number = u32::try_from(index).unwrap_or(u32::MAX);
        let cell = cells.number_rows(number, &dimensions, rows, &wanted);
        let expression = self.gauges[index].as_ref().and_then(|gauge| gauge.expression);
        let values = expression.filter(|_| meter.aggregate == Aggregate::Unique);
        let values = values.and_then(|expression| Texts::of(&measures.evaluated[expression].values));
        Numbers { cell, value: values.map(|texts| cells.number_values(&texts, wanted)) }
    }

    /// The dimension columns of a meter as text, in declared order; empty when the source cannot measure it.
    fn dimensions<'m>(&self, measures: &'m Measures, index: usize) -> Vec<Texts<'m>> {
        let columns = self.gauges[index].iter().flat_map(|gauge| &gauge.dimensions);
        columns.filter_map(|column| measures.texts[*column].as_ref().and_then(Texts::of)).collect()
    }
}

/// The quantity rounded to the meter's pulse.
fn pulsed(quantity: Decimal, meter: &Meter) -> Option<Decimal> {
    let Some(pulse) = meter.round_each else { return Some(quantity) };
    quantity.steps(pulse.step, pulse.mode)?.times(pulse.step)
}

fn missing_dimension(meter: &Meter, name: &str) -> crate::fault::Fault {
    let message = format!("meter `{}`: no source returns the dimension `{name}`", meter.id);
    crate::fault::Fault::new(&crate::fault::codes::B007, message).at(&meter.place)
}
