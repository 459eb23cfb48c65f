//! Everything rule SQL can name: the functions of this list and nothing else.
//!
//! Separate, so that what rules may do can be read in one place. There is no catalog, no table, no file, no variable,
//! no aggregate and no volatile function behind it, so a rule cannot reach outside the record it is given.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::utils::datafusion_strsim::levenshtein;
use datafusion::common::{Result, TableReference, plan_err};
use datafusion::functions::{core, datetime, regex, string, unicode};
use datafusion::logical_expr::planner::{ContextProvider, ExprPlanner, TypePlanner};
use datafusion::logical_expr::{AggregateUDF, HigherOrderUDF, ScalarUDF, TableSource, WindowUDF};

use super::operators::Operators;
use super::types::Types;
use super::{long, numeric, time};

const AGGREGATES: &[&str] = &[
    "approx_distinct",
    "array_agg",
    "avg",
    "bool_and",
    "bool_or",
    "count",
    "first_value",
    "last_value",
    "max",
    "mean",
    "median",
    "min",
    "row_number",
    "stddev",
    "string_agg",
    "sum",
    "var",
];
const VOLATILE: &[&str] = &[
    "current_date",
    "current_time",
    "current_timestamp",
    "gen_random_uuid",
    "localtime",
    "localtimestamp",
    "now",
    "rand",
    "random",
    "today",
    "uuid",
];
const FILES: &[&str] = &["input_file_name", "file_row_index", "read_csv", "read_parquet", "read_json", "glob"];

/// The functions of rule SQL and how its operators and types are planned.
#[derive(Debug)]
pub(super) struct Vocabulary {
    functions: BTreeMap<String, Arc<ScalarUDF>>,
    planners: Vec<Arc<dyn ExprPlanner>>,
    options: ConfigOptions,
}

/// Why a function cannot be called.
pub(super) enum Barred {
    /// It looks at more than one record.
    Aggregate,
    /// It gives another answer each time.
    Volatile,
    /// It looks outside the record.
    Outside,
    /// There is no such function; the nearest name if one is near.
    Unknown(Option<String>),
}

impl Vocabulary {
    /// All functions registered under their names and aliases.
    pub(super) fn new() -> Self {
        let mut functions = BTreeMap::new();
        for function in allowed() {
            for alias in function.aliases() {
                functions.insert(alias.clone(), Arc::clone(&function));
            }
            functions.insert(function.name().to_owned(), function);
        }
        Self { functions, planners: vec![Arc::new(Operators)], options: ConfigOptions::default() }
    }

    /// The functions by their own names, in order.
    #[cfg(test)]
    pub(super) fn names(&self) -> Vec<&str> {
        let own = self.functions.iter().filter(|(name, function)| function.name() == *name);
        own.map(|(name, _)| name.as_str()).collect()
    }

    /// Further names of the functions.
    #[cfg(test)]
    pub(super) fn aliases(&self) -> Vec<&str> {
        let other = self.functions.iter().filter(|(name, function)| function.name() != *name);
        other.map(|(name, _)| name.as_str()).collect()
    }

    /// `Ok` when rules may call `name`.
    pub(super) fn check(&self, name: &str) -> std::result::Result<(), Barred> {
        match name {
            name if self.functions.contains_key(name) => Ok(()),
            name if AGGREGATES.contains(&name) => Err(Barred::Aggregate),
            name if VOLATILE.contains(&name) => Err(Barred::Volatile),
            name if FILES.contains(&name) => Err(Barred::Outside),
            name => Err(Barred::Unknown(nearest(name, self.functions.keys().map(String::as_str)))),
        }
    }
}

/// The candidate a mistyped `name` most likely means.
pub(super) fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    let name = name.to_lowercase();
    let distance = |candidate: &str| levenshtein(&candidate.to_lowercase(), &name);
    let (distance, found) = candidates.map(|candidate| (distance(candidate), candidate)).min()?;
    (distance <= name.chars().count().div_ceil(3)).then(|| found.to_owned())
}

fn allowed() -> Vec<Arc<ScalarUDF>> {
    let mut functions = vec![
        string::btrim(),
        string::contains(),
        string::ends_with(),
        string::lower(),
        string::ltrim(),
        string::rtrim(),
        string::split_part(),
        string::starts_with(),
        string::upper(),
        unicode::character_length(),
        unicode::left(),
        unicode::reverse(),
        unicode::right(),
        unicode::strpos(),
        unicode::substr(),
        regex::regexp_like(),
        core::coalesce(),
        core::greatest(),
        core::least(),
        core::nullif(),
        datetime::date_part(),
        datetime::date_trunc(),
    ];
    functions.extend(long::functions());
    functions.extend(numeric::functions());
    functions.extend(time::functions());
    functions
}

impl ContextProvider for Vocabulary {
    fn get_table_source(&self, name: TableReference) -> Result<Arc<dyn TableSource>> {
        plan_err!("there is no table {name}")
    }

    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        &self.planners
    }

    fn get_type_planner(&self) -> Option<Arc<dyn TypePlanner>> {
        Some(Arc::new(Types))
    }

    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        self.functions.get(name).cloned()
    }

    fn get_higher_order_meta(&self, _name: &str) -> Option<Arc<HigherOrderUDF>> {
        None
    }

    fn get_aggregate_meta(&self, _name: &str) -> Option<Arc<AggregateUDF>> {
        None
    }

    fn get_window_meta(&self, _name: &str) -> Option<Arc<WindowUDF>> {
        None
    }

    fn get_variable_type(&self, _names: &[String]) -> Option<DataType> {
        None
    }

    fn options(&self) -> &ConfigOptions {
        &self.options
    }

    fn udf_names(&self) -> Vec<String> {
        self.functions.keys().cloned().collect()
    }

    fn higher_order_function_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn udaf_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn udwf_names(&self) -> Vec<String> {
        Vec::new()
    }
}
