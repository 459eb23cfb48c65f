//! Plans and executes a checked query, within its limits.
//!
//! Separate, because only here DataFusion's engine runs: one partition, fixed batches, no spilling to disk, a pool of
//! memory for the one query, no catalog, no file, no variable. Of its optimizer there are only the rules that a plan needs:
//! those that move expressions through each other could write them out exponentially, and would compute what a WHERE
//! guards before it.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::execution::TaskContext;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::GreedyMemoryPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::{LogicalPlan, TableSource};
use datafusion::optimizer::{Optimizer, OptimizerContext, OptimizerRule};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner};
use datafusion::prelude::SessionConfig;
use futures::StreamExt;

use super::Limits;
use crate::fault::{Fault, Outcome, Place, codes};
use crate::rules::STACK;
use crate::rules::wording::uncomputed;

/// Rows that are computed together.
const BATCH: usize = 8192;

/// The table while there are no buckets yet.
pub(super) fn empty_table(columns: &SchemaRef) -> Outcome<Arc<dyn TableSource>> {
    let table = MemTable::try_new(Arc::clone(columns), vec![Vec::new()]);
    Ok(provider_as_source(Arc::new(table.map_err(|error| Fault::ours(error.to_string()))?)))
}

/// `work` on a thread of its own; `None` when it is not done in `time`. It is then left to itself.
pub(super) fn within<T: Send + 'static>(
    time: Duration,
    work: impl FnOnce() -> Outcome<T> + Send + 'static,
) -> Option<Outcome<T>> {
    let (tell, told) = sync_channel(1);
    let started = thread::Builder::new().name("query".to_owned()).stack_size(STACK).spawn(move || {
        // Nobody listens any more when the time was over.
        let _ = tell.send(work());
    });
    if let Err(error) = started {
        return Some(Err(Fault::ours(format!("no thread for a query: {error}")).into()));
    }
    match told.recv_timeout(time) {
        Ok(outcome) => Some(outcome),
        Err(RecvTimeoutError::Timeout) => None,
        Err(RecvTimeoutError::Disconnected) => Some(Err(Fault::ours("a query ended without a result").into())),
    }
}

/// The rows of `plan` over `buckets`.
pub(super) fn on_own_thread(
    place: &Place,
    plan: LogicalPlan,
    buckets: &RecordBatch,
    limits: Limits,
) -> Outcome<Vec<RecordBatch>> {
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let (here, table) = (place.clone(), buckets.clone());
    let rows = within(limits.time, move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.map_err(|error| Fault::ours(format!("no runtime for a query: {error}")))?;
        runtime.block_on(async move {
            tokio::select! {
                biased;
                _ = stopped => Ok(Vec::new()),
                rows = rows(plan, &table, limits) => rows.map_err(|stop| stop.fault(&here, limits).into()),
            }
        })
    });
    drop(stop);
    rows.unwrap_or_else(|| Err(Stop::Time.fault(place, limits).into()))
}

/// Why a query gives no rows.
enum Stop {
    Time,
    Rows,
    Failed(DataFusionError),
}

impl From<DataFusionError> for Stop {
    fn from(error: DataFusionError) -> Self {
        Self::Failed(error)
    }
}

impl Stop {
    fn fault(&self, place: &Place, limits: Limits) -> Fault {
        let hint = "join and group by subscription_id, so that rows do not multiply";
        let stopped = |message: String| Fault::new(&codes::E008, message).at(place).hint(hint);
        match self {
            Self::Time => stopped(format!("the query was stopped: it takes longer than {:?}", limits.time)),
            Self::Rows => stopped(format!("the query was stopped: it gives more than {} rows", limits.rows)),
            Self::Failed(error) if is_memory(error) => {
                stopped(format!("the query was stopped: it needs more than {} MiB of memory", limits.memory >> 20))
            }
            Self::Failed(error) => uncomputed(place, error),
        }
    }
}

fn is_memory(error: &DataFusionError) -> bool {
    matches!(error.find_root(), DataFusionError::ResourcesExhausted(_))
}

async fn rows(plan: LogicalPlan, buckets: &RecordBatch, limits: Limits) -> std::result::Result<Vec<RecordBatch>, Stop> {
    let state = session(limits.memory)?;
    let plan = reading(plan, buckets)?;
    let physical = DefaultPhysicalPlanner::default().create_physical_plan(&plan, &state).await?;
    let physical = physical.transform_up(|node| Ok(stoppable(node)))?.data;
    let mut stream = execute_stream(physical, Arc::new(TaskContext::from(&state)))?;
    let (mut all, mut count) = (Vec::new(), 0);
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        count += batch.num_rows();
        if count > limits.rows {
            return Err(Stop::Rows);
        }
        all.push(batch);
    }
    Ok(all)
}

