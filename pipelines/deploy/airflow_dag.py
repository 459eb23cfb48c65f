"""The nightly job as an Airflow DAG: one task that runs Ratemill, and one that clears up what is superseded.

Only exit code 75 is tried again: a store or the machine failed for now. 2 (configuration), 3 (input not ready), 4 (overtaken)
and 70 (a fault of Ratemill) need somebody. 1 is done, with more in suspense than the pipeline allows.
"""

from __future__ import annotations

import os
import subprocess
from datetime import datetime, timedelta

from airflow import DAG
from airflow.exceptions import AirflowException, AirflowFailException
from airflow.operators.python import PythonOperator

PIPELINE = os.environ.get("RATEMILL_PIPELINE", "/srv/ratemill/pipelines/nightly.yaml")
TRY_AGAIN = 75
DONE = {0, 1}


def ratemill(*words: str) -> None:
    """Runs a command of Ratemill and tells Airflow what its exit code means."""
    code = subprocess.run(["ratemill", *words], check=False).returncode
    if code in DONE:
        return
    if code == TRY_AGAIN or code < 0:
        raise AirflowException(f"ratemill ended with {code}: a failure that may pass")
    raise AirflowFailException(f"ratemill ended with {code}: the log says what must be changed")


def rate(data_interval_end: datetime, **_: object) -> None:
    """Rates the month of yesterday."""
    period = (data_interval_end - timedelta(days=1)).strftime("%Y-%m")
    ratemill("run", PIPELINE, "--period", period, "--log-format", "json")


with DAG(
    dag_id="ratemill_nightly",
    schedule="30 2 * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 6, "retry_delay": timedelta(minutes=5), "retry_exponential_backoff": True},
) as dag:
    rated = PythonOperator(task_id="rate", python_callable=rate, execution_timeout=timedelta(hours=6))
    cleared = PythonOperator(task_id="clear_up", python_callable=ratemill, op_args=["gc", PIPELINE, "--grace", "30d"])
    rated >> cleared
