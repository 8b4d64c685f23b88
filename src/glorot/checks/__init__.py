"""Checks: rules over plan, weights, graph and signal, each with a code, a verdict and a remedy."""

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Answer, Evidence, Group
from glorot.checks.report import Report

__all__ = ["Answer", "Check", "Evidence", "Finding", "Group", "Report", "Tested"]
