//! What a query can name: the functions of rules, those over rows, and the one table.
//!
//! Separate from the vocabulary of expressions, which has no table and no function over rows. There is no catalog behind
//! it either: the table is empty until the query runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::{Result, TableReference, plan_err};
use datafusion::functions_aggregate::planner::AggregateFunctionPlanner;
use datafusion::functions_aggregate::{count, min_max};
use datafusion::functions_window::planner::WindowFunctionPlanner;
use datafusion::functions_window::{lead_lag, rank, row_number};
use datafusion::logical_expr::planner::{ContextProvider, ExprPlanner, TypePlanner};
use datafusion::logical_expr::{AggregateUDF, HigherOrderUDF, ScalarUDF, TableSource, WindowUDF};

use super::shape::TABLE;
use super::total;
use crate::rules::vocabulary::Vocabulary;

/// The functions of one query and its table.
pub(super) struct Words<'a> {
    vocabulary: &'a Vocabulary,
    table: Arc<dyn TableSource>,
    planners: Vec<Arc<dyn ExprPlanner>>,
    aggregates: BTreeMap<String, Arc<AggregateUDF>>,
    windows: BTreeMap<String, Arc<WindowUDF>>,
}

impl<'a> Words<'a> {
    /// Those of `vocabulary`, the ones over rows, and `table`.
    pub(super) fn new(vocabulary: &'a Vocabulary, table: Arc<dyn TableSource>) -> Self {
        let mut planners = vocabulary.get_expr_planners().to_vec();
        planners.push(Arc::new(AggregateFunctionPlanner));
        planners.push(Arc::new(WindowFunctionPlanner));
        let aggregates = [total::sum(), total::avg(), count::count_udaf(), min_max::min_udaf(), min_max::max_udaf()];
        let windows = [
            row_number::row_number_udwf(),
            rank::rank_udwf(),
            rank::dense_rank_udwf(),
            lead_lag::lag_udwf(),
            lead_lag::lead_udwf(),
        ];
        Self {
            vocabulary,
            table,
            planners,
            aggregates: aggregates.map(|function| (function.name().to_owned(), function)).into(),
            windows: windows.map(|function| (function.name().to_owned(), function)).into(),
        }
    }
}

impl ContextProvider for Words<'_> {
    fn get_table_source(&self, name: TableReference) -> Result<Arc<dyn TableSource>> {
        match &name {
            TableReference::Bare { table } if **table == *TABLE => Ok(Arc::clone(&self.table)),
            _ => plan_err!("there is no table {name}"),
        }
    }

    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        &self.planners
    }

    fn get_type_planner(&self) -> Option<Arc<dyn TypePlanner>> {
        self.vocabulary.get_type_planner()
    }

    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        self.vocabulary.get_function_meta(name)
    }

    fn get_higher_order_meta(&self, _name: &str) -> Option<Arc<HigherOrderUDF>> {
        None
    }

    fn get_aggregate_meta(&self, name: &str) -> Option<Arc<AggregateUDF>> {
        self.aggregates.get(name).cloned()
    }

    fn get_window_meta(&self, name: &str) -> Option<Arc<WindowUDF>> {
        self.windows.get(name).cloned()
    }

    fn get_variable_type(&self, _names: &[String]) -> Option<DataType> {
        None
    }

    fn options(&self) -> &ConfigOptions {
        self.vocabulary.options()
    }

    fn udf_names(&self) -> Vec<String> {
        self.vocabulary.udf_names()
    }

    fn higher_order_function_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn udaf_names(&self) -> Vec<String> {
        self.aggregates.keys().cloned().collect()
    }

    fn udwf_names(&self) -> Vec<String> {
        self.windows.keys().cloned().collect()
    }
}
