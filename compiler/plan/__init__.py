"""Recipe -> Plan: every job that will run, with all its values, hashed."""

from smolc.compiler.plan.build import plan
from smolc.compiler.plan.types import Job, Plan

__all__ = ["Job", "Plan", "plan"]
