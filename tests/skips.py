"""In CI nothing is skipped for a tool that is missing: such a skip is a failure. conftest.py loads this."""

import os
from collections.abc import Generator

import pytest

# What others cannot have, however they set up their machine; each is a part of the reason that the test gives.
ALLOWED = (
    "ROSMAP is not here",
    "warm kernels need Linux",
    "this system cannot fork",
    "needs network namespaces",
    "needs bindfs and FUSE",
    "root may write anywhere",
    "no GPU here",
    "this disk cannot exchange two names",
    # Packages that people may have beside the course; the environment of the tests has them not, on purpose.
    "could not import 'lightning'",
    "PyArrow is not installed",
)


def _fail_unless_allowed(report: pytest.TestReport | pytest.CollectReport) -> None:
    if not report.skipped or hasattr(report, "wasxfail") or not os.environ.get("CI"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if not any(allowed in reason for allowed in ALLOWED):
        report.outcome = "failed"
        report.longrepr = f"In CI a test that does not run is a failure. {reason}"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Judge the skip of one test."""
    report = yield
    _fail_unless_allowed(report)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Judge the skip of a whole file."""
    report = yield
    _fail_unless_allowed(report)
    return report