/// A join makes many rows of few, so it must come up for air more often than its inputs do.
fn stoppable(node: Arc<dyn ExecutionPlan>) -> Transformed<Arc<dyn ExecutionPlan>> {
    if node.name().ends_with("JoinExec") {
        Transformed::yes(Arc::new(CooperativeExec::new(node)))
    } else {
        Transformed::no(node)
    }
}

/// The plan with `buckets` in its table.
fn reading(plan: LogicalPlan, buckets: &RecordBatch) -> Result<LogicalPlan> {
    let starts = (0..buckets.num_rows()).step_by(BATCH);
    let batches = starts.map(|start| buckets.slice(start, BATCH.min(buckets.num_rows() - start))).collect();
    let table = provider_as_source(Arc::new(MemTable::try_new(buckets.schema(), vec![batches])?));
    let plan = plan.transform_down_with_subqueries(|plan| match plan {
        LogicalPlan::TableScan(mut scan) => {
            scan.source = Arc::clone(&table);
            Ok(Transformed::yes(LogicalPlan::TableScan(scan)))
        }
        plan => Ok(Transformed::no(plan)),
    })?;
    Ok(plan.data)
}

fn session(memory: usize) -> Result<SessionState> {
    let disk = DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled);
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(GreedyMemoryPool::new(memory)))
        .with_disk_manager_builder(disk)
        .build_arc()?;
    let config = SessionConfig::new()
        .with_target_partitions(1)
        .with_batch_size(BATCH)
        .with_create_default_catalog_and_schema(false)
        .with_information_schema(false);
    let builder = SessionStateBuilder::new().with_session_id("rules".to_owned()).with_config(config);
    Ok(builder.with_runtime_env(runtime).with_physical_optimizer_rules(physical_rules()).build())
}

/// What distribution and order operators need, and the points at which a query can be stopped.
fn physical_rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    use datafusion::physical_optimizer::combine_partial_final_agg::CombinePartialFinalAggregate;
    use datafusion::physical_optimizer::ensure_coop::EnsureCooperative;
    use datafusion::physical_optimizer::ensure_requirements::EnsureRequirements;
    use datafusion::physical_optimizer::output_requirements::OutputRequirements;
    use datafusion::physical_optimizer::sanity_checker::SanityCheckPlan;
    vec![
        Arc::new(OutputRequirements::new_add_mode()),
        Arc::new(EnsureRequirements::new()),
        Arc::new(CombinePartialFinalAggregate::new()),
        Arc::new(OutputRequirements::new_remove_mode()),
        Arc::new(EnsureCooperative::new()),
        Arc::new(SanityCheckPlan::new()),
    ]
}

/// The plan without subqueries and DISTINCT, which cannot be executed as they are, joined by keys and with the columns
/// that are needed.
pub(super) fn optimized(plan: LogicalPlan) -> Result<LogicalPlan> {
    use datafusion::optimizer::decorrelate_predicate_subquery::DecorrelatePredicateSubquery;
    use datafusion::optimizer::eliminate_cross_join::EliminateCrossJoin;
    use datafusion::optimizer::extract_equijoin_predicate::ExtractEquijoinPredicate;
    use datafusion::optimizer::optimize_projections::OptimizeProjections;
    use datafusion::optimizer::replace_distinct_aggregate::ReplaceDistinctWithAggregate;
    use datafusion::optimizer::scalar_subquery_to_join::ScalarSubqueryToJoin;
    let rules: Vec<Arc<dyn OptimizerRule + Send + Sync>> = vec![
        Arc::new(ReplaceDistinctWithAggregate::new()),
        Arc::new(DecorrelatePredicateSubquery::new()),
        Arc::new(ScalarSubqueryToJoin::new()),
        Arc::new(ExtractEquijoinPredicate::new()),
        Arc::new(EliminateCrossJoin::new()),
        Arc::new(OptimizeProjections::new()),
    ];
    let mut options = ConfigOptions::default();
    options.optimizer.skip_failed_rules = false;
    let settings = OptimizerContext::new_with_config_options(Arc::new(options)).without_query_execution_start_time();
    Optimizer::with_rules(rules).optimize(plan, &settings, |_, _| {})
}
