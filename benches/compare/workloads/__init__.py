"""The workloads, one file per family, in the order in which they run."""

from workloads import consume, latency, lifecycle, partitions, produce
from workloads.base import Context, Target, Workload

TABLE: list[Workload] = [*produce.WORKLOADS, *latency.WORKLOADS, *consume.WORKLOADS,
                         *partitions.WORKLOADS, *lifecycle.WORKLOADS, *latency.BESIDE]

__all__ = ["TABLE", "Context", "Target", "Workload"]
